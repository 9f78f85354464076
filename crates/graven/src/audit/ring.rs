//! The newest entries of an audit log: those in the trail's ring, and those that no trail holds.
//!
//! Both are in the order in which they came; a query takes from the one whose next entry is younger.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use graven_core::entry::Entry;
use graven_core::line::glance::Glance;

use super::native::{audit_category, audit_outcome};
use super::unwritten::Told;
use super::{AuditCategory, AuditEntry};
use crate::engine::ring::Snapshot;
use crate::error::Error;
use crate::files::layout::Layout;
use crate::reader::Reader;
use crate::seam::machine::Machine;
use crate::trail::Trail;

/// The newest entries that were not recorded in a trail, or perhaps not.
#[derive(Debug)]
pub(super) struct Kept {
    entries_max: usize,
    /// Oldest first.
    entries: Mutex<VecDeque<Unrecorded>>,
}

#[derive(Debug)]
struct Unrecorded {
    entry: AuditEntry,
    /// Set if it may be in the trail all the same.
    perhaps: Option<Perhaps>,
}

#[derive(Debug)]
struct Perhaps {
    /// How its line begins.
    beginning: Vec<u8>,
    /// It is not before this index.
    from: u64,
    /// Whether it is to be counted as lost if the trail turns out not to hold it.
    unsettled: bool,
}

/// An entry as a query finds it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) entry: AuditEntry,
    /// The entry as its line has it, when its detail is kept beside the log. Until that is fetched, the detail is its
    /// marker, and texts may be cut.
    pub(super) stored: Option<Box<Entry>>,
}

impl Kept {
    /// Nothing yet, and at most `entries_max` entries.
    pub(super) fn new(entries_max: usize) -> Kept {
        Kept { entries_max, entries: Mutex::default() }
    }

    pub(super) fn entries_max(&self) -> usize {
        self.entries_max
    }

    /// Adds an entry that is in no trail. See [`add_uncertain`](Kept::add_uncertain) for what comes back.
    pub(super) fn add(&self, entry: AuditEntry) -> Option<AuditCategory> {
        self.push(Unrecorded { entry, perhaps: None })
    }

    /// Adds an entry of which nobody knows whether the trail holds it, at the index `from` or later. If its caller
    /// was not told, [`settle`](Kept::settle) finds out. One that has to leave before that comes back as lost.
    pub(super) fn add_uncertain(&self, entry: AuditEntry, from: u64, told: Told) -> Option<AuditCategory> {
        let line = serde_json::to_vec(&entry).expect("an entry is plain data");
        let seen = Glance::at(&line).expect("the contract's line begins as ours do");
        let beginning = seen.beginning().to_vec();
        self.push(Unrecorded {
            entry,
            perhaps: Some(Perhaps { beginning, from, unsettled: told == Told::No }),
        })
    }

    fn push(&self, unrecorded: Unrecorded) -> Option<AuditCategory> {
        let mut entries = self.entries();
        let oldest = if entries.len() < self.entries_max { None } else { entries.pop_front() };
        entries.push_back(unrecorded);
        oldest.filter(Unrecorded::is_unsettled).map(|oldest| oldest.entry.category)
    }

    /// Whether there are entries to settle.
    pub(super) fn is_unsettled(&self) -> bool {
        self.entries().iter().any(Unrecorded::is_unsettled)
    }

    /// Looks in the trail for the entries of which nobody knew: those that it holds leave, and the categories of
    /// those that are lost come back. Called when no write of them is under way any more.
    pub(super) fn settle(&self, machine: &Machine, layout: &Layout) -> Result<Vec<AuditCategory>, Error> {
        let (mut wanted, mut from) = (HashSet::new(), u64::MAX);
        for perhaps in self.entries().iter().filter_map(|unrecorded| unrecorded.perhaps.as_ref()) {
            if perhaps.unsettled {
                wanted.insert(perhaps.beginning.clone());
                from = from.min(perhaps.from);
            }
        }
        let mut recorded = HashSet::new();
        for record in Reader::open_on(machine, layout.clone())?.entries(from..)? {
            let line = record?.line;
            recorded.extend(Glance::at(&line).and_then(|seen| wanted.take(seen.beginning())));
        }
        let mut lost = Vec::new();
        self.entries().retain_mut(|unrecorded| {
            let settled = |perhaps: &mut Perhaps| {
                perhaps.unsettled
                    && (recorded.contains(&perhaps.beginning) || wanted.contains(&perhaps.beginning))
            };
            let Some(perhaps) = unrecorded.perhaps.take_if(settled) else {
                return true;
            };
            let held = recorded.contains(&perhaps.beginning);
            if !held {
                lost.push(unrecorded.entry.category);
            }
            !held
        });
        Ok(lost)
    }

    /// The newest entries, here and in the trail's ring, newest first.
    pub(super) fn newest(
        &self,
        trail: Option<&Trail>,
        category: Option<AuditCategory>,
        limit: usize,
    ) -> Vec<Found> {
        let wanted = |other| category.is_none_or(|category| category == other);
        let snapshot = trail.map(Trail::snapshot);
        let stored = snapshot.iter().flat_map(Snapshot::lines);
        let mut stored =
            stored.filter(|line| category_said(line).is_some_and(wanted)).filter_map(read).peekable();
        let kept = self.entries();
        let recorded = snapshot.as_ref().map(|snapshot| recorded(&kept, snapshot)).unwrap_or_default();
        let kept = kept.iter().rev().filter(|kept| wanted(kept.entry.category) && !kept.is_among(&recorded));
        let mut kept = kept.map(|kept| &kept.entry).peekable();
        let younger_first = std::iter::from_fn(|| match (kept.peek(), stored.peek()) {
            (Some(_), None) => kept.next().map(found),
            (Some(here), Some(there)) if here.timestamp >= there.entry.timestamp => kept.next().map(found),
            _ => stored.next(),
        });
        younger_first.take(limit.min(self.entries_max)).collect()
    }

    /// How many entries [`newest`](Kept::newest) can find.
    pub(super) fn count(&self, trail: Option<&Trail>) -> usize {
        let snapshot = trail.map(Trail::snapshot);
        let stored =
            snapshot.iter().flat_map(Snapshot::lines).filter(|line| category_said(line).is_some()).count();
        let kept = self.entries();
        let recorded = snapshot.as_ref().map(|snapshot| recorded(&kept, snapshot)).unwrap_or_default();
        let kept = kept.iter().filter(|kept| !kept.is_among(&recorded)).count();
        (stored + kept).min(self.entries_max)
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<Unrecorded>> {
        // Each change is one push or one pop: a panic leaves the list whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unrecorded {
    fn is_unsettled(&self) -> bool {
        self.perhaps.as_ref().is_some_and(|perhaps| perhaps.unsettled)
    }

    fn is_among(&self, recorded: &HashSet<&[u8]>) -> bool {
        self.perhaps.as_ref().is_some_and(|perhaps| recorded.contains(&*perhaps.beginning))
    }
}

/// How the lines begin that the trail holds; nothing when no entry here could be among them.
fn recorded<'a>(kept: &VecDeque<Unrecorded>, snapshot: &'a Snapshot) -> HashSet<&'a [u8]> {
    if kept.iter().all(|unrecorded| unrecorded.perhaps.is_none()) {
        return HashSet::new();
    }
    snapshot.lines().filter_map(|line| Glance::at(line).map(Glance::beginning)).collect()
}

/// The category of a stored line, if the contract has a word for it and for the outcome.
fn category_said(line: &[u8]) -> Option<AuditCategory> {
    let seen = Glance::at(line)?;
    audit_outcome(seen.outcome()?)?;
    audit_category(seen.category())
}

fn read(line: &[u8]) -> Option<Found> {
    let native = Entry::from_line(line).ok()?;
    let entry = AuditEntry::from_entry(&native)?;
    let in_blob = native.detail.as_ref().is_some_and(|detail| detail.blob().is_some());
    Some(Found { entry, stored: in_blob.then(|| Box::new(native)) })
}

fn found(entry: &AuditEntry) -> Found {
    Found { entry: entry.clone(), stored: None }
}

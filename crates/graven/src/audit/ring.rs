//! The newest entries of an audit log: those in the trail's ring, and those that no trail holds.
//!
//! Both are in the order in which they came; a query takes from the one whose next entry is younger.

use std::collections::HashSet;

use graven_core::entry::Entry;
use graven_core::hash::{Hash, leaf_hash};
use graven_core::line::glance::Glance;

use super::kept::{Kept, List, Unrecorded};
use super::native::{audit_category, audit_outcome};
use super::{AuditCategory, AuditEntry};
use crate::engine::ring::Snapshot;
use crate::trail::Trail;

/// An entry as a query finds it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) entry: AuditEntry,
    /// The entry as its line has it, when its detail is kept beside the log. Until that is fetched, the detail is its
    /// marker, and texts may be cut.
    pub(super) stored: Option<Box<Entry>>,
}

impl Kept {
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
        let kept = self.list();
        let recorded = snapshot.as_ref().map(|snapshot| recorded(&kept, snapshot)).unwrap_or_default();
        let kept = kept.entries.iter().rev();
        let kept = kept.filter(|kept| wanted(kept.entry().category) && !is_among(kept, &recorded));
        let mut kept = kept.map(Unrecorded::entry).peekable();
        let younger_first = std::iter::from_fn(|| match (kept.peek(), stored.peek()) {
            (Some(_), None) => kept.next().map(found),
            (Some(here), Some(there)) if here.timestamp >= there.entry.timestamp => kept.next().map(found),
            _ => stored.next(),
        });
        younger_first.take(limit.min(self.entries_max())).collect()
    }

    /// How many entries [`newest`](Kept::newest) can find.
    pub(super) fn count(&self, trail: Option<&Trail>) -> usize {
        let snapshot = trail.map(Trail::snapshot);
        let stored =
            snapshot.iter().flat_map(Snapshot::lines).filter(|line| category_said(line).is_some()).count();
        let kept = self.list();
        let recorded = snapshot.as_ref().map(|snapshot| recorded(&kept, snapshot)).unwrap_or_default();
        let kept = kept.entries.iter().filter(|kept| !is_among(kept, &recorded)).count();
        (stored + kept).min(self.entries_max())
    }
}

fn is_among(kept: &Unrecorded, recorded: &HashSet<Hash>) -> bool {
    kept.hash().is_some_and(|hash| recorded.contains(&hash))
}

/// The leaf hashes of the lines that the trail holds; nothing when no entry here could be among them.
fn recorded(kept: &List, snapshot: &Snapshot) -> HashSet<Hash> {
    if kept.entries.iter().all(|kept| kept.hash().is_none()) {
        return HashSet::new();
    }
    snapshot.lines().map(leaf_hash).collect()
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

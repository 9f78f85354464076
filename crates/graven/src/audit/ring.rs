//! The newest entries of an audit log: those in the trail's ring, and those that no trail holds.
//!
//! Both are in the order in which they came; a query takes from the one whose next entry is younger.

use std::collections::HashSet;
use std::sync::Arc;

use graven_core::entry::Entry;
use graven_core::hash::{Hash, leaf_hash};
use graven_core::line::glance::Glance;

use super::AuditCategory;
use super::entry::AuditEntry;
use super::kept::{Kept, List, Unrecorded};
use super::memory::{Found, Held, Memory, Reading};
use super::native::{audit_category, audit_outcome};
use crate::trail::Trail;

/// The newest entries of a category, or of all, newest first, at most `limit`.
pub(super) fn newest(
    kept: &Kept,
    recorded: Option<(&Memory, &Trail)>,
    category: Option<AuditCategory>,
    limit: usize,
) -> Vec<Found> {
    let limit = limit.min(kept.entries_max());
    let held = recorded.and_then(|(memory, trail)| memory.newest(trail, category, limit, READING));
    let mut stored = held.iter().flat_map(|held| held.decoded(category)).peekable();
    let list = kept.list();
    let in_trail = in_trail(kept, &list, recorded, held.as_deref());
    let kept_of_category = list.entries.iter().rev().filter(|kept| {
        category.is_none_or(|category| category == kept.category) && !is_among(kept, &in_trail)
    });
    let mut kept_of_category = kept_of_category.map(Unrecorded::entry).peekable();
    let younger_first = std::iter::from_fn(|| match (kept_of_category.peek(), stored.peek()) {
        (Some(here), Some(there)) if here.timestamp < there.entry.timestamp => stored.next().cloned(),
        (Some(_), _) => kept_of_category.next().map(found),
        (None, _) => stored.next().cloned(),
    });
    younger_first.take(limit).collect()
}

/// How many entries [`newest`] can find.
pub(super) fn count(kept: &Kept, recorded: Option<(&Memory, &Trail)>) -> usize {
    let held = recorded.and_then(|(memory, trail)| memory.glanced(trail, READING));
    let list = kept.list();
    let in_trail = in_trail(kept, &list, recorded, held.as_deref());
    let in_both = match in_trail.is_empty() {
        true => 0,
        false => list.entries.iter().filter(|kept| is_among(kept, &in_trail)).count(),
    };
    let stored = held.map_or(0, |held| held.len());
    (stored + list.entries.len() - in_both).min(kept.entries_max())
}

fn is_among(kept: &Unrecorded, in_trail: &HashSet<Hash>) -> bool {
    !in_trail.is_empty() && kept.hash().is_some_and(|hash| in_trail.contains(&hash))
}

/// The leaf hashes of the lines that `held` has; nothing when no kept entry could be among them.
fn in_trail(
    kept: &Kept,
    list: &List,
    recorded: Option<(&Memory, &Trail)>,
    held: Option<&Held>,
) -> HashSet<Hash> {
    let (Some((_, trail)), Some(held)) = (recorded, held) else { return HashSet::new() };
    if !kept.is_unsettled() || list.entries.iter().all(|kept| kept.hash().is_none()) {
        return HashSet::new();
    }
    let (indexes, snapshot) = trail.in_ring(|ring| (ring.indexes(), ring.snapshot())).unwrap_or_default();
    let lines = indexes.rev().zip(snapshot.lines());
    lines.filter(|(index, _)| *index < held.end()).map(|(_, line)| leaf_hash(line)).collect()
}

const READING: Reading = Reading { category: category_of, whole: read };

/// The category of a stored line, if the contract has words for it.
fn category_of(line: &[u8]) -> Option<AuditCategory> {
    let seen = Glance::at(line)?;
    audit_outcome(seen.outcome()?)?;
    audit_category(seen.category())
}

/// What a stored line says, if the contract has words for it.
fn read(line: &[u8]) -> Option<Found> {
    let native = Entry::from_line(line).ok()?;
    let entry = Arc::new(AuditEntry::from_entry(&native)?);
    let in_blob = native.detail.as_ref().is_some_and(|detail| detail.blob().is_some());
    Some(Found { entry, stored: in_blob.then(|| Arc::new(native)) })
}

fn found(entry: &Arc<AuditEntry>) -> Found {
    Found { entry: Arc::clone(entry), stored: None }
}

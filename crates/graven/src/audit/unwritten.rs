//! An entry that the file of an audit log did not take, and who is told of it.

use super::AuditEntry;
use crate::error::Error;
use crate::record::event;

/// Whether the caller learns what came of an entry. If not, one that is lost is counted in the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Yes,
    No,
}

/// An entry that was not recorded, or perhaps not.
pub(super) struct Unwritten {
    pub(super) entry: AuditEntry,
    pub(super) error: Error,
    /// If it is in the trail all the same, it is not before this index.
    pub(super) from: u64,
}

/// The event of an entry that the trail did not take.
pub(super) fn say(entry: &AuditEntry) {
    event::emit(&entry.id, &entry.category, &entry.action, &entry.outcome, entry.principal.as_deref());
}

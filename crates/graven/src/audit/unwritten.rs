//! An entry that the file of an audit log did not take, and whether its caller is told.

use super::AuditEntry;
use crate::error::Error;
use crate::record::event;

/// Whether the caller learns the result. If not, a lost entry is counted in the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Yes,
    No,
}

/// An entry that was not recorded, or perhaps not.
pub(super) struct Unwritten {
    pub(super) entry: AuditEntry,
    pub(super) error: Error,
    /// If the entry is in the trail anyway, its index is this or larger.
    pub(super) from: u64,
}

/// Emits the event of an entry that the trail did not take.
pub(super) fn say(entry: &AuditEntry) {
    event::emit(&entry.id, &entry.category, &entry.action, &entry.outcome, entry.principal.as_deref());
}

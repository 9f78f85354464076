//! An entry that the file of an audit log did not take, and whether its caller is told.

use std::sync::{Arc, Weak};
use std::time::Duration;

use graven_core::entry::Entry;
use graven_core::hash::Hash;

use super::entry::AuditEntry;
use crate::engine::shared::Engine;
use crate::error::Error;
use crate::record::event;

/// Whether the caller learns the result. If not, the entry is written late, or counted as lost in the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Yes,
    No,
}

/// An entry without its secrets.
#[derive(Debug)]
pub(super) struct Redacted {
    pub(super) entry: Arc<AuditEntry>,
    /// The fields that the contract's entry does not have.
    pub(super) rest: Box<Entry>,
}

/// An entry that was not recorded, or perhaps not.
pub(super) struct Unwritten {
    pub(super) redacted: Redacted,
    pub(super) error: Error,
    /// Set if the trail may hold it all the same.
    pub(super) doubt: Option<Doubt>,
}

/// What tells whether the log holds an entry.
#[derive(Debug, Clone)]
pub(super) struct Doubt {
    /// Its leaf hash.
    pub(super) hash: Hash,
    /// How many entries the log had before it was queued. Others may have recorded in between, so this says only where
    /// to begin to look.
    pub(super) from: u64,
    /// The engine that may write it.
    pub(super) engine: Weak<Engine>,
}

impl Doubt {
    /// Whether its engine takes no more entries.
    pub(super) fn is_ending(&self) -> bool {
        self.engine.upgrade().is_none_or(|engine| !engine.is_open())
    }

    /// Whether its engine is over and writes nothing more. Waits for an engine that is ending.
    pub(super) fn is_over(&self, patience: Duration) -> bool {
        self.engine.upgrade().is_none_or(|engine| !engine.is_open() && engine.wait_for_end(patience))
    }
}

/// Emits the event of an entry that the trail did not take.
pub(super) fn say(entry: &AuditEntry) {
    event::emit(&entry.id, &entry.category, &entry.action, &entry.outcome, entry.principal.as_deref());
}

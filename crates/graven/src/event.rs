//! The `tracing` event of a recorded entry, on the task that recorded it.

use std::fmt::Debug;

use graven_core::entry::{Category, Entry, Outcome};
use tracing::Level;

/// What the event says, kept from before the entry is handed over; nothing when nobody listens.
#[derive(Debug)]
pub(crate) struct Event {
    category: Category,
    action: String,
    outcome: Outcome,
    principal: Option<String>,
}

impl Event {
    /// What to say about an entry once it is durable.
    pub(crate) fn of(entry: &Entry) -> Option<Box<Event>> {
        tracing::enabled!(Level::INFO).then(|| {
            Box::new(Event {
                category: entry.category.clone(),
                action: entry.action.clone(),
                outcome: entry.outcome,
                principal: entry.principal.clone(),
            })
        })
    }

    /// Says it.
    pub(crate) fn emit(&self, id: &str) {
        emit(id, &self.category, &self.action, &self.outcome, self.principal.as_deref());
    }
}

/// The event that the contract names: message `audit`, level INFO.
pub(crate) fn emit(
    id: &str,
    category: &dyn Debug,
    action: &str,
    outcome: &dyn Debug,
    principal: Option<&str>,
) {
    tracing::info!(
        audit_id = %id,
        category = ?category,
        action = %action,
        outcome = ?outcome,
        principal = %principal.unwrap_or("-"),
        "audit"
    );
}

//! The two shapes of the contract's entries: with eight fields, and with twelve.

use super::AuditEntry as Plain;
use super::entry::AuditEntry;

/// A shape of an entry. Only this module can implement it.
pub trait Shape {
    /// The entry in the shape that it has in memory.
    fn into_whole(self) -> AuditEntry;
    /// The entry in this shape.
    fn of_whole(whole: &AuditEntry) -> Self;
}

impl Shape for AuditEntry {
    fn into_whole(self) -> AuditEntry {
        self
    }

    fn of_whole(whole: &AuditEntry) -> AuditEntry {
        whole.clone()
    }
}

impl Shape for Plain {
    fn into_whole(self) -> AuditEntry {
        let Plain { id, timestamp, category, action, principal, outcome, detail, duration_ms } = self;
        AuditEntry {
            id,
            timestamp,
            category,
            action,
            principal,
            outcome,
            detail,
            duration_ms,
            okr_id: None,
            okr_run_id: None,
            relay_id: None,
            session_id: None,
        }
    }

    fn of_whole(whole: &AuditEntry) -> Plain {
        Plain {
            id: whole.id.clone(),
            timestamp: whole.timestamp,
            category: whole.category,
            action: whole.action.clone(),
            principal: whole.principal.clone(),
            outcome: whole.outcome,
            detail: whole.detail.clone(),
            duration_ms: whole.duration_ms,
        }
    }
}

//! From the contract's entries to a trail's, and back.

use graven_core::entry::{BlobRef, Category, Entry, Outcome};
use serde_json::Value;

use super::{AuditCategory, AuditEntry, AuditOutcome};
use crate::actor::Actor;
use crate::redact::Redactor;

/// What an action belongs to, beside the contract's eight fields.
#[derive(Debug, Default)]
pub(super) struct Correlation {
    pub(super) okr_id: Option<String>,
    pub(super) okr_run_id: Option<String>,
    pub(super) relay_id: Option<String>,
    pub(super) session_id: Option<String>,
    /// Whose work it is, if that is known.
    pub(super) actor: Option<Actor>,
}

impl Correlation {
    /// What the work at hand says of itself.
    pub(super) fn now() -> Correlation {
        Correlation { actor: Actor::current(), ..Correlation::default() }
    }

    /// Gives an entry the principal that it does not name.
    pub(super) fn fill(&self, entry: &mut AuditEntry) {
        if let (None, Some(actor)) = (&entry.principal, &self.actor) {
            entry.principal.clone_from(&actor.fields().principal);
        }
    }
}

/// The trail's entry that says the same.
pub(super) fn entry(entry: &AuditEntry, correlation: &Correlation) -> Entry {
    let mut native = Entry::new(category(entry.category), entry.action.clone(), outcome(entry.outcome));
    if let Some(detail) = &entry.detail {
        native = native.detail(detail);
    }
    native.id = Some(entry.id.clone());
    native.timestamp = Some(entry.timestamp);
    native.principal = entry.principal.clone();
    native.duration_ms = entry.duration_ms;
    native.okr_id = correlation.okr_id.clone();
    native.okr_run_id = correlation.okr_run_id.clone();
    native.relay_id = correlation.relay_id.clone();
    native.session_id = correlation.session_id.clone();
    if let Some(actor) = &correlation.actor {
        actor.fill(&mut native);
    }
    native
}

/// Takes the secrets out of an entry that no trail takes. What has none stays as it is.
pub(super) fn redact(redactor: &Redactor, given: &mut AuditEntry) {
    let mut native = entry(given, &Correlation::default());
    let before = native.clone();
    redactor.entry(&mut native);
    given.action = native.action;
    given.principal = native.principal;
    given.id = native.id.unwrap_or_default();
    match (&mut given.detail, &native.detail) {
        (Some(detail), Some(redacted)) if before.detail.as_ref() != Some(redacted) => {
            *detail = value(redacted.as_str());
        }
        // One that no trail would take cannot be looked through either.
        (Some(detail), None) => *detail = Value::String(redactor.whole(&detail.to_string())),
        _ => {}
    }
}

/// The contract's entry, and where its detail is when that is kept beside the log; `None` when the contract has no
/// word for the category or the outcome. What else the contract has no field for is left out.
pub(super) fn audit_entry(native: Entry) -> Option<(AuditEntry, Option<BlobRef>)> {
    let blob = native.detail.as_ref().and_then(|detail| detail.blob());
    let entry = AuditEntry {
        id: native.id?,
        timestamp: native.timestamp?,
        category: audit_category(native.category.as_str().as_bytes())?,
        action: native.action,
        principal: native.principal,
        outcome: audit_outcome(native.outcome.as_str().as_bytes())?,
        detail: native.detail.map(|detail| value(detail.as_str())),
        duration_ms: native.duration_ms,
    };
    Some((entry, blob))
}

/// A detail as a value; as its text when a number in it is too large for one.
pub(super) fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.to_owned()))
}

/// The contract's category of this name.
pub(super) fn audit_category(name: &[u8]) -> Option<AuditCategory> {
    Some(match name {
        b"api" => AuditCategory::Api,
        b"tool_execution" => AuditCategory::ToolExecution,
        b"session" => AuditCategory::Session,
        b"cognition" => AuditCategory::Cognition,
        b"swarm" => AuditCategory::Swarm,
        b"auth" => AuditCategory::Auth,
        b"k8s" => AuditCategory::K8s,
        b"sandbox" => AuditCategory::Sandbox,
        b"config" => AuditCategory::Config,
        _ => return None,
    })
}

/// The contract's outcome of this name.
pub(super) fn audit_outcome(name: &[u8]) -> Option<AuditOutcome> {
    Some(match name {
        b"success" => AuditOutcome::Success,
        b"failure" => AuditOutcome::Failure,
        b"denied" => AuditOutcome::Denied,
        _ => return None,
    })
}

/// The trail's word for a category.
pub(super) fn category(category: AuditCategory) -> Category {
    match category {
        AuditCategory::Api => Category::Api,
        AuditCategory::ToolExecution => Category::ToolExecution,
        AuditCategory::Session => Category::Session,
        AuditCategory::Cognition => Category::Cognition,
        AuditCategory::Swarm => Category::Swarm,
        AuditCategory::Auth => Category::Auth,
        AuditCategory::K8s => Category::K8s,
        AuditCategory::Sandbox => Category::Sandbox,
        AuditCategory::Config => Category::Config,
    }
}

fn outcome(outcome: AuditOutcome) -> Outcome {
    match outcome {
        AuditOutcome::Success => Outcome::Success,
        AuditOutcome::Failure => Outcome::Failure,
        AuditOutcome::Denied => Outcome::Denied,
    }
}

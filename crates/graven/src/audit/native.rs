//! From the contract's entries to a trail's, and back.

use graven_core::entry::{Category, Entry, Outcome};
use serde_json::Value;

use super::unwritten::Redacted;
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

/// The trail's entry that says the same. Its texts may be cut to fit the line: the contract refuses no entry for its
/// length.
pub(super) fn entry(entry: &AuditEntry, correlation: &Correlation) -> Entry {
    let mut native =
        Entry::new(category(entry.category), entry.action.clone(), outcome(entry.outcome)).cut_to_fit();
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

/// Takes the secrets out of an entry that no trail has taken. What has none stays as it is.
pub(super) fn redact(redactor: &Redactor, mut given: AuditEntry, correlation: &Correlation) -> Redacted {
    let mut native = entry(&given, correlation);
    let valid = native.check().is_ok();
    let before = native.detail.clone();
    redactor.entry(&mut native);
    given.action = std::mem::take(&mut native.action);
    given.principal = native.principal.take();
    given.id = native.id.take().unwrap_or_default();
    match (&mut given.detail, native.detail.take()) {
        (Some(detail), Some(redacted)) if before.as_ref() != Some(&redacted) => {
            *detail = value(redacted.as_str());
        }
        _ => {}
    }
    Redacted { entry: given, rest: Box::new(native), valid }
}

/// The trail's entry that says the same as one without its secrets.
pub(super) fn late(redacted: &Redacted) -> Entry {
    let entry = &redacted.entry;
    let mut native = Entry::clone(&redacted.rest);
    if let Some(detail) = &entry.detail {
        native = native.detail(detail);
    }
    native.id = Some(entry.id.clone());
    native.timestamp = Some(entry.timestamp);
    native.action.clone_from(&entry.action);
    native.principal.clone_from(&entry.principal);
    native
}

impl AuditEntry {
    /// The contract's entry that says the same as a trail's; `None` when the contract has no word for its category or
    /// outcome, or it has no id or time. Fields that the contract does not have are left out.
    ///
    /// When the detail is stored beside the log, this has the marker that stands in the line, and perhaps cut texts. Give
    /// it what [`Reader::restored`](crate::reader::Reader::restored) returns to have all of the entry.
    ///
    /// ```
    /// use graven::audit::{AuditCategory, AuditEntry};
    /// use graven::{Category, Entry, Outcome};
    ///
    /// let time = "2026-01-31T23:59:59Z".parse().unwrap();
    /// let entry = Entry::new(Category::Auth, "login", Outcome::Denied).id("1").timestamp(time);
    /// let contract = AuditEntry::from_entry(&entry).expect("the contract has words for all of it");
    /// assert_eq!((contract.category, contract.action.as_str()), (AuditCategory::Auth, "login"));
    ///
    /// // The contract has no word for an intent.
    /// let intent = Entry::intent(Category::Auth, "login").id("1").timestamp(time);
    /// assert!(AuditEntry::from_entry(&intent).is_none());
    /// ```
    pub fn from_entry(entry: &Entry) -> Option<AuditEntry> {
        Some(AuditEntry {
            id: entry.id.clone()?,
            timestamp: entry.timestamp?,
            category: audit_category(entry.category.as_str())?,
            action: entry.action.clone(),
            principal: entry.principal.clone(),
            outcome: audit_outcome(entry.outcome)?,
            detail: entry.detail.as_ref().map(|detail| value(detail.as_str())),
            duration_ms: entry.duration_ms,
        })
    }
}

/// A detail as a value; as its text when a number in it is too large for one.
pub(super) fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.to_owned()))
}

/// The contract's category of this name.
pub(super) fn audit_category(name: &str) -> Option<AuditCategory> {
    Some(match name {
        "api" => AuditCategory::Api,
        "tool_execution" => AuditCategory::ToolExecution,
        "session" => AuditCategory::Session,
        "cognition" => AuditCategory::Cognition,
        "swarm" => AuditCategory::Swarm,
        "auth" => AuditCategory::Auth,
        "k8s" => AuditCategory::K8s,
        "sandbox" => AuditCategory::Sandbox,
        "config" => AuditCategory::Config,
        _ => return None,
    })
}

/// The contract's outcome. It has none for an intent.
pub(super) fn audit_outcome(outcome: Outcome) -> Option<AuditOutcome> {
    Some(match outcome {
        Outcome::Success => AuditOutcome::Success,
        Outcome::Failure => AuditOutcome::Failure,
        Outcome::Denied => AuditOutcome::Denied,
        Outcome::Pending => return None,
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

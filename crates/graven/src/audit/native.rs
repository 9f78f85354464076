//! From the contract's entries to a trail's, and back.

use std::mem::take;
use std::sync::Arc;

use graven_core::entry::{Category, Detail, Entry, Outcome};
use serde_json::Value;

use super::entry::AuditEntry;
use super::shape::Shape;
use super::unwritten::Redacted;
use super::{AuditCategory, AuditEntry as Plain, AuditOutcome};
use crate::actor::Actor;
use crate::error::{Error, ErrorKind};
use crate::redact::Redactor;

/// The trail's entry that says the same. It takes the texts, so that none is copied: [`give_back`] returns them. They may
/// be cut to fit the line: the contract refuses no entry for its length.
pub(super) fn lend(entry: &mut AuditEntry, actor: Option<&Actor>) -> Entry {
    let (category, outcome) = (category(entry.category), outcome(entry.outcome));
    let mut native = Entry::new(category, take(&mut entry.action), outcome).cut_to_fit();
    if let Some(detail) = &entry.detail {
        native = native.detail_value(detail);
    }
    native.id = Some(take(&mut entry.id));
    native.timestamp = Some(entry.timestamp);
    native.principal = entry.principal.take();
    native.duration_ms = entry.duration_ms;
    native.okr_id = entry.okr_id.take();
    native.okr_run_id = entry.okr_run_id.take();
    native.relay_id = entry.relay_id.take();
    native.session_id = entry.session_id.take();
    if let Some(actor) = actor {
        actor.fill(&mut native);
    }
    native
}

/// Returns the texts that were lent, without the secrets that were redacted meanwhile. The detail is returned only if
/// that has changed it, or it nests too deep for JSON that can be read again and became a text.
pub(super) fn give_back(native: &mut Entry, entry: &mut AuditEntry, detail_changed: bool) {
    entry.id = native.id.take().unwrap_or_default();
    entry.action = take(&mut native.action);
    entry.principal = native.principal.take();
    entry.okr_id = native.okr_id.take();
    entry.okr_run_id = native.okr_run_id.take();
    entry.relay_id = native.relay_id.take();
    entry.session_id = native.session_id.take();
    let Some(detail) = native.detail.as_ref().map(Detail::as_str) else { return };
    let became_text = detail.starts_with('"') && !matches!(entry.detail, Some(Value::String(_)));
    if detail_changed || became_text {
        entry.detail = Some(value(detail));
    }
}

/// Takes the secrets out of an entry that no trail has taken. What has none stays as it is.
pub(super) fn redact(redactor: &Redactor, mut given: Box<AuditEntry>, actor: Option<&Actor>) -> Redacted {
    let mut native = lend(&mut given, actor);
    let detail_changed = redactor.entry(&mut native);
    give_back(&mut native, &mut given, detail_changed);
    native.detail = None;
    Redacted { entry: Arc::from(given), rest: Box::new(native) }
}

/// The trail's entry that says the same as one without its secrets.
pub(super) fn late(redacted: &Redacted) -> Entry {
    let entry = &*redacted.entry;
    let mut native = Entry::clone(&redacted.rest);
    if let Some(detail) = &entry.detail {
        native = native.detail_value(detail);
    }
    native.id = Some(entry.id.clone());
    native.action.clone_from(&entry.action);
    native.principal.clone_from(&entry.principal);
    native.okr_id.clone_from(&entry.okr_id);
    native.okr_run_id.clone_from(&entry.okr_run_id);
    native.relay_id.clone_from(&entry.relay_id);
    native.session_id.clone_from(&entry.session_id);
    native
}

/// What the contract has no word for, or requires, in an entry of a trail.
enum Wordless<'a> {
    Missing(&'static str),
    Category(&'a str),
    Pending,
}

impl AuditEntry {
    /// The contract's entry that says the same as a trail's; `None` when the contract has no word for its category or
    /// outcome, or it has no id or time. Fields that the contract does not have are left out. `try_from` is the same, and
    /// says in its error what has no word.
    ///
    /// When the detail is stored beside the log, this has the marker that stands in the line, and perhaps cut texts. Give
    /// it what [`Reader::restored`](crate::reader::Reader::restored) returns to have all of the entry.
    pub fn from_entry(entry: &Entry) -> Option<AuditEntry> {
        AuditEntry::said_by(entry).ok()
    }

    fn said_by(entry: &Entry) -> Result<AuditEntry, Wordless<'_>> {
        let (category, outcome) = (entry.category.as_str(), entry.outcome);
        Ok(AuditEntry {
            id: entry.id.clone().ok_or(Wordless::Missing("id"))?,
            timestamp: entry.timestamp.ok_or(Wordless::Missing("timestamp"))?,
            category: audit_category(category).ok_or(Wordless::Category(category))?,
            action: entry.action.clone(),
            principal: entry.principal.clone(),
            outcome: audit_outcome(outcome).ok_or(Wordless::Pending)?,
            detail: entry.detail.as_ref().map(|detail| value(detail.as_str())),
            duration_ms: entry.duration_ms,
            okr_id: entry.okr_id.clone(),
            okr_run_id: entry.okr_run_id.clone(),
            relay_id: entry.relay_id.clone(),
            session_id: entry.session_id.clone(),
        })
    }
}

impl Plain {
    /// The contract's entry that says the same as a trail's; `None` when the contract has no word for its category or
    /// outcome, or it has no id or time. Fields that the contract does not have are left out. `try_from` is the same, and
    /// says in its error what has no word.
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
    pub fn from_entry(entry: &Entry) -> Option<Plain> {
        AuditEntry::from_entry(entry).map(|whole| Plain::of_whole(&whole))
    }
}

/// As [`from_entry`](AuditEntry::from_entry).
///
/// # Errors
/// `Invalid`, with what the contract has no word for.
impl TryFrom<&Entry> for AuditEntry {
    type Error = Error;

    fn try_from(entry: &Entry) -> Result<AuditEntry, Error> {
        AuditEntry::said_by(entry).map_err(Wordless::error)
    }
}

/// As [`from_entry`](Plain::from_entry).
///
/// # Errors
/// `Invalid`, with what the contract has no word for.
impl TryFrom<&Entry> for Plain {
    type Error = Error;

    fn try_from(entry: &Entry) -> Result<Plain, Error> {
        AuditEntry::try_from(entry).map(|whole| Plain::of_whole(&whole))
    }
}

impl Wordless<'_> {
    fn error(self) -> Error {
        let what = match self {
            Wordless::Missing(field) => {
                format!(
                    "an AuditEntry needs the field `{field}`, which this entry does not set: record it first"
                )
            }
            Wordless::Category(name) => format!(
                "AuditCategory has no word for the category `{name}`: leave such entries out, or use graven::Entry"
            ),
            Wordless::Pending => {
                "AuditOutcome has no word for the outcome `pending`: leave such entries out, or use \
                                  graven::Entry"
                    .to_owned()
            }
        };
        Error::new(ErrorKind::Invalid, what)
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

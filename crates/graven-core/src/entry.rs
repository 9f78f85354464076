//! An entry: one action, who did it, and how it ended.
//!
//! The first eight fields are the contract's; the others are optional and left out of the line when absent. How an entry becomes
//! its line is in [`crate::line`].

mod actor;
mod approval;
mod category;
pub(crate) mod cut;
mod detail;
mod outcome;
mod serialize;
pub mod system_actions;

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

pub use actor::{Agent, Source};
pub use approval::{Approval, Approver, Decision};
pub use category::Category;
pub use cut::stored_id;
pub use detail::{Blob, BlobRef, Detail};
pub use outcome::{Outcome, Phase};

use crate::json::JsonError;
pub use crate::text::CUT_MARK;
use crate::tile::ENTRY_BYTES_MAX;
use crate::time;

/// The most bytes that an id may have.
pub const ID_BYTES_MAX: usize = 256;

/// The most principals that `on_behalf_of` may name.
pub const ON_BEHALF_OF_MAX: usize = 8;

/// One action. The fields are in the order of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Any text of 1 to 256 bytes; need not be unique. Default: a new UUID, made when the entry is recorded.
    pub id: Option<String>,
    /// When it happened. Default: the time at which it is recorded.
    pub timestamp: Option<DateTime<Utc>>,
    /// The kind of action.
    pub category: Category,
    /// The action itself, such as `POST /api/session` or `tool:bash`.
    pub action: String,
    /// Who acted. The line says `null` when it is not known.
    pub principal: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// What else there is to say, as JSON.
    pub detail: Option<Detail>,
    /// How long it took.
    pub duration_ms: Option<u64>,
    /// The objective that it served.
    pub okr_id: Option<String>,
    /// The run of that objective.
    pub okr_run_id: Option<String>,
    /// The relay that it came through.
    pub relay_id: Option<String>,
    /// The session that it belongs to.
    pub session_id: Option<String>,
    /// The trace that it belongs to.
    pub trace_id: Option<String>,
    /// The span that it belongs to.
    pub span_id: Option<String>,
    /// The request that it belongs to.
    pub request_id: Option<String>,
    /// What was touched.
    pub resource: Option<String>,
    /// Where it came from. Boxed, because it is mostly absent and entries are moved often.
    pub source: Option<Box<Source>>,
    /// The agent that acted. Boxed, as `source` is.
    pub agent: Option<Box<Agent>>,
    /// For whom, innermost first (the `act` chain of RFC 8693); at most eight.
    pub on_behalf_of: Vec<String>,
    /// Whether the entry stands before or after the action.
    pub phase: Option<Phase>,
    /// The id of the entry before the action.
    pub intent_id: Option<String>,
    /// Why, above all when it was denied.
    pub reason: Option<String>,
    /// How many repeats this one entry stands for.
    pub count: Option<u64>,
    /// When a server took the entry from a client. A server sets it from its own clock, and a client never does.
    pub received_at: Option<DateTime<Utc>>,
    /// Who handed the entry in: the name of a token, a uid, or the subject of a certificate. A server sets it from what
    /// it has checked, and a client never does.
    pub recorded_by: Option<String>,
    /// What was decided about the action. Boxed, as `source` is.
    pub approval: Option<Box<Approval>>,
    /// What is wrong with the detail that was given last; [`check`](Entry::check) reports it.
    refused: Option<Box<Refused>>,
    /// Whether its texts are cut when they do not fit the line.
    cut_to_fit: bool,
    /// Whether it was made by [`of_import`](Entry::of_import) or [`of_salvage`](Entry::of_salvage).
    of_program: bool,
}

impl Entry {
    /// An entry with the three fields that every entry needs.
    pub fn new(category: Category, action: impl Into<String>, outcome: Outcome) -> Entry {
        Entry {
            id: None,
            timestamp: None,
            category,
            action: action.into(),
            principal: None,
            outcome,
            detail: None,
            duration_ms: None,
            okr_id: None,
            okr_run_id: None,
            relay_id: None,
            session_id: None,
            trace_id: None,
            span_id: None,
            request_id: None,
            resource: None,
            source: None,
            agent: None,
            on_behalf_of: Vec::new(),
            phase: None,
            intent_id: None,
            reason: None,
            count: None,
            received_at: None,
            recorded_by: None,
            approval: None,
            refused: None,
            cut_to_fit: false,
            of_program: false,
        }
    }

    /// An entry that stands before its action: phase `intent`, outcome `pending`.
    pub fn intent(category: Category, action: impl Into<String>) -> Entry {
        Entry::new(category, action, Outcome::Pending).phase(Phase::Intent)
    }

    /// An entry of the trail itself about an import: category `trail`, action `trail.imported`. It is for a program that
    /// imports files and has to know them again. No entry that is read from a text is one.
    pub fn of_import(detail: impl Serialize) -> Entry {
        Entry::of_program(system_actions::IMPORTED, detail)
    }

    /// An entry of the trail itself about a salvage: category `trail`, action `trail.salvaged`. It is for a program that
    /// records again what a lost machine had recorded, and has to know it again. No entry that is read from a text is one.
    pub fn of_salvage(detail: impl Serialize) -> Entry {
        Entry::of_program(system_actions::SALVAGED, detail)
    }

    fn of_program(action: &str, detail: impl Serialize) -> Entry {
        let entry = Entry::new(Category::Trail, action, Outcome::Success);
        Entry { of_program: true, ..entry }.detail(detail)
    }

    /// Sets when it happened.
    #[must_use]
    pub fn timestamp(mut self, timestamp: DateTime<Utc>) -> Entry {
        self.timestamp = Some(timestamp);
        self
    }

    /// Sets the detail: any value that can be written as JSON. If it cannot be, [`check`](Entry::check) refuses the entry,
    /// unless it is [cut to fit](Entry::cut_to_fit).
    #[must_use]
    pub fn detail(mut self, detail: impl Serialize) -> Entry {
        let written = detail::written(&detail).map_err(|error| (error, String::new()));
        self.set_detail(written.and_then(Detail::of_written));
        self
    }

    /// Sets the detail, as [`detail`](Entry::detail) does, with less work.
    #[must_use]
    #[inline]
    pub fn detail_value(mut self, detail: &Value) -> Entry {
        self.set_detail(Detail::of_value(detail));
        self
    }

    /// Sets the detail from JSON text, whose numbers stay digit for digit.
    #[must_use]
    #[inline]
    pub fn detail_json(mut self, json: &str) -> Entry {
        self.set_detail(Detail::parse(json).map_err(|error| (error.into(), json.to_owned())));
        self
    }

    /// Sets the detail in place: an entry is large, and each step of a chain may copy it.
    fn set_detail(&mut self, detail: Result<Detail, (EntryError, String)>) {
        (self.detail, self.refused) = match detail {
            Ok(detail) => (Some(detail), None),
            Err((error, text)) => {
                let refused = Refused { error, text };
                if self.cut_to_fit {
                    (Some(refused.as_text()), None)
                } else {
                    (None, Some(Box::new(refused)))
                }
            }
        };
    }

    /// Sets how long it took, in whole milliseconds.
    #[must_use]
    pub fn duration(self, duration: Duration) -> Entry {
        self.duration_ms(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    /// Sets how long it took.
    #[must_use]
    pub fn duration_ms(mut self, milliseconds: u64) -> Entry {
        self.duration_ms = Some(milliseconds);
        self
    }

    /// Sets where it came from.
    #[must_use]
    pub fn source(mut self, source: Source) -> Entry {
        self.source = Some(Box::new(source));
        self
    }

    /// Sets the agent that acted.
    #[must_use]
    pub fn agent(mut self, agent: Agent) -> Entry {
        self.agent = Some(Box::new(agent));
        self
    }

    /// Sets for whom, innermost first.
    #[must_use]
    pub fn on_behalf_of(mut self, principals: impl IntoIterator<Item = impl Into<String>>) -> Entry {
        self.on_behalf_of = principals.into_iter().map(Into::into).collect();
        self
    }

    /// Sets whether the entry stands before or after the action.
    #[must_use]
    pub fn phase(mut self, phase: Phase) -> Entry {
        self.phase = Some(phase);
        self
    }

    /// Sets how many repeats it stands for.
    #[must_use]
    pub fn count(mut self, count: u64) -> Entry {
        self.count = Some(count);
        self
    }

    /// Sets when a server took the entry from a client.
    ///
    /// This is for a server that records what its clients send: it takes the time from its own clock.
    /// [`from_client`](Entry::from_client) refuses an entry in which the client has set it.
    ///
    /// ```
    /// use graven_core::entry::Entry;
    ///
    /// let sent = br#"{"category":"auth","action":"login","outcome":"success"}"#;
    /// let entry = Entry::from_client(sent)?.received_at("2026-01-31T12:00:00Z".parse()?).recorded_by("token:ci");
    /// assert_eq!(entry.recorded_by.as_deref(), Some("token:ci"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn received_at(mut self, received_at: DateTime<Utc>) -> Entry {
        self.received_at = Some(received_at);
        self
    }

    /// Sets what was decided about the action.
    #[must_use]
    pub fn approval(mut self, approval: Approval) -> Entry {
        self.approval = Some(Box::new(approval));
        self
    }

    /// The entry behind the action that this one stands before: all fields that both have in common. Its outcome, its
    /// `intent_id` and what else is known only then are still to be set.
    #[must_use]
    pub fn to_result(&self) -> Entry {
        let mut result = self.clone();
        result.phase = Some(Phase::Result);
        result.id = None;
        result.timestamp = None;
        result.detail = None;
        result.duration_ms = None;
        result.reason = None;
        result.count = None;
        result.received_at = None;
        result.approval = None;
        result
    }

    /// Whether a caller may record it.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks. An absent id or timestamp is no error: they are made when it is recorded.
    pub fn check(&self) -> Result<(), EntryError> {
        let of_programs = [system_actions::IMPORTED, system_actions::SALVAGED];
        let is_own = self.of_program && of_programs.contains(&self.action.as_str());
        if self.category == Category::Trail && !is_own {
            return Err(EntryError::Reserved);
        }
        if self.detail.as_ref().is_some_and(|detail| detail.blob().is_some()) {
            return Err(EntryError::Marker);
        }
        // Only here: lines of version 1 can have other years.
        if !self.cut_to_fit {
            check_year("timestamp", self.timestamp)?;
        }
        self.check_line()
    }

    /// Whether it may stand in a log at all.
    pub(crate) fn check_line(&self) -> Result<(), EntryError> {
        if let Some(refused) = &self.refused {
            return Err(refused.error.clone());
        }
        self.category.check()?;
        let id_bytes = self.id.as_ref().map(String::len);
        // What is too long or too many is cut, and for an empty id a new one is made.
        let is_id = |bytes: &usize| self.cut_to_fit || (1..=ID_BYTES_MAX).contains(bytes);
        if let Some(bytes) = id_bytes.filter(|bytes| !is_id(bytes)) {
            return Err(EntryError::Id { bytes });
        }
        if self.outcome == Outcome::Pending && self.phase != Some(Phase::Intent) {
            return Err(EntryError::Pending);
        }
        if self.on_behalf_of.len() > ON_BEHALF_OF_MAX && !self.cut_to_fit {
            return Err(EntryError::OnBehalfOf { count: self.on_behalf_of.len() });
        }
        check_year("received_at", self.received_at)
    }
}

/// A detail that cannot be kept as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refused {
    error: EntryError,
    /// As it was given; empty when it cannot be written at all.
    text: String,
}

impl Refused {
    /// The detail of an entry that is recorded all the same: the text, or why there is none.
    fn as_text(&self) -> Detail {
        if self.text.is_empty() {
            Detail::of_text(&self.error.to_string())
        } else {
            Detail::of_text(&self.text)
        }
    }
}

fn check_year(field: &'static str, time: Option<DateTime<Utc>>) -> Result<(), EntryError> {
    if time.is_none_or(|time| time::is_in_range(&time)) { Ok(()) } else { Err(EntryError::Year(field)) }
}

/// The setters that differ only in their name.
macro_rules! text_setters {
    ($($(#[$doc:meta])* $field:ident),* $(,)?) => {
        impl Entry {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $field(mut self, $field: impl Into<String>) -> Entry {
                    self.$field = Some($field.into());
                    self
                }
            )*
        }
    };
}

text_setters! {
    /// Sets the id: 1 to 256 bytes.
    id,
    /// Sets who acted.
    principal,
    /// Sets the objective that it served.
    okr_id,
    /// Sets the run of that objective.
    okr_run_id,
    /// Sets the relay that it came through.
    relay_id,
    /// Sets the session that it belongs to.
    session_id,
    /// Sets the trace that it belongs to.
    trace_id,
    /// Sets the span that it belongs to.
    span_id,
    /// Sets the request that it belongs to.
    request_id,
    /// Sets what was touched.
    resource,
    /// Sets the id of the entry before the action.
    intent_id,
    /// Sets why, above all when it was denied.
    reason,
    /// Sets who handed the entry in. This is for a server, as [`received_at`](Entry::received_at) is.
    recorded_by,
}

/// Why an entry cannot be recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Not a name for a category.
    #[error(
        "{0:?} is not a category: api, tool_execution, session, cognition, swarm, auth, k8s, sandbox, config, or a name of \
         your own in snake_case of at most {max} bytes",
        max = Category::NAME_BYTES_MAX
    )]
    Category(String),
    /// The category `trail`, which only the engine writes.
    #[error("the category `trail` is reserved for the trail's own entries")]
    Reserved,
    /// Not a name for an outcome.
    #[error("an outcome is one of success, failure, denied, pending")]
    Outcome,
    /// Not a name for a phase.
    #[error("a phase is one of intent, result")]
    Phase,
    /// Not a name for what kind of judge decided.
    #[error("the kind of an approval is one of human, rule")]
    Approver,
    /// Not a name for a decision.
    #[error("a decision is one of allowed, denied, asked")]
    Decision,
    /// A pending outcome in an entry that is no intent.
    #[error("the outcome `pending` is only for an entry whose phase is `intent`")]
    Pending,
    /// The id is empty or too long.
    #[error("an id has 1 to {ID_BYTES_MAX} bytes, this one has {bytes}")]
    Id {
        /// How many it has.
        bytes: usize,
    },
    /// A line needs an id and a timestamp.
    #[error("`{0}` is not set")]
    NotSet(&'static str),
    /// A time in another year than 0000 to 9999.
    #[error("`{0}` is not in the years 0000 to 9999, in UTC")]
    Year(&'static str),
    /// Too many principals.
    #[error("on_behalf_of names at most {ON_BEHALF_OF_MAX} principals, this one names {count}")]
    OnBehalfOf {
        /// How many it names.
        count: usize,
    },
    /// The detail cannot be written as JSON.
    #[error("the detail cannot be written as JSON: {0}")]
    Serialize(String),
    /// The detail is not JSON that can be kept.
    #[error("the detail cannot be kept: {0}")]
    Detail(JsonError),
    /// The detail is larger than a blob may be.
    #[error("the detail has {bytes} bytes, and at most {bytes_max} may be stored apart from the line")]
    DetailTooLarge {
        /// How many it has.
        bytes: u64,
        /// How many it may have.
        bytes_max: u64,
    },
    /// The detail is a marker that was read from a line; the blob itself is elsewhere.
    #[error("the detail is a reference to a blob, not the detail itself: read the blob first")]
    Marker,
    /// The line is too long even with its detail stored apart.
    #[error(
        "the line would have {bytes} bytes without its detail, and at most {ENTRY_BYTES_MAX} are allowed"
    )]
    LineTooLong {
        /// How many it would have.
        bytes: usize,
    },
}

impl From<JsonError> for EntryError {
    fn from(error: JsonError) -> EntryError {
        EntryError::Detail(error)
    }
}

//! What is asked: for each row of the table some questions, made of what random entries have.
//!
//! The project that compares Graven with its peers includes this file too, so it uses nothing else of this program.

use graven::{Entry, Outcome};

use super::skewed;

/// How many hits are on a page.
pub(crate) const LIMIT: usize = 100;

/// The fields whose values are counted.
pub(crate) const FACETS: &[&str] =
    &["category", "outcome", "action", "principal", "agent.id", "agent.model", "phase", "detail.exit"];

/// A row of the table: a kind of question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    Filter,
    Common,
    Prefix,
    Range,
    Phrase,
    NeverMeet,
    Absent,
    Session,
    Trace,
    Count,
    Everything,
}

impl Row {
    /// Every one, in the order of the table.
    pub(crate) const ALL: &[Row] = &[
        Row::Filter,
        Row::Common,
        Row::Prefix,
        Row::Range,
        Row::Phrase,
        Row::NeverMeet,
        Row::Absent,
        Row::Session,
        Row::Trace,
        Row::Count,
        Row::Everything,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Row::Filter => "category + outcome + principal, newest 100",
            Row::Common => "a common filter, newest 100",
            Row::Prefix => "a prefix of the action, newest 100",
            Row::Range => "a range of numbers, newest 100",
            Row::Phrase => "a phrase, newest 100",
            Row::NeverMeet => "two common words that never meet",
            Row::Absent => "an absent word",
            Row::Session => "the timeline of a session",
            Row::Trace => "one trace id",
            Row::Count => "category + outcome + principal, exact count",
            Row::Everything => "8 facets and histogram of everything",
        }
    }

    /// A question, made of an entry of the trail. `number` counts the questions of the row.
    pub(crate) fn question(self, entry: &Entry, number: usize) -> Question {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let outcome = [Outcome::Denied, Outcome::Failure][number % 2].as_str();
        match self {
            Row::Filter => Question::Filter { outcome, principal: text(&entry.principal) },
            Row::Common => Question::Common,
            Row::Prefix => Question::Prefix(prefix(&entry.action)),
            Row::Range => Question::ExitOver(0),
            Row::Phrase => Question::Text(skewed::PHRASES[number % skewed::PHRASES.len()].to_owned()),
            Row::NeverMeet => Question::Text(skewed::NEVER_MEET.to_owned()),
            Row::Absent => Question::Text(skewed::ABSENT.to_owned()),
            Row::Session => Question::Session(text(&entry.session_id)),
            Row::Trace => Question::Trace(text(&entry.trace_id)),
            Row::Count => Question::Count { outcome, principal: text(&entry.principal) },
            Row::Everything => Question::Everything,
        }
    }
}

/// The beginning of an action: its first word, and a part of the next one.
fn prefix(action: &str) -> String {
    action.chars().take(action.chars().count().div_ceil(2)).collect()
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    /// Tools with this outcome, of this principal.
    Filter { outcome: &'static str, principal: String },
    /// Requests that succeeded.
    Common,
    /// Actions that begin like this.
    Prefix(String),
    /// Numbers of `detail.exit` above this one.
    ExitOver(u8),
    /// A word or a phrase.
    Text(String),
    /// All entries of a session, the oldest first.
    Session(String),
    /// All entries of a trace.
    Trace(String),
    /// How many entries a filter has.
    Count { outcome: &'static str, principal: String },
    /// The values of eight fields, and the hours, of all entries.
    Everything,
}

impl Question {
    /// The query, in the language of `graven search`.
    pub(crate) fn query(&self) -> String {
        match self {
            Question::Filter { outcome, principal } | Question::Count { outcome, principal } => {
                format!("category:tool_execution outcome:{outcome} principal:{principal}")
            }
            Question::Common => "category:api outcome:success".to_owned(),
            Question::Prefix(prefix) => format!("action:\"{prefix}*\""),
            Question::ExitOver(number) => format!("detail.exit:>{number}"),
            Question::Text(text) => format!("\"{text}\""),
            Question::Session(id) => format!("session:{id}"),
            Question::Trace(id) => format!("trace:{id}"),
            Question::Everything => String::new(),
        }
    }
}

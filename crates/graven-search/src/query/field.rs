//! The names that a query can ask for, and what stands behind each.

use std::fmt;

use graven_core::nearest;

/// What a term or a facet asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// A field of the entry.
    Entry(EntryField),
    /// What the detail has at this path; the whole detail when the path is empty.
    Detail(Vec<String>),
}

/// Which values a field can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// A text that is a time: `since:` and `until:` compare times.
    Time,
    /// A text that can be an address.
    Address,
    /// A whole number.
    Number,
    /// A number of milliseconds.
    Duration,
    /// An object: only its parts have values.
    Object,
    /// Any JSON.
    Json,
}

/// Declares the fields once: the variant, its full name, its kind.
macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $kind:expr;)*) => {
        /// A field of the entry, or a part of one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum EntryField {
            $($(#[$doc])* $variant,)*
        }

        impl EntryField {
            /// Every one, in the order of the line.
            pub(crate) const ALL: &[EntryField] = &[$(EntryField::$variant),*];

            /// Its full name in a query.
            pub fn name(self) -> &'static str {
                match self {
                    $(EntryField::$variant => $name,)*
                }
            }

            pub(super) fn kind(self) -> Kind {
                match self {
                    $(EntryField::$variant => $kind,)*
                }
            }
        }
    };
}

fields! {
    /// The id of the entry.
    Id, "id", Kind::Text;
    /// When it happened, as it is stored.
    Timestamp, "timestamp", Kind::Time;
    /// The kind of action.
    Category, "category", Kind::Text;
    /// The action.
    Action, "action", Kind::Text;
    /// What follows `tool:` in the action.
    Tool, "tool", Kind::Text;
    /// Who acted.
    Principal, "principal", Kind::Text;
    /// How it ended.
    Outcome, "outcome", Kind::Choice(&["success", "failure", "denied", "pending"]);
    /// How long it took.
    DurationMs, "duration_ms", Kind::Duration;
    /// The objective.
    OkrId, "okr_id", Kind::Text;
    /// The run of the objective.
    OkrRunId, "okr_run_id", Kind::Text;
    /// The relay.
    RelayId, "relay_id", Kind::Text;
    /// The session.
    SessionId, "session_id", Kind::Text;
    /// The trace.
    TraceId, "trace_id", Kind::Text;
    /// The span.
    SpanId, "span_id", Kind::Text;
    /// The request.
    RequestId, "request_id", Kind::Text;
    /// What was touched.
    Resource, "resource", Kind::Text;
    /// Where it came from: any part of it.
    Source, "source", Kind::Object;
    /// The address of the caller.
    SourceIp, "source.ip", Kind::Address;
    /// The program of the caller.
    SourceUserAgent, "source.user_agent", Kind::Text;
    /// The service that was called.
    SourceService, "source.service", Kind::Text;
    /// The machine.
    SourceHost, "source.host", Kind::Text;
    /// The agent.
    AgentId, "agent.id", Kind::Text;
    /// The running copy of the agent.
    AgentInstance, "agent.instance", Kind::Text;
    /// The model of the agent.
    AgentModel, "agent.model", Kind::Text;
    /// The version of the agent.
    AgentVersion, "agent.version", Kind::Text;
    /// For whom: any of them.
    OnBehalfOf, "on_behalf_of", Kind::Text;
    /// Before or after the action.
    Phase, "phase", Kind::Choice(&["intent", "result"]);
    /// The id of the entry before the action.
    IntentId, "intent_id", Kind::Text;
    /// Why.
    Reason, "reason", Kind::Text;
    /// How many repeats it stands for.
    Count, "count", Kind::Number;
    /// When a server took it.
    ReceivedAt, "received_at", Kind::Time;
    /// Who handed it in.
    RecordedBy, "recorded_by", Kind::Text;
    /// What was decided: any part of it.
    Approval, "approval", Kind::Object;
    /// Who decided.
    ApprovalBy, "approval.by", Kind::Text;
    /// A person or a rule.
    ApprovalKind, "approval.kind", Kind::Choice(&["human", "rule"]);
    /// The rule.
    ApprovalRule, "approval.rule", Kind::Text;
    /// The decision.
    ApprovalDecision, "approval.decision", Kind::Choice(&["allowed", "denied", "asked"]);
}

/// The short names.
const SHORT: &[(&str, EntryField)] = &[
    ("session", EntryField::SessionId),
    ("trace", EntryField::TraceId),
    ("span", EntryField::SpanId),
    ("request", EntryField::RequestId),
    ("okr", EntryField::OkrId),
    ("relay", EntryField::RelayId),
    ("ip", EntryField::SourceIp),
    ("agent", EntryField::AgentId),
    ("model", EntryField::AgentModel),
    ("for", EntryField::OnBehalfOf),
    ("approved", EntryField::ApprovalBy),
    ("duration", EntryField::DurationMs),
];

/// The names that are no fields.
const OTHERS: &[&str] = &["has", "any", "index", "since", "until", "at", "detail"];

impl EntryField {
    /// The field with a full or a short name.
    pub(super) fn find(name: &str) -> Option<EntryField> {
        let full = EntryField::ALL.iter().copied().find(|field| field.name() == name);
        full.or_else(|| SHORT.iter().find(|(short, _)| *short == name).map(|(_, field)| *field))
    }
}

impl Field {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Field::Entry(field) => field.kind(),
            Field::Detail(_) => Kind::Json,
        }
    }
}

/// The known name that is most like this one.
pub(super) fn nearest_name(name: &str) -> &'static str {
    let full = EntryField::ALL.iter().map(|field| field.name());
    nearest(name, full.chain(SHORT.iter().map(|(short, _)| *short)).chain(OTHERS.iter().copied()))
}

/// A key of a path needs no quotes when none of its characters means something there.
fn is_plain_key(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '@' | '/'))
}

/// As a query writes it, in full.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Entry(field) => f.write_str(field.name()),
            Field::Detail(path) => {
                f.write_str("detail")?;
                path.iter().try_for_each(|key| {
                    if is_plain_key(key) {
                        return write!(f, ".{key}");
                    }
                    write!(f, ".\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_means_two_things() {
        let names: Vec<&str> = EntryField::ALL
            .iter()
            .map(|field| field.name())
            .chain(SHORT.iter().map(|(short, _)| *short))
            .chain(OTHERS.iter().copied())
            .collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        for (given, meant) in [
            ("outcom", "outcome"),
            ("Principal", "principal"),
            ("sesion", "session"),
            ("source_ip", "source.ip"),
            ("details", "detail"),
            ("untill", "until"),
            ("approvedby", "approved"),
        ] {
            assert_eq!(nearest_name(given), meant);
        }
    }
}

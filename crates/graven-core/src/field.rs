//! The names of an entry's fields, in the order of the line.

/// A field of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Id,
    Timestamp,
    Category,
    Action,
    Principal,
    Outcome,
    Detail,
    DurationMs,
    OkrId,
    OkrRunId,
    RelayId,
    SessionId,
    TraceId,
    SpanId,
    RequestId,
    Resource,
    Source,
    Agent,
    OnBehalfOf,
    Phase,
    IntentId,
    Reason,
    Count,
    ReceivedAt,
    RecordedBy,
    Approval,
}

/// Every field and its name.
const NAMES: [(&str, Field); 26] = [
    ("id", Field::Id),
    ("timestamp", Field::Timestamp),
    ("category", Field::Category),
    ("action", Field::Action),
    ("principal", Field::Principal),
    ("outcome", Field::Outcome),
    ("detail", Field::Detail),
    ("duration_ms", Field::DurationMs),
    ("okr_id", Field::OkrId),
    ("okr_run_id", Field::OkrRunId),
    ("relay_id", Field::RelayId),
    ("session_id", Field::SessionId),
    ("trace_id", Field::TraceId),
    ("span_id", Field::SpanId),
    ("request_id", Field::RequestId),
    ("resource", Field::Resource),
    ("source", Field::Source),
    ("agent", Field::Agent),
    ("on_behalf_of", Field::OnBehalfOf),
    ("phase", Field::Phase),
    ("intent_id", Field::IntentId),
    ("reason", Field::Reason),
    ("count", Field::Count),
    ("received_at", Field::ReceivedAt),
    ("recorded_by", Field::RecordedBy),
    ("approval", Field::Approval),
];

impl Field {
    pub(crate) fn find(name: &str) -> Option<Field> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
    }

    pub(crate) fn name(self) -> &'static str {
        NAMES[self as usize].0
    }

    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }
}

/// A set of fields.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FieldSet(u32);

impl FieldSet {
    /// Says whether it was not there yet.
    pub(crate) fn insert(&mut self, field: Field) -> bool {
        let bit = 1 << field as u32;
        let new = self.0 & bit == 0;
        self.0 |= bit;
        new
    }

    pub(crate) fn contains(self, field: Field) -> bool {
        self.0 & (1 << field as u32) != 0
    }
}

/// Which of the known names is most like this one: the one that takes the fewest changes of a letter.
///
/// # Panics
///
/// When no name is known.
pub fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> &'static str {
    // What is longer than this is like none of them; the time to compare stays bounded.
    let name: Vec<char> = name.chars().take(64).map(|letter| letter.to_ascii_lowercase()).collect();
    known.min_by_key(|known| distance(&name, known)).expect("some names are known")
}

/// How many letters must be put in, taken out or replaced to turn one name into the other (Levenshtein).
fn distance(name: &[char], known: &str) -> usize {
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (line, letter) in known.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for place in 0..name.len() {
            let replaced = diagonal + usize::from(name[place] != letter);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_fields_agree() {
        for (place, (name, field)) in NAMES.into_iter().enumerate() {
            assert_eq!((field as usize, field.name()), (place, name));
            assert_eq!(Field::find(name), Some(field));
        }
        assert_eq!(Field::find("Id"), None);
    }

    #[test]
    fn the_nearest_name_is_the_one_with_the_fewest_changes() {
        let nearest = |name| nearest(name, Field::names());
        for (given, meant) in [
            ("actoin", "action"),
            ("Principal", "principal"),
            ("time_stamp", "timestamp"),
            ("details", "detail"),
            ("durationMs", "duration_ms"),
            ("on_behalf", "on_behalf_of"),
            ("sesion_id", "session_id"),
            ("outcom", "outcome"),
        ] {
            assert_eq!(nearest(given), meant);
        }
    }

    #[test]
    fn distances_are_those_of_the_textbook() {
        let letters = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&letters("kitten"), "sitting"), 3);
        assert_eq!(distance(&letters(""), "abc"), 3);
        assert_eq!(distance(&letters("abc"), ""), 3);
        assert_eq!(distance(&letters("same"), "same"), 0);
    }
}

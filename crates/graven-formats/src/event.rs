//! What becomes of an event: an entry, and whether it could be mapped.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use graven_core::entry::{Category, Detail, Entry, Outcome, Source};
use graven_core::{salvage, text};

use crate::json::Json;

/// How much of a message becomes the reason of an entry, in bytes. The whole of it is in the detail.
const REASON_BYTES_MAX: usize = 1_000;

/// An event as an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The entry. It is cut to fit and may always be recorded. Without a time of its own the event had none that can be
    /// read.
    pub entry: Entry,
    /// Why only the whole event is in the entry, and nothing in its fields.
    pub unmapped: Option<Unmapped>,
}

/// Why an event could not be mapped. It is kept whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Unmapped {
    /// JSON that no detail can hold as such: an object has a key twice, a string half of a surrogate pair, or it nests too
    /// deep. It is kept as a text.
    NotKept,
    /// It lacks what makes an event of the format.
    OtherKind,
}

impl Unmapped {
    /// Its name in an answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Unmapped::NotKept => "not_kept",
            Unmapped::OtherKind => "other_kind",
        }
    }
}

/// As a sentence.
impl fmt::Display for Unmapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unmapped::NotKept => "JSON with doubled keys, half a surrogate pair or too many levels",
            Unmapped::OtherKind => "an object of another kind",
        })
    }
}

impl Event {
    /// An event that was mapped. Its whole is the detail.
    pub(crate) fn mapped(entry: Entry, whole: Detail) -> Event {
        let mut entry = entry.cut_to_fit();
        entry.detail = Some(whole);
        Event { entry, unmapped: None }
    }

    /// An event that was not.
    pub(crate) fn unmapped(whole: Result<Detail, &str>, why: Unmapped) -> Event {
        let entry =
            Entry::new(category("imported"), "import:event", Outcome::Success).reason(why.to_string());
        let mut entry = entry.cut_to_fit();
        match whole {
            Ok(detail) => entry.detail = Some(detail),
            Err(text) => entry = entry.detail_json(text),
        }
        Event { entry, unmapped: Some(why) }
    }
}

/// A category of our own.
pub(crate) fn category(name: &str) -> Category {
    Category::custom(name).expect("a snake_case name that is not reserved")
}

/// A time as the event writes it: RFC 3339, or a number since 1970.
pub(crate) fn time(field: Option<Json<'_>>) -> Option<DateTime<Utc>> {
    field.and_then(|field| salvage::time(field.raw()))
}

/// How long it took, in whole milliseconds.
pub(crate) fn milliseconds(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Option<u64> {
    u64::try_from((to? - from?).num_milliseconds()).ok()
}

/// A message as a reason: not too long.
pub(crate) fn reason(message: impl AsRef<str>) -> Option<String> {
    let message = message.as_ref().trim();
    if message.is_empty() {
        return None;
    }
    Some(match text::cut(message, REASON_BYTES_MAX) {
        whole if whole.len() == message.len() => message.to_owned(),
        cut => format!("{cut}{}", text::CUT_MARK),
    })
}

/// Sets where an event came from, unless nothing is known of that.
pub(crate) fn set_source(entry: &mut Entry, source: Source) {
    entry.source = (source != Source::default()).then(|| Box::new(source));
}

/// An address, if the text is one.
pub(crate) fn ip(text: Option<Cow<'_, str>>) -> Option<String> {
    text.filter(|text| text.parse::<IpAddr>().is_ok()).map(Cow::into_owned)
}

/// The outcome that a status of HTTP tells.
pub(crate) fn http_outcome(status: i64) -> Outcome {
    match status {
        401 | 403 => Outcome::Denied,
        400.. => Outcome::Failure,
        _ => Outcome::Success,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_never_long_or_empty() {
        assert_eq!(reason(" \n"), None);
        assert_eq!(reason(" no \n").as_deref(), Some("no"));
        let long = reason("ä".repeat(1_000)).unwrap();
        assert!(long.len() <= REASON_BYTES_MAX + text::CUT_MARK.len() && long.ends_with(text::CUT_MARK));
    }

    #[test]
    fn what_no_detail_can_hold_is_kept_as_text() {
        let doubled = r#"{"a":1,"a":2}"#;
        let event = Event::unmapped(Err(doubled), Unmapped::NotKept);
        assert_eq!(event.entry.check(), Ok(()));
        assert_eq!(event.entry.detail.unwrap().as_str(), r#""{\"a\":1,\"a\":2}""#);
    }
}

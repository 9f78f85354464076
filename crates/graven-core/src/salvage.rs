//! Finds the entries in damaged lines: merged, torn, or with fields that Graven does not know.
//!
//! Nothing is dropped. What cannot be read as an entry is returned as text.

mod keys;
mod reading;
mod times;
mod utf16;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::entry::Entry;
use crate::intake;

pub use reading::{Found, LINE_BYTES_MAX, Reading, TEXT_BYTES_MAX};
pub use utf16::{Decoded, Encoding};

/// The time that a JSON value tells: a string of RFC 3339, or a number since 1970 as in [`pieces`].
///
/// ```
/// use graven_core::salvage::time;
///
/// assert_eq!(time("1767182399250"), time(r#""2025-12-31T11:59:59.250Z""#));
/// assert_eq!(time("12"), None);
/// ```
pub fn time(json: &str) -> Option<DateTime<Utc>> {
    times::read(json).map(|time| time.time)
}

/// One part of a line.
#[derive(Debug)]
pub enum Piece<'a> {
    /// An entry.
    Entry {
        /// The entry.
        entry: Box<Entry>,
        /// Whether some fields of the object had to move into the detail.
        moved: bool,
    },
    /// Text that is not an entry.
    Text(&'a [u8]),
}

/// The times of entries that were not as Graven writes them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimesFound {
    /// Numbers since 1970.
    epoch: u64,
    /// Fractions of a second that were rounded to nine digits.
    rounded: u64,
}

/// Splits a line into everything it contains, in order. White space between two parts is left out.
///
/// A time may be a number since 1970, of seconds, milliseconds, microseconds or nanoseconds. A fraction of a second with
/// more than nine digits is rounded.
pub fn pieces(line: &[u8]) -> Vec<Piece<'_>> {
    pieces_and_times(line, &mut TimesFound::default())
}

/// As [`pieces`]; counts the times.
pub(crate) fn pieces_and_times<'a>(line: &'a [u8], times: &mut TimesFound) -> Vec<Piece<'a>> {
    if !times::may_be_rounded(line)
        && let Ok(entry) = intake::entry(line)
    {
        return vec![Piece::Entry { entry: Box::new(entry), moved: false }];
    }
    let mut pieces = Vec::new();
    let mut text_from = 0;
    let mut at = 0;
    let mut effort = EFFORT * line.len();
    while let Some(brace) = line[at..].iter().position(|byte| *byte == b'{') {
        let start = at + brace;
        let (object, length) = match first_object(&line[start..]) {
            Ok(first) => first,
            Err(read) if read < effort => {
                effort -= read;
                at = start + 1;
                continue;
            }
            Err(_) => break,
        };
        match object.entry(times) {
            Some((entry, moved)) => {
                push_text(&mut pieces, &line[text_from..start]);
                pieces.push(Piece::Entry { entry: Box::new(entry), moved });
                at = start + length;
                text_from = at;
            }
            // A whole object that is not an entry. Go on after it: only a torn object can have an entry inside, and a
            // torn one is not read as an object.
            None => at = start + length,
        }
    }
    push_text(&mut pieces, &line[text_from..]);
    pieces
}

fn push_text<'a>(pieces: &mut Vec<Piece<'a>>, text: &'a [u8]) {
    if !text.trim_ascii().is_empty() {
        pieces.push(Piece::Text(text));
    }
}

/// How many times a line is read at most in the search for whole objects. Without this limit, a deeply nested line
/// would be read once for each of its braces.
const EFFORT: usize = 64;

/// The object at the start of the bytes and its length. Otherwise the number of bytes read until that was clear.
fn first_object(bytes: &[u8]) -> Result<(Object<'_>, usize), usize> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>();
    let raw = match values.next() {
        Some(Ok(raw)) => raw,
        // There is no newline inside a line, so the column is the offset.
        Some(Err(error)) => return Err(error.column()),
        None => return Err(bytes.len()),
    };
    let length = values.byte_offset();
    let object = serde_json::from_str(raw.get()).map_err(|_| length)?;
    Ok((object, length))
}

/// The members of a JSON object in order, including doubled ones.
#[derive(Debug)]
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<'de>, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object<'de>, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl Object<'_> {
    /// Reads the object as an entry. Also tells whether some members had to move into the detail.
    fn entry(&self, times: &mut TimesFound) -> Option<(Entry, bool)> {
        let mut found = *times;
        let mut kept = Vec::new();
        let mut moved = Vec::new();
        let mut detail = None;
        let mut has_category = false;
        for (key, value) in &self.0 {
            if key == "detail" {
                detail = Some(value.get());
            } else if let Some(time) = member_time(key, value.get()) {
                found.epoch += u64::from(time.is_epoch);
                found.rounded += u64::from(time.is_rounded);
                kept.push((key.as_str(), Cow::Owned(serde_json::to_string(&time.time).ok()?)));
            } else if is_good(key, value.get()) {
                has_category |= key == "category";
                kept.push((key.as_str(), Cow::Borrowed(value.get())));
            } else {
                moved.push((key.as_str(), value.get()));
            }
        }
        if !has_category {
            kept.push(("category", Cow::Borrowed("\"imported\"")));
        }
        let any_moved = !moved.is_empty();
        let detail = if any_moved { Some(merged(detail, &moved)) } else { detail.map(str::to_owned) };
        if let Some(detail) = &detail {
            kept.push(("detail", Cow::Borrowed(detail)));
        }
        // An object without action or outcome, or with doubled members, is refused here.
        let entry = intake::entry(object(&kept).as_bytes()).ok()?;
        *times = found;
        Some((entry, any_moved))
    }
}

/// The time of a member that has one.
fn member_time(key: &str, value: &str) -> Option<times::Time> {
    matches!(key, "timestamp" | "received_at").then(|| times::read(value)).flatten()
}

/// Whether an entry can have this member unchanged. Tried with an entry that has it and the required fields.
fn is_good(key: &str, value: &str) -> bool {
    let mut members = vec![(key, value)];
    let required = [("category", "\"api\""), ("action", "\"a\""), ("outcome", "\"success\"")];
    members.extend(required.into_iter().filter(|(name, _)| *name != key));
    // Only an intent may be pending. The whole entry, with its own phase, is checked at the end.
    if key == "outcome" && value == "\"pending\"" {
        members.push(("phase", "\"intent\""));
    }
    intake::entry(object(&members).as_bytes()).is_ok()
}

/// Adds the members that had to move to a detail.
fn merged(detail: Option<&str>, moved: &[(&str, &str)]) -> String {
    let Some(detail) = detail.filter(|detail| *detail != "null") else {
        return object(moved);
    };
    let Ok(Object(inside)) = serde_json::from_str::<Object<'_>>(detail) else {
        // Not an object: it becomes the member `detail`, a name that no moved member has.
        return object(&[&[("detail", detail)], moved].concat());
    };
    let inside: Vec<(&str, &str)> = inside.iter().map(|(key, value)| (key.as_str(), value.get())).collect();
    let known: HashSet<&str> = inside.iter().map(|(key, _)| *key).collect();
    if moved.iter().any(|(key, _)| known.contains(key)) {
        return object(&[("detail", detail), ("fields", &object(moved))]);
    }
    object(&[&inside[..], moved].concat())
}

/// Writes an object with these members.
fn object<V: AsRef<str>>(members: &[(&str, V)]) -> String {
    let mut text = String::from("{");
    for (place, (key, value)) in members.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&serde_json::to_string(key).expect("a string is always JSON"));
        text.push(':');
        text.push_str(value.as_ref());
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"id":"1","timestamp":"2026-01-01T00:00:00Z","category":"api","action":"a","principal":null,"outcome":"success"}"#;

    fn shown(line: &str) -> Vec<String> {
        let show = |piece: Piece<'_>| match piece {
            Piece::Entry { entry, moved } => {
                let id = entry.id.unwrap_or_default();
                let category = entry.category;
                let detail = entry.detail.map(|detail| detail.as_str().to_owned()).unwrap_or_default();
                format!("{id} {category} {detail}{}", if moved { " moved" } else { "" }).trim_end().to_owned()
            }
            Piece::Text(text) => format!("text {}", String::from_utf8_lossy(text)),
        };
        pieces(line.as_bytes()).into_iter().map(show).collect()
    }

    #[test]
    fn merged_objects_are_separated() {
        let two = ONE.replace(r#""id":"1""#, r#""id":"2""#);
        assert_eq!(shown(&format!("{ONE}{two}")), ["1 api", "2 api"]);
        assert_eq!(shown(&format!("{ONE} {two}")), ["1 api", "2 api"]);
    }

    #[test]
    fn a_torn_part_is_kept_and_the_entry_after_it_is_found() {
        let torn = &ONE[..40];
        assert_eq!(shown(&format!("{torn}{ONE}")), [format!("text {torn}"), "1 api".into()]);
        assert_eq!(shown(&format!("{ONE}{torn}")), ["1 api".into(), format!("text {torn}")]);
        assert_eq!(shown("not json"), ["text not json"]);
        assert_eq!(shown(r#"{"some":"object"}"#), [r#"text {"some":"object"}"#]);
        assert_eq!(shown(""), [""; 0]);
    }

    #[test]
    fn an_object_inside_a_torn_entry_is_not_taken_for_an_entry() {
        let line = format!(r#"{{"id":"0","detail":{{"status":200}},"dur{ONE}"#);
        assert_eq!(
            shown(&line),
            [r#"text {"id":"0","detail":{"status":200},"dur"#.to_owned(), "1 api".into()]
        );
    }

    #[test]
    fn unknown_fields_move_into_the_detail_digit_for_digit() {
        let unknown = ONE.replace('}', r#","n":1.00000000000000000001,"m":{"x":1}}"#);
        assert_eq!(shown(&unknown), [r#"1 api {"n":1.00000000000000000001,"m":{"x":1}} moved"#]);
        let object = ONE.replace('}', r#","detail":{"a":1},"n":2}"#);
        assert_eq!(shown(&object), [r#"1 api {"a":1,"n":2} moved"#]);
        let collision = ONE.replace('}', r#","detail":{"n":1},"n":2}"#);
        assert_eq!(shown(&collision), [r#"1 api {"detail":{"n":1},"fields":{"n":2}} moved"#]);
        let scalar = ONE.replace('}', r#","detail":"text","n":2}"#);
        assert_eq!(shown(&scalar), [r#"1 api {"detail":"text","n":2} moved"#]);
    }

    #[test]
    fn values_that_graven_would_not_write_move_too() {
        let foreign = ONE.replace("\"api\"", "\"Some Thing\"").replace("\"2026-01-01T00:00:00Z\"", "12345");
        assert_eq!(shown(&foreign), [r#"1 imported {"timestamp":12345,"category":"Some Thing"} moved"#]);
        let engine = ONE.replace("\"api\"", "\"trail\"");
        assert_eq!(shown(&engine), [r#"1 imported {"category":"trail"} moved"#]);
        let negative = ONE.replace('}', r#","duration_ms":-1}"#);
        assert_eq!(shown(&negative), [r#"1 api {"duration_ms":-1} moved"#]);
    }

    #[test]
    fn doubled_fields_are_kept_as_text() {
        let doubled = ONE.replace('}', r#","x":1,"x":2}"#);
        assert_eq!(shown(&doubled), [format!("text {doubled}")]);
    }

    #[test]
    fn a_deeply_nested_line_is_read_in_linear_time() {
        let deep = r#"{"a":"#.repeat(400_000);
        assert_eq!(shown(&deep), [format!("text {deep}")]);
        let torn = r#"{"id":"0","detail":"#;
        assert_eq!(shown(&format!("{torn}{ONE}")), [format!("text {torn}"), "1 api".into()]);
    }

    #[test]
    fn a_pending_intent_stays_one() {
        let intent = ONE.replace("\"success\"", "\"pending\"").replace('}', r#","phase":"intent","n":1}"#);
        assert_eq!(shown(&intent), [r#"1 api {"n":1} moved"#]);
    }
}

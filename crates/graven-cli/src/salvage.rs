//! Entries from lines that are not quite entries: merged, torn, or with fields that Graven does not know.
//!
//! Nothing is dropped: what cannot be read as an entry comes back as the text that it is.

use std::collections::HashSet;
use std::fmt;

use graven::Entry;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::accept;

/// What a line holds, in its order.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// An entry, and whether some of its fields had to move into its detail.
    Entry(Box<Entry>, bool),
    /// Text that is no entry.
    Text(&'a [u8]),
}

/// Reads a line for all that it holds.
pub(crate) fn pieces(line: &[u8]) -> Vec<Piece<'_>> {
    if let Ok(entry) = accept::entry(line) {
        return vec![Piece::Entry(Box::new(entry), false)];
    }
    let mut pieces = Vec::new();
    let mut text_from = 0;
    let mut at = 0;
    let mut effort = EFFORT * line.len();
    while let Some(brace) = memchr::memchr(b'{', &line[at..]) {
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
        match object.entry() {
            Some((entry, moved)) => {
                push_text(&mut pieces, &line[text_from..start]);
                pieces.push(Piece::Entry(Box::new(entry), moved));
                at = start + length;
                text_from = at;
            }
            // A whole object that is no entry: an entry may still be within it only when the object is torn, and
            // then it would not have been read. One step on, past it.
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

/// How often, at most, a line is read over in search of whole objects: a line that nests without end would otherwise
/// be read once for each of its braces.
const EFFORT: usize = 64;

/// The object that the bytes begin with, and how long it is; or how many bytes had to be read to see that there is none.
fn first_object(bytes: &[u8]) -> Result<(Object<'_>, usize), usize> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>();
    let raw = match values.next() {
        Some(Ok(raw)) => raw,
        // A line has no line ends within: the column is the offset.
        Some(Err(error)) => return Err(error.column()),
        None => return Err(bytes.len()),
    };
    let length = values.byte_offset();
    let object = serde_json::from_str(raw.get()).map_err(|_| length)?;
    Ok((object, length))
}

/// The members of a JSON object, in their order, doubled ones included.
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
    /// The entry that the object is, and whether some of its members had to move into the detail.
    fn entry(&self) -> Option<(Entry, bool)> {
        let mut kept = Vec::new();
        let mut moved = Vec::new();
        let mut detail = None;
        let mut has_category = false;
        for (key, value) in &self.0 {
            if key == "detail" {
                detail = Some(value.get());
            } else if is_good(key, value.get()) {
                has_category |= key == "category";
                kept.push((key.as_str(), value.get()));
            } else {
                moved.push((key.as_str(), value.get()));
            }
        }
        if !has_category {
            kept.push(("category", "\"imported\""));
        }
        let any_moved = !moved.is_empty();
        let detail = if any_moved { Some(merged(detail, &moved)) } else { detail.map(str::to_owned) };
        if let Some(detail) = &detail {
            kept.push(("detail", detail));
        }
        // Without action or outcome, or with doubled members, it is refused here.
        let entry = accept::entry(object(&kept).as_bytes()).ok()?;
        Some((entry, any_moved))
    }
}

/// Whether a member can stand in an entry as it is: whether an entry is good that has it and what is required.
fn is_good(key: &str, value: &str) -> bool {
    let mut members = vec![(key, value)];
    let required = [("category", "\"api\""), ("action", "\"a\""), ("outcome", "\"success\"")];
    members.extend(required.into_iter().filter(|(name, _)| *name != key));
    // An intent is pending, and pending is only an intent: the two are judged together, with the rest.
    if key == "outcome" && value == "\"pending\"" {
        members.push(("phase", "\"intent\""));
    }
    accept::entry(object(&members).as_bytes()).is_ok()
}

/// A detail with the members that had to move into it.
fn merged(detail: Option<&str>, moved: &[(&str, &str)]) -> String {
    let Some(detail) = detail.filter(|detail| *detail != "null") else {
        return object(moved);
    };
    let Ok(Object(inside)) = serde_json::from_str::<Object<'_>>(detail) else {
        // Not an object: it gets a name of its own, which no moved member has.
        return object(&[&[("detail", detail)], moved].concat());
    };
    let inside: Vec<(&str, &str)> = inside.iter().map(|(key, value)| (key.as_str(), value.get())).collect();
    let known: HashSet<&str> = inside.iter().map(|(key, _)| *key).collect();
    if moved.iter().any(|(key, _)| known.contains(key)) {
        return object(&[("detail", detail), ("fields", &object(moved))]);
    }
    object(&[&inside[..], moved].concat())
}

/// An object of these members.
fn object(members: &[(&str, &str)]) -> String {
    let mut text = String::from("{");
    for (place, (key, value)) in members.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&serde_json::to_string(key).expect("a string is always JSON"));
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"id":"1","timestamp":"2026-01-01T00:00:00Z","category":"api","action":"a","principal":null,"outcome":"success"}"#;

    fn told(line: &str) -> Vec<String> {
        let tell = |piece: Piece<'_>| match piece {
            Piece::Entry(entry, moved) => {
                let id = entry.id.unwrap_or_default();
                let category = entry.category;
                let detail = entry.detail.map(|detail| detail.as_str().to_owned()).unwrap_or_default();
                format!("{id} {category} {detail}{}", if moved { " moved" } else { "" }).trim_end().to_owned()
            }
            Piece::Text(text) => format!("text {}", String::from_utf8_lossy(text)),
        };
        pieces(line.as_bytes()).into_iter().map(tell).collect()
    }

    #[test]
    fn merged_objects_are_separated() {
        let two = ONE.replace(r#""id":"1""#, r#""id":"2""#);
        assert_eq!(told(&format!("{ONE}{two}")), ["1 api", "2 api"]);
        assert_eq!(told(&format!("{ONE} {two}")), ["1 api", "2 api"]);
    }

    #[test]
    fn what_is_torn_is_kept_and_what_follows_it_is_found() {
        let torn = &ONE[..40];
        assert_eq!(told(&format!("{torn}{ONE}")), [format!("text {torn}"), "1 api".into()]);
        assert_eq!(told(&format!("{ONE}{torn}")), ["1 api".into(), format!("text {torn}")]);
        assert_eq!(told("not json"), ["text not json"]);
        assert_eq!(told(r#"{"some":"object"}"#), [r#"text {"some":"object"}"#]);
        assert_eq!(told(""), [""; 0]);
    }

    #[test]
    fn an_object_inside_a_torn_entry_is_not_taken_for_an_entry() {
        let line = format!(r#"{{"id":"0","detail":{{"status":200}},"dur{ONE}"#);
        assert_eq!(
            told(&line),
            [r#"text {"id":"0","detail":{"status":200},"dur"#.to_owned(), "1 api".into()]
        );
    }

    #[test]
    fn unknown_fields_move_into_the_detail_digit_for_digit() {
        let unknown = ONE.replace('}', r#","n":1.00000000000000000001,"m":{"x":1}}"#);
        assert_eq!(told(&unknown), [r#"1 api {"n":1.00000000000000000001,"m":{"x":1}} moved"#]);
        let object = ONE.replace('}', r#","detail":{"a":1},"n":2}"#);
        assert_eq!(told(&object), [r#"1 api {"a":1,"n":2} moved"#]);
        let collision = ONE.replace('}', r#","detail":{"n":1},"n":2}"#);
        assert_eq!(told(&collision), [r#"1 api {"detail":{"n":1},"fields":{"n":2}} moved"#]);
        let scalar = ONE.replace('}', r#","detail":"text","n":2}"#);
        assert_eq!(told(&scalar), [r#"1 api {"detail":"text","n":2} moved"#]);
    }

    #[test]
    fn what_graven_would_not_say_so_moves_too() {
        let foreign = ONE.replace("\"api\"", "\"Some Thing\"").replace("\"2026-01-01T00:00:00Z\"", "12345");
        assert_eq!(told(&foreign), [r#"1 imported {"timestamp":12345,"category":"Some Thing"} moved"#]);
        let engine = ONE.replace("\"api\"", "\"trail\"");
        assert_eq!(told(&engine), [r#"1 imported {"category":"trail"} moved"#]);
        let negative = ONE.replace('}', r#","duration_ms":-1}"#);
        assert_eq!(told(&negative), [r#"1 api {"duration_ms":-1} moved"#]);
    }

    #[test]
    fn doubled_fields_are_kept_as_text() {
        let doubled = ONE.replace('}', r#","x":1,"x":2}"#);
        assert_eq!(told(&doubled), [format!("text {doubled}")]);
    }

    #[test]
    fn a_line_that_nests_without_end_is_read_in_linear_time() {
        let deep = r#"{"a":"#.repeat(400_000);
        assert_eq!(told(&deep), [format!("text {deep}")]);
        let torn = r#"{"id":"0","detail":"#;
        assert_eq!(told(&format!("{torn}{ONE}")), [format!("text {torn}"), "1 api".into()]);
    }

    #[test]
    fn a_pending_intent_stays_one() {
        let intent = ONE.replace("\"success\"", "\"pending\"").replace('}', r#","phase":"intent","n":1}"#);
        assert_eq!(told(&intent), [r#"1 api {"n":1} moved"#]);
    }
}

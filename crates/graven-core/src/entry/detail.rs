//! What else there is to say about an action: any JSON, kept as text.
//!
//! A detail that does not fit its line is stored apart, as a blob, and the line has a marker in its place. Only the engine
//! writes markers: a caller's own detail that looks like one (an object with a key `$blob`) is itself stored as a blob, so
//! that a marker in a line always tells the truth.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::EntryError;
use crate::hash::Hash;
use crate::json::string::write_string;
use crate::json::tree::Tree;
use crate::json::{self, Compact, DEPTH_MAX, JsonError};

/// The most characters that are shown of a caller's own error.
const ERROR_SHOWN: usize = 200;

/// Checked JSON text without whitespace outside its strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It may stand in a line.
    Plain,
    /// A caller's own object with a key `$blob`: in a line it would pass for a marker.
    Lookalike,
    /// Read from a line: the detail itself is in a blob.
    Marker(BlobRef),
}

/// Which blob holds a detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlobRef {
    /// The hash of the blob's bytes.
    pub sha256: Hash,
    /// How many there are.
    pub bytes: u64,
}

/// A detail that is to be stored apart from its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The hash of the text.
    pub sha256: Hash,
    /// Compact JSON.
    pub text: String,
}

impl Detail {
    /// Checks and compacts JSON text. Numbers and the escapes in strings stay as they are.
    ///
    /// # Errors
    ///
    /// [`JsonError`], when the text is not one JSON value, or has doubled keys, half a surrogate pair, or too many levels.
    pub fn parse(json: &str) -> Result<Detail, JsonError> {
        json::compact(json).map(Detail::from_compact)
    }

    /// Turns a value into JSON text and checks it, as [`parse`](Detail::parse) does.
    ///
    /// # Errors
    ///
    /// [`EntryError::Serialize`], when the value cannot be written as JSON; [`EntryError::Detail`], when that JSON cannot be kept.
    pub fn from_serialize(value: &(impl Serialize + ?Sized)) -> Result<Detail, EntryError> {
        Detail::of_written(written(value)?).map_err(|(error, _text)| error)
    }

    /// Checks the JSON text that a value was written as. With the error comes the text.
    pub(crate) fn of_written(text: String) -> Result<Detail, (EntryError, String)> {
        let Compact { text: compact, names_blob } = match json::compact(&text) {
            Ok(compact) => compact,
            Err(error) => return Err((error.into(), text)),
        };
        let kind = Kind::own(names_blob);
        // Nearly always it is compact as it is.
        let text = match compact {
            Cow::Borrowed(_) => text,
            Cow::Owned(compact) => compact,
        };
        Ok(Detail { text, kind })
    }

    /// Turns a value into JSON text. This is [`from_serialize`](Detail::from_serialize) without a second look at the text:
    /// what a value prints is compact and has each key once. With the error, of a value that nests too deep, comes the text.
    pub(crate) fn of_value(value: &Value) -> Result<Detail, (EntryError, String)> {
        let text = written(value).map_err(|error| (error, String::new()))?;
        if !nests_at_most(value, DEPTH_MAX) {
            return Detail::of_written(text);
        }
        let names_blob = value.as_object().is_some_and(|members| members.contains_key("$blob"));
        Ok(Detail { text, kind: Kind::own(names_blob) })
    }

    /// A text as a JSON string. It may stand in any line that it fits.
    pub(crate) fn of_text(text: &str) -> Detail {
        let mut json = Vec::new();
        write_string(text, &mut json);
        Detail { text: String::from_utf8(json).expect("strings are UTF-8"), kind: Kind::Plain }
    }

    pub(crate) fn from_compact(compact: Compact<'_>) -> Detail {
        Detail { kind: Kind::own(compact.names_blob), text: compact.text.into_owned() }
    }

    /// The detail of a line that was read. What names a blob there is a marker in our form; otherwise it is `None`, since
    /// we did not write that line.
    pub(crate) fn read_from_line(self) -> Option<Detail> {
        if self.kind != Kind::Lookalike {
            return Some(self);
        }
        let blob = BlobRef::read(&self.text)?;
        Some(Detail { kind: Kind::Marker(blob), ..self })
    }

    /// The JSON text; for a marker, the marker.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the JSON says. Its text was checked before, so it costs less than [`Tree::parse`].
    ///
    /// # Errors
    ///
    /// None, unless a value was made whose text is no JSON after all.
    pub fn tree(&self) -> Result<Tree, JsonError> {
        Tree::of_checked(&self.text)
    }

    /// The blob that holds the detail, when this was read from a line with a marker.
    pub fn blob(&self) -> Option<BlobRef> {
        match self.kind {
            Kind::Marker(blob) => Some(blob),
            Kind::Plain | Kind::Lookalike => None,
        }
    }

    /// Whether it must not stand in a line as it is.
    pub(crate) fn is_lookalike(&self) -> bool {
        self.kind == Kind::Lookalike
    }
}

/// Whether arrays and objects nest no deeper than this. It looks no deeper itself.
fn nests_at_most(value: &Value, levels: usize) -> bool {
    let each = |value| levels > 0 && nests_at_most(value, levels - 1);
    match value {
        Value::Array(values) => levels > 0 && values.iter().all(each),
        Value::Object(members) => levels > 0 && members.values().all(each),
        _ => true,
    }
}

/// Writes a value as JSON text.
pub(crate) fn written(value: &(impl Serialize + ?Sized)) -> Result<String, EntryError> {
    serde_json::to_string(value).map_err(|error| EntryError::Serialize(shown(&error)))
}

/// The error of a caller's own code, in one line of bounded length.
fn shown(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let shown =
        text.chars().take(ERROR_SHOWN).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
    shown.collect()
}

impl Kind {
    fn own(names_blob: bool) -> Kind {
        if names_blob { Kind::Lookalike } else { Kind::Plain }
    }
}

impl BlobRef {
    /// What stands in a line in place of the detail.
    pub(crate) fn marker(&self) -> String {
        format!(r#"{{"$blob":{{"sha256":"{}","bytes":{}}}}}"#, self.sha256.to_hex(), self.bytes)
    }

    /// Reads what [`marker`](BlobRef::marker) writes, and nothing else.
    pub(crate) fn read(marker: &str) -> Option<BlobRef> {
        let inner = marker.strip_prefix(r#"{"$blob":{"sha256":""#)?.strip_suffix("}}")?;
        let (hex, digits) = inner.split_once(r#"","bytes":"#)?;
        let bytes = digits.parse().ok()?;
        // Not `+5` or `05`.
        let as_written = itoa::Buffer::new().format(bytes) == digits;
        as_written.then_some(BlobRef { sha256: hash_from_hex(hex)?, bytes })
    }
}

fn hash_from_hex(hex: &str) -> Option<Hash> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(Hash::from_bytes(bytes))
}

impl Blob {
    /// What an entry's line says of it.
    pub fn reference(&self) -> BlobRef {
        BlobRef { sha256: self.sha256, bytes: self.text.len() as u64 }
    }
}

/// As the JSON that it is; for a marker, the marker.
impl Serialize for Detail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.text).expect("a detail is JSON");
        raw.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cut;
    use super::*;

    #[test]
    fn a_value_is_compacted_once_it_is_text() {
        let raw = RawValue::from_string(r#"{ "a" : 1e400 }"#.into()).unwrap();
        assert_eq!(Detail::from_serialize(&raw).unwrap().as_str(), r#"{"a":1e400}"#);
        assert_eq!(Detail::from_serialize("x\u{2028}\0").unwrap().as_str(), "\"x\u{2028}\\u0000\"");
        let again = Detail::parse("[ 18446744073709551616 ]").unwrap();
        assert_eq!(Detail::from_serialize(&again).unwrap(), again);
    }

    #[test]
    fn a_value_that_is_no_json_is_refused() {
        let keys = std::collections::BTreeMap::from([(vec![1], 2)]);
        assert!(matches!(Detail::from_serialize(&keys), Err(EntryError::Serialize(_))));
        let doubled = RawValue::from_string(r#"{"a":1,"a":2}"#.into()).unwrap();
        assert!(matches!(Detail::from_serialize(&doubled), Err(EntryError::Detail(_))));
    }

    #[test]
    fn a_value_becomes_the_detail_that_its_text_does() {
        let mut deep = serde_json::json!(1);
        for depth in 0..=DEPTH_MAX + 1 {
            let (read, parsed) = (Detail::of_value(&deep), Detail::parse(&deep.to_string()));
            assert_eq!((read.is_ok(), read.ok()), (depth <= DEPTH_MAX, parsed.ok()), "{depth}");
            deep = if depth % 2 == 0 { serde_json::json!([deep]) } else { serde_json::json!({ "a": deep }) };
        }
        for value in [
            serde_json::json!({"b": [1.5e300, -0.0, u64::MAX], "a": "\u{2028}\"\\\u{7f}\u{1}/é"}),
            serde_json::json!({"$blob": {"sha256": "00"}}),
            serde_json::json!({"inner": {"$blob": 1}}),
            serde_json::json!([{"$blob": 1}]),
        ] {
            let read = Detail::of_value(&value).unwrap();
            assert_eq!(read, Detail::parse(&value.to_string()).unwrap());
            assert_eq!(read, Detail::from_serialize(&value).unwrap());
        }
    }

    #[test]
    fn only_the_one_form_of_a_marker_is_one() {
        let blob = cut::blob_of(&Detail::parse("[1,2]").unwrap());
        let marker = blob.reference().marker();
        assert_eq!(BlobRef::read(&marker), Some(blob.reference()));
        for other in [
            marker.replace("\"bytes\":5", "\"bytes\":05"),
            marker.replace("\"bytes\":5", "\"bytes\":+5"),
            marker.replace("$blob", "\\u0024blob"),
            marker.replace("}}", ",\"x\":1}}"),
            marker.to_uppercase(),
            format!("{marker} "),
        ] {
            assert_eq!(BlobRef::read(&other), None, "{other}");
        }
    }
}

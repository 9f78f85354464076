//! The readers of `graven import`: nothing of a damaged file is dropped, and every entry read from it can be recorded.
//!
//! The first two bytes are the longest line and the bytes of one read; the rest is the file.

#![no_main]

use std::io::Read;
use std::sync::LazyLock;

use chrono::DateTime;
use graven::{Entry, Redaction, Redactor};
use graven_core::intake::BLOB_BYTES_MAX;
use graven_core::lines::{self, LineChunks, Lines};
use graven_core::salvage::{self, Decoded, Encoding, Piece, Reading};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;

/// Made once, because it compiles its rules.
static REDACTOR: LazyLock<Redactor> =
    LazyLock::new(|| Redactor::new(Redaction::default()).expect("the built-in rules are good"));

fuzz_target!(|data: &[u8]| {
    let Some(([longest, read], file)) = data.split_first_chunk() else { return };
    let mut chunks = LineChunks::new(Slow(file, usize::from(*read) + 1), 8 * usize::from(*longest));
    let mut reading = Reading::of("fuzz".into(), |text| REDACTOR.text(text));
    let mut buffer = Vec::new();
    let mut rejoined = Vec::new();
    while let Some(lines) = chunks.next(&mut buffer).expect("memory can be read") {
        rejoined.extend_from_slice(&buffer);
        match lines {
            Lines::Whole => lines::split(&buffer).for_each(nothing_is_dropped),
            Lines::Piece { last: false } => {}
            Lines::Piece { last: true } => rejoined.push(b'\n'),
        }
        reading.chunk(&buffer, lines).into_iter().for_each(|entry| drop(stored(entry)));
    }
    reading.finish().into_iter().for_each(|entry| drop(stored(entry)));
    decode(file);
    // A last line without a newline may now have one.
    let whole = rejoined == file || rejoined.strip_suffix(b"\n") == Some(file);
    assert!(whole, "every byte is in a chunk");
});

/// UTF-16 becomes the same text, whatever one read returns, and other files stay as they are.
fn decode(file: &[u8]) {
    let read = |bytes: usize| {
        let mut decoded = Decoded::new(Slow(file, bytes)).expect("memory can be read");
        let mut text = Vec::new();
        decoded.read_to_end(&mut text).expect("memory can be read");
        (decoded.encoding(), text)
    };
    let (encoding, text) = read(file.len().max(1));
    assert_eq!(read(1), (encoding, text.clone()));
    let big = match encoding {
        Encoding::Utf16Be => true,
        Encoding::Utf16Le => false,
        _ => return assert_eq!(text, file),
    };
    // What is text becomes the same units again.
    if let (Ok(text), 0) = (String::from_utf8(text), file.len() % 2) {
        let units =
            text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() });
        assert!(file.ends_with(&units.collect::<Vec<u8>>()));
    }
}

/// A file that returns a few bytes for each read.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

/// The line of an entry as the trail will store it, and its whole detail.
fn stored(mut entry: Entry) -> (Value, Value) {
    entry.check().expect("the trail takes what import makes");
    entry.id.get_or_insert_with(|| "made".into());
    entry.timestamp.get_or_insert(DateTime::UNIX_EPOCH);
    let mut line = Vec::new();
    entry.append_line(BLOB_BYTES_MAX, &mut line).expect("the trail takes what import makes");
    let detail = entry.detail.map(|detail| serde_json::from_str(detail.as_str()).unwrap_or_default());
    (serde_json::from_slice(&line).unwrap_or_default(), detail.unwrap_or_default())
}

/// Everything in a line is kept: each text unchanged, each member of each object. Only white space may be left out.
fn nothing_is_dropped(line: &[u8]) {
    let mut rest = line;
    let mut pieces = salvage::pieces(line).into_iter();
    while !rest.trim_ascii().is_empty() {
        match pieces.next().expect("the rest of the line is in a piece") {
            Piece::Text(text) => {
                let skipped = text.as_ptr() as usize - rest.as_ptr() as usize;
                assert!(rest[..skipped].trim_ascii().is_empty(), "only white space stands between pieces");
                rest = &rest[skipped + text.len()..];
            }
            Piece::Entry { entry, .. } => {
                rest = rest.trim_ascii_start();
                let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<&RawValue>();
                let object = values.next().expect("an entry was here").expect("it was an object");
                let end = values.byte_offset();
                // Numbers that are too large for a float cannot be compared this way.
                if let Ok(Value::Object(members)) = serde_json::from_str(object.get()) {
                    let (line, detail) = stored(*entry);
                    members.into_iter().for_each(|(key, value)| is_kept(&key, value, &line, &detail));
                }
                rest = &rest[end..];
            }
        }
    }
    assert!(pieces.next().is_none(), "no piece after the end of the line");
}

/// Checks that a member of an object is in the entry.
fn is_kept(key: &str, value: Value, line: &Value, detail: &Value) {
    let value = match (key, value) {
        // An optional member that is null is absent. A time is kept as the moment that it is, rounded.
        (_, Value::Null) | ("timestamp" | "received_at", Value::String(_) | Value::Number(_)) => return,
        ("on_behalf_of", Value::Array(nobody)) if nobody.is_empty() => return,
        ("source" | "agent" | "approval", Value::Object(mut members)) if line.get(key).is_some() => {
            members.retain(|_, value| !value.is_null());
            Value::Object(members)
        }
        (_, value) => value,
    };
    let holds = |object: &Value| object.get(key) == Some(&value);
    let among = |(name, value): (&String, &Value)| detail.get(name) == Some(value);
    let kept = match key {
        "detail" => {
            *detail == value || holds(detail) || value.as_object().is_some_and(|all| all.iter().all(among))
        }
        _ => holds(line) || holds(detail) || detail.get("fields").is_some_and(holds),
    };
    assert!(
        kept || line.is_null() || detail.is_null() && line.get("detail").is_some(),
        "{key}: {value} is lost"
    );
}

//! The readers of other programs' formats: wherever the reads end, the same entries come out, every one can be recorded,
//! and each event is whole in what it becomes.
//!
//! The first byte is the format, or one of the two requests of OTLP in protobuf; the second the bytes of one read; the rest
//! is the file.

#![no_main]

use std::collections::HashSet;

use chrono::DateTime;
use graven_core::intake::BLOB_BYTES_MAX;
use graven_core::lines;
use graven_formats::otlp::{Encoding, Signal, decode};
use graven_formats::{Event, Format, Mapper, Splitter, Unit, cloudevent_of_headers, guess};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// The requests in protobuf come behind the formats.
const SIGNALS: [Signal; 2] = [Signal::Logs, Signal::Traces];

fuzz_target!(|data: &[u8]| {
    let Some(([format, read], file)) = data.split_first_chunk() else { return };
    let number = usize::from(*format) % (Format::ALL.len() + SIGNALS.len());
    let Some(format) = Format::ALL.get(number).copied() else {
        return protobuf(SIGNALS[number - Format::ALL.len()], file);
    };
    // Whatever it says, it does not panic.
    let _guessed = guess(file);
    let whole = read_in(format, file, file.len());
    assert_eq!(whole, read_in(format, file, usize::from(*read)));
    whole.into_iter().for_each(recorded);
    if format == Format::CloudEvents {
        let headers = [("ce-specversion", &b"1.0"[..]), ("ce-id", file), ("ce-source", b"/s"), ("ce-type", b"t")];
        recorded(cloudevent_of_headers(headers, str::from_utf8(file).ok(), file));
    }
    if format == Format::Otlp && serde_json::from_slice::<Value>(file).is_ok_and(|file| file.is_object()) {
        let events = decode(Signal::Logs, Encoding::Json, file).expect("nothing is refused for what it says");
        are_whole(file, &events);
        events.into_iter().for_each(recorded);
    }
});

fn protobuf(signal: Signal, file: &[u8]) {
    let Ok(events) = decode(signal, Encoding::Protobuf, file) else { return };
    let ids: HashSet<_> = events.iter().map(|event| event.entry.id.clone()).collect();
    assert_eq!(ids.len(), events.len());
    events.into_iter().for_each(recorded);
}

fn read_in(format: Format, file: &[u8], bytes: usize) -> Vec<Event> {
    let (mut splitter, mut mapper) = (Splitter::new(format.form()), Mapper::new(format));
    let mut events = Vec::new();
    let mut each = |unit: Unit<'_>| match unit {
        Unit::Event { json, .. } => {
            let before = events.len();
            if mapper.event(json, &mut events) {
                match format {
                    Format::Otlp => are_whole(json, &events[before..]),
                    _ => is_whole(json, &events[before]),
                }
            }
        }
        Unit::Lines { text, .. } => {
            // A text that is no event is for the caller to keep.
            lines::split(text).for_each(|line| {
                mapper.event(line, &mut events);
            });
        }
        Unit::Piece { .. } => {}
    };
    file.chunks(bytes.max(1)).for_each(|bytes| splitter.push(bytes, &mut each));
    splitter.finish(&mut each);
    mapper.finish(&mut events);
    events
}

/// The first entry of an event has all of it.
fn is_whole(json: &[u8], event: &Event) {
    let told = detail(event);
    match told {
        Value::String(text) => assert_eq!(text.as_bytes(), json),
        // Numbers that are too large for a float cannot be compared this way.
        told => assert!(told.is_null() || told == serde_json::from_slice::<Value>(json).unwrap_or_default()),
    }
}

/// The entries of a request have every text and number of it, if not in the same form.
fn are_whole(json: &[u8], events: &[Event]) {
    let (mut said, mut told) = (HashSet::new(), HashSet::new());
    values(&serde_json::from_slice(json).unwrap_or_default(), false, &mut said);
    for event in events {
        match detail(event) {
            Value::String(text) if text.as_bytes() == json => return,
            // A number in it is too large for a float.
            Value::Null => return,
            detail => values(&detail, true, &mut told),
        }
    }
    let lost: Vec<&String> = said.difference(&told).collect();
    assert!(lost.is_empty(), "{lost:?} of {}", String::from_utf8_lossy(json));
}

/// What a value says, without its form: a number may be in a string, and a text may be a key.
fn values(value: &Value, with_keys: bool, found: &mut HashSet<String>) {
    match value {
        Value::String(text) if !text.is_empty() => drop(found.insert(text.clone())),
        Value::Number(number) => drop(found.insert(number.to_string())),
        Value::Array(inner) => inner.iter().for_each(|value| values(value, with_keys, found)),
        Value::Object(inner) => {
            for (key, value) in inner {
                if with_keys {
                    found.insert(key.clone());
                }
                values(value, with_keys, found);
            }
        }
        _ => {}
    }
}

fn detail(event: &Event) -> Value {
    let detail = event.entry.detail.as_ref().expect("the event");
    serde_json::from_str(detail.as_str()).unwrap_or_default()
}

/// A trail takes the entry.
fn recorded(event: Event) {
    let mut entry = event.entry;
    entry.check().expect("a trail takes what is mapped");
    if entry.id.as_ref().is_none_or(String::is_empty) {
        entry.id = Some("made".into());
    }
    entry.timestamp.get_or_insert(DateTime::UNIX_EPOCH);
    entry.append_line(BLOB_BYTES_MAX, &mut Vec::new()).expect("a trail takes what is mapped");
}

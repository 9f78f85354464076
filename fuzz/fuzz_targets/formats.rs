//! The readers of other programs' formats: wherever the reads end, the same entries come out, every one can be recorded,
//! and each event is whole in one of them.
//!
//! The first byte is the format, the second the bytes of one read; the rest is the file.

#![no_main]

use chrono::DateTime;
use graven_core::intake::BLOB_BYTES_MAX;
use graven_core::lines;
use graven_formats::{Event, Format, Mapper, Splitter, Unit, cloudevent_of_headers, guess};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Some(([format, read], file)) = data.split_first_chunk() else { return };
    let format = Format::ALL[usize::from(*format) % Format::ALL.len()];
    // Whatever it says, it does not panic.
    let _guessed = guess(file);
    let whole = read_in(format, file, file.len());
    assert_eq!(whole, read_in(format, file, usize::from(*read)));
    whole.into_iter().for_each(recorded);
    if format == Format::CloudEvents {
        let headers = [("ce-specversion", &b"1.0"[..]), ("ce-id", file), ("ce-source", b"/s"), ("ce-type", b"t")];
        recorded(cloudevent_of_headers(headers, str::from_utf8(file).ok(), file));
    }
});

fn read_in(format: Format, file: &[u8], bytes: usize) -> Vec<Event> {
    let (mut splitter, mut mapper) = (Splitter::new(format.form()), Mapper::new(format));
    let mut events = Vec::new();
    let mut each = |unit: Unit<'_>| match unit {
        Unit::Event { json, .. } => {
            let before = events.len();
            if mapper.event(json, &mut events) {
                is_whole(json, &events[before]);
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
    let detail = event.entry.detail.as_ref().expect("the event");
    let told: Value = serde_json::from_str(detail.as_str()).unwrap_or_default();
    match told {
        Value::String(text) => assert_eq!(text.as_bytes(), json),
        // Numbers that are too large for a float cannot be compared this way.
        told => assert!(told.is_null() || told == serde_json::from_slice::<Value>(json).unwrap_or_default()),
    }
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

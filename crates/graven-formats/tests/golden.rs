//! Files of each format, made after the published examples, and the entries that they become.
//!
//! With `GRAVEN_GOLDEN=write` the expected files are written anew: look at what changed.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and reads files of its own"
)]

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use chrono::DateTime;
use graven_core::intake::BLOB_BYTES_MAX;
use graven_core::lines;
use graven_formats::{Event, Format, Mapper, Splitter, Unit, Unmapped, guess};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/testdata").join(name)
}

fn file(format: Format) -> Vec<u8> {
    let ending = if format == Format::Auditd { "log" } else { "json" };
    fs::read(path(&format!("{format}.{ending}"))).unwrap()
}

/// What a file becomes in reads of this many bytes: entries, and `None` for a text that is for the caller to keep.
fn mapped(format: Format, file: &[u8], read: usize) -> Vec<Option<Event>> {
    let (mut mapper, mut splitter) = (Mapper::new(format), Splitter::new(format.form()));
    let mut told = Vec::new();
    let mut take = |event: &[u8]| {
        let mut events = Vec::new();
        let is_event = mapper.event(event, &mut events);
        told.extend(events.into_iter().map(Some));
        if !is_event {
            told.push(None);
        }
    };
    let mut each = |unit: Unit<'_>| match unit {
        Unit::Event { json, .. } => take(json),
        Unit::Lines { text, .. } => lines::split(text).for_each(&mut take),
        Unit::Piece { .. } => panic!("nothing here is that long"),
    };
    file.chunks(read).for_each(|bytes| splitter.push(bytes, &mut each));
    splitter.finish(&mut each);
    let mut rest = Vec::new();
    mapper.finish(&mut rest);
    told.extend(rest.into_iter().map(Some));
    told
}

/// The lines as they are stored, with marks in the place of what a trail would make.
fn shown(told: &[Option<Event>]) -> String {
    let mut text = String::new();
    for event in told {
        let Some(Event { entry, unmapped, .. }) = event else {
            text.push_str("not an event\n");
            continue;
        };
        let mut entry = entry.clone();
        entry.check().unwrap();
        entry.id.get_or_insert_with(|| "none".into());
        entry.timestamp.get_or_insert(DateTime::UNIX_EPOCH);
        let mut line = Vec::new();
        assert_eq!(entry.append_line(BLOB_BYTES_MAX, &mut line), Ok(None));
        let why = unmapped.map_or("", Unmapped::as_str);
        writeln!(text, "{why}{}", String::from_utf8(line).unwrap().trim_end()).unwrap();
    }
    text
}

fn check(format: Format) {
    let file = file(format);
    assert_eq!(guess(&file), Some(format));
    let told = mapped(format, &file, file.len());
    assert_eq!(told, mapped(format, &file, 7));
    let (shown, expected) = (shown(&told), path(&format!("{format}.entries")));
    if std::env::var_os("GRAVEN_GOLDEN").is_some_and(|value| value == "write") {
        fs::write(&expected, &shown).unwrap();
    }
    let expected = fs::read_to_string(&expected).unwrap();
    for (number, (shown, expected)) in (1..).zip(shown.lines().zip(expected.lines())) {
        assert_eq!(shown, expected, "entry {number} of {format}");
    }
    assert_eq!(shown, expected);
}

macro_rules! golden {
    ($($name:ident $format:ident),* $(,)?) => {
        $(#[test] fn $name() { check(Format::$format) })*
    };
}

golden! {
    cloudtrail CloudTrail,
    kubernetes Kubernetes,
    cloudevents CloudEvents,
    vault Vault,
    github GitHub,
    auditd Auditd,
    otlp Otlp,
    claude_code ClaudeCode,
    codex Codex,
}

/// Every format with every file: what is of another kind is kept whole, and nothing panics.
#[test]
fn what_is_of_another_kind_is_kept_whole() {
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Auditd) {
        for other in Format::ALL.into_iter().filter(|other| ![format, Format::Auditd].contains(other)) {
            let told = mapped(format, &file(other), 4096);
            let details = told.iter().flatten().map(|event| event.entry.detail.as_ref().unwrap().as_str());
            assert!(details.map(str::len).sum::<usize>() > 200, "{other} as {format}");
        }
        assert!(mapped(format, &file(Format::Auditd), 4096).iter().all(Option::is_none));
    }
}

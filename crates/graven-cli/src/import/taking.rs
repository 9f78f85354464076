//! Turns the text of a file into entries, and drops nothing of it.
//!
//! What comes out after some bytes depends on those bytes alone: so an import that was interrupted can find its place
//! again by reading them once more.

use std::borrow::Cow;
use std::collections::BTreeMap;

use graven::Entry;
use graven_core::lines::{self, Lines};
use graven_core::salvage::Reading;
use graven_formats::{Event, Form, Format, Mapper, Splitter, Unit, Unmapped};
use serde::Serialize;

/// What became of events in the format of another program.
#[derive(Debug, Default, Serialize)]
pub(super) struct Told {
    /// Entries that were made of events.
    pub(super) events: u64,
    /// Those of them that have no time of their own: theirs is that of the import.
    pub(super) without_time: u64,
    /// Events that were kept whole and not mapped, by the reason.
    pub(super) unmapped: BTreeMap<&'static str, u64>,
}

/// Reads one file.
pub(super) struct Taking<R> {
    splitter: Splitter,
    /// `None` for entries of Graven.
    mapper: Option<Mapper>,
    texts: Texts<R>,
    told: Told,
    /// The name of the import, which is part of the ids of entries that have none.
    run: String,
    /// How many entries came out.
    number: u64,
    /// How many lines and which of these were before those that count.
    skipped_lines: u64,
}

/// Keeps what is not an event.
struct Texts<R> {
    reading: Reading<R>,
    /// Whether the file is one of another program, so that texts are only here and there.
    are_rare: bool,
    in_pieces: bool,
}

impl<R: for<'t> Fn(&'t str) -> Cow<'t, str>> Taking<R> {
    /// Begins with a file of a format; without one, of entries.
    pub(super) fn new(format: Option<Format>, run: String, reading: Reading<R>) -> Taking<R> {
        Taking {
            splitter: Splitter::new(format.map_or(Form::Lines, Format::form)),
            mapper: format.map(Mapper::new),
            texts: Texts { reading, are_rare: format.is_some(), in_pieces: false },
            told: Told::default(),
            run,
            number: 0,
            skipped_lines: 0,
        }
    }

    /// Goes on with these bytes of the text.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Entry> {
        let Taking { splitter, mapper, texts, told, .. } = self;
        let mut entries = Vec::new();
        splitter.push(bytes, &mut |unit| take(unit, mapper.as_mut(), texts, told, &mut entries));
        self.named(entries, "")
    }

    /// The text has ended.
    pub(super) fn finish(&mut self) -> Vec<Entry> {
        let Taking { splitter, mapper, texts, told, .. } = self;
        let mut entries = Vec::new();
        splitter.finish(&mut |unit| take(unit, mapper.as_mut(), texts, told, &mut entries));
        entries.extend(texts.reading.finish());
        if let Some(mapper) = mapper {
            let mut events = Vec::new();
            mapper.finish(&mut events);
            entries.extend(events.into_iter().map(|event| counted(event, told)));
        }
        // Were the file longer, something else could stand in this place.
        self.named(entries, ":end")
    }

    /// Gives an id to each entry that has none: by it an interrupted import knows what it has recorded.
    fn named(&mut self, mut entries: Vec<Entry>, end: &str) -> Vec<Entry> {
        for entry in &mut entries {
            self.number += 1;
            if entry.id.is_none() {
                entry.id = Some(format!("import:{}:{}{end}", self.run, self.number));
            }
        }
        entries
    }

    /// Forgets what was counted: it was imported before.
    pub(super) fn count_from_here(&mut self) {
        let before = std::mem::take(&mut self.texts.reading.found);
        // It also numbers the lines.
        self.texts.reading.found.lines = before.lines;
        self.told = Told::default();
        self.skipped_lines = self.splitter.lines();
    }

    /// How many lines of the file were read.
    pub(super) fn lines(&self) -> u64 {
        self.splitter.lines()
    }

    /// How many entries came out, also of what does not count.
    pub(super) fn entries(&self) -> u64 {
        self.number
    }

    /// What was found.
    pub(super) fn into_told(self) -> (graven_core::salvage::Found, Told) {
        let mut found = self.texts.reading.found;
        found.lines = self.splitter.lines() - self.skipped_lines;
        (found, self.told)
    }
}

fn take<R: for<'t> Fn(&'t str) -> Cow<'t, str>>(
    unit: Unit<'_>,
    mapper: Option<&mut Mapper>,
    texts: &mut Texts<R>,
    told: &mut Told,
    entries: &mut Vec<Entry>,
) {
    match (unit, mapper) {
        (Unit::Event { json, line }, Some(mapper)) => event(mapper, json, line, texts, told, entries),
        (Unit::Lines { text, line }, Some(mapper)) => {
            (line..)
                .zip(lines::split(text))
                .for_each(|(line, text)| event(mapper, text, line, texts, told, entries));
        }
        (Unit::Event { json: text, line } | Unit::Lines { text, line }, None) => {
            entries.extend(texts.keep(text, line, Lines::Whole));
        }
        (Unit::Piece { text, line, last }, _) => {
            entries.extend(texts.keep(text, line, Lines::Piece { last }))
        }
    }
}

/// An event, or else a text.
fn event<R: for<'t> Fn(&'t str) -> Cow<'t, str>>(
    mapper: &mut Mapper,
    text: &[u8],
    line: u64,
    texts: &mut Texts<R>,
    told: &mut Told,
    entries: &mut Vec<Entry>,
) {
    let mut events = Vec::new();
    let is_event = mapper.event(text, &mut events);
    if !events.is_empty() || is_event {
        entries.extend(texts.reading.finish());
    }
    entries.extend(events.into_iter().map(|event| counted(event, told)));
    if !is_event {
        entries.extend(texts.keep(text, line, Lines::Whole));
    }
}

fn counted(event: Event, told: &mut Told) -> Entry {
    told.events += 1;
    match event.unmapped.map(Unmapped::as_str) {
        Some(why) => *told.unmapped.entry(why).or_default() += 1,
        None => told.without_time += u64::from(event.entry.timestamp.is_none()),
    }
    event.entry
}

impl<R: for<'t> Fn(&'t str) -> Cow<'t, str>> Texts<R> {
    fn keep(&mut self, text: &[u8], line: u64, lines: Lines) -> Vec<Entry> {
        if self.are_rare && !self.in_pieces {
            self.reading.found.lines = line - 1;
        }
        self.in_pieces = lines == Lines::Piece { last: false };
        self.reading.chunk(text, lines)
    }
}

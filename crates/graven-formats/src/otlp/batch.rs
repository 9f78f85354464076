//! The events of one request, as they are made.

use graven_core::entry::Detail;
use graven_core::hash::{hex, sha256};

use super::convention::{self, Origin};
use super::write::{self, Object, Out};
use super::{DecodeError, RECORDS_MAX, Signal};
use crate::event::{Event, Unmapped};
use crate::json::Json;

/// A resource or a scope of at most this many bytes is copied into each of its records.
const COPY_BYTES_MAX: usize = 16 << 10;

/// How many bytes of such copies one request may make. What is more stands in the first record only, and the others name
/// it: else a request of one large resource and many small records would take many times its size.
const COPIES_BYTES_MAX: usize = 32 << 20;

/// How a detail begins.
const BEGINNING: &[u8] = br#"{"record":"#;

/// The events so far.
pub(super) struct Batch {
    /// The SHA-256 of the request, in hex digits.
    digest: String,
    events: Vec<Event>,
    /// How many bytes of resources and scopes were copied.
    copied: usize,
    text: Out,
}

/// What several records have in common: a resource, or a scope.
pub(super) struct Part {
    /// Its name in a detail.
    name: &'static str,
    /// Members of the detail.
    members: Out,
    /// The id of the first entry that has it.
    first: Option<String>,
}

impl Part {
    pub(super) fn new(name: &'static str, members: Out) -> Part {
        Part { name, members, first: None }
    }
}

impl Batch {
    pub(super) fn new(request: &[u8]) -> Batch {
        Batch { digest: hex(sha256(request).as_bytes()), events: Vec::new(), copied: 0, text: Out::new() }
    }

    pub(super) fn into_events(self) -> Vec<Event> {
        self.events
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.events.len()
    }

    fn next_id(&self) -> Result<String, DecodeError> {
        if self.events.len() == RECORDS_MAX {
            return Err(DecodeError::TooManyRecords);
        }
        Ok(format!("otlp:{}:{}", self.digest, self.events.len()))
    }

    /// Adds a record, which `write` writes as an object.
    pub(super) fn record(
        &mut self,
        signal: Signal,
        write: impl FnOnce(&mut Out),
        parts: [&mut Part; 2],
        origin: &Origin,
    ) -> Result<(), DecodeError> {
        let id = self.next_id()?;
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        text.extend_from_slice(BEGINNING);
        write(&mut text);
        let record_end = text.len();
        for part in parts {
            self.put(part, &id, &mut text);
        }
        text.push(b'}');
        let json = str::from_utf8(&text).expect("it was written from texts");
        let mut event = match Detail::parse(json) {
            Ok(whole) => {
                // It was written without white space, so it is the same text.
                let record = Json::of(&whole).part(BEGINNING.len()..record_end);
                Event::mapped(convention::entry(signal, record, origin), whole)
            }
            Err(_) => Event::unmapped(Err(json), Unmapped::NotKept),
        };
        event.entry.id = Some(id);
        self.events.push(event);
        self.text = text;
        Ok(())
    }

    /// Writes a part into a detail, or where it stands.
    fn put(&mut self, part: &mut Part, id: &str, text: &mut Out) {
        if part.members.is_empty() {
            return;
        }
        let bytes = part.members.len();
        let is_copied = bytes <= COPY_BYTES_MAX && self.copied + bytes <= COPIES_BYTES_MAX;
        text.push(b',');
        match &part.first {
            Some(first) if !is_copied => {
                write::string(part.name, text);
                text.extend_from_slice(br#":{"in":"#);
                write::string(first, text);
                text.push(b'}');
            }
            Some(_) => {
                self.copied += bytes;
                text.extend_from_slice(&part.members);
            }
            None => {
                part.first = Some(id.to_owned());
                text.extend_from_slice(&part.members);
            }
        }
    }

    /// Adds what no record has: a resource or a scope without any.
    pub(super) fn keep_unused(&mut self, part: &Part) -> Result<(), DecodeError> {
        if part.first.is_some() || part.members.is_empty() {
            return Ok(());
        }
        let text = [b"{", &*part.members, b"}"].concat();
        self.keep_text(text)
    }

    /// Adds what is no record, as it is.
    pub(super) fn keep(&mut self, whole: Result<Detail, &str>, why: Unmapped) -> Result<(), DecodeError> {
        let id = self.next_id()?;
        let mut event = Event::unmapped(whole, why);
        event.entry.id = Some(id);
        self.events.push(event);
        Ok(())
    }

    /// Adds a part of another kind, by its name in the request.
    pub(super) fn keep_other(&mut self, name: &str, value: impl FnOnce(&mut Out)) -> Result<(), DecodeError> {
        let mut text = Out::new();
        Object::new(&mut text).member(name, value).end();
        self.keep_text(text)
    }

    fn keep_text(&mut self, text: Out) -> Result<(), DecodeError> {
        let text = String::from_utf8(text).expect("it was written from texts");
        match Detail::parse(&text) {
            Ok(whole) => self.keep(Ok(whole), Unmapped::OtherKind),
            Err(_) => self.keep(Err(&text), Unmapped::NotKept),
        }
    }
}

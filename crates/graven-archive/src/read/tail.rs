//! The entries that are in no closed segment yet: fetched from the objects of the heads, into a temporary file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use graven_core::tile::ENTRY_BYTES_MAX;
use graven_core::verdict::{Finding, Verdict};
use memchr::memchr_iter;

use super::found::Found;
use super::segment::{Placed, Segment};
use crate::error::ArchiveError;
use crate::names::{Names, Span};
use crate::packed::{unpack, unpack_frame};
use crate::store::{Store, if_there};

/// How many objects are fetched at a time.
const OBJECTS_AT_ONCE: usize = 32;

/// The largest list of objects that is read.
const LIST_BYTES_MAX: usize = 1 << 20;

/// The most bytes of frames that are fetched at a time of an object that is a whole segment.
const FRAMES_AT_ONCE: u64 = 4 << 20;

/// The entries of one head, and the epoch that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OfHead {
    pub(super) epoch: u64,
    pub(super) span: Span,
    /// Whether the head before it was read. Without, the objects have another range in their names.
    pub(super) exact: bool,
}

/// The lines, in a file that has no name and is gone with the process.
#[derive(Debug)]
pub(super) struct Tail {
    file: File,
    pub(super) bytes: u64,
    /// The index of the first entry, and of the one after the last.
    pub(super) first: u64,
    pub(super) end: u64,
    parts: Vec<Part>,
    /// Whether some of them could not be had.
    pub(super) has_holes: bool,
}

/// What came from one object.
#[derive(Debug)]
struct Part {
    first: u64,
    at: u64,
    object: String,
}

impl Tail {
    /// Fetches the entries from `first` on. `heads` has those of each head, in order, without holes.
    pub(super) fn fetch(
        (store, names): (&dyn Store, &Names),
        first: u64,
        heads: &[OfHead],
        found: Option<&Arc<Found>>,
    ) -> Result<Tail, ArchiveError> {
        let file = tempfile::tempfile().map_err(unwritable)?;
        let heads: Vec<OfHead> = heads.iter().copied().filter(|head| head.span.end > first).collect();
        let mut filling = Filling {
            store,
            names,
            found,
            tail: Tail { file, bytes: 0, first, end: first, parts: Vec::new(), has_holes: false },
        };
        for some in heads.chunks(OBJECTS_AT_ONCE) {
            let object = |head: &OfHead| names.tail(head.epoch, head.span);
            let answers = store.read_all(some.iter().map(object).collect());
            for (head, answer) in some.iter().zip(answers) {
                match if_there(answer)? {
                    Some(bytes) => filling.add(&object(head), head.span, &bytes)?,
                    None => filling.add_listed(*head)?,
                }
            }
        }
        Ok(filling.tail)
    }

    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        self.file.read_at(&mut buffer[..wanted], offset)
    }

    /// The objects that have some of these entries, each with those that it has.
    pub(super) fn objects(&self, span: Span) -> Vec<(Span, &str)> {
        let ends = self.parts.iter().skip(1).map(|part| part.first).chain([self.end]);
        let parts = self.parts.iter().zip(ends).filter_map(|(part, end)| {
            let span = Span { first: part.first.max(span.first), end: end.min(span.end) };
            (span.first < span.end).then_some((span, part.object.as_str()))
        });
        parts.collect()
    }

    /// The part that has a line, or the last one: the number of its first line, where it begins, and its object.
    pub(super) fn part_of(&self, line: u64) -> Option<(u64, u64, &str)> {
        let after = self.parts.partition_point(|part| part.first <= self.first.saturating_add(line));
        let part = &self.parts[after.checked_sub(1)?];
        Some((part.first - self.first, part.at, &part.object))
    }
}

fn unwritable(error: io::Error) -> ArchiveError {
    ArchiveError::unavailable("cannot keep entries in a temporary file", error)
}

struct Filling<'a> {
    store: &'a dyn Store,
    names: &'a Names,
    found: Option<&'a Arc<Found>>,
    tail: Tail,
}

impl Filling<'_> {
    /// Adds an object that has the entries of this range.
    fn add(&mut self, object: &str, span: Span, bytes: &Bytes) -> Result<(), ArchiveError> {
        // More than that no object of this many entries has.
        let most = span.entries().saturating_mul(ENTRY_BYTES_MAX as u64 + 1);
        let lines = unpack(bytes, most);
        let count = |lines: &[u8]| memchr_iter(b'\n', lines).count() as u64;
        match lines {
            Ok(lines) if count(&lines) == span.entries() && lines.ends_with(b"\n") => {
                self.append(object, span, &lines)
            }
            Ok(lines) => {
                let why = format!("it has {} entries, and not those of its name", count(&lines));
                self.lost(object, span, Verdict::Altered, &why)
            }
            Err(error) => {
                self.lost(object, span, Verdict::Altered, &format!("it cannot be unpacked: {error}"))
            }
        }
    }

    /// Adds the objects in which the entries of a head are, where they are in more than one.
    fn add_listed(&mut self, head: OfHead) -> Result<(), ArchiveError> {
        let name = self.names.parts(head.epoch, head.span);
        let Some(bytes) = if_there(self.store.read(&name))? else {
            if let Some(objects) = self.by_listing(head)? {
                if let Some(found) = self.found.filter(|_| head.exact) {
                    let why = "this list of the objects that have the entries of a head is missing";
                    let finding =
                        Finding::new(Verdict::Missing, why).range(head.span.first, head.span.end - 1);
                    found.add(finding.file(self.store.address(&name)));
                }
                return self.add_objects(objects);
            }
            let object = self.names.tail(head.epoch, head.span);
            let why = "the entries of a head are missing: neither this object, nor a list of others, nor a closed \
                       segment has them";
            return self.lost(&object, head.span, Verdict::Missing, why);
        };
        let objects = match self.listed(&bytes, head.span) {
            Ok(objects) => objects,
            Err(why) => return self.lost(&name, head.span, Verdict::Altered, &why),
        };
        self.add_objects(objects)
    }

    /// The objects that have the entries of a head, where the list of them is gone, or the head before it is damaged: only a
    /// verification looks for them, and only a listing names them.
    fn by_listing(&self, head: OfHead) -> Result<Option<Vec<(String, Span)>>, ArchiveError> {
        if self.found.is_none() {
            return Ok(None);
        }
        let listed = self.store.list(&self.names.tail_folder(head.epoch))?;
        let mut spans: Vec<(Span, String)> = listed
            .into_iter()
            .filter_map(|listed| Some((self.names.packed_span(&listed.name)?, listed.name)))
            .filter(|(span, _)| span.first >= head.span.first && span.end <= head.span.end)
            .collect();
        spans.sort();
        let (mut next, mut objects) = (head.span.first, Vec::new());
        for (span, name) in spans {
            if span.first == next {
                next = span.end;
                objects.push((name, span));
            }
        }
        Ok((next == head.span.end).then_some(objects))
    }

    fn add_objects(&mut self, objects: Vec<(String, Span)>) -> Result<(), ArchiveError> {
        for (object, span) in objects {
            if span.end <= self.tail.first {
                continue;
            }
            if object.contains("/segments/") {
                self.add_segment(&object, span)?;
                continue;
            }
            match if_there(self.store.read(&object))? {
                Some(bytes) => self.add(&object, span, &bytes)?,
                None => self.lost(&object, span, Verdict::Missing, "the object is missing")?,
            }
        }
        Ok(())
    }

    /// The objects of a list, which together have exactly the entries of a head.
    fn listed(&self, bytes: &[u8], span: Span) -> Result<Vec<(String, Span)>, String> {
        let names: Vec<String> = match bytes.len() {
            0..=LIST_BYTES_MAX => serde_json::from_slice(bytes).map_err(|_| "it is not a list of objects")?,
            _ => return Err("it is not a list of objects".to_owned()),
        };
        let mut next = span.first;
        let mut objects = Vec::new();
        for name in names {
            let odd = || format!("it names {name:?}, which does not have the entries from {next} on");
            let part = self.names.packed_span(&name).ok_or_else(odd)?;
            if part.first != next || part.end > span.end {
                return Err(odd());
            }
            next = part.end;
            objects.push((name, part));
        }
        if next == span.end { Ok(objects) } else { Err(format!("it ends before entry {next}")) }
    }

    /// Adds a whole segment, in parts.
    fn add_segment(&mut self, object: &str, span: Span) -> Result<(), ArchiveError> {
        if span.first != self.tail.end {
            let why = "it has entries that a closed segment before it has too";
            return self.lost(object, span, Verdict::Altered, why);
        }
        let at = self.tail.bytes;
        let unpacked = match Segment::by_table(self.store, object.to_owned(), span)? {
            Some(Ok(segment)) => self.add_frames(object, &segment.frames)?,
            Some(Err(error)) => Err(error),
            None => return self.lost(object, span, Verdict::Missing, "the object is missing"),
        };
        let why = match unpacked {
            Ok(lines) if lines == span.entries() => {
                self.tail.parts.push(Part { first: span.first, at, object: object.to_owned() });
                self.tail.end = span.end;
                return Ok(());
            }
            Ok(lines) => format!("it has {lines} entries, and not those of its name"),
            Err(error) => format!("it cannot be unpacked: {error}"),
        };
        self.tail.bytes = at;
        self.lost(object, span, Verdict::Altered, &why)
    }

    /// Adds the lines of frames; how many there were. The inner error says what is wrong with the object.
    fn add_frames(&mut self, object: &str, frames: &[Placed]) -> Result<io::Result<u64>, ArchiveError> {
        let (mut lines, mut rest) = (0, frames);
        while let Some(first) = rest.first() {
            let some = rest.iter().take_while(|frame| frame.at - first.at < FRAMES_AT_ONCE).count().max(1);
            let (some, after) = rest.split_at(some);
            let last = some.last().unwrap_or(first);
            let packed = self.store.read_range(object, first.packed_at..last.packed_at + last.packed)?;
            for frame in some {
                let at = (frame.packed_at - first.packed_at) as usize;
                let packed = packed.get(at..at + frame.packed as usize).unwrap_or_default();
                match unpack_frame(packed, frame.bytes) {
                    Ok(unpacked) => {
                        lines += memchr_iter(b'\n', &unpacked).count() as u64;
                        self.tail.write(&unpacked).map_err(unwritable)?;
                    }
                    Err(error) => return Ok(Err(error)),
                }
            }
            rest = after;
        }
        Ok(Ok(lines))
    }

    /// Appends the lines of a range, without those before the tail.
    fn append(&mut self, object: &str, span: Span, lines: &[u8]) -> Result<(), ArchiveError> {
        let before = self.tail.end.saturating_sub(span.first);
        let start = match before {
            0 => 0,
            before => memchr_iter(b'\n', lines).nth(before as usize - 1).map_or(lines.len(), |end| end + 1),
        };
        let part = Part { first: span.first + before, at: self.tail.bytes, object: object.to_owned() };
        self.tail.parts.push(part);
        self.tail.write(&lines[start..]).map_err(unwritable)?;
        self.tail.end = span.end;
        Ok(())
    }

    /// Entries that cannot be had. In a verification, lines that are no entries stand in their place.
    fn lost(&mut self, object: &str, span: Span, verdict: Verdict, why: &str) -> Result<(), ArchiveError> {
        let address = self.store.address(object);
        let Some(found) = self.found else {
            return Err(ArchiveError::data(format!(
                "{address}: entries {} to {}: {why}; see `graven verify`",
                span.first,
                span.end - 1
            )));
        };
        let first = span.first.max(self.tail.end);
        self.tail.has_holes = true;
        found.add(Finding::new(verdict, why.to_owned()).range(first, span.end - 1).file(address));
        let part = Part { first, at: self.tail.bytes, object: object.to_owned() };
        self.tail.parts.push(part);
        for _ in first..span.end {
            self.tail.write(b"!\n").map_err(unwritable)?;
        }
        self.tail.end = span.end;
        Ok(())
    }
}

impl Tail {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all_at(lines, self.bytes)?;
        self.bytes += lines.len() as u64;
        Ok(())
    }
}

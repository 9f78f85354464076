//! The entries of a range as a stream, over all segments, with bounded memory.

use super::lines::Lines;
use super::segments::{Part, Segments};
use super::{Reader, Record};
use crate::error::{Error, ErrorKind};

/// The entries of a range, in order. Ends after the first error.
#[derive(Debug)]
pub struct Entries {
    reader: Reader,
    segments: Segments,
    /// The position of the segment that is being read.
    position: usize,
    /// The file being read; `None` until the first entry of the segment at `position` is asked for.
    lines: Option<Lines>,
    /// The index of the next entry.
    next: u64,
    /// The index after the last entry of the range.
    end: u64,
}

impl Entries {
    pub(super) fn new(reader: Reader, start: u64, end: u64) -> Result<Entries, Error> {
        let segments = reader.segments()?;
        Entries::among(reader, segments, start, end)
    }

    /// The entries of a range that are in these segments.
    pub(super) fn among(reader: Reader, segments: Segments, start: u64, end: u64) -> Result<Entries, Error> {
        let position = if start < end { segments.position_of(start)? } else { 0 };
        Ok(Entries { reader, segments, position, lines: None, next: start, end })
    }

    /// Goes to the next entry and borrows its index and its line; `None` at the end. As the iterator does, without a copy of
    /// the line.
    ///
    /// # Errors
    /// `Data` when a line or a segment is damaged; `Unavailable` when a file cannot be read.
    pub fn next_line(&mut self) -> Result<Option<(u64, &[u8])>, Error> {
        if !self.advance().inspect_err(|_| self.end = self.next)? {
            return Ok(None);
        }
        let line = self.lines.as_ref().map_or(&[][..], Lines::line);
        Ok(Some((self.next - 1, line)))
    }

    /// Where the current entry is stored, for a message.
    pub(crate) fn place(&self) -> String {
        match &self.lines {
            Some(lines) => format!("{}, byte {}", lines.path().display(), lines.line_offset()),
            None => "no entry".to_owned(),
        }
    }

    /// Goes to the next line; at the end of a segment, to the next segment.
    fn advance(&mut self) -> Result<bool, Error> {
        while self.next < self.end {
            let Some(part) = self.segments.parts.get(self.position) else {
                return Ok(false);
            };
            if self.lines.is_none() {
                let Some(lines) = begin(&self.reader, part, self.next)? else {
                    return Ok(false);
                };
                self.lines = Some(lines);
            }
            let lines = self.lines.as_mut().expect("a file was just opened");
            if part.end != Some(self.next) && lines.advance()? {
                self.next += 1;
                return Ok(true);
            }
            finished(part, lines, self.next)?;
            self.position += 1;
            self.lines = None;
        }
        Ok(false)
    }
}

impl Iterator for Entries {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_line()
            .map(|entry| entry.map(|(index, line)| Record { index, line: line.to_vec() }))
            .transpose()
    }
}

/// Opens a segment at an index; `None` when there is no such entry yet.
pub(super) fn begin(reader: &Reader, part: &Part, index: u64) -> Result<Option<Lines>, Error> {
    let Some(file) = reader.open_part(part)? else {
        return Ok(None);
    };
    let offset = match (reader.offset_of(part, &file, index)?, part.end) {
        (Some(offset), _) => offset,
        (None, None) => return Ok(None),
        (None, Some(end)) => return Err(too_few(part, end)),
    };
    Ok(Some(Lines::at(file, part.path.clone(), offset)))
}

/// Checks that a closed segment, read up to its last complete line, ends where the next segment begins.
pub(super) fn finished(part: &Part, lines: &Lines, next: u64) -> Result<(), Error> {
    let Some(end) = part.end else {
        return Ok(());
    };
    if next < end {
        return Err(too_few(part, end));
    }
    let bytes = lines.file().bytes().map_err(|error| super::cannot("read", &part.path, error))?;
    if lines.next_offset() != bytes {
        let message = format!(
            "{}, byte {}: bytes follow entry {}, which is the last one before the next segment",
            part.path.display(),
            lines.next_offset(),
            end.saturating_sub(1)
        );
        return Err(Error::new(ErrorKind::Data, message));
    }
    Ok(())
}

fn too_few(part: &Part, end: u64) -> Error {
    let message = format!(
        "{}: lines are missing: it must hold the entries from {} to before {end}",
        part.path.display(),
        part.first
    );
    Error::new(ErrorKind::Data, message)
}

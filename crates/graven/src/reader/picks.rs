//! Reads entries in any order after one look at the segments, also where a caller remembers where in the log they begin.
//!
//! The log is the lines of all segments one behind the other, and an offset in it is that of a line. It stays the same
//! when a live file is closed, and it is only a hint: what is read at it is checked to be whole lines, and the caller
//! checks that they are the entries.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use graven_core::tile::ENTRY_BYTES_MAX;
use memchr::memchr_iter;

use super::entries::Entries;
use super::offsets::LineIndex;
use super::segments::Segments;
use super::{Reader, Record, cannot};
use crate::error::Error;
use crate::files::durable;
use crate::files::lock_line::{self, LockLine};
use crate::seam::disk::File;

/// The most segments that are kept open.
const FILES_MAX: usize = 64;

/// The entries that were there when it took its look at the segments, and some of those that came later. Its files stay
/// open, also when a segment is closed.
#[derive(Debug)]
pub struct Picks {
    reader: Reader,
    segments: Segments,
    /// What `LOCK` said before that look.
    lock: Option<LockLine>,
    /// Where each segment begins in the log.
    starts: Vec<u64>,
    /// By the number of the segment.
    files: HashMap<usize, Arc<dyn File>>,
}

impl Reader {
    /// Takes a look at the segments, to read many single entries.
    ///
    /// # Errors
    /// As [`len`](Reader::len).
    pub fn picks(&self) -> Result<Picks, Error> {
        // `LOCK` first: the live file only grows.
        let lock = lock_line::read(&**self.disk(), self.layout())
            .map_err(|error| cannot("read", &self.layout().lock(), error))?;
        let segments = self.segments()?;
        let starts = segments.parts.iter().scan(0_u64, |bytes, part| {
            let start = *bytes;
            *bytes = bytes.saturating_add(part.bytes);
            Some(start)
        });
        let starts = starts.collect();
        Ok(Picks { reader: self.clone(), segments, lock, starts, files: HashMap::new() })
    }
}

impl Picks {
    /// As [`Reader::len`].
    ///
    /// # Errors
    /// As [`Reader::len`].
    pub fn len(&self) -> Result<u64, Error> {
        self.live_lines(u64::MAX)
    }

    /// Whether there are no entries.
    ///
    /// # Errors
    /// As [`Reader::len`].
    pub fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.len()? == 0)
    }

    /// As [`Reader::durable_len`].
    ///
    /// # Errors
    /// As [`Reader::len`].
    pub fn durable_len(&self) -> Result<Option<u64>, Error> {
        let live = self.segments.live();
        let line = self.lock.as_ref().filter(|line| line.first == live.first && live.file.is_some());
        line.map(|line| self.live_lines(line.bytes)).transpose()
    }

    /// The number of entries up to a place in the live file.
    fn live_lines(&self, bytes: u64) -> Result<u64, Error> {
        let live = self.segments.live();
        let Some(file) = &live.file else { return Ok(live.first) };
        let before = |index: &mut LineIndex| index.lines_before(&**file, bytes, live.settled_bytes(file)?);
        Ok(live.first.saturating_add(self.reader.indexed(live, file, before)?))
    }

    /// As [`Reader::entries`].
    ///
    /// # Errors
    /// As [`Reader::entries`].
    pub fn entries(&self, range: Range<u64>) -> Result<Entries, Error> {
        Entries::among(self.reader.clone(), self.segments.clone(), range.start, range.end)
    }

    /// As [`Reader::record`].
    ///
    /// # Errors
    /// As [`Reader::record`].
    pub fn record(&self, index: u64) -> Result<Option<Record>, Error> {
        self.entries(index..index.saturating_add(1))?.next().transpose()
    }

    /// Where in the log an entry begins; `None` when there was no such entry when it looked.
    ///
    /// # Errors
    /// As [`Reader::place`].
    pub fn offset(&self, index: u64) -> Result<Option<u64>, Error> {
        let position = self.segments.position_of(index)?;
        let part = &self.segments.parts[position];
        let Some(file) = self.reader.open_part(part)? else { return Ok(None) };
        let offset = self.reader.offset_of(part, &file, index)?;
        Ok(offset.map(|offset| self.starts[position].saturating_add(offset)))
    }

    /// Those entries of a range whose indexes are in `wanted`, in order, without those that `keep` says no to: it is shown
    /// the index and the line. All of the range must lie in one segment, and in these bytes of the log; `None` when these
    /// bytes are not that many whole lines.
    pub fn lines(
        &mut self,
        range: Range<u64>,
        bytes: Range<u64>,
        wanted: &[u64],
        keep: &mut dyn FnMut(u64, &[u8]) -> bool,
    ) -> Option<Vec<Record>> {
        let position = self.segments.position_of(range.start).ok()?;
        let part = &self.segments.parts[position];
        let count = range.end.checked_sub(range.start)?;
        let length = bytes.end.checked_sub(bytes.start)?;
        let too_long = count.saturating_mul(ENTRY_BYTES_MAX as u64 + 1) < length;
        if too_long || part.end.is_some_and(|end| range.end > end) {
            return None;
        }
        let offset = bytes.start.checked_sub(self.starts[position])?;
        let file = self.file(position)?;
        // With the newline before the first line.
        let before = u64::from(offset > 0);
        let mut block = vec![0; usize::try_from(length + before).ok()?];
        let read = durable::read_full_at(&*file, &mut block, offset - before).ok()?;
        if read < block.len() || (before == 1 && block[0] != b'\n') {
            return None;
        }
        lines_of(&block[before as usize..], range, wanted, keep)
    }

    fn file(&mut self, position: usize) -> Option<Arc<dyn File>> {
        if let Some(file) = self.files.get(&position) {
            return Some(Arc::clone(file));
        }
        let file = self.reader.open_part(&self.segments.parts[position]).ok()??;
        if self.files.len() >= FILES_MAX {
            self.files.clear();
        }
        self.files.insert(position, Arc::clone(&file));
        Some(file)
    }
}

/// The wanted ones of the lines of a block; `None` when it is not as many lines as the range has entries.
fn lines_of(
    block: &[u8],
    range: Range<u64>,
    wanted: &[u64],
    keep: &mut dyn FnMut(u64, &[u8]) -> bool,
) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    let mut wanted = wanted.iter().copied().peekable();
    let (mut begin, mut index) = (0, range.start);
    for end in memchr_iter(b'\n', block) {
        if wanted.next_if_eq(&index).is_some() && keep(index, &block[begin..end]) {
            records.push(Record { index, line: block[begin..end].to_vec() });
        }
        (begin, index) = (end + 1, index + 1);
    }
    (begin == block.len() && index == range.end && wanted.peek().is_none()).then_some(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_as_many_whole_lines_as_it_has_entries() {
        let lines = |block: &[u8], range, wanted: &[u64]| {
            lines_of(block, range, wanted, &mut |_, line| line != b"x").map(|records| {
                records.into_iter().map(|record| (record.index, record.line)).collect::<Vec<_>>()
            })
        };
        let second = Some(vec![(8, b"b".to_vec())]);
        assert_eq!(lines(b"a\nb\nc\n", 7..10, &[8]), second);
        assert_eq!(lines(b"a\nb\nc\n", 7..10, &[8, 9]).unwrap().len(), 2);
        assert_eq!(lines(b"a\nb\nx\n", 7..10, &[8, 9]), second);
        assert_eq!(lines(b"a\nb\nc", 7..10, &[8]), None);
        assert_eq!(lines(b"a\nb\nc\n", 7..11, &[8]), None);
        assert_eq!(lines(b"a\nb\nc\n", 7..9, &[8]), None);
        assert_eq!(lines(b"a\nb\nc\n", 7..10, &[10]), None);
    }
}

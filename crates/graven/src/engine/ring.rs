//! The newest entries, in memory, newest first to ask for.
//!
//! The ring keeps stored lines, not entries: the writer hands it the very bytes that it synced, and the thread that asks
//! pays for reading them. Old lines leave from the front, a group's buffer when its last line leaves.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use graven_core::entry::{Category, Entry};
use graven_core::line::glance::Glance;

/// The newest lines of a trail.
#[derive(Debug)]
pub(crate) struct Ring {
    /// Oldest first.
    chunks: VecDeque<Chunk>,
    entries: usize,
    /// The index of the next line that comes.
    end: u64,
    entries_max: usize,
    /// The bytes of these lines, with their newlines, and the room in their buffers that is not used.
    bytes: usize,
    bytes_max: usize,
}

/// A larger buffer is kept in pieces: a buffer leaves as a whole, when its last line leaves.
const CHUNK_BYTES_MAX: usize = 2 << 20;

/// Some lines that were written together.
#[derive(Debug, Clone)]
struct Chunk {
    lines: Arc<Vec<u8>>,
    ends: Arc<Vec<u32>>,
    /// How many of the oldest have left.
    gone: usize,
}

impl Ring {
    /// An empty ring for at most `entries_max` lines of `bytes_max` bytes together. It takes at most
    /// [`CHUNK_BYTES_MAX`] more: the lines that left from its oldest buffer.
    pub(crate) fn new(entries_max: usize, bytes_max: usize) -> Ring {
        Ring { chunks: VecDeque::new(), entries: 0, end: 0, entries_max, bytes: 0, bytes_max }
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.entries
    }

    /// The indexes of these lines in the log.
    pub(crate) fn indexes(&self) -> Range<u64> {
        self.end - self.entries as u64..self.end
    }

    /// Holds these lines in place of its own; `end` is the index behind the last of them.
    pub(super) fn restart(&mut self, lines: Vec<u8>, ends: Vec<u32>, end: u64) {
        self.chunks.clear();
        self.entries = 0;
        self.bytes = 0;
        self.push(lines, ends);
        self.end = end;
    }

    /// Adds lines, each with its newline, which end at `ends`. A buffer that is no longer needed comes back.
    pub(crate) fn push(&mut self, lines: Vec<u8>, ends: Vec<u32>) -> Option<Vec<u8>> {
        if ends.is_empty() {
            return Some(lines);
        }
        if lines.len() > CHUNK_BYTES_MAX {
            self.push_in_pieces(&lines, &ends);
            return Some(lines);
        }
        // A small group must not hold on to a large buffer.
        let small = lines.len() < lines.capacity() / 2;
        let (kept, spare) = if small { (lines.as_slice().to_vec(), Some(lines)) } else { (lines, None) };
        self.entries += ends.len();
        self.end += ends.len() as u64;
        self.bytes += kept.capacity();
        self.chunks.push_back(Chunk { lines: Arc::new(kept), ends: Arc::new(ends), gone: 0 });
        self.drop_oldest(spare)
    }

    fn push_in_pieces(&mut self, lines: &[u8], ends: &[u32]) {
        let (mut begin, mut from) = (0, 0);
        while from < ends.len() {
            let fits = |end: &u32| *end as usize - begin <= CHUNK_BYTES_MAX;
            // One line at least: no line is as long as that.
            let count = ends[from..].partition_point(fits).max(1);
            let end = ends[from + count - 1] as usize;
            let piece = ends[from..from + count].iter().map(|end| end - begin as u32).collect();
            self.push(lines[begin..end].to_vec(), piece);
            (begin, from) = (end, from + count);
        }
    }

    /// Drops the oldest lines until the rest is small enough. A buffer that is no longer needed is the spare one, unless
    /// there is one.
    fn drop_oldest(&mut self, mut spare: Option<Vec<u8>>) -> Option<Vec<u8>> {
        while self.entries > self.entries_max || self.bytes > self.bytes_max {
            let oldest = self.chunks.front_mut().expect("there are entries, so there is a chunk");
            self.bytes -= oldest.place(oldest.gone).len();
            self.entries -= 1;
            oldest.gone += 1;
            if oldest.gone == oldest.ends.len() {
                let oldest = self.chunks.pop_front().expect("seen above");
                self.bytes -= oldest.lines.capacity() - oldest.lines.len();
                spare = spare.or_else(|| Arc::into_inner(oldest.lines));
            }
        }
        spare
    }

    /// A picture of the ring that can be read without holding its lock.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot(self.chunks.iter().cloned().collect())
    }

    /// The same of the lines from an index on, and perhaps some before it.
    pub(crate) fn snapshot_from(&self, index: u64) -> Snapshot {
        let mut begin = self.end;
        let is_wanted = |chunk: &&Chunk| -> bool {
            let wanted = begin > index;
            begin -= (chunk.ends.len() - chunk.gone) as u64;
            wanted
        };
        let count = self.chunks.iter().rev().take_while(is_wanted).count();
        Snapshot(self.chunks.range(self.chunks.len() - count..).cloned().collect())
    }
}

/// The ring at one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot(Vec<Chunk>);

impl Snapshot {
    /// The newest entries, newest first.
    pub(crate) fn newest(&self, limit: usize) -> Vec<Entry> {
        self.lines().take(limit).filter_map(read).collect()
    }

    /// The newest entries of a category, newest first.
    pub(crate) fn newest_of(&self, category: &Category, limit: usize) -> Vec<Entry> {
        let is_of = |line: &&[u8]| Glance::at(line).is_some_and(|seen| seen.category() == category.as_str());
        let lines = self.lines().filter(is_of);
        lines.take(limit).filter_map(read).collect()
    }

    /// The stored lines without their newlines, newest first.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().rev().flat_map(|chunk| {
            (chunk.gone..chunk.ends.len()).rev().map(|n| {
                let place = chunk.place(n);
                &chunk.lines[place.start..place.end - 1]
            })
        })
    }
}

impl Chunk {
    /// Where a line stands, with its newline.
    fn place(&self, n: usize) -> Range<usize> {
        let start = if n == 0 { 0 } else { self.ends[n - 1] as usize };
        start..self.ends[n] as usize
    }
}

/// An entry that the ring holds. Only lines that we wrote, or read back under their checkpoint, come here; one that
/// a hand has made unreadable since is left to `verify`.
fn read(line: &[u8]) -> Option<Entry> {
    Entry::from_line(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One group of lines of these lengths, newline included.
    fn group(lengths: &[usize]) -> (Vec<u8>, Vec<u32>) {
        let (mut lines, mut ends) = (Vec::new(), Vec::new());
        for length in lengths {
            lines.resize(lines.len() + length - 1, b'x');
            lines.push(b'\n');
            ends.push(lines.len() as u32);
        }
        (lines, ends)
    }

    fn lengths(ring: &Ring) -> Vec<usize> {
        ring.snapshot().lines().map(|line| line.len() + 1).collect()
    }

    fn held(ring: &Ring) -> usize {
        ring.chunks.iter().map(|chunk| chunk.lines.capacity()).sum()
    }

    #[test]
    fn the_newest_lines_stay_that_fit_both_bounds() {
        let mut ring = Ring::new(3, 100);
        for (lengths_pushed, left) in [
            (&[10, 20][..], &[20, 10][..]),
            (&[30], &[30, 20, 10]),
            (&[5], &[5, 30, 20]),
            (&[60], &[60, 5, 30]),
            (&[6], &[6, 60, 5]),
            (&[90], &[90, 6]),
            (&[101], &[]),
            (&[50, 40, 30, 20], &[20, 30, 40]),
        ] {
            let (mut lines, ends) = group(lengths_pushed);
            lines.shrink_to_fit();
            ring.push(lines, ends);
            assert_eq!((lengths(&ring), ring.len()), (left.to_vec(), left.len()), "{lengths_pushed:?}");
        }
    }

    #[test]
    fn lines_are_found_by_their_index_in_the_log() {
        let mut ring = Ring::new(4, 1_000);
        assert_eq!(ring.indexes(), 0..0);
        for (lengths, held) in [(&[2, 3][..], 0..2), (&[4], 0..3), (&[5, 6, 7], 2..6)] {
            let (lines, ends) = group(lengths);
            ring.push(lines, ends);
            assert_eq!(ring.indexes(), held, "{lengths:?}");
        }
        for index in 0..8 {
            let snapshot = ring.snapshot_from(index);
            let found: Vec<usize> = snapshot.lines().map(|line| line.len() + 1).collect();
            let wanted: Vec<usize> = (2..6).rev().filter(|n| *n >= index).map(|n| n as usize + 2).collect();
            assert!(found.starts_with(&wanted), "{index}: {found:?}");
        }
        assert_eq!(ring.snapshot_from(6).lines().count(), 0);
        assert_eq!(ring.snapshot_from(3).lines().count(), 3, "the older group is left out");
        let (lines, ends) = group(&[9, 8]);
        ring.restart(lines, ends, 40);
        assert_eq!((ring.indexes(), lengths(&ring)), (38..40, vec![8, 9]));
    }

    #[test]
    fn ten_thousand_entries_of_sixty_kilobytes_take_no_more_than_their_bound() {
        const BYTES_MAX: usize = 64 << 20;
        let mut ring = Ring::new(10_000, BYTES_MAX);
        for _ in 0..10_000 / 16 {
            let (lines, ends) = group(&[60_000; 16]);
            ring.push(lines, ends);
            assert!(held(&ring) <= BYTES_MAX + CHUNK_BYTES_MAX, "{}", held(&ring));
        }
        assert!((BYTES_MAX / 130_000..=BYTES_MAX / 60_000).contains(&ring.len()), "{}", ring.len());
        // Also when they come in one piece, as at an opening.
        let mut ring = Ring::new(10_000, BYTES_MAX);
        let (lines, ends) = group(&[60_000; 2_000]);
        ring.push(lines, ends);
        assert!(held(&ring) <= BYTES_MAX + CHUNK_BYTES_MAX, "{}", held(&ring));
        assert_eq!(ring.len(), BYTES_MAX / 60_000);
        ring.push(b"a\n".to_vec(), vec![2]);
        assert_eq!(ring.len(), BYTES_MAX / 60_000 + 1, "only what does not fit leaves");
    }
}

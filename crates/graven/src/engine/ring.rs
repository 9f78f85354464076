//! The newest entries, in memory, newest first to ask for.
//!
//! The ring keeps stored lines, not entries: the writer hands it the very bytes that it synced, and the thread that asks
//! pays for reading them. Old lines leave from the front, a group's buffer when its last line leaves.

use std::collections::VecDeque;
use std::sync::Arc;

use graven_core::entry::{Category, Entry};
use graven_core::line::glance::Glance;

/// The newest lines of a trail.
#[derive(Debug)]
pub(crate) struct Ring {
    /// Oldest first.
    chunks: VecDeque<Chunk>,
    entries: usize,
    entries_max: usize,
}

/// Some lines that were written together.
#[derive(Debug, Clone)]
struct Chunk {
    lines: Arc<Vec<u8>>,
    ends: Arc<Vec<u32>>,
    /// How many of the oldest have left.
    gone: usize,
}

impl Ring {
    /// An empty ring for at most `entries_max` lines.
    pub(crate) fn new(entries_max: usize) -> Ring {
        Ring { chunks: VecDeque::new(), entries: 0, entries_max }
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.entries
    }

    /// Removes all lines.
    pub(super) fn clear(&mut self) {
        self.chunks.clear();
        self.entries = 0;
    }

    /// Adds lines, each with its newline, which end at `ends`. A buffer that is no longer needed comes back.
    pub(crate) fn push(&mut self, lines: Vec<u8>, ends: Vec<u32>) -> Option<Vec<u8>> {
        if ends.is_empty() {
            return Some(lines);
        }
        // A small group must not hold on to a large buffer.
        let small = lines.len() < lines.capacity() / 2;
        let (kept, mut spare) = if small { (lines.as_slice().to_vec(), Some(lines)) } else { (lines, None) };
        self.entries += ends.len();
        self.chunks.push_back(Chunk { lines: Arc::new(kept), ends: Arc::new(ends), gone: 0 });
        while self.entries > self.entries_max {
            let excess = self.entries - self.entries_max;
            let oldest = self.chunks.front_mut().expect("there are entries, so there is a chunk");
            let left = oldest.ends.len() - oldest.gone;
            if left > excess {
                oldest.gone += excess;
                self.entries -= excess;
            } else {
                self.entries -= left;
                let oldest = self.chunks.pop_front().expect("seen above");
                spare = spare.or_else(|| Arc::into_inner(oldest.lines));
            }
        }
        spare
    }

    /// A picture of the ring that can be read without holding its lock.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot(self.chunks.iter().cloned().collect())
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
                let start = if n == 0 { 0 } else { chunk.ends[n - 1] as usize };
                &chunk.lines[start..chunk.ends[n] as usize - 1]
            })
        })
    }
}

/// An entry that the ring holds. Only lines that we wrote, or read back under their checkpoint, come here; one that
/// a hand has made unreadable since is left to `verify`.
fn read(line: &[u8]) -> Option<Entry> {
    Entry::from_line(line).ok()
}

//! Judges what is stored past the last sealed entry.

use std::io;

use graven_core::entry::Entry;
use graven_core::hash::{Hash, leaf_hash};
use graven_core::tile::ENTRY_BYTES_MAX;
use graven_core::verdict::{Finding, Verdict};

use super::piece::{Chunk, Piece};
use crate::files::bounds::{GROUP_BYTES_MAX, UNSEALED_BYTES_MAX, UNSEALED_ENTRIES_MAX};

/// The most bytes that a crash can leave unfinished at the end of the live file: one group.
const TORN_BYTES_MAX: u64 = GROUP_BYTES_MAX as u64;

/// The bytes of each read.
const READ_BYTES: u64 = 256 << 10;

/// The unsealed end of the live file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tail {
    /// The index of its first entry.
    pub(super) first: u64,
    /// Where it begins.
    start: u64,
    /// The number of lines that are entries.
    entries: u64,
    /// Where those lines end.
    pub(super) good_end: u64,
    /// Where the file ends.
    end: u64,
    /// The leaf hashes of these entries, if they were asked for: at most as many as the bound allows.
    pub(super) leaves: Vec<Hash>,
}

impl Tail {
    /// The end of a live file that is not there, or begins anew at this index.
    pub(super) fn nothing(first: u64) -> Tail {
        Tail { first, ..Tail::default() }
    }

    /// Reads lines from the offset `start` on, up to the first line that is not an entry. Hashes them if `hashed`.
    pub(super) fn read(live: &Piece, first: u64, start: u64, hashed: bool) -> io::Result<Tail> {
        let mut tail = Tail { start, good_end: start, end: live.bytes, ..Tail::nothing(first) };
        let mut chunk = Chunk::default();
        let mut at = start;
        while at < live.bytes {
            let end = live.bytes.min(at + READ_BYTES);
            chunk.read(live, at, end)?;
            for (start, end) in chunk.lines() {
                let line = &chunk.buffer[start..end];
                if line.len() > ENTRY_BYTES_MAX || Entry::from_line(line).is_err() {
                    return Ok(tail);
                }
                if hashed && tail.entries < UNSEALED_ENTRIES_MAX {
                    tail.leaves.push(leaf_hash(line));
                }
                tail.entries += 1;
                tail.good_end = chunk.offset(end) + 1;
            }
            at = end;
        }
        Ok(tail)
    }

    /// The index after its last entry.
    pub(super) fn end_index(&self) -> u64 {
        self.first + self.entries
    }

    /// Judges the tail of a closed trail: nothing may follow its last entry.
    pub(super) fn judge_closed(&self, live: &Piece) -> Option<Finding> {
        if self.start == self.end {
            return None;
        }
        let message = "bytes follow the last entry, though the trail was closed after it";
        let last = self.first + self.entries.saturating_sub(1);
        Some(
            Finding::new(Verdict::Inserted, message)
                .range(self.first, last)
                .file(&live.name)
                .offset(self.start),
        )
    }

    /// Judges the tail of a trail that was not closed.
    pub(super) fn judge_open(&self, live: &Piece) -> Vec<Finding> {
        let mut findings = Vec::new();
        let here = |verdict, message: String| Finding::new(verdict, message).file(&live.name);
        if self.entries > UNSEALED_ENTRIES_MAX || self.good_end - self.start > UNSEALED_BYTES_MAX {
            let message =
                "more entries are past the checkpoint than a writer allows: the checkpoint is too old";
            findings.push(here(Verdict::RolledBack, message.to_owned()).index(self.first).offset(self.start));
        } else if self.entries > 0 {
            let message = format!(
                "{} past the checkpoint: not sealed yet, only the disk protects them",
                count(self.entries)
            );
            let last = self.first + self.entries - 1;
            findings.push(here(Verdict::Unsealed, message).range(self.first, last).offset(self.start));
        }
        let bad = self.first + self.entries;
        let bad_bytes = self.end - self.good_end;
        if bad_bytes > TORN_BYTES_MAX {
            let message =
                format!("the last {bad_bytes} bytes are not entries, and are more than a crash can leave");
            findings.push(here(Verdict::Altered, message).index(bad).offset(self.good_end));
        } else if bad_bytes > 0 {
            let message =
                format!("the last {bad_bytes} bytes are not an entry: a crash, or a write in progress");
            findings.push(here(Verdict::TornTail, message).index(bad).offset(self.good_end));
        }
        findings
    }
}

/// A number of entries with the right noun: `1 entry`, `2 entries`.
pub(super) fn count(entries: u64) -> String {
    if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") }
}

//! A file of the log that goes on past the place where it was due to end.
//!
//! A live file becomes a closed segment at the first multiple of 256 at which it holds `segment_bytes`, under a signed
//! checkpoint, and what follows goes to a new file. So an entry past that place, in the same file, shows that the
//! checkpoint there was signed, and is gone. Only the engine's own entries of an opening may pass it, because an opening
//! records them before it has a writer that could close the segment.

use std::io;
use std::ops::ControlFlow;

use graven_core::entry::{Category, Entry, system_actions};
use graven_core::tile::{ENTRY_BYTES_MAX, TILE_WIDTH};

use super::durable;
use super::lines::{each_line, each_newline};
use crate::seam::disk::File;

/// The entries that an opening records before it has a writer.
const OF_AN_OPENING: [&str; 7] = [
    system_actions::CONTINUES,
    system_actions::ADOPTED,
    system_actions::RECOVERED,
    system_actions::REPAIRED,
    system_actions::UPGRADED,
    system_actions::SETTINGS,
    system_actions::OPENED,
];

/// The entries up to which nothing is judged. Before an upgrade a program could set a larger size than `graven.json`
/// has. What a repair found, a person has consented to.
const NOT_JUDGED_BEFORE: [&str; 2] = [system_actions::UPGRADED, system_actions::REPAIRED];

/// How many boundaries may be passed by entries that are not sealed. An opening passes at most one before it seals. It may
/// be killed before that, and other processes may record up to the next boundary before the next opening is killed too.
const PASSED_UNSEALED_MAX: u32 = 4;

/// A file of the log, and what of it is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent<'a> {
    pub(crate) file: &'a dyn File,
    /// The index of its first entry.
    pub(crate) first: u64,
    /// How many entries it has, and where they end.
    pub(crate) entries: u64,
    pub(crate) end: u64,
}

/// The first entry of a file that does not belong into it, and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overrun {
    pub(crate) index: u64,
    pub(crate) offset: u64,
}

impl Extent<'_> {
    /// The first entry at `from` or later that does not belong here, in a trail with this size of segments, of which
    /// `sealed` entries are sealed.
    pub(crate) fn overrun(&self, segment_bytes: u64, sealed: u64, from: u64) -> io::Result<Option<Overrun>> {
        let due = segment_bytes.max(1);
        if self.end <= due || self.entries <= TILE_WIDTH {
            return Ok(None);
        }
        // The lines that end where the file is due, or later.
        let range = due - 1..self.end;
        let mut late = 0;
        each_newline(self.file, range.clone(), |_| {
            late += 1;
            true
        })?;
        let mut ended = self.first + self.entries.saturating_sub(late);
        let last = self.first + self.entries;
        if (ended + 1).next_multiple_of(TILE_WIDTH) >= last {
            return Ok(None);
        }
        let mut boundaries = Vec::new();
        each_newline(self.file, range, |newline| {
            ended += 1;
            if ended.is_multiple_of(TILE_WIDTH) && ended < last && ended >= from {
                boundaries.push(Overrun { index: ended, offset: newline + 1 });
            }
            true
        })?;
        // Nothing vouches for an entry that is not sealed.
        let mut unsealed = 0;
        for boundary in boundaries {
            unsealed += u32::from(boundary.index >= sealed);
            if unsealed > PASSED_UNSEALED_MAX || !is_of(&self.line_at(boundary.offset)?, &OF_AN_OPENING) {
                return Ok(Some(boundary));
            }
        }
        Ok(None)
    }

    /// The index after its newest entry before `sealed` up to which nothing is judged, if it has one.
    pub(crate) fn not_judged_before(&self, sealed: u64) -> io::Result<Option<u64>> {
        let (mut index, mut newest) = (self.first, None);
        let _ended = each_line(self.file, |line| {
            if index >= sealed {
                return ControlFlow::Break(());
            }
            index += 1;
            if is_of(line, &NOT_JUDGED_BEFORE) {
                newest = Some(index);
            }
            ControlFlow::Continue(())
        })?;
        Ok(newest)
    }

    /// The line that begins at an offset.
    fn line_at(&self, offset: u64) -> io::Result<Vec<u8>> {
        let mut line = vec![0; ENTRY_BYTES_MAX + 1];
        let read = durable::read_full_at(self.file, &mut line, offset)?;
        line.truncate(memchr::memchr(b'\n', &line[..read]).unwrap_or(read));
        Ok(line)
    }
}

/// Whether a line is an entry of the engine's own with one of these actions.
fn is_of(line: &[u8], actions: &[&str]) -> bool {
    let named = actions.iter().any(|action| memchr::memmem::find(line, action.as_bytes()).is_some());
    named
        && Entry::from_line(line).is_ok_and(|entry| {
            entry.category == Category::Trail && actions.iter().any(|action| *action == entry.action)
        })
}

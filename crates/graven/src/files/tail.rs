//! The end of the live file: what is under the checkpoint, what is past it and good, and what is torn.

use std::io;
use std::ops::ControlFlow;

use graven_core::entry::Entry;
use graven_core::hash::{Hash, leaf_hash, sha256};
use graven_core::tile::{ENTRY_BYTES_MAX, TILE_WIDTH};

use super::bounds::{GROUP_BYTES_MAX, UNSEALED_BYTES_MAX, UNSEALED_ENTRIES_MAX};
use super::durable;
use super::layout::Layout;
use super::levels::Levels;
use super::lines::each_block;
use super::segments::Segments;
use super::signed::list;
use crate::error::{Error, ErrorKind};
use crate::seam::disk::{Disk, File, Open};

/// More than an opening accepts from the last full tile on: the lines of that tile, what may be unsealed, and a torn
/// group.
const OPENED_BYTES_MAX: u64 =
    TILE_WIDTH * (ENTRY_BYTES_MAX as u64 + 1) + UNSEALED_BYTES_MAX + GROUP_BYTES_MAX as u64 + 1;

/// The most bytes that a repair takes into memory: far more than a live file has.
const REPAIRED_BYTES_MAX: u64 = 1 << 30;

/// How far putting a trail in order may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Only what a crash explains.
    Open,
    /// On the request of an operator: whatever is past the checkpoint and cannot be kept goes to `torn/`. What
    /// contradicts a signed head is still refused.
    Repair,
}

/// The end of the live file, from the last full tile on.
#[derive(Debug)]
pub(crate) struct Tail {
    /// Where the lines under the checkpoint end.
    pub(crate) sealed_end: u64,
    /// Where the last good line ends.
    pub(crate) good_end: u64,
    /// The bytes from `sealed_end` on: first the good lines, then what is torn.
    bytes: Vec<u8>,
    /// The leaf hashes of the good lines past the checkpoint.
    pub(crate) unsealed: Vec<Hash>,
    /// The index after the last good line.
    pub(crate) next: u64,
    /// Where the segment ends, if the live file is still that segment and goes on past its end.
    pub(crate) segment_end: Option<u64>,
}

impl Tail {
    /// Reads and judges the end of the live file. In a repair at most `keep` entries are kept.
    pub(crate) fn read(
        disk: &dyn Disk,
        layout: &Layout,
        segments: &Segments,
        levels: &Levels,
        mode: Mode,
        keep: Option<u64>,
    ) -> Result<Tail, Error> {
        let path = layout.live();
        if !segments.live_exists {
            let next = segments.live_first_after;
            return Ok(Tail {
                sealed_end: 0,
                good_end: 0,
                bytes: Vec::new(),
                unsealed: Vec::new(),
                next,
                segment_end: None,
            });
        }
        let unreadable = |source| Error::cannot("read", path, source);
        let file = disk.open(path, Open::Read).map_err(unreadable)?;
        let size = levels.size();
        // The lines under the checkpoint since the last full tile are compared with their hashes.
        let checked_from = segments.live_first.max(size - size % TILE_WIDTH);
        let start = skip_lines(&*file, checked_from - segments.live_first).map_err(unreadable)?;
        let length = file.bytes().map_err(unreadable)?.saturating_sub(start.offset);
        if mode == Mode::Repair && length > REPAIRED_BYTES_MAX {
            let what = format!(
                "{length} bytes follow byte {}, and a repair looks at no more than {REPAIRED_BYTES_MAX}: cut it by hand",
                start.offset
            );
            return Err(refused(layout, &what));
        }
        // What is longer is refused, and need not be read to its end: a file can claim any length.
        let most = if mode == Mode::Repair { REPAIRED_BYTES_MAX } else { OPENED_BYTES_MAX };
        let mut bytes = read_from(&*file, start.offset, most).map_err(unreadable)?;
        let hashes = levels.partial_leaves().map_err(unreadable)?;
        let hashes = &hashes[hashes.len() - usize::try_from(size - checked_from).expect("at most 255")..];
        let sealed = check_sealed(layout, checked_from - start.missing, hashes, &bytes, start)?;
        let bytes = bytes.split_off(sealed);
        let tail = Tail::sort(start.offset + sealed as u64, size, bytes, keep);
        tail.judge(layout, segments, mode)
    }

    /// What is past `end` in a live file whose first `size` entries end there: written, but nobody knows whether it is
    /// durable.
    pub(crate) fn past(file: &dyn File, end: u64, size: u64) -> io::Result<Tail> {
        Ok(Tail::sort(end, size, read_from(file, end, OPENED_BYTES_MAX)?, None))
    }

    /// Sorts what is past the checkpoint into good lines and a torn rest.
    fn sort(sealed_end: u64, size: u64, bytes: Vec<u8>, keep: Option<u64>) -> Tail {
        let mut unsealed = Vec::new();
        let mut good = 0;
        for end in memchr::memchr_iter(b'\n', &bytes) {
            let line = &bytes[good..end];
            let kept = keep.is_none_or(|keep| size + (unsealed.len() as u64) < keep);
            if !kept || line.len() > ENTRY_BYTES_MAX || Entry::from_line(line).is_err() {
                break;
            }
            unsealed.push(leaf_hash(line));
            good = end + 1;
        }
        let next = size + unsealed.len() as u64;
        Tail { sealed_end, good_end: sealed_end + good as u64, bytes, unsealed, next, segment_end: None }
    }

    /// Refuses more than a crash can leave.
    pub(crate) fn check_bounds(&self, layout: &Layout, mode: Mode) -> Result<(), Error> {
        let refuse = |what: String| Err(refused(layout, &what));
        if mode == Mode::Open && self.torn_bytes() > GROUP_BYTES_MAX as u64 {
            return refuse(format!(
                "damaged from byte {} on, at least {} bytes before its end, which no crash explains",
                self.good_end,
                self.torn_bytes()
            ));
        }
        let bytes = self.good_end - self.sealed_end;
        let too_many = self.unsealed.len() as u64 > UNSEALED_ENTRIES_MAX || bytes > UNSEALED_BYTES_MAX;
        if mode == Mode::Open && too_many {
            return refuse(format!(
                "{} entries of {bytes} bytes are past the checkpoint, which is more than there can be: the checkpoint \
                 was rolled back",
                self.unsealed.len()
            ));
        }
        Ok(())
    }

    /// Refuses what no crash explains.
    fn judge(mut self, layout: &Layout, segments: &Segments, mode: Mode) -> Result<Tail, Error> {
        self.check_bounds(layout, mode)?;
        if segments.unfinished() {
            if !self.bytes.is_empty() {
                if mode == Mode::Open {
                    let end = self.sealed_end;
                    return Err(refused(
                        layout,
                        &format!("it goes on at byte {end} past the end of its segment"),
                    ));
                }
                // No entry can be there, even if it looks like one.
                self.segment_end = Some(self.sealed_end);
                self.next -= self.unsealed.len() as u64;
                self.unsealed.clear();
            }
            // The rotation will be finished: then the live file is a new, empty one.
            (self.sealed_end, self.good_end) = (0, 0);
        }
        Ok(self)
    }

    /// Where the live file ends, torn or not.
    pub(crate) fn end(&self) -> u64 {
        self.sealed_end + self.bytes.len() as u64
    }

    pub(crate) fn torn_bytes(&self) -> u64 {
        self.bytes.len() as u64 - (self.good_end - self.sealed_end)
    }

    fn good_and_torn(&self) -> (&[u8], &[u8]) {
        let good = usize::try_from(self.good_end - self.sealed_end).expect("the bytes are in memory");
        self.bytes.split_at(good)
    }

    /// The name in `torn/` for the torn bytes.
    fn torn_name(&self) -> Option<String> {
        let (_, torn) = self.good_and_torn();
        let hash = sha256(torn).to_hex();
        (!torn.is_empty()).then(|| format!("{:020}-{}", self.next, &hash[..16]))
    }

    /// The files in `torn/` with bytes that an earlier opening cut at this place, but no entry here records it.
    pub(crate) fn cut_earlier(&self, disk: &dyn Disk, layout: &Layout) -> Result<Vec<String>, Error> {
        let there = durable::exists(disk, &layout.torn())
            .map_err(|source| Error::cannot("look for", &layout.torn(), source))?;
        if !there {
            return Ok(Vec::new());
        }
        let here = format!("{:020}-", self.next);
        let now = self.torn_name();
        let names = list(disk, &layout.torn())?.into_iter().map(|name| name.name);
        let earlier = names
            .filter(|name| name.starts_with(&here) && !name.ends_with(".tmp") && now.as_ref() != Some(name));
        Ok(earlier.map(|name| format!("torn/{name}")).collect())
    }

    /// Keeps the torn bytes in a file. Returns its name.
    pub(crate) fn keep_torn(&self, disk: &dyn Disk, layout: &Layout) -> io::Result<Option<String>> {
        let Some(name) = self.torn_name() else {
            return Ok(None);
        };
        let (_, torn) = self.good_and_torn();
        durable::create_dir(disk, &layout.torn())?;
        durable::replace(disk, &layout.torn().join(&name), torn)?;
        Ok(Some(format!("torn/{name}")))
    }

    /// Cuts the torn bytes, and writes the good ones again.
    pub(crate) fn mend(&self, live: &dyn File) -> io::Result<()> {
        let (good, torn) = self.good_and_torn();
        if !torn.is_empty() {
            durable::retried(|| live.set_bytes(self.good_end))?;
        }
        durable::write_all_at(live, good, self.sealed_end)?;
        durable::retried(|| live.sync_all())
    }
}

fn refused(layout: &Layout, what: &str) -> Error {
    let (live, dir) = (layout.live().display(), layout.dir().display());
    let message =
        format!("{live}: {what}; look with `graven verify {dir}`, then perhaps `graven repair {dir}`");
    Error::new(ErrorKind::Data, message)
}

/// The bytes of a file from `offset` on, at most `most`; none if the file is shorter than that.
fn read_from(file: &dyn File, offset: u64, most: u64) -> io::Result<Vec<u8>> {
    let wanted = file.bytes()?.saturating_sub(offset).min(most);
    let mut bytes = vec![0; usize::try_from(wanted).map_err(io::Error::other)?];
    let read = durable::read_full_at(file, &mut bytes, offset)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Where a line begins, and how many of the lines before it are missing.
#[derive(Debug, Clone, Copy)]
struct Start {
    offset: u64,
    missing: u64,
}

/// The offset after `lines` complete lines.
fn skip_lines(file: &dyn File, lines: u64) -> io::Result<Start> {
    let mut start = Start { offset: 0, missing: lines };
    if lines == 0 {
        return Ok(start);
    }
    let _ended = each_block(file, |offset, block| {
        for at in memchr::memchr_iter(b'\n', block) {
            start = Start { offset: offset + at as u64 + 1, missing: start.missing - 1 };
            if start.missing == 0 {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(start)
}

/// Compares the lines under the checkpoint with their hashes. Returns where they end.
fn check_sealed(
    layout: &Layout,
    first: u64,
    hashes: &[Hash],
    bytes: &[u8],
    start: Start,
) -> Result<usize, Error> {
    let damaged = |what: String| {
        let look = format!("look with `graven verify {}`", layout.dir().display());
        Error::new(ErrorKind::Data, format!("{}: {what}; {look}", layout.live().display()))
    };
    let mut end = 0;
    let mut ends = memchr::memchr_iter(b'\n', bytes);
    for (index, hash) in (first..).zip(hashes) {
        let Some(newline) = ends.next() else {
            return Err(damaged(format!("entry {index} is missing, though a checkpoint covers it")));
        };
        if leaf_hash(&bytes[end..newline]) != *hash {
            return Err(damaged(format!("entry {index} at byte {} was changed", start.offset + end as u64)));
        }
        end = newline + 1;
    }
    if start.missing > 0 {
        return Err(damaged(format!("entry {first} is missing, though a checkpoint covers it")));
    }
    Ok(end)
}

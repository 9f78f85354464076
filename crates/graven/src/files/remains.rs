//! What is left of a trail in a place that has no `graven.json`.
//!
//! A creation writes `graven.json` last and durably, before any entry. So a place without it holds a creation that did
//! not finish, or something that is no trail, or a trail that somebody took the file from. No crash makes the last one:
//! where there is an entry, a closed segment, a closing note or a checkpoint that counts entries, there was a `graven.json`.

use std::io;
use std::path::Path;

use graven_core::entry::Entry;

use super::durable;
use super::layout::Layout;
use super::lock_line;
use crate::error::{Error, ErrorKind};
use crate::seam::disk::{Disk, Kind, Open};

/// The lines that hold the size, in `checkpoint` and in `closed`, and how much of a note is read for it.
const CHECKPOINT_SIZE: usize = 1;
const CLOSED_SIZE: usize = 2;
const NOTE_BYTES: usize = 4 << 10;

/// How much of the live file is searched for an entry: at least four of any length.
const LIVE_BYTES: usize = 256 << 10;

/// Fails when there is no trail. `NotFound`: there is none. `Data`: there was one, and its `graven.json` is gone.
/// `Unavailable`: that cannot be looked at.
pub fn must_hold_trail(disk: &dyn Disk, layout: &Layout) -> Result<(), Error> {
    match durable::exists(disk, &layout.meta()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(absent(disk, layout, ErrorKind::Data)),
        Err(source) => Err(Error::cannot("look at", &layout.meta(), source)),
    }
}

/// The error for a place whose `graven.json` is absent. Its kind is `gone` when there was a trail.
pub(crate) fn absent(disk: &dyn Disk, layout: &Layout, gone: ErrorKind) -> Error {
    match was_a_trail(disk, layout) {
        Ok(false) => Error::no_trail(layout.dir()),
        Ok(true) => {
            let message = format!(
                "{} is missing, though what only a trail has is there: restore that file from a copy",
                layout.meta().display()
            );
            Error::new(gone, message)
        }
        Err(source) => {
            let message = format!("cannot tell whether {} holds a trail", layout.dir().display());
            Error::with_source(ErrorKind::Unavailable, message, source)
        }
    }
}

/// Whether a place without `graven.json` held a trail.
pub(crate) fn was_a_trail(disk: &dyn Disk, layout: &Layout) -> io::Result<bool> {
    Ok(is_past_creation(disk, layout)? || holds_entries(disk, layout)?)
}

/// Whether there is something that is made only in a trail whose creation has ended.
pub(crate) fn is_past_creation(disk: &dyn Disk, layout: &Layout) -> io::Result<bool> {
    for dir in [layout.segments(), layout.boundaries()] {
        if durable::if_there(disk.read_dir(&dir))?.is_some_and(|names| !names.is_empty()) {
            return Ok(true);
        }
    }
    let is_of_entries = |size: Option<String>| size.is_some_and(|size| size != "0");
    Ok(is_of_entries(line(disk, &layout.checkpoint(), CHECKPOINT_SIZE)?)
        || is_of_entries(line(disk, &layout.closed(), CLOSED_SIZE)?))
}

/// A line of a note, which counts from 0.
fn line(disk: &dyn Disk, note: &Path, number: usize) -> io::Result<Option<String>> {
    let beginning = beginning(disk, note, NOTE_BYTES)?;
    Ok(beginning.and_then(|bytes| String::from_utf8_lossy(&bytes).lines().nth(number).map(str::to_owned)))
}

/// Whether a line at the beginning of the live file is an entry.
fn holds_entries(disk: &dyn Disk, layout: &Layout) -> io::Result<bool> {
    // A directory in its place is no live file: opening says so.
    if durable::if_there(disk.metadata(layout.live()))?.is_none_or(|metadata| metadata.kind != Kind::File) {
        return Ok(false);
    }
    let beginning = beginning(disk, layout.live(), LIVE_BYTES)?.unwrap_or_default();
    let whole = beginning.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let mut lines = beginning[..whole].split(|byte| *byte == b'\n');
    // A line of a checkout whose line ends were changed is an entry still.
    let is_entry = |line: &[u8]| Entry::from_line(line.strip_suffix(b"\r").unwrap_or(line)).is_ok();
    if !lines.any(is_entry) {
        return Ok(false);
    }
    // A creation that takes the place of an older audit log moves it aside. If that was cut short, the log's lines are
    // nobody's entries yet. A trail that was opened has a line in `LOCK`.
    let begun = *layout != Layout::in_dir(layout.dir()) && durable::exists(disk, &layout.checkpoint())?;
    Ok(!begun || lock_line::read(disk, layout)?.is_some())
}

/// The first bytes of a file; `None` when there is none.
fn beginning(disk: &dyn Disk, path: &Path, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = durable::if_there(disk.open(path, Open::Read))? else {
        return Ok(None);
    };
    let mut bytes = vec![0; bytes_max];
    let read = durable::read_full_at(&*file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

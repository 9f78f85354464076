//! Opening a trail: the steps of a commit, read backwards.
//!
//! First everything is read and judged, and a trail that contradicts what was signed is refused untouched. Then, and
//! only then, what a crash left is put in order: an unfinished rotation is finished, a torn tail is cut (and kept in
//! `torn/`), and complete lines past the checkpoint are written and synced again, because after a failed sync the page
//! cache may hold what the disk does not.

mod closed;
mod mending;
mod put_back;
mod rollback;

use graven_core::checkpoint::Checkpoint;

use crate::engine::held::Held;
use crate::engine::ready::{Mended, Recovered};
use crate::error::{Error, ErrorKind};
use crate::files::boundaries::boundaries;
use crate::files::commit_lock::CommitLock;
use crate::files::durable;
use crate::files::last_lines::last_lines;
use crate::files::layout::Layout;
use crate::files::leftovers;
use crate::files::lock_line::LockLine;
use crate::files::meta::Meta;
use crate::files::publish_lock::PublishLock;
use crate::files::rebuild::{Trust, trusted_levels};
use crate::files::segments::Segments;
use crate::files::signed::read_signed;
use crate::files::tail::{Mode, Tail};
use crate::open::redaction_key;
use crate::open::signing_key;
use crate::redact::Redaction;
use crate::seam::disk::Disk;
use crate::seam::machine::Machine;
use crate::settings::Settings;

use closed::Closed;
use mending::Mending;

/// A trail that this process has entered, and whose commit lock it has.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) held: Held,
    pub(super) commit_lock: CommitLock,
    /// Whether no other process has it open.
    pub(super) alone: bool,
}

/// Reads, judges and mends a trail whose commit lock is held.
pub(super) fn recover(
    machine: &Machine,
    layout: &Layout,
    settings: &Settings,
    redaction: Redaction,
    found: Found,
    mode: Mode,
) -> Result<Recovered, Error> {
    let disk = &machine.disk;
    let Found { held, commit_lock, alone } = found;
    let meta = Meta::read(&**disk, layout)?;
    let signing_key = signing_key::of_trail(&**disk, layout, settings, &meta)?;
    let mut publish_lock = PublishLock::open(&**disk, layout)?;
    // Nobody publishes while the checkpoint and the hashes are read.
    let publishing = publish_lock.acquire(&**disk, layout)?;
    let closed = Closed::read(&**disk, layout, &meta)?;
    let (checkpoint, checkpoint_text) = read_checkpoint(&**disk, layout, &meta, mode)?;
    let line = held.last_line(layout)?;
    let put_back = match mode {
        Mode::Repair => put_back::put_back(disk, layout, &checkpoint, line)?,
        Mode::Open => None,
    };
    let segments = Segments::read(&**disk, layout, &meta, &checkpoint)?;
    let trust = match mode {
        Mode::Repair => Trust::Nothing,
        Mode::Open if alone => Trust::Newest,
        // The others have looked at their own opening.
        Mode::Open => Trust::Edge,
    };
    let levels = trusted_levels(disk, layout, &checkpoint, &segments.files_found(layout), trust)?;
    // After a clean close nothing may follow. A repair cuts what does.
    let keep = closed.as_ref().filter(|_| mode == Mode::Repair).map(|closed| closed.size);
    let tail = Tail::read(&**disk, layout, &segments, &levels, mode, keep)?;
    if let Some(closed) = &closed {
        closed.check(layout, &levels, &tail, mode)?;
    }
    let line = line.filter(|line| line.first == segments.live_first);
    check_length(layout, &segments, &tail, line, mode)?;
    if mode == Mode::Open {
        rollback::refuse(&**disk, layout, &meta, &segments, &checkpoint, &tail)?;
    }
    let torn_earlier = tail.cut_earlier(&**disk, layout)?;
    // Everything was read and nothing contradicts what was signed. From here on we write.
    let mut mended = Mended {
        unsealed_first: checkpoint.size,
        unsealed_entries: tail.unsealed.len() as u64,
        torn_bytes: tail.torn_bytes(),
        torn_file: None,
        torn_earlier,
        put_back,
    };
    // Beside other processes only a commit that died or failed leaves anything to mend.
    let died = line.is_some_and(|line| line.writing);
    let in_order = !alone && line.is_some_and(|line| !line.writing && line.bytes == tail.end());
    let mending = Mending { machine, layout, held: &held, segments: &segments, line };
    let live = mending.mend(&tail, in_order, &mut mended).map_err(|source| {
        let message = format!("cannot put {} in order after a crash", layout.dir().display());
        Error::with_source(ErrorKind::Unavailable, message, source)
    })?;
    let unreadable = |source| Error::cannot("read the newest entries of", layout.dir(), source);
    levels.trim().map_err(|source| Error::cannot("cut the hashes in", &layout.tiles(), source))?;
    // Only now: until what does not belong here is cut, an opening needs this note to refuse it.
    if closed.is_some() {
        durable::retried(|| disk.remove_file(&layout.closed()))
            .and_then(|()| durable::sync_dir(&**disk, layout.dir()))
            .map_err(|source| Error::cannot("remove", &layout.closed(), source))?;
    }
    if alone && closed.is_none() {
        leftovers::remove(&**disk, layout)
            .map_err(|source| Error::cannot("remove what a crash left in", layout.dir(), source))?;
    }
    let newest = last_lines(&**disk, &segments.files(layout), settings.ring_entries, settings.ring_bytes)
        .map_err(unreadable)?;
    drop(publishing);
    let redactor = redaction_key::open(machine, layout, settings, redaction)?;
    Ok(Recovered {
        meta,
        held,
        commit_lock,
        publish_lock,
        signing_key,
        redactor,
        checkpoint: checkpoint_text,
        unsealed_bytes: tail.good_end - tail.sealed_end,
        unsealed: tail.unsealed,
        levels,
        live,
        newest_lines: newest.bytes,
        newest_ends: newest.ends,
        // A commit that began and did not end is recorded also where it left nothing: so an opening on a disk that is
        // still full fails, and does not pass on what was kept for it.
        mended: (mode == Mode::Repair || died || !(in_order || mended.is_empty())).then_some(mended),
    })
}

/// Refuses a live file that is shorter than `LOCK` says was durable. `LOCK` is written after the sync of what it counts,
/// so no crash leaves this: somebody shortened or replaced the file.
fn check_length(
    layout: &Layout,
    segments: &Segments,
    tail: &Tail,
    line: Option<LockLine>,
    mode: Mode,
) -> Result<(), Error> {
    let Some(line) =
        line.filter(|line| mode == Mode::Open && line.bytes > tail.end() && !segments.unfinished())
    else {
        return Ok(());
    };
    let dir = layout.dir().display();
    let message = format!(
        "{} has {} bytes, and {} were durable: it was shortened or replaced; look with `graven verify {dir}`, then \
         perhaps `graven repair {dir}`",
        layout.live().display(),
        tail.end(),
        line.bytes
    );
    Err(Error::new(ErrorKind::Data, message))
}

/// Reads the checkpoint and checks our own signature on it. A repair begins at the newest signed head. That is the one
/// of a boundary if the checkpoint was replaced by an older one.
fn read_checkpoint(
    disk: &dyn Disk,
    layout: &Layout,
    meta: &Meta,
    mode: Mode,
) -> Result<(Checkpoint, String), Error> {
    let (checkpoint, text) = read_signed(disk, &layout.checkpoint(), meta)?;
    let newest = *boundaries(disk, layout)?.last().expect("0 is always there");
    if mode == Mode::Repair && newest > checkpoint.size {
        return read_signed(disk, &layout.boundary(newest), meta);
    }
    Ok((checkpoint, text))
}

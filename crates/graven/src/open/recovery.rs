//! Opening a trail: the steps of a commit, read backwards.
//!
//! First everything is read and judged, and a trail that contradicts what was signed is refused untouched. Then, and
//! only then, what a crash left is put in order: an unfinished rotation is finished, a torn tail is cut (and kept in
//! `torn/`), and complete lines past the checkpoint are written and synced again, because after a failed sync the page
//! cache may hold what the disk does not.

mod closed;
mod segments;
mod tail;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven_core::checkpoint::Checkpoint;

use crate::engine::held::Held;
use crate::engine::ready::{Mended, Recovered};
use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::last_lines::last_lines;
use crate::files::layout::Layout;
use crate::files::levels::Levels;
use crate::files::live::Live;
use crate::files::meta::Meta;
use crate::open::rebuild;
use crate::open::redaction_key;
use crate::open::signing_key;
use crate::seam::disk::{DirEntry, Disk};
use crate::seam::machine::Machine;
use crate::settings::Settings;

use closed::Closed;
use segments::Segments;
use tail::Tail;

/// How far opening a trail may go to put it in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Only what a crash explains.
    Open,
    /// On the request of an operator: whatever is past the checkpoint and cannot be kept goes to `torn/`. What
    /// contradicts a signed head is still refused.
    Repair,
}

/// Reads, judges and mends a trail whose lock is held.
pub(super) fn recover(
    machine: &Machine,
    layout: &Layout,
    settings: &Settings,
    lock: Held,
    mode: Mode,
) -> Result<Recovered, Error> {
    let disk = &machine.disk;
    let meta = Meta::read(&**disk, layout)?;
    let signing_key = signing_key::of_trail(&**disk, layout, settings, &meta)?;
    let closed = Closed::read(&**disk, layout, &meta)?;
    let (checkpoint, checkpoint_text) = read_checkpoint(&**disk, layout, &meta, mode)?;
    let segments = Segments::read(&**disk, layout, &meta, &checkpoint)?;
    let levels = trusted_levels(disk, layout, &checkpoint, &segments)?;
    // After a clean close nothing may follow. A repair cuts what does.
    let keep = closed.as_ref().filter(|_| mode == Mode::Repair).map(|closed| closed.size);
    let tail = Tail::read(&**disk, layout, &segments, &levels, mode, keep)?;
    if let Some(closed) = &closed {
        closed.check(layout, &levels, &tail, mode)?;
    }
    let torn_earlier = tail.cut_earlier(&**disk, layout)?;
    // Everything was read and nothing contradicts what was signed. From here on we write.
    let mend = |source| {
        let message = format!("cannot put {} in order after a crash", layout.dir().display());
        Error::with_source(ErrorKind::Unavailable, message, source)
    };
    // Makes durable a checkpoint whose rename an earlier process saw but could not sync.
    durable::sync_dir(&**disk, layout.dir()).map_err(mend)?;
    // Makes a boundary durable as well, before a segment is closed under it.
    durable::sync_dir(&**disk, &layout.boundaries()).map_err(mend)?;
    // And for hashes that an earlier process rebuilt. The directory may have been deleted, too.
    durable::create_dir(&**disk, &layout.tiles()).map_err(mend)?;
    durable::sync_dir(&**disk, &layout.tiles()).map_err(mend)?;
    let torn_file = tail.keep_torn(&**disk, layout).map_err(mend)?;
    // The copy is durable: now the bytes may go.
    let file = segments.finish_rotation(&**disk, layout, tail.segment_end).map_err(mend)?;
    tail.mend(&*file).map_err(mend)?;
    levels.trim().map_err(mend)?;
    // Only now: until what does not belong here is cut, an opening needs this note to refuse it.
    if closed.is_some() {
        durable::retried(|| disk.remove_file(&layout.closed())).map_err(mend)?;
        durable::sync_dir(&**disk, layout.dir()).map_err(mend)?;
    }
    let newest = last_lines(&**disk, &segments.files(layout), settings.ring_entries).map_err(mend)?;
    let redactor = redaction_key::open(machine, layout, settings)?;
    let mended = Mended {
        unsealed_first: checkpoint.size,
        unsealed_entries: tail.unsealed.len() as u64,
        torn_bytes: tail.torn_bytes(),
        torn_file,
        torn_earlier,
    };
    let live =
        Live { file, first: segments.live_first_after, bytes: tail.good_end, since: machine.clock.elapsed() };
    Ok(Recovered {
        meta,
        lock,
        signing_key,
        redactor,
        checkpoint: checkpoint_text,
        unsealed_bytes: tail.good_end - tail.sealed_end,
        unsealed: tail.unsealed,
        levels,
        live,
        newest_lines: newest.bytes,
        newest_ends: newest.ends,
        mended: Some(mended),
    })
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

fn read_signed(disk: &dyn Disk, path: &Path, meta: &Meta) -> Result<(Checkpoint, String), Error> {
    let bytes = durable::read_file(disk, path).map_err(|source| {
        let kind =
            if source.kind() == io::ErrorKind::NotFound { ErrorKind::Data } else { ErrorKind::Unavailable };
        Error::with_source(kind, format!("cannot read the checkpoint {}", path.display()), source)
    })?;
    let (checkpoint, note) = Checkpoint::open(&bytes, &meta.key).map_err(|source| {
        Error::with_source(
            ErrorKind::Data,
            format!("{} is not a checkpoint of this trail", path.display()),
            source,
        )
    })?;
    Ok((checkpoint, note.to_string()))
}

/// 0, then each size under which a segment was closed, in order.
fn boundaries(disk: &dyn Disk, layout: &Layout) -> Result<Vec<u64>, Error> {
    let names = list(disk, &layout.boundaries())?;
    let mut sizes: Vec<u64> = names.iter().filter_map(|name| name.name.parse().ok()).collect();
    sizes.push(0);
    sizes.sort_unstable();
    Ok(sizes)
}

fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<DirEntry>, Error> {
    disk.read_dir(dir).map_err(|source| {
        let kind = if durable::is_absent(&source) { ErrorKind::Data } else { ErrorKind::Unavailable };
        Error::with_source(kind, format!("cannot list {}", dir.display()), source)
    })
}

/// The tree under the checkpoint: from `tiles/`, or from the segments when the tiles do not give its root.
fn trusted_levels(
    disk: &Arc<dyn Disk>,
    layout: &Layout,
    checkpoint: &Checkpoint,
    segments: &Segments,
) -> Result<Levels, Error> {
    if let Ok(levels) = Levels::load(Arc::clone(disk), layout.clone(), checkpoint.size)
        && levels.root() == checkpoint.root
    {
        return Ok(levels);
    }
    tracing::warn!(tiles = %layout.tiles().display(), "the tiles do not give the checkpoint's root: they are rebuilt from the segments");
    let mut files: Vec<PathBuf> = segments.firsts.iter().map(|first| layout.segment(*first)).collect();
    // There may be none, after a rotation that a crash cut short.
    files.extend(segments.live_exists.then(|| layout.live().to_owned()));
    rebuild::rebuild(disk, layout, &files, checkpoint)
}

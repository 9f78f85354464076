//! Creates a trail.
//!
//! The order: directories, signed checkpoint of size 0, key, empty live file, each synced with its directory; then
//! `graven.json`. Without `graven.json` nothing was ever acknowledged, so a creation that was cut short is simply
//! done again. A checkpoint without a key is then made anew; a key without the checkpoint that it signed was put there
//! by somebody else.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::Hash;
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::files::lines::each_block;
use crate::files::live::create_live;
use crate::files::meta::{Meta, SEGMENT_BYTES};
use crate::files::names::free_name;
use crate::files::notes::sign;
use crate::files::remains;
use crate::open::continuing;
use crate::open::persisted_settings::{PersistedSettings, settle};
use crate::open::signing_key::NewKey;
use crate::open::trust;
use crate::seam::disk::{Disk, Kind, Open};
use crate::seam::machine::Machine;
use crate::settings::Settings;

/// A file that was in the place of the live file, and was moved aside.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Adopted {
    /// Its new name, beside the live file.
    moved_to: String,
    sha256: String,
    bytes: u64,
    lines: u64,
}

/// Creates a trail. Called with the trail's lock held. Returns what it moved aside.
pub(crate) fn create(
    machine: &Machine,
    layout: &Layout,
    settings: &Settings,
) -> Result<Option<Adopted>, Error> {
    let disk = &*machine.disk;
    refuse_remains(disk, layout)?;
    if !settings.live_file {
        refuse_foreign(disk, layout)?;
    }
    make_directories(disk, layout)?;
    let mut new = NewKey::choose(machine, layout, settings)?;
    let meta = Meta::new(&new.key, machine.clock.now(), settings.segment_bytes.unwrap_or(SEGMENT_BYTES));
    // The first settings are no change. They are written here, so that no trail exists without them.
    let (_, first) = settle(settings, &PersistedSettings::default(), false)?;
    first.remember(disk, layout)?;
    continuing::promise(disk, layout, settings)?;
    let adopted = lay_out(disk, layout, &new, &meta)
        .map_err(|source| Error::cannot("create a trail in", layout.dir(), source))?;
    new.made(disk)?;
    if let Some(adopted) = &adopted {
        tracing::warn!(live = %layout.live().display(), moved_to = adopted.moved_to, "the file in the place of the live file was not a trail's: it was moved aside");
    }
    Ok(adopted)
}

/// Makes the directories. One that is there already must be a directory and no link, and `keys/` nobody else's.
fn make_directories(disk: &dyn Disk, layout: &Layout) -> Result<(), Error> {
    for dir in
        [layout.keys(), layout.segments(), layout.tiles(), layout.boundaries(), layout.blobs(), layout.torn()]
    {
        durable::create_dir(disk, &dir).map_err(|source| Error::cannot("make", &dir, source))?;
        trust::real_directory(disk, &dir)?;
    }
    trust::keys_directory(disk, layout)
}

/// Every step but the last may be found half done by the next attempt, which does it again.
fn lay_out(disk: &dyn Disk, layout: &Layout, new: &NewKey, meta: &Meta) -> io::Result<Option<Adopted>> {
    let origin = new.key.name().to_owned();
    let empty = Checkpoint { origin, size: 0, root: Hash::EMPTY_TREE, extensions: Vec::new() };
    durable::replace(disk, &layout.checkpoint(), sign(&empty, &new.key).as_bytes())?;
    new.write(disk)?;
    let adopted = move_aside(disk, layout)?;
    if !durable::exists(disk, layout.live())? {
        create_live(disk, layout)?;
    }
    sync_above(disk, layout.dir())?;
    // From here on it is a trail.
    durable::replace(disk, &layout.meta(), &meta.to_bytes())?;
    durable::sync_dir(disk, durable::parent(layout.dir()))?;
    Ok(adopted)
}

/// Makes the names of all directories above durable: an attempt that was killed may have made them without a sync, and
/// once there is a `graven.json` nobody syncs them any more.
fn sync_above(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    for above in dir.ancestors().skip(1) {
        match durable::sync_dir(disk, above) {
            Ok(()) => {}
            Err(error) if durable::is_not_ours(error.kind()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Refuses a directory that held a trail, but `graven.json` is gone.
fn refuse_remains(disk: &dyn Disk, layout: &Layout) -> Result<(), Error> {
    let unreadable = |source| {
        let message = format!("cannot tell whether {} holds a trail", layout.dir().display());
        Error::with_source(ErrorKind::Unavailable, message, source)
    };
    if remains::is_past_creation(disk, layout).map_err(unreadable)? {
        let message = format!(
            "{} holds a trail whose graven.json is missing: restore that file, or choose another directory",
            layout.dir().display()
        );
        return Err(Error::new(ErrorKind::Data, message));
    }
    Ok(())
}

/// Refuses a file with content in the place of the live file, unless the caller named that file.
fn refuse_foreign(disk: &dyn Disk, layout: &Layout) -> Result<(), Error> {
    let metadata = durable::if_there(disk.metadata(layout.live()))
        .map_err(|source| Error::cannot("look at", layout.live(), source))?;
    if metadata.is_none_or(|metadata| metadata.bytes == 0) {
        return Ok(());
    }
    Err(not_a_trails(layout.live()))
}

/// The error for a file that is not a trail's, and may not become a live file.
pub(super) fn not_a_trails(file: &Path) -> Error {
    let message = format!(
        "{} is a file, and not a trail's live file: choose another path; only `Settings::live_file` moves such a file \
         aside and takes its place",
        file.display()
    );
    Error::new(ErrorKind::Invalid, message)
}

/// Refuses what cannot be a live file: a device, a FIFO, a socket, a directory.
pub(super) fn refuse_special(disk: &dyn Disk, layout: &Layout) -> Result<(), Error> {
    let what = match disk.metadata(layout.live()) {
        Ok(metadata) if metadata.kind == Kind::Dir => "is a directory",
        Ok(metadata) if metadata.kind == Kind::Other => "is a device, a FIFO or a socket",
        _ => return Ok(()),
    };
    let message = format!("{} {what}, not a file: choose another path", layout.live().display());
    Err(Error::new(ErrorKind::Invalid, message))
}

/// Moves aside a file that is in the place of the live file. An empty file is used as it is.
fn move_aside(disk: &dyn Disk, layout: &Layout) -> io::Result<Option<Adopted>> {
    let live = layout.live();
    if durable::if_there(disk.metadata(live))?.is_none_or(|metadata| metadata.bytes == 0) {
        return Ok(None);
    }
    let (sha256, bytes, lines) = summary(disk, live)?;
    let aside = free_name(disk, live, "before-graven")?;
    durable::retried(|| disk.rename(live, &aside))?;
    durable::sync_dir(disk, layout.live_parent())?;
    let moved_to = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Some(Adopted { moved_to, sha256, bytes, lines }))
}

/// The SHA-256 in hex, the length and the line ends of a file of any size.
fn summary(disk: &dyn Disk, path: &Path) -> io::Result<(String, u64, u64)> {
    let file = disk.open(path, Open::Read)?;
    let mut hasher = Sha256::new();
    let (mut bytes, mut lines) = (0, 0);
    let _ended = each_block(&*file, |offset, block| {
        hasher.update(block);
        bytes = offset + block.len() as u64;
        lines += memchr::memchr_iter(b'\n', block).count() as u64;
        ControlFlow::<()>::Continue(())
    })?;
    Ok((Hash::from_bytes(hasher.finalize().into()).to_hex(), bytes, lines))
}

//! Creates a trail.
//!
//! The order: directories, key, signed checkpoint of size 0, empty live file, each synced with its directory; then
//! `graven.json`. Without `graven.json` nothing was ever acknowledged, so a creation that was cut short is simply
//! done again.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::Hash;
use graven_core::note::{SigningKey, check_name};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::files::lines::each_block;
use crate::files::live::create_live;
use crate::files::meta::{Meta, SEGMENT_BYTES, VERSION};
use crate::files::names::free_name;
use crate::files::notes::sign;
use crate::open::persisted_settings::{PersistedSettings, settle};
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
    refuse_remains(&*machine.disk, layout)?;
    let key_path = settings.signing_key.clone().unwrap_or_else(|| layout.signing_key());
    let outside = settings.signing_key.is_some();
    let key = signing_key(machine, &key_path, outside, settings.origin.as_deref())?;
    let origin = key.name().to_owned();
    let meta = Meta {
        version: VERSION,
        origin: origin.clone(),
        key: key.verifier_key().clone(),
        created: machine.clock.now(),
        segment_bytes: settings.segment_bytes.unwrap_or(SEGMENT_BYTES),
    };
    let empty = Checkpoint { origin, size: 0, root: Hash::EMPTY_TREE, extensions: Vec::new() };
    // The first settings are no change. They are written here, so that no trail exists without them.
    let (_, first) = settle(settings, &PersistedSettings::default(), false)?;
    first.remember(&*machine.disk, layout)?;
    lay_out(&*machine.disk, layout, &key, &key_path, &sign(&empty, &key), &meta)
        .map_err(|source| Error::cannot("create a trail in", layout.dir(), source))
}

/// Every step but the last may be found half done by the next attempt, which does it again.
fn lay_out(
    disk: &dyn Disk,
    layout: &Layout,
    key: &SigningKey,
    key_path: &Path,
    checkpoint: &str,
    meta: &Meta,
) -> io::Result<Option<Adopted>> {
    for dir in
        [layout.keys(), layout.segments(), layout.tiles(), layout.boundaries(), layout.blobs(), layout.torn()]
    {
        durable::create_dir(disk, &dir)?;
    }
    durable::replace(disk, key_path, format!("{}\n", key.to_secret_string()).as_bytes())?;
    durable::replace(disk, &layout.checkpoint(), checkpoint.as_bytes())?;
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
            Err(error) if is_not_ours(error.kind()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the error means that a program like this one makes no names in that directory, so that none need a sync.
fn is_not_ours(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(kind, PermissionDenied | ReadOnlyFilesystem | InvalidInput | Unsupported)
}

/// Refuses a directory that held a trail: it has segments or a checkpoint of entries, but `graven.json` is gone.
fn refuse_remains(disk: &dyn Disk, layout: &Layout) -> Result<(), Error> {
    let unreadable = |source| {
        let message = format!("cannot tell whether {} holds a trail", layout.dir().display());
        Error::with_source(ErrorKind::Unavailable, message, source)
    };
    let segments = if_there(disk.read_dir(&layout.segments())).map_err(unreadable)?;
    let segments = segments.is_some_and(|names| !names.is_empty());
    let checkpoint = if_there(durable::read_file(disk, &layout.checkpoint())).map_err(unreadable)?;
    let sealed = checkpoint
        .is_some_and(|bytes| String::from_utf8_lossy(&bytes).lines().nth(1).is_some_and(|size| size != "0"));
    if segments || sealed {
        let message = format!(
            "{} holds a trail whose graven.json is missing: restore that file, or choose another directory",
            layout.dir().display()
        );
        return Err(Error::new(ErrorKind::Data, message));
    }
    Ok(())
}

fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if durable::is_absent(&error) => Ok(None),
        other => other.map(Some),
    }
}

/// The key of a new trail: a new one, or the one that is already where the settings say.
fn signing_key(
    machine: &Machine,
    path: &Path,
    outside: bool,
    origin: Option<&str>,
) -> Result<SigningKey, Error> {
    // A key that cannot be looked at must not be replaced: other trails may be signed with it.
    let there = || {
        durable::exists(&*machine.disk, path)
            .map_err(|source| Error::cannot("look for a signing key at", path, source))
    };
    if there()? {
        match read_signing_key(&*machine.disk, path) {
            // A key in the trail itself is left from an attempt that was cut short, and a verifier may know it already.
            Ok(key) if origin.is_none_or(|origin| origin == key.name()) => return Ok(key),
            Ok(key) if outside => {
                let (path, name) = (path.display(), key.name());
                let message = format!(
                    "the key in {path} is named {name:?}, not {:?}: set its name as the origin, or use another key",
                    origin.unwrap_or_default()
                );
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            Err(error) if outside || error.kind() == ErrorKind::Unavailable => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    let origin = match origin {
        Some(origin) => origin.to_owned(),
        // A random part, so that no two trails share an origin.
        None => format!("graven.local/{:016x}", machine.clock.random()),
    };
    check_name(&origin).map_err(|source| {
        Error::with_source(ErrorKind::Invalid, format!("{origin:?} cannot be an origin"), source)
    })?;
    let seed = machine.clock.secret().map_err(|source| {
        Error::with_source(ErrorKind::Unavailable, "no randomness for a signing key", source)
    })?;
    SigningKey::from_seed(&origin, seed)
        .map_err(|source| Error::with_source(ErrorKind::Internal, "cannot make a signing key", source))
}

/// Reads a signing key.
pub(super) fn read_signing_key(disk: &dyn Disk, path: &Path) -> Result<SigningKey, Error> {
    let bytes = durable::read_file(disk, path)
        .map_err(|source| Error::cannot("read the signing key", path, source))?;
    let text = String::from_utf8_lossy(&bytes);
    SigningKey::parse(text.trim_end_matches('\n')).map_err(|source| {
        Error::with_source(ErrorKind::Data, format!("{} is not a signing key", path.display()), source)
    })
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
    if if_there(disk.metadata(live))?.is_none_or(|metadata| metadata.bytes == 0) {
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

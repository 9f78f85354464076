//! The signing key of a trail: made with a new one, read for one that there is.

use std::io;
use std::path::{Path, PathBuf};

use graven_core::checkpoint::Checkpoint;
use graven_core::note::{SigningKey, check_name};
use zeroize::Zeroizing;

use super::key_trails::{self, KeyTrails};
use super::{redaction_key, trust};
use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::files::meta::Meta;
use crate::seam::disk::Disk;
use crate::seam::machine::Machine;
use crate::settings::Settings;

/// The key of a trail that is being made.
#[derive(Debug)]
pub(super) struct NewKey {
    pub(super) key: SigningKey,
    path: PathBuf,
    /// Whether it is there already.
    is_there: bool,
    /// The trails of a key that is kept elsewhere. They stay locked until this one is made.
    trails: Option<KeyTrails>,
}

impl NewKey {
    /// The key for a new trail, whose directories are there. Nothing is written yet, except the note that a key kept
    /// elsewhere is about to be used.
    pub(super) fn choose(machine: &Machine, layout: &Layout, settings: &Settings) -> Result<NewKey, Error> {
        let origin = settings.origin.as_deref();
        if let Some(origin) = origin {
            check_name(origin).map_err(|source| {
                Error::with_source(ErrorKind::Invalid, format!("{origin:?} cannot be an origin"), source)
            })?;
        }
        match &settings.signing_key {
            Some(path) => elsewhere(machine, layout, path, origin),
            None => in_trail(machine, layout, origin),
        }
    }

    /// Writes the key, durably. The checkpoint of size 0 is there by now.
    pub(super) fn write(&self, disk: &dyn Disk) -> io::Result<()> {
        if self.is_there {
            // An attempt that was killed may have made its name without a sync; not where only others make names.
            return match durable::sync_dir(disk, durable::parent(&self.path)) {
                Err(error) if durable::is_not_ours(error.kind()) => Ok(()),
                synced => synced,
            };
        }
        let mut line = self.key.to_secret_string();
        line.push('\n');
        durable::replace(disk, &self.path, line.as_bytes())
    }

    /// Called once the trail is made.
    pub(super) fn made(&mut self, disk: &dyn Disk) -> Result<(), Error> {
        match &mut self.trails {
            Some(trails) => trails.finish(disk, self.key.verifier_key()),
            None => Ok(()),
        }
    }
}

/// In the trail, a key is ours only beside the checkpoint of size 0 that it signed: that was written before it.
fn in_trail(machine: &Machine, layout: &Layout, origin: Option<&str>) -> Result<NewKey, Error> {
    let (disk, path) = (&*machine.disk, layout.signing_key());
    redaction_key::refuse_planted(disk, layout)?;
    if exists(disk, &path)? {
        let checkpoint = match durable::read_note(disk, &layout.checkpoint()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(trust::planted(&path)),
            other => other.map_err(|source| Error::cannot("read", &layout.checkpoint(), source))?,
        };
        trust::key_in_trail(disk, layout, &path)?;
        let key = read(disk, &path)?;
        if Checkpoint::open(&checkpoint, key.verifier_key()).is_err() {
            return Err(trust::planted(&path));
        }
        // Left from an attempt that was cut short. A verifier may know this key already.
        if origin.is_none_or(|origin| origin == key.name()) {
            return Ok(NewKey { key, path, is_there: true, trails: None });
        }
        // Removed before there is another checkpoint: no crash may leave a key beside a checkpoint of another.
        durable::retried(|| disk.remove_file(&path))
            .and_then(|()| durable::sync_dir(disk, &layout.keys()))
            .map_err(|source| Error::cannot("remove", &path, source))?;
    }
    Ok(NewKey { key: make(machine, origin)?, path, is_there: false, trails: None })
}

/// The key that is at the given place, or a new one there. With a name that no other trail has under this key.
fn elsewhere(machine: &Machine, layout: &Layout, path: &Path, origin: Option<&str>) -> Result<NewKey, Error> {
    let disk = &*machine.disk;
    let mut trails = KeyTrails::lock(disk, path, layout)?;
    // A key that cannot be looked at must not be replaced: other trails may be signed with it.
    let is_there = exists(disk, path)?;
    let key = if is_there {
        trust::key_elsewhere(disk, layout, path)?;
        let key = read(disk, path)?;
        // Version 0.1 kept no list of trails, but it made the redaction key with the first one.
        if origin.is_none() && trails.is_unknown() && redaction_key::is_beside(disk, path)? {
            return Err(shared(path, &key, None));
        }
        key.named(origin.unwrap_or(key.name())).expect("the names of both were checked")
    } else {
        make(machine, origin)?
    };
    if let Some(user) = trails.user_of(key.verifier_key()) {
        return Err(if trails.is_for(user) {
            gone(path, &key, user)
        } else {
            shared(path, &key, Some(user))
        });
    }
    trails.begin(disk, key.verifier_key())?;
    Ok(NewKey { key, path: path.to_owned(), is_there, trails: Some(trails) })
}

fn make(machine: &Machine, origin: Option<&str>) -> Result<SigningKey, Error> {
    let origin = match origin {
        Some(origin) => origin.to_owned(),
        // A random part, so that no two trails share an origin.
        None => format!("graven.local/{:016x}", machine.clock.random()),
    };
    let seed = machine.clock.secret().map(Zeroizing::new).map_err(|source| {
        Error::with_source(ErrorKind::Unavailable, "no randomness for a signing key", source)
    })?;
    SigningKey::from_seed(&origin, *seed)
        .map_err(|source| Error::with_source(ErrorKind::Internal, "cannot make a signing key", source))
}

/// The key of a trail that there is. It must be the one that `graven.json` names; one that is kept elsewhere may have
/// been made for another origin.
pub(super) fn of_trail(
    disk: &dyn Disk,
    layout: &Layout,
    settings: &Settings,
    meta: &Meta,
) -> Result<SigningKey, Error> {
    let path = settings.signing_key.clone().unwrap_or_else(|| layout.signing_key());
    if exists(disk, &path)? {
        match settings.signing_key {
            Some(_) => trust::key_elsewhere(disk, layout, &path)?,
            None => {
                trust::keys_directory(disk, layout).and_then(|()| trust::key_in_trail(disk, layout, &path))?
            }
        }
    }
    let key = read(disk, &path)?;
    match key.named(&meta.origin) {
        Ok(key) if *key.verifier_key() == meta.key => Ok(key),
        _ => {
            let meta = layout.meta();
            let message =
                format!("{} is not the key that {} names: restore that key", path.display(), meta.display());
            Err(Error::new(ErrorKind::Data, message))
        }
    }
}

/// Notes for which trail a key that is kept elsewhere is used, if that is not known.
pub(super) fn note_use(disk: &dyn Disk, layout: &Layout, settings: &Settings, key: &SigningKey) {
    if let Some(path) = &settings.signing_key {
        key_trails::note(disk, path, key.verifier_key(), layout);
    }
}

fn read(disk: &dyn Disk, path: &Path) -> Result<SigningKey, Error> {
    let bytes = durable::read_secret(disk, path)
        .map_err(|source| Error::cannot("read the signing key", path, source))?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    SigningKey::parse(text.trim_end_matches('\n')).map_err(|source| {
        Error::with_source(ErrorKind::Data, format!("{} is not a signing key", path.display()), source)
    })
}

fn exists(disk: &dyn Disk, path: &Path) -> Result<bool, Error> {
    durable::exists(disk, path).map_err(|source| Error::cannot("look for a signing key at", path, source))
}

/// The error for a trail that was made here before, with this key and name, and is not here any more.
fn gone(path: &Path, key: &SigningKey, trail: &str) -> Error {
    let (path, origin) = (path.display(), key.name());
    let message = format!(
        "the trail {trail} is gone: the key in {path} signed it under the origin {origin:?}, and a verifier would take a \
         new one for the old one, rolled back; so restore the trail, or give the new one an origin of its own, or \
         another key"
    );
    Error::new(ErrorKind::Data, message)
}

/// The error for a key that another trail is signed with under the same name.
fn shared(path: &Path, key: &SigningKey, user: Option<&str>) -> Error {
    let (path, origin) = (path.display(), key.name());
    let user = user.map_or("another trail".to_owned(), |user| format!("the trail {user}"));
    let message = format!(
        "the key in {path} signs {user} under the origin {origin:?}: two trails with one key and one origin could be \
         exchanged for each other, so give the new one an origin of its own, or another key"
    );
    Error::new(ErrorKind::Invalid, message)
}

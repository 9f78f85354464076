//! The key of a trail's marks, in its file: 64 hex digits and a newline, beside the signing key.
//!
//! It is made with the trail; a trail that is older than redaction gets one when it is next opened for writing. In both
//! cases it is durable before anything is redacted with it, so that a crash cannot take the key of a mark.

use std::io;
use std::path::{Path, PathBuf};

use graven_core::hash::hex;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::open::trust;
use crate::redact::{Redaction, Redactor};
use crate::seam::disk::Disk;
use crate::seam::machine::Machine;
use crate::settings::Settings;

impl Redactor {
    /// With the key of a trail, which is only read: its marks are those of the trail.
    ///
    /// # Errors
    /// `NotFound` when there is no trail; `Unavailable` when its key cannot be read; `Data` when that is damaged.
    pub fn of_trail(path: impl AsRef<Path>, redaction: Redaction) -> Result<Redactor, Error> {
        let machine = Machine::os();
        let layout = Layout::find_one(&*machine.disk, path.as_ref())?;
        let key = layout.redaction_key();
        match read(&*machine.disk, &key)? {
            Some(secret) => Ok(Redactor::with_key(redaction, &secret)),
            None => {
                let message = format!("there is no redaction key at {}", key.display());
                Err(Error::new(ErrorKind::NotFound, message))
            }
        }
    }
}

/// The redactor of a trail that is being opened, or made.
pub(super) fn open(
    machine: &Machine,
    layout: &Layout,
    settings: &Settings,
    redaction: Redaction,
) -> Result<Redactor, Error> {
    let path = path(layout, settings);
    accept(&*machine.disk, layout, settings, &path)?;
    let secret = match read(&*machine.disk, &path)? {
        Some(secret) => secret,
        None => make(machine, &path)?,
    };
    Ok(Redactor::with_key(redaction, &secret))
}

/// Refuses a key that somebody else may have put there, or may change.
fn accept(disk: &dyn Disk, layout: &Layout, settings: &Settings, path: &Path) -> Result<(), Error> {
    if !there(disk, path)? {
        return Ok(());
    }
    match settings.signing_key {
        Some(_) => trust::key_elsewhere(disk, layout, path),
        None => trust::key_in_trail(disk, layout, path),
    }
}

/// Refuses a key in a directory that is not a trail yet: the key is made after the trail.
pub(super) fn refuse_planted(disk: &dyn Disk, layout: &Layout) -> Result<(), Error> {
    let path = layout.redaction_key();
    if there(disk, &path)? { Err(trust::planted(&path)) } else { Ok(()) }
}

/// Whether there is a key beside a signing key that is kept elsewhere.
pub(super) fn is_beside(disk: &dyn Disk, signing: &Path) -> Result<bool, Error> {
    there(disk, &beside(signing))
}

fn there(disk: &dyn Disk, path: &Path) -> Result<bool, Error> {
    durable::exists(disk, path).map_err(|source| Error::cannot("look for the redaction key", path, source))
}

/// Where the key lies: beside the signing key, wherever that is.
fn path(layout: &Layout, settings: &Settings) -> PathBuf {
    settings.signing_key.as_ref().map_or_else(|| layout.redaction_key(), |signing| beside(signing))
}

fn beside(signing: &Path) -> PathBuf {
    let mut path = signing.as_os_str().to_owned();
    path.push(".redaction");
    path.into()
}

fn make(machine: &Machine, path: &Path) -> Result<Zeroizing<[u8; 32]>, Error> {
    let unavailable = |what: &str, source: io::Error| {
        Error::with_source(ErrorKind::Unavailable, format!("{what} {}", path.display()), source)
    };
    let secret = machine
        .clock
        .secret()
        .map(Zeroizing::new)
        .map_err(|source| unavailable("no randomness for the redaction key", source))?;
    let disk = &*machine.disk;
    durable::create_dir(disk, durable::parent(path))
        .and_then(|()| durable::replace(disk, path, line(&secret).as_bytes()))
        .map_err(|source| unavailable("cannot write the redaction key", source))?;
    Ok(secret)
}

/// The line of the file. Its room is there from the beginning: when a text grows, the old place is not wiped.
fn line(secret: &[u8; 32]) -> Zeroizing<String> {
    let digits = Zeroizing::new(hex(secret));
    let mut line = Zeroizing::new(String::with_capacity(digits.len() + 1));
    line.push_str(&digits);
    line.push('\n');
    line
}

/// Reads a key; `None` when there is none.
fn read(disk: &dyn Disk, path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, Error> {
    let bytes = match durable::read_secret(disk, path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            let message = format!("cannot read the redaction key {}", path.display());
            return Err(Error::with_source(ErrorKind::Unavailable, message, source));
        }
    };
    parse(&bytes).map(Some).ok_or_else(|| {
        let message = format!(
            "{} is not a redaction key: restore it; or delete it, and a new key is made (equal secrets will then get \
             different marks than before)",
            path.display()
        );
        Error::new(ErrorKind::Data, message)
    })
}

fn parse(bytes: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut secret = Zeroizing::new([0; 32]);
    for (place, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(secret)
}

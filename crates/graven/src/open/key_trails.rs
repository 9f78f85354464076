//! Which trails a signing key is used for: `<key>.trails`, beside a key that is kept outside the trail.
//!
//! Two trails with one key and one origin could stand in for each other: what the one has signed is good for the other.
//! So a new trail must not have the key and the origin of one that there is, or was. The file has one line for each
//! trail: its verifier key (key and origin in one), and where it was made. While a trail is being made, its line says
//! so: an attempt that a crash cut short is made again at the same place.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven_core::note::VerifierKey;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::seam::disk::{Disk, Hold, Lock};

/// One trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: String,
    trail: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    creating: bool,
}

/// The trails of one key. While this is there, no other process adds one.
#[derive(Debug)]
pub(super) struct KeyTrails {
    path: PathBuf,
    /// `None` when there is no file.
    lines: Option<Vec<Line>>,
    /// The trail that is being opened, or made.
    trail: String,
    /// `None` when the key is in the trail's own directory, which its creation has locked already.
    _lock: Option<Arc<dyn Lock>>,
}

impl KeyTrails {
    /// Waits until no other process makes a trail with a key in the same directory, and reads the file.
    pub(super) fn lock(disk: &dyn Disk, key: &Path, layout: &Layout) -> Result<KeyTrails, Error> {
        let dir = durable::parent(key);
        let lock = lock_directory(disk, dir, layout)
            .map_err(|source| Error::cannot("lock the directory of the signing key", dir, source))?;
        let path = path(key);
        let lines = read(disk, &path)?;
        Ok(KeyTrails { path, lines, trail: layout.dir().display().to_string(), _lock: lock })
    }

    /// Whether nothing is known of any trail of this key.
    pub(super) fn is_unknown(&self) -> bool {
        self.lines.is_none()
    }

    /// Where the trail is, or was, that has this key and this origin already.
    pub(super) fn user_of(&self, key: &VerifierKey) -> Option<&str> {
        let is_other = |line: &&Line| !line.creating || line.trail != self.trail;
        let mut same = self.lines.iter().flatten().filter(|line| line.key == key.to_string());
        same.find(is_other).map(|line| line.trail.as_str())
    }

    /// Whether the trail that is being made is at this place.
    pub(super) fn is_for(&self, trail: &str) -> bool {
        self.trail == trail
    }

    /// Notes that a trail is being made, in the place of an earlier attempt.
    pub(super) fn begin(&mut self, disk: &dyn Disk, key: &VerifierKey) -> Result<(), Error> {
        self.put(disk, key, true)
    }

    /// Notes that the trail is made.
    pub(super) fn finish(&mut self, disk: &dyn Disk, key: &VerifierKey) -> Result<(), Error> {
        self.put(disk, key, false)
    }

    fn put(&mut self, disk: &dyn Disk, key: &VerifierKey, creating: bool) -> Result<(), Error> {
        let lines = self.lines.get_or_insert_default();
        lines.retain(|line| !(line.creating && line.trail == self.trail));
        lines.push(Line { key: key.to_string(), trail: self.trail.clone(), creating });
        let mut bytes = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut bytes, line).expect("strings always serialise");
            bytes.push(b'\n');
        }
        durable::replace(disk, &self.path, &bytes).map_err(|source| {
            Error::cannot("write down the trails of the signing key in", &self.path, source)
        })
    }
}

/// Notes that the key is used for a trail, which was made before there was such a file, or whose creation was cut short
/// just before the end. The trail is opened even if it cannot be noted.
pub(super) fn note(disk: &dyn Disk, key_path: &Path, key: &VerifierKey, layout: &Layout) {
    let known = |line: &Line| !line.creating && line.key == key.to_string();
    let noted = read(disk, &path(key_path)).and_then(|lines| {
        if lines.iter().flatten().any(known) {
            return Ok(());
        }
        KeyTrails::lock(disk, key_path, layout)?.finish(disk, key)
    });
    if let Err(error) = noted {
        tracing::warn!(error = error.chain(), "nothing will say that this key is used for this trail");
    }
}

fn lock_directory(disk: &dyn Disk, dir: &Path, layout: &Layout) -> io::Result<Option<Arc<dyn Lock>>> {
    // This opening of the trail holds the lock of the trail's directory: waiting for it here would never end.
    if disk.canonicalize(dir)?.starts_with(layout.dir()) {
        return Ok(None);
    }
    let lock = disk.open_lock(dir)?;
    durable::retried(|| lock.lock(Hold::Exclusive))?;
    Ok(Some(lock))
}

fn path(key: &Path) -> PathBuf {
    let mut path = key.as_os_str().to_owned();
    path.push(".trails");
    path.into()
}

fn read(disk: &dyn Disk, path: &Path) -> Result<Option<Vec<Line>>, Error> {
    let bytes = match durable::read_file(disk, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|source| Error::cannot("read", path, source))?,
    };
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let lines: Result<Vec<Line>, _> = lines.map(serde_json::from_slice).collect();
    lines.map(Some).map_err(|source| {
        let message =
            format!("{} does not say which trails use the key beside it: restore it", path.display());
        Error::with_source(ErrorKind::Data, message, source)
    })
}

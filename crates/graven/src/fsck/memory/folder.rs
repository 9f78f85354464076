//! The folder of the verifier's memory: its files are read whole, replaced whole, and replaced by one verifier at a time.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use graven_core::hash::sha256;

use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::seam::disk::{Disk, Hold, Lock};
use crate::seam::machine::Machine;

/// How long a verifier waits for the others. They hold the lock only while they replace two small files.
const PATIENCE: Duration = Duration::from_secs(10);

/// A folder of memory. Only what a verifier has made or checked itself is put there.
#[derive(Debug, Clone)]
pub struct Folder {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

/// Holds the folder's lock until it is dropped.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "dropping it releases the lock")] Arc<dyn Lock>);

impl Folder {
    /// The folder at a path. It need not be there.
    pub fn new(machine: &Machine, path: &Path) -> Folder {
        Folder { disk: Arc::clone(&machine.disk), path: path.to_owned() }
    }

    /// Makes the folder if it is missing, and locks it: `flock` on the folder itself.
    ///
    /// # Errors
    /// `Unavailable` when that is not possible, or others hold the lock for too long.
    pub fn lock(&self) -> Result<Held, Error> {
        let lock = durable::create_dir_all(&*self.disk, &self.path)
            .and_then(|()| self.disk.open_lock(&self.path))
            .map_err(|source| unusable("write", &self.path, source))?;
        let held = lock.lock_within(Hold::Exclusive, PATIENCE);
        if held.map_err(|source| unusable("lock", &self.path, source))? {
            return Ok(Held(lock));
        }
        let message = format!(
            "cannot lock the verifier's memory {}: something holds its lock for more than {} seconds",
            self.path.display(),
            PATIENCE.as_secs()
        );
        Err(Error::new(ErrorKind::Unavailable, message))
    }

    /// Reads a file and parses it; `None` when there is none. A file that cannot be parsed is an error: it is kept for a
    /// person to look at.
    ///
    /// # Errors
    /// `Data` when it cannot be parsed; `Unavailable` when it cannot be read.
    pub fn read<T>(&self, name: &str, parse: impl Fn(&[u8]) -> Option<T>) -> Result<Option<T>, Error> {
        let path = self.path.join(name);
        let bytes = match durable::read_file(&*self.disk, &path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(unusable("read", &path, source)),
        };
        parse(&bytes).map(Some).ok_or_else(|| {
            let message = format!(
                "the verifier's memory {} is damaged: restore it, or delete it to forget what it says",
                path.display()
            );
            Error::new(ErrorKind::Data, message)
        })
    }

    /// Replaces a file by one line of JSON. The caller holds the lock.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be written.
    pub fn replace(&self, name: &str, content: &impl serde::Serialize) -> Result<(), Error> {
        let path = self.path.join(name);
        let mut bytes = serde_json::to_vec(content).expect("strings and numbers always serialise");
        bytes.push(b'\n');
        durable::replace(&*self.disk, &path, &bytes).map_err(|source| unusable("write", &path, source))
    }
}

/// A name that no content can choose: the first 32 hex digits of the SHA-256 of the bytes.
pub fn hashed(bytes: &[u8]) -> String {
    let mut digits = sha256(bytes).to_hex();
    digits.truncate(32);
    digits
}

fn unusable(what: &str, path: &Path, source: io::Error) -> Error {
    Error::cannot(&format!("{what} the verifier's memory"), path, source)
}

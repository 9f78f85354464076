//! The verifier's memory: for each trail the key and the newest accepted head, like the known hosts of SSH.
//!
//! One JSON file for each trail, named by the SHA-256 of the trail's canonical path. It reveals a rollback of
//! everything at once and a changed key, which no single look at a trail can. To forget a trail, delete its file.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven_core::hash::{Hash, sha256};
use graven_core::note::VerifierKey;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::files::meta::UNSIGNED_VERSION;
use crate::seam::disk::Disk;
use crate::seam::machine::Machine;

/// The folder for the memory in the user's state: `$XDG_STATE_HOME/graven`, else `$HOME/.local/state/graven`. `None`
/// when neither variable holds an absolute path.
pub fn user_folder() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    base.map(|base| base.join("graven"))
}

/// What is remembered of one trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Memory {
    /// The key. Its name is the origin.
    pub(crate) key: VerifierKey,
    pub(crate) size: u64,
    pub(crate) root: Hash,
    /// The newest version of the format that `graven.json` was of.
    pub(crate) format: u64,
}

/// Where the memory of one trail is stored.
#[derive(Debug)]
pub(crate) struct State {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// The canonical path of the trail; an error when it has none.
    trail: io::Result<PathBuf>,
}

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u64,
    /// The path of the trail, for a person who reads the file.
    trail: String,
    origin: String,
    key: String,
    size: u64,
    root: Hash,
    /// Absent as long as it is the first.
    #[serde(default = "first_format", skip_serializing_if = "is_first_format")]
    format: u64,
}

fn first_format() -> u64 {
    UNSIGNED_VERSION
}

fn is_first_format(format: &u64) -> bool {
    *format == UNSIGNED_VERSION
}

/// The only version of the file.
const VERSION: u64 = 1;

impl State {
    /// The place of the memory of a trail in a folder.
    pub(crate) fn new(machine: &Machine, folder: &Path, layout: &Layout) -> State {
        let disk = Arc::clone(&machine.disk);
        // A trail that is gone is remembered under the name that it had.
        let trail = disk.canonicalize(layout.dir()).or_else(|error| match layout.dir().file_name() {
            Some(name) if durable::is_absent(&error) => {
                Ok(disk.canonicalize(durable::parent(layout.dir()))?.join(name))
            }
            _ => Err(error),
        });
        State { disk, folder: folder.to_owned(), trail }
    }

    /// Reads what is remembered; `None` when nothing is.
    pub(crate) fn recall(&self) -> Result<Option<Memory>, Error> {
        let path = self.path()?;
        let bytes = match durable::read_file(&*self.disk, &path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(unusable(&path, "read", source)),
        };
        parse(&bytes).map(Some).ok_or_else(|| {
            let message = format!(
                "the verifier's memory {} is damaged: delete it to forget what it says of this trail",
                path.display()
            );
            Error::new(ErrorKind::Data, message)
        })
    }

    /// Replaces what is remembered.
    pub(crate) fn remember(&self, memory: &Memory) -> Result<(), Error> {
        let path = self.path()?;
        let trail = self.trail.as_deref().map_or(String::new(), |trail| trail.display().to_string());
        let file = File {
            version: VERSION,
            trail,
            origin: memory.key.name().to_owned(),
            key: memory.key.to_string(),
            size: memory.size,
            root: memory.root,
            format: memory.format,
        };
        let mut bytes = serde_json::to_vec(&file).expect("strings and numbers always serialise");
        bytes.push(b'\n');
        durable::create_dir_all(&*self.disk, &self.folder)
            .and_then(|()| durable::replace(&*self.disk, &path, &bytes))
            .map_err(|source| unusable(&path, "write", source))
    }

    fn path(&self) -> Result<PathBuf, Error> {
        match &self.trail {
            Ok(trail) => {
                let name = sha256(trail.as_os_str().as_encoded_bytes()).to_hex();
                Ok(self.folder.join(format!("{}.json", &name[..32])))
            }
            Err(error) => {
                let source = io::Error::new(error.kind(), error.to_string());
                Err(unusable(&self.folder, "use", source))
            }
        }
    }
}

fn unusable(path: &Path, what: &str, source: io::Error) -> Error {
    let message = format!("cannot {what} the verifier's memory {}", path.display());
    Error::with_source(ErrorKind::Unavailable, message, source)
}

fn parse(bytes: &[u8]) -> Option<Memory> {
    let file: File = serde_json::from_slice(bytes).ok()?;
    let key = VerifierKey::parse(&file.key).ok()?;
    (file.version == VERSION && key.name() == file.origin).then_some(Memory {
        key,
        size: file.size,
        root: file.root,
        format: file.format,
    })
}

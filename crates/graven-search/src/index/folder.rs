//! Where the shelves of a trail lie: one file each, written under a temporary name, synced and renamed; one builder at a
//! time.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven::disk::{Disk, File, Hold, Kind, Lock, Open, temporary_of};
use graven::durable;

/// The folder in a trail's directory.
const IN_TRAIL: &str = "search";

/// The end of the name of a shelf. Before it stands its first index, in 20 digits.
const SUFFIX: &str = ".shelf";

/// A folder with the shelves of one trail. It need not be there.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

/// The right to change a folder, until it is dropped.
#[derive(Debug)]
pub(crate) struct Building {
    folder: Folder,
    _lock: Arc<dyn Lock>,
}

impl Folder {
    /// The folder in the directory of a trail. The disk is that for files of the trail.
    pub(crate) fn in_trail(disk: Arc<dyn Disk>, dir: &Path) -> Folder {
        Folder { disk, path: dir.join(IN_TRAIL) }
    }

    /// The folder of a trail among those of others. `name` is of the trail's key.
    pub(crate) fn among(disk: Arc<dyn Disk>, all: &Path, name: &str) -> Folder {
        Folder { disk, path: all.join(name) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file of a shelf.
    pub(crate) fn file(&self, first: u64) -> PathBuf {
        self.path.join(format!("{first:020}{SUFFIX}"))
    }

    /// The first indexes of the shelves that have a file, in order.
    pub(crate) fn list(&self) -> io::Result<Vec<u64>> {
        let names = match self.disk.read_dir(&self.path) {
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            other => other?,
        };
        let files = names.iter().filter(|entry| entry.metadata.kind == Kind::File);
        Ok(files.filter_map(|entry| first_of(&entry.name)).collect())
    }

    /// Opens the file of a shelf; `None` when there is none.
    pub(crate) fn open(&self, first: u64) -> io::Result<Option<Arc<dyn File>>> {
        match self.disk.open(&self.file(first), Open::Read) {
            Err(error) if is_absent(&error) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Makes the folder if it is missing, and takes the lock of its builders: `flock` on the folder itself. `None` when
    /// another builder has it. What a crash has left of a shelf is removed.
    pub(crate) fn build(&self) -> io::Result<Option<Building>> {
        durable::create_dir_all(&*self.disk, &self.path)?;
        self.refuse_link()?;
        let lock = self.disk.open_lock(&self.path)?;
        if !durable::retried(|| lock.try_lock(Hold::Exclusive))? {
            return Ok(None);
        }
        for entry in self.disk.read_dir(&self.path)? {
            if temporary_of(&entry.name).and_then(first_of).is_some() {
                durable::retried(|| self.disk.remove_file(&self.path.join(&entry.name)))?;
            }
        }
        Ok(Some(Building { folder: self.clone(), _lock: lock }))
    }

    /// Refuses a folder that is a link: who can put one there must not choose where files are made.
    fn refuse_link(&self) -> io::Result<()> {
        let (Some(parent), Some(name)) = (self.path.parent(), self.path.file_name()) else { return Ok(()) };
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let real = self.disk.canonicalize(parent)?.join(name);
        if self.disk.canonicalize(&self.path)? == real {
            return Ok(());
        }
        let message = "a link is in the place of this folder: remove it, or name another folder with --index";
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }
}

impl Building {
    /// Puts the file of a shelf in its place, durably.
    pub(crate) fn put(&self, first: u64, bytes: &[u8]) -> io::Result<()> {
        durable::replace(&*self.folder.disk, &self.folder.file(first), bytes)
    }

    /// Removes the file of a shelf.
    pub(crate) fn remove(&self, first: u64) -> io::Result<()> {
        durable::retried(|| self.folder.disk.remove_file(&self.folder.file(first)))
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }
}

/// The first index in the name of a shelf's file.
fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX).filter(|digits| digits.len() == 20)?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Whether an error says that this user makes no files there.
pub(crate) fn is_not_ours(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
}

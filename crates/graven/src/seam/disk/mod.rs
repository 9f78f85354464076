//! The seam to the disk: the one place where the engine touches files.
//!
//! Two implementations: [`OsDisk`], and the simulated disk (feature `sim`), which keeps "written" and "synced" apart
//! and can fail any call. Every operation is small and named after the system call it stands for, so that a trace shows
//! what the engine asks for.

mod not_a_file;
mod os;
#[cfg(feature = "sim")]
pub mod sim;
mod temporary;

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use not_a_file::NotAFile;
pub use os::OsDisk;
pub use temporary::temporary_of;

/// How a file is opened. A file made here has mode 0600. A file that may be written is never reached through a link: if
/// the last part of its path is one, opening it fails.
///
/// Only regular files are opened. Anything else in a file's place fails with an error that carries [`NotAFile`], and
/// opening it never waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; it must exist. Its bytes are kept.
    Write,
    /// For reading and writing; it must not exist.
    CreateNew,
    /// For reading and writing; made when absent. Its bytes are kept.
    Create,
}

/// What kind of thing a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// Anything else: a device, a FIFO, a socket.
    Other,
}

/// Which file or directory it is, under any name: its device and its inode. Unique as long as a handle of it is open:
/// after that, the number may be given to another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    /// The file system that it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

/// Who may do what with a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The number of the user that it belongs to.
    pub owner: u32,
    /// The number of its group.
    pub group: u32,
    /// Its permissions, as `chmod` takes them: at most 0o7777.
    pub mode: u32,
}

/// What a path names, and how long it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// File, directory or something else; links are followed.
    pub kind: Kind,
    /// Length in bytes; 0 for what is not a regular file.
    pub bytes: u64,
    /// Which file it is.
    pub id: FileId,
    /// Who may do what with it.
    pub access: Access,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// The name, without its directory. Names that are not UTF-8 are converted lossily; a trail has none.
    pub name: String,
    /// What it names.
    pub metadata: Metadata,
}

/// An open file. Dropping it closes it.
pub trait File: Send + Sync + Debug {
    /// `pread`: how many bytes were read; 0 at the end. May be fewer than asked for.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// `pwrite`: how many bytes were written. May be fewer than asked for.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// `fdatasync`: the bytes, and the length that reaches them, are durable.
    fn sync_data(&self) -> io::Result<()>;
    /// `fsync`: the bytes, the length and all metadata are durable.
    fn sync_all(&self) -> io::Result<()>;
    /// The length in bytes.
    fn bytes(&self) -> io::Result<u64>;
    /// `ftruncate`.
    fn set_bytes(&self, bytes: u64) -> io::Result<()>;
    /// Which file it is.
    fn id(&self) -> io::Result<FileId>;
    /// A line at or before the line of this number, and the byte at which it begins, if that is known without reading.
    /// Lines count from 0. Default: nothing is known.
    fn line_known(&self, line: u64) -> Option<(u64, u64)> {
        let _ = line;
        None
    }
}

/// How a lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Beside any number of others that hold it shared.
    Shared,
    /// Alone.
    Exclusive,
}

/// An open file or directory that can be locked: `flock`, which is advisory. Two handles of one file exclude each other
/// like two processes, also within one process. Dropping the handle releases its lock.
pub trait Lock: Send + Sync + Debug {
    /// Which file or directory it is.
    fn id(&self) -> FileId;
    /// Waits until it holds the lock.
    fn lock(&self, how: Hold) -> io::Result<()>;
    /// Waits until it holds the lock, at most this long. Returns whether it does.
    fn lock_within(&self, how: Hold, patience: Duration) -> io::Result<bool>;
    /// Takes the lock, or changes how it is held, if that is possible at once. Returns whether it was. If it was not,
    /// a lock that this handle held before may be lost.
    fn try_lock(&self, how: Hold) -> io::Result<bool>;
    /// Releases the lock.
    fn unlock(&self) -> io::Result<()>;
}

/// A file system, as far as the engine needs one.
pub trait Disk: Send + Sync + Debug {
    /// Opens a regular file. Fails with [`NotAFile`] for anything else.
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>>;
    /// `rename`: atomic, replaces `to`; durable once both directories are synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// `unlink`.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// `mkdir` with mode 0700, one level; fails with `AlreadyExists`.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// `fsync` of a directory: names made, renamed or unlinked in it are durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, in order.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>>;
    /// The same names, each with only the kind of what it names: that takes no look at each of them.
    fn read_names(&self, path: &Path) -> io::Result<Vec<(String, Kind)>> {
        let names = self.read_dir(path)?;
        Ok(names.into_iter().map(|entry| (entry.name, entry.metadata.kind)).collect())
    }
    /// What a path names; links are followed; `NotFound` when there is none.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;
    /// The one absolute name of an existing path, with no link in it.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf>;
    /// Two disks with the same number hold the same files: the system's is 0, each simulated one has its own.
    fn number(&self) -> u64;
    /// Opens a regular file or a directory, which must exist, to lock it.
    fn open_lock(&self, path: &Path) -> io::Result<Arc<dyn Lock>>;
    /// The number of the user for whom this process acts; 0 is root.
    fn user(&self) -> u32;
    /// `fchown` and `fchmod` of the file or directory `id`. Fails if `path` is a link, or names another file by now: then
    /// somebody has replaced it.
    fn set_access(&self, path: &Path, id: FileId, access: Access) -> io::Result<()>;
    /// A text that no other temporary name has: the id of the process, `-`, and 16 hex digits.
    fn unique(&self) -> String;
}

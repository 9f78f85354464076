//! How it is noticed that a file has changed: one look at its metadata.

use std::io;
use std::path::Path;

use rustix::fs::stat;

/// What a path names: a file, nothing, or nobody knows.
pub(crate) type Seen = Result<Option<Stamp>, io::ErrorKind>;

/// What changes when a file is replaced or written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    bytes: i128,
    mode: u32,
    /// Seconds and nanoseconds.
    modified: (i128, i128),
    /// The same for the file's own data, which no program can set back.
    changed: (i128, i128),
}

impl Stamp {
    /// The number of the file on its device.
    pub(crate) fn inode(&self) -> u64 {
        self.inode
    }
}

/// Looks at a file's metadata: one system call.
pub(crate) fn look(path: &Path) -> Seen {
    let found = match stat(path) {
        Ok(found) => found,
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.kind()),
    };
    Ok(Some(Stamp {
        device: found.st_dev as u64,
        inode: found.st_ino as u64,
        bytes: found.st_size as i128,
        mode: found.st_mode as u32,
        modified: (found.st_mtime as i128, found.st_mtime_nsec as i128),
        changed: (found.st_ctime as i128, found.st_ctime_nsec as i128),
    }))
}

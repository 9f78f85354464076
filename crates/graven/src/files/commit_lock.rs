//! The lock of a commit: an exclusive `flock` on the trail's own directory, taken anew for each group.
//!
//! The kernel wakes everybody who waits for a `flock`, and a process that has just released one usually takes it again
//! before a sleeping one runs. So each process first takes the turnstile, a `flock` on `segments/`, and keeps it only
//! until it has the commit lock. A process that has just committed must pass the turnstile behind the one that waits.

use std::io;
use std::sync::Arc;

use super::durable;
use super::layout::Layout;
use crate::error::{Error, ErrorKind};
use crate::seam::disk::{Disk, FileId, Hold, Lock};

/// How often the directory may be replaced while a process waits for its lock.
const REPLACED_MAX: usize = 100;

/// The commit lock of one trail, as one opening of it uses it.
#[derive(Debug)]
pub(crate) struct CommitLock {
    dir: Arc<dyn Lock>,
    turnstile: Arc<dyn Lock>,
}

/// Holds the commit lock until it is dropped.
#[derive(Debug)]
pub(crate) struct Committing(Arc<dyn Lock>);

impl CommitLock {
    /// Opens the directories. Makes `segments/` if it is missing.
    fn open(disk: &dyn Disk, layout: &Layout) -> Result<CommitLock, Error> {
        durable::create_dir(disk, &layout.segments())
            .map_err(|source| Error::cannot("make", &layout.segments(), source))?;
        let dir =
            disk.open_lock(layout.dir()).map_err(|source| Error::cannot("open", layout.dir(), source))?;
        let turnstile = disk
            .open_lock(&layout.segments())
            .map_err(|source| Error::cannot("open", &layout.segments(), source))?;
        Ok(CommitLock { dir, turnstile })
    }

    /// Opens the directories and waits for the lock, until it holds the one that has the trail's name.
    pub(crate) fn enter(disk: &dyn Disk, layout: &Layout) -> Result<(CommitLock, Committing), Error> {
        for _ in 0..REPLACED_MAX {
            let lock = CommitLock::open(disk, layout)?;
            let committing = lock.acquire(layout)?;
            let named = disk.metadata(layout.dir());
            if named.is_ok_and(|metadata| metadata.id == lock.dir()) {
                return Ok((lock, committing));
            }
        }
        let message = format!("{} is replaced again and again: try again later", layout.dir().display());
        Err(Error::new(ErrorKind::Unavailable, message))
    }

    /// Which directory it locks.
    pub(crate) fn dir(&self) -> FileId {
        self.dir.id()
    }

    /// Waits for the lock.
    pub(crate) fn acquire(&self, layout: &Layout) -> Result<Committing, Error> {
        let cannot = |source| unlockable(layout, source);
        durable::retried(|| self.turnstile.lock(Hold::Exclusive)).map_err(cannot)?;
        let locked = durable::retried(|| self.dir.lock(Hold::Exclusive));
        // Whether or not it has the lock: others must get past.
        let passed = self.turnstile.unlock();
        locked.map_err(cannot)?;
        let committing = Committing(Arc::clone(&self.dir));
        passed.map_err(cannot)?;
        Ok(committing)
    }
}

impl Drop for Committing {
    fn drop(&mut self) {
        release(&*self.0, "the commit lock");
    }
}

/// Releases a lock. Tries twice: a lock that stays stops every process, and this one too, because it takes the turnstile
/// before it comes to the lock that it still holds.
pub(super) fn release(lock: &dyn Lock, name: &str) {
    if let Err(error) = lock.unlock().or_else(|_| lock.unlock()) {
        tracing::error!(%error, "cannot release {name} of a trail");
    }
}

/// The error when a directory of the trail cannot be locked.
pub(crate) fn unlockable(layout: &Layout, source: io::Error) -> Error {
    let dir = layout.dir().display();
    // NFS answers `EBADF` here, because it locks only files that are open for writing.
    let message = match source.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(
            rustix::io::Errno::BADF
            | rustix::io::Errno::NOSYS
            | rustix::io::Errno::OPNOTSUPP
            | rustix::io::Errno::INVAL,
        ) => {
            let message = format!(
                "the file system of {dir} cannot lock a directory with `flock`: put the trail on a local file system"
            );
            return Error::with_source(ErrorKind::Invalid, message, source);
        }
        _ => format!("cannot lock {dir}"),
    };
    Error::with_source(ErrorKind::Unavailable, message, source)
}

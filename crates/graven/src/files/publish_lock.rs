//! The lock of publishing: an exclusive `flock` on `checkpoints/`, held while hashes and a checkpoint are written.
//!
//! A process that holds it never waits for the commit lock. A rotation holds both, the commit lock first.

use std::sync::Arc;

use super::commit_lock::{release, unlockable};
use super::durable;
use super::layout::Layout;
use crate::error::Error;
use crate::seam::disk::{Disk, Hold, Lock};

/// The lock of publishing, as one opening of a trail uses it.
#[derive(Debug)]
pub(crate) struct PublishLock(Arc<dyn Lock>);

/// Holds the lock of publishing until it is dropped.
#[derive(Debug)]
pub(crate) struct Publishing(Arc<dyn Lock>);

impl PublishLock {
    /// Opens `checkpoints/`, and makes it if it is missing.
    pub(crate) fn open(disk: &dyn Disk, layout: &Layout) -> Result<PublishLock, Error> {
        let dir = layout.boundaries();
        let lock = durable::create_dir(disk, &dir).and_then(|()| disk.open_lock(&dir));
        lock.map(PublishLock).map_err(|source| Error::cannot("open", &dir, source))
    }

    /// Waits for the lock. If the directory was replaced, it is opened again: two processes that lock two directories
    /// would not exclude each other.
    pub(crate) fn acquire(&mut self, disk: &dyn Disk, layout: &Layout) -> Result<Publishing, Error> {
        loop {
            durable::retried(|| self.0.lock(Hold::Exclusive)).map_err(|source| unlockable(layout, source))?;
            let held = Publishing(Arc::clone(&self.0));
            if disk.metadata(&layout.boundaries()).is_ok_and(|metadata| metadata.id == self.0.id()) {
                return Ok(held);
            }
            drop(held);
            *self = PublishLock::open(disk, layout)?;
        }
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        release(&*self.0, "the lock of publishing");
    }
}

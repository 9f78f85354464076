//! The lock of a commit: an exclusive `flock` on the trail's own directory, taken anew for each group.
//!
//! The kernel wakes everybody who waits for a `flock`, and a process that has just released one usually takes it again
//! before a sleeping one runs. So each process first takes the turnstile, a `flock` on `segments/`, and keeps it only
//! until it has the commit lock. A process that has just committed must pass the turnstile behind the one that waits.
//! Nobody waits there for long: a process that was stopped at the turnstile is passed by.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::durable;
use super::layout::Layout;
use super::lock_line::{self, LockLine};
use crate::error::{Error, ErrorKind};
use crate::seam::disk::{Disk, FileId, Hold, Lock};

/// How often the directory may be replaced while a process waits for its lock.
const REPLACED_MAX: usize = 100;

/// How long a process waits at the turnstile. One that was stopped there must not stand in the way of the others.
const TURNSTILE: Duration = Duration::from_millis(100);

/// How many commits pass a blocked turnstile without waiting before it is waited for again.
const PASSES: u32 = 1_000;

/// The commit lock of one trail, as one opening of it uses it.
#[derive(Debug)]
pub(crate) struct CommitLock {
    dir: Arc<dyn Lock>,
    turnstile: Arc<dyn Lock>,
    /// How many more commits pass the turnstile without waiting.
    passes: AtomicU32,
}

/// Holds the commit lock until it is dropped.
#[derive(Debug)]
pub(crate) struct Committing(Arc<dyn Lock>);

impl CommitLock {
    /// Opens the directories. Makes `segments/` if it is missing.
    fn open(disk: &dyn Disk, layout: &Layout) -> Result<CommitLock, Error> {
        durable::create_dir(disk, &layout.segments())
            .map_err(|source| Error::cannot("make", &layout.segments(), source))?;
        let open = |path: &Path| disk.open_lock(path).map_err(|source| Error::cannot("open", path, source));
        Ok(CommitLock {
            dir: open(layout.dir())?,
            turnstile: open(&layout.segments())?,
            passes: AtomicU32::new(0),
        })
    }

    /// Opens the directories and waits for the lock, until it holds the one that has the trail's name.
    ///
    /// # Errors
    /// `Unavailable` when another process holds it for longer than `patience`.
    pub(crate) fn enter(
        disk: &dyn Disk,
        layout: &Layout,
        patience: Duration,
    ) -> Result<(CommitLock, Committing), Error> {
        for _ in 0..REPLACED_MAX {
            let lock = CommitLock::open(disk, layout)?;
            let within = |dir: &dyn Lock| dir.lock_within(Hold::Exclusive, patience);
            let Some(committing) = lock.acquire_by(layout, || Ok(()), within)? else {
                let message = format!(
                    "cannot open {}: {}; try again later",
                    layout.dir().display(),
                    held_by(disk, layout)
                );
                return Err(Error::new(ErrorKind::Unavailable, message));
            };
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

    /// Waits for the lock. If another process has it, `meanwhile` is called before the wait.
    pub(crate) fn acquire(
        &self,
        layout: &Layout,
        meanwhile: impl FnOnce() -> Result<(), Error>,
    ) -> Result<Committing, Error> {
        let held = self.acquire_by(layout, meanwhile, |dir| dir.lock(Hold::Exclusive).map(|()| true))?;
        Ok(held.expect("it waited until it had the lock"))
    }

    fn acquire_by(
        &self,
        layout: &Layout,
        meanwhile: impl FnOnce() -> Result<(), Error>,
        wait: impl Fn(&dyn Lock) -> io::Result<bool>,
    ) -> Result<Option<Committing>, Error> {
        let cannot = |source| unlockable(layout, source);
        let queued = self.queue().map_err(cannot)?;
        let locked = match durable::retried(|| self.dir.try_lock(Hold::Exclusive)) {
            Ok(false) => meanwhile().and_then(|()| durable::retried(|| wait(&*self.dir)).map_err(cannot)),
            other => other.map_err(cannot),
        };
        // Whether or not it has the lock: others must get past.
        let passed = if queued { self.turnstile.unlock() } else { Ok(()) };
        if !locked? {
            return Ok(None);
        }
        let committing = Committing(Arc::clone(&self.dir));
        passed.map_err(cannot)?;
        Ok(Some(committing))
    }

    /// Waits at the turnstile. Returns whether it holds it.
    fn queue(&self) -> io::Result<bool> {
        let passes = self.passes.load(Ordering::Relaxed);
        if passes > 0 {
            self.passes.store(passes - 1, Ordering::Relaxed);
            return durable::retried(|| self.turnstile.try_lock(Hold::Exclusive));
        }
        let queued = durable::retried(|| self.turnstile.lock_within(Hold::Exclusive, TURNSTILE))?;
        if !queued {
            self.passes.store(PASSES, Ordering::Relaxed);
        }
        Ok(queued)
    }
}

/// Who holds the commit lock, as far as `LOCK` tells.
pub(crate) fn held_by(disk: &dyn Disk, layout: &Layout) -> String {
    let said = lock_line::content(disk, layout).unwrap_or_default();
    match LockLine::parse(&said) {
        Some(line) if line.writing => format!(
            "process {} is in the middle of a commit and holds the trail's lock: it may have been stopped, or its \
             storage is slow or hangs",
            line.pid
        ),
        _ => "another process holds the trail's lock: it may have been stopped, or storage is slow or hangs"
            .to_owned(),
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

//! The trail's lock, as one process holds it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::seam::disk::{Hold, Lock as FileLock, Open};
use crate::seam::machine::Machine;

/// How long to wait for an engine that this process is closing, before opening fails.
const CLOSING: Duration = Duration::from_secs(30);

/// Whether this process holds the lock of one trail. Shared by all that open the trail in this process.
#[derive(Debug, Default)]
pub(crate) struct Lock {
    held: Mutex<bool>,
    /// Notified when the last thread that held the lock is gone.
    freed: Condvar,
}

/// The trail's lock, held by the threads that may write. Free when the last of them is gone.
#[derive(Debug)]
pub(crate) struct Held {
    guard: Option<Arc<dyn FileLock>>,
    lock: Arc<Lock>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.guard = None;
        *self.lock.held.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.lock.freed.notify_all();
    }
}

impl Lock {
    /// Takes the trail's lock and writes the id of this process into it.
    pub(crate) fn acquire(self: &Arc<Lock>, machine: &Machine, layout: &Layout) -> Result<Held, Error> {
        // A lock of an engine that this process is closing will be free soon.
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut held, waited) = self
            .freed
            .wait_timeout_while(held, CLOSING, |held| *held)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            let message = format!(
                "{} is still being closed by this process: storage is slow or hangs; try again later",
                layout.dir().display()
            );
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        let path = layout.lock();
        let disk = &*machine.disk;
        let guard = disk
            .open(&path, Open::Create)
            .and_then(|_| disk.open_lock(&path))
            .and_then(|lock| Ok(lock.try_lock(Hold::Exclusive)?.then_some(lock)))
            .map_err(|source| Error::cannot("lock", &path, source))?;
        let Some(guard) = guard else {
            let holder = durable::read_file(disk, &path).unwrap_or_default();
            let holder = String::from_utf8_lossy(&holder);
            let holder = if holder.trim().is_empty() { "another process" } else { holder.trim() };
            let message = format!(
                "{} is being written by {holder}: stop it, or record through it",
                layout.dir().display()
            );
            return Err(Error::new(ErrorKind::Unavailable, message));
        };
        let name = format!("process {}\n", std::process::id());
        let written = disk.open(&path, Open::Create).and_then(|file| {
            file.set_bytes(0)?;
            durable::write_all_at(&*file, name.as_bytes(), 0)
        });
        // The name is only a hint for processes that find the trail locked. On a full disk it is missing, and the lock
        // still holds.
        if let Err(error) = written {
            tracing::debug!(%error, lock = %path.display(), "could not write the holder's name");
        }
        *held = true;
        Ok(Held { guard: Some(guard), lock: Arc::clone(self) })
    }
}

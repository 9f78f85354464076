//! That this process has a trail open: for the others, and for the next opening in this process.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::files::layout::Layout;
use crate::files::lock_line::LockLine;
use crate::files::presence::{Known, Presence};
use crate::seam::machine::Machine;

/// How long to wait for an engine that this process is closing, before opening fails.
const CLOSING: Duration = Duration::from_secs(30);

/// Whether an engine of this process has one trail open. Shared by all that open the trail in this process.
#[derive(Debug, Default)]
pub(crate) struct Occupancy {
    taken: Mutex<bool>,
    /// Notified when the last thread of the engine is gone.
    freed: Condvar,
}

/// The place of one engine in this process. Free when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Occupancy>);

/// That this process has the trail open, held by the threads that may write. Over when the last of them is gone.
#[derive(Debug)]
pub(crate) struct Held {
    // In this order: the next engine of this process must find the lock free.
    presence: Mutex<Presence>,
    _place: Place,
}

impl Occupancy {
    /// Waits until no engine of this process has the trail open: one that is being closed will be gone soon.
    pub(crate) fn take(self: &Arc<Occupancy>, layout: &Layout) -> Result<Place, Error> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut taken, waited) = self
            .freed
            .wait_timeout_while(taken, CLOSING, |taken| *taken)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            let message = format!(
                "{} is still being closed by this process: storage is slow or hangs; try again later",
                layout.dir().display()
            );
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        *taken = true;
        drop(taken);
        Ok(Place(Arc::clone(self)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.freed.notify_all();
    }
}

impl Held {
    pub(crate) fn new(presence: Presence, place: Place) -> Held {
        Held { presence: Mutex::new(presence), _place: place }
    }

    /// What `LOCK` says. Makes it again first if it has lost its name. Called under the commit lock.
    pub(super) fn line(&self, machine: &Machine, layout: &Layout) -> Result<Option<LockLine>, Error> {
        let path = layout.lock();
        let mut presence = self.presence();
        let line = match presence.keep_name(&*machine.disk, layout) {
            Ok(true) => presence.line(),
            Ok(false) => Err(io::Error::other("another process keeps this one out")),
            Err(error) => Err(error),
        };
        line.map_err(|source| Error::cannot("use the lock", &path, source))
    }

    /// What `LOCK` says, whether or not it has its name.
    pub(crate) fn last_line(&self, layout: &Layout) -> Result<Option<LockLine>, Error> {
        self.presence().line().map_err(|source| Error::cannot("read", &layout.lock(), source))
    }

    /// Replaces what `LOCK` says at an opening: it may be what another version wrote.
    pub(crate) fn say_first(&self, known: Known) -> io::Result<()> {
        self.presence().say_first(known)
    }

    /// The same, durably.
    pub(crate) fn say_durably(&self, known: Known) -> io::Result<()> {
        self.presence().say_durably(known)
    }

    /// Replaces what `LOCK` says. Called under the commit lock.
    pub(super) fn say(&self, layout: &Layout, known: Known) -> Result<(), Error> {
        self.presence().say(known).map_err(|source| Error::cannot("write", &layout.lock(), source))
    }

    /// Whether no other process has the trail open. Afterwards this process may not be present any more.
    pub(super) fn is_last(&self, layout: &Layout) -> Result<bool, Error> {
        self.presence().is_last().map_err(|source| Error::cannot("lock", &layout.lock(), source))
    }

    /// This process is not present any more. Called under the commit lock, when it writes nothing more.
    pub(super) fn leave(&self, layout: &Layout) -> Result<(), Error> {
        self.presence().leave().map_err(|source| Error::cannot("unlock", &layout.lock(), source))
    }

    fn presence(&self) -> MutexGuard<'_, Presence> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

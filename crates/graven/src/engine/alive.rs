//! How many threads of an engine are still running.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counts the threads of one engine.
#[derive(Debug, Default)]
pub(super) struct Alive {
    threads: Mutex<usize>,
    changed: Condvar,
}

impl Alive {
    /// A thread is about to start.
    pub(super) fn enter(&self) {
        *self.threads() += 1;
    }

    /// A thread has ended, or was never started.
    pub(super) fn leave(&self) {
        *self.threads() -= 1;
        self.changed.notify_all();
    }

    /// Waits until no thread runs, at most for `patience`. Returns whether none runs.
    pub(super) fn wait_for_none(&self, patience: Duration) -> bool {
        let threads = self.threads();
        let waited = self.changed.wait_timeout_while(threads, patience, |threads| *threads > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0 == 0
    }

    fn threads(&self) -> MutexGuard<'_, usize> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

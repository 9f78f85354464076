//! A gate: holds a call back until a test lets it go, so that a test can look at the world in between.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a test waits for a call to reach a gate.
const PATIENCE: Duration = Duration::from_secs(120);

/// Holds back the calls that reach it until it is opened or dropped.
///
/// Made by [`SimDisk::hold`](super::SimDisk::hold). It takes the place of sleeping in a test: nothing is "probably
/// waiting by now".
#[derive(Debug)]
pub struct Gate(Arc<Latch>);

/// The side of a gate that the disk keeps.
#[derive(Debug, Default)]
pub(super) struct Latch {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    open: bool,
    waiting: usize,
}

impl Gate {
    pub(super) fn new() -> (Gate, Arc<Latch>) {
        let latch = Arc::new(Latch::default());
        (Gate(latch.clone()), latch)
    }

    /// Waits until a call is being held back.
    ///
    /// # Panics
    ///
    /// If none comes within two minutes.
    #[track_caller]
    pub fn reached(&self) {
        let waited = self.0.changed.wait_timeout_while(self.0.state(), PATIENCE, |state| state.waiting == 0);
        // The lock is let go first: a panic must not keep the disk from going on.
        let timed_out = waited.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        assert!(!timed_out, "no call has come to this gate within {PATIENCE:?}");
    }

    /// Lets every call through, those waiting and those to come.
    pub fn open(&self) {
        self.0.state().open = true;
        self.0.changed.notify_all();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

impl Latch {
    /// Waits until the gate is open.
    pub(super) fn pass(&self) {
        let mut state = self.state();
        state.waiting += 1;
        self.changed.notify_all();
        while !state.open {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Loom's condition variable with the waits of `std` that it lacks.
//!
//! Loom has no time. A short wait, which only paces something, is over at once; a long one, which is a deadline, never
//! ends by itself, so that a thread that relies on it deadlocks.

use std::sync::LockResult;
use std::time::Duration;

use loom::sync::MutexGuard;

/// What is at least this long is a deadline.
const DEADLINE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Condvar(loom::sync::Condvar);

/// How a wait ended.
pub(crate) struct TimedOut(bool);

impl TimedOut {
    pub(crate) fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    pub(crate) fn new() -> Condvar {
        Condvar::default()
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.0.wait(guard)
    }

    pub(crate) fn wait_timeout_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        duration: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, TimedOut)> {
        while condition(&mut guard) {
            if duration < DEADLINE {
                return Ok((guard, TimedOut(true)));
            }
            guard = self.0.wait(guard).expect("loom's locks are never poisoned");
        }
        Ok((guard, TimedOut(false)))
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

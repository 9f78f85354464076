//! Wakes callers that wait too long. When storage hangs, writer and publisher hang with it, and every caller must still
//! get an answer within its deadline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::settings::terms::Terms;

/// Looks from time to time whether the groups make progress. While there is no group, it sleeps without a timer.
#[derive(Debug)]
pub(crate) struct Watchdog {
    /// Whether the thread looks from time to time. Read by every caller, so not under the lock.
    pub(super) watching: AtomicBool,
    ended: Mutex<bool>,
    changed: Condvar,
    pub(super) tick: Duration,
}

impl Watchdog {
    /// Looks four times in the shortest deadline or window: at least every second, and at most every 5 ms.
    pub(crate) fn new(deadline: Duration, terms: &Terms) -> Watchdog {
        let policies = terms.when_full_by_category.values().chain([&terms.when_full]);
        let deadlines = policies.map(|policy| policy.patience(deadline));
        let windows = terms.flood.map(|flood| flood.window);
        let shortest = deadlines.chain(windows).min().unwrap_or(Duration::from_secs(1));
        let tick = (shortest / 4).clamp(Duration::from_millis(5), Duration::from_secs(1));
        Watchdog { watching: AtomicBool::new(false), ended: Mutex::new(false), changed: Condvar::new(), tick }
    }

    /// Wakes the watchdog for a caller that waits now. Called after the entry was pushed. Cheap while the watchdog is
    /// awake.
    pub(crate) fn watch(&self) {
        if !self.watching.load(Ordering::SeqCst) {
            let _ended = self.ended();
            self.watching.store(true, Ordering::SeqCst);
            self.changed.notify_one();
        }
    }

    /// Ends the watch.
    pub(crate) fn end(&self) {
        *self.ended() = true;
        self.changed.notify_one();
    }

    /// Sleeps until it is woken.
    pub(super) fn wait<'a>(&self, ended: MutexGuard<'a, bool>) -> MutexGuard<'a, bool> {
        self.changed.wait(ended).unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until it is woken, or for `time`.
    pub(super) fn wait_for<'a>(&self, ended: MutexGuard<'a, bool>, time: Duration) -> MutexGuard<'a, bool> {
        self.changed.wait_timeout(ended, time).unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn ended(&self) -> MutexGuard<'_, bool> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

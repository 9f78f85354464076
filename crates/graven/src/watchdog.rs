//! Wakes those who wait too long: when storage hangs, writer and publisher hang with it, and somebody must still
//! see to it that every caller gets an answer within its deadline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::completion::Completion;
use crate::engine::Engine;
use crate::settings::{Settings, WhenFull};

/// Looks from time to time whether the groups make way; sleeps without a timer while there is none.
#[derive(Debug)]
pub(crate) struct Watchdog {
    /// Whether the thread looks from time to time. Read by every caller, so not under the lock.
    watching: AtomicBool,
    ended: Mutex<bool>,
    changed: Condvar,
    tick: Duration,
}

impl Watchdog {
    /// Looks four times in the shortest deadline or window, but at least every second and at most every 5 ms.
    pub(crate) fn new(settings: &Settings) -> Watchdog {
        let policies = settings.when_full_by_category.values().chain([&settings.when_full]);
        let deadlines = policies.filter_map(|policy| match *policy {
            WhenFull::Wait(deadline) => Some(deadline),
            WhenFull::Drop => None,
        });
        let windows = settings.flood.map(|flood| flood.window);
        let shortest = deadlines.chain(windows).min().unwrap_or(Duration::from_secs(1));
        let tick = (shortest / 4).clamp(Duration::from_millis(5), Duration::from_secs(1));
        Watchdog { watching: AtomicBool::new(false), ended: Mutex::new(false), changed: Condvar::new(), tick }
    }

    /// Somebody waits now: called after the entry was pushed. Cheap while the watchdog is awake.
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

    /// The watchdog's thread. It also looks whether a heartbeat is due, or a count of repeats.
    pub(crate) fn run(&self, engine: &Engine) {
        let queue = &engine.queue;
        // The youngest group one tick ago.
        let mut last: Option<Arc<Completion>> = None;
        let mut ended = self.ended();
        while !*ended {
            if !self.watching.load(Ordering::SeqCst) {
                let Some(look_every) = engine.pulse.look_every() else {
                    ended = self.changed.wait(ended).unwrap_or_else(PoisonError::into_inner);
                    continue;
                };
                ended =
                    self.changed.wait_timeout(ended, look_every).unwrap_or_else(PoisonError::into_inner).0;
                if !*ended {
                    engine.beat_if_due();
                }
                continue;
            }
            ended = self.changed.wait_timeout(ended, self.tick).unwrap_or_else(PoisonError::into_inner).0;
            // Before the look, so that whoever pushes after it sees that nobody watches, and says so.
            self.watching.store(false, Ordering::SeqCst);
            drop(ended);
            let counting = engine.write_due_repeats();
            ended = self.ended();
            let unanswered = queue.unanswered();
            // Somebody has waited for a whole tick: everybody shall look at the clock.
            let slow = last.as_ref().is_some_and(|last| last.outcome().is_none());
            if counting || !unanswered.is_empty() {
                self.watching.store(true, Ordering::SeqCst);
            }
            if slow {
                drop(ended);
                unanswered.iter().for_each(|completion| completion.wake_all());
                queue.wake_waiting();
                ended = self.ended();
            }
            last = unanswered.into_iter().next_back();
        }
        drop(ended);
        queue.wake_waiting();
    }

    fn ended(&self) -> MutexGuard<'_, bool> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The watchdog's thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::completion::Completion;
use super::shared::Engine;

impl Engine {
    /// Looks whether a heartbeat, a count of repeats or the deadline of a caller is due, until the watchdog is ended.
    pub(super) fn run_watchdog(&self) {
        let watchdog = &self.watchdog;
        // The youngest group one tick ago.
        let mut last: Option<Arc<Completion>> = None;
        let mut ended = watchdog.ended();
        while !*ended {
            if !watchdog.watching.load(Ordering::SeqCst) {
                let Some(look_every) = self.pulse.look_every() else {
                    ended = watchdog.wait(ended);
                    continue;
                };
                ended = watchdog.wait_for(ended, look_every);
                if !*ended {
                    self.beat_if_due();
                }
                continue;
            }
            ended = watchdog.wait_for(ended, watchdog.tick);
            // Before the look: a caller that pushes after it sees that this thread does not watch, and wakes this
            // thread.
            watchdog.watching.store(false, Ordering::SeqCst);
            drop(ended);
            let counting = self.write_due_repeats();
            ended = watchdog.ended();
            let unanswered = self.queue.unanswered();
            // A caller has waited for a whole tick: every caller now looks at the clock.
            let slow = last.as_ref().is_some_and(|last| last.outcome().is_none());
            if counting || !unanswered.is_empty() {
                watchdog.watching.store(true, Ordering::SeqCst);
            }
            if slow {
                drop(ended);
                unanswered.iter().for_each(|completion| completion.wake_all());
                self.queue.wake_waiting();
                ended = watchdog.ended();
            }
            last = unanswered.into_iter().next_back();
        }
        drop(ended);
        self.queue.wake_waiting();
    }
}

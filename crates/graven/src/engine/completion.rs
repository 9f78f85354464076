//! The outcome of one group, and the tasks that wait for it.
//!
//! A group is acknowledged as a whole. Waking a task from a foreign thread is the most expensive part of an
//! acknowledgement, so it is shared: the writer wakes a few, and each that comes to collect its result wakes a few more
//! from inside its own executor, where that is cheap. The writer goes on until the list is empty, so nobody's sleep
//! depends on a task that never runs again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::Error;

const PENDING: u8 = 0;
const DURABLE: u8 = 1;
const FAILED: u8 = 2;

/// How many wakers are taken from the list at a time.
const WAKE_AT_ONCE: usize = 16;

/// The outcome of one group.
#[derive(Debug, Default)]
pub(crate) struct Completion {
    state: AtomicU8,
    /// The index of the group's first entry. Written before the state says that the group is durable.
    first: AtomicU64,
    error: OnceLock<Error>,
    waiting: Mutex<Waiting>,
}

/// The tasks that wait.
#[derive(Debug, Default)]
struct Waiting {
    wakers: Vec<Waker>,
    /// How often all were woken before there was an outcome. A place in the list is valid for one round only.
    round: u64,
}

/// The place of a task's waker in the list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    round: u64,
    at: usize,
}

impl Completion {
    /// The outcome, once there is one: the index of the group's first entry, or why it failed. Until then the task is
    /// woken when there is. `slot` is the place of the task's waker, if it was registered before.
    pub(crate) fn poll(&self, context: &Context<'_>, slot: &mut Option<Slot>) -> Poll<Result<u64, Error>> {
        if let Some(outcome) = self.outcome() {
            self.wake_some();
            return Poll::Ready(outcome);
        }
        let mut waiting = self.waiting();
        // Again under the lock: the list is emptied after the outcome is set.
        if let Some(outcome) = self.outcome() {
            return Poll::Ready(outcome);
        }
        match slot.filter(|slot| slot.round == waiting.round) {
            Some(slot) if waiting.wakers[slot.at].will_wake(context.waker()) => {}
            Some(slot) => {
                let old = std::mem::replace(&mut waiting.wakers[slot.at], context.waker().clone());
                // A waker may own its task, and a task may do anything when it is dropped: not under the lock.
                drop(waiting);
                drop(old);
            }
            None => *slot = Some(waiting.add(context.waker().clone())),
        }
        Poll::Pending
    }

    /// Registers a task that has not asked before. Returns the place of its waker.
    pub(super) fn register(&self, waker: Waker) -> Slot {
        self.waiting().add(waker)
    }

    /// The outcome, if there is one.
    pub(crate) fn outcome(&self) -> Option<Result<u64, Error>> {
        match self.state.load(Ordering::Acquire) {
            PENDING => None,
            DURABLE => Some(Ok(self.first.load(Ordering::Relaxed))),
            _ => Some(Err(self.error.get().expect("set before the state says failed").clone())),
        }
    }

    /// Sets the outcome: the group is durable, and its first entry has this index. Wakes everybody.
    pub(crate) fn set_durable(&self, first: u64) {
        self.first.store(first, Ordering::Relaxed);
        self.state.store(DURABLE, Ordering::Release);
        while self.wake_some() {}
    }

    /// Sets the outcome: the group failed. Wakes everybody. Only the first failure counts.
    pub(crate) fn set_failed(&self, error: Error) {
        // What is durable stays so.
        if self.outcome().is_none() && self.error.set(error).is_ok() {
            self.state.store(FAILED, Ordering::Release);
            // Only the first failure may do this: if the list is emptied while there is no outcome, places in it are
            // lost.
            while self.wake_some() {}
        }
    }

    /// Wakes everybody, with or without an outcome: those whose deadline has passed say so, the others ask again.
    pub(super) fn wake_all(&self) {
        let all = {
            let mut waiting = self.waiting();
            waiting.round += 1;
            std::mem::take(&mut waiting.wakers)
        };
        all.into_iter().for_each(wake);
    }

    /// Wakes a few, once there is an outcome and nobody registers any more. Returns whether there were any.
    fn wake_some(&self) -> bool {
        let few = {
            let wakers = &mut self.waiting().wakers;
            let keep = wakers.len().saturating_sub(WAKE_AT_ONCE);
            wakers.split_off(keep)
        };
        let any = !few.is_empty();
        few.into_iter().for_each(wake);
        any
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // A panic in a foreign waker's clone leaves the list whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, waker: Waker) -> Slot {
        self.wakers.push(waker);
        Slot { round: self.round, at: self.wakers.len() - 1 }
    }
}

/// Wakes a task. Wakers are foreign code: one that panics must neither end our thread nor leave the next ones asleep.
pub(crate) fn wake(waker: Waker) {
    if catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err() {
        tracing::error!("the waker of a task that waits for a trail panicked: that task may sleep for ever");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    use super::Completion;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// After everybody was woken for a look at the clock, each stands in a new place, and none in another's.
    #[test]
    fn everybody_is_woken_by_the_outcome_also_after_a_look_at_the_clock() {
        let completion = Completion::default();
        let counts: Vec<Arc<Count>> = (0..5).map(|_| Arc::default()).collect();
        let wakers: Vec<Waker> = counts.iter().map(|count| Waker::from(Arc::clone(count))).collect();
        let mut slots: Vec<_> = wakers.iter().map(|waker| Some(completion.register(waker.clone()))).collect();
        for round in 1..4 {
            completion.wake_all();
            // In another order each time.
            for n in (0..5).map(|n| (n * 2 + round) % 5) {
                let polled = completion.poll(&Context::from_waker(&wakers[n]), &mut slots[n]);
                assert!(polled.is_pending());
                // And once more without having been woken, as executors do.
                assert!(completion.poll(&Context::from_waker(&wakers[n]), &mut slots[n]).is_pending());
            }
        }
        completion.set_durable(7);
        assert!(counts.iter().all(|count| count.0.load(Ordering::SeqCst) == 4));
        for (waker, slot) in wakers.iter().zip(&mut slots) {
            assert!(matches!(completion.poll(&Context::from_waker(waker), slot), Poll::Ready(Ok(7))));
        }
    }
}

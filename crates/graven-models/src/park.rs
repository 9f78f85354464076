//! Tasks of the models: where they sleep, what wakes them, and what they wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use loom::model::Builder;
use loom::sync::{Condvar, Mutex};
use loom::thread::{self, JoinHandle};

use crate::completion::{Completion, Slot};
use crate::error::Error;

/// Tries every interleaving with at most this many preemptions.
pub(crate) fn model(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    // Not loom's: it counts across the runs.
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    });
    println!("{} interleavings", runs.load(Ordering::Relaxed));
}

/// Where one task sleeps. A lock and a condition, because loom's own `park` looks the same as a `join`.
#[derive(Default)]
pub(crate) struct Bed {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Bed {
    fn wake(self: Arc<Self>) {
        *self.woken.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

impl Bed {
    fn sleep(&self) {
        let mut woken = self.woken.lock().unwrap();
        while !std::mem::take(&mut *woken) {
            woken = self.changed.wait(woken).unwrap();
        }
    }
}

/// Where this task sleeps, and what wakes it there.
pub(crate) fn bed() -> (Arc<Bed>, Waker) {
    let bed: Arc<Bed> = Arc::default();
    (Arc::clone(&bed), Waker::from(bed))
}

/// Another waker for the same bed.
pub(crate) fn another_waker(bed: &Arc<Bed>) -> Waker {
    struct Another(Arc<Bed>);
    impl Wake for Another {
        fn wake(self: Arc<Self>) {
            Arc::clone(&self.0).wake();
        }
    }
    Waker::from(Arc::new(Another(Arc::clone(bed))))
}

/// Waits until this is ready.
pub(crate) fn wait_for<T>(
    (bed, waker): (&Bed, &Waker),
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> T {
    let mut context = Context::from_waker(waker);
    loop {
        match poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => bed.sleep(),
        }
    }
}

/// Waits for an outcome: the index of the group's first entry.
pub(crate) fn outcome(
    completion: &Completion,
    mut slot: Option<Slot>,
    (bed, waker): (&Bed, &Waker),
) -> Result<u64, Error> {
    wait_for((bed, waker), |context| completion.poll(context, &mut slot))
}

/// Waits for the outcome on a thread of its own, which has not asked before.
pub(crate) fn waits(completion: &loom::sync::Arc<Completion>) -> JoinHandle<Result<u64, Error>> {
    let completion = loom::sync::Arc::clone(completion);
    thread::spawn(move || {
        let (bed, waker) = bed();
        outcome(&completion, None, (&bed, &waker))
    })
}

//! What it costs to wake a task: a caller that awaits a receipt has to be woken.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::Thread;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::stopwatch::{Stopwatch, cpu_seconds};
use crate::shared::failure::Failure;

/// What the tasks and the thread that wakes them share.
#[derive(Debug)]
struct Round {
    /// How many tasks have not run yet in this round.
    left: AtomicUsize,
    /// Whether the tasks end when they are woken.
    over: AtomicBool,
    /// The thread that wakes them, to be told that the round is done.
    waking: Thread,
}

/// A task that sleeps until it is woken.
#[derive(Debug, Default)]
struct Sleeper {
    woken: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Sleeper {
    fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The waker is stored before `woken` is read: so no call of `wake` is missed.
    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        if self.woken.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// The CPU time of waking one task and running it once, in seconds: all of them, round after round, from a thread
/// outside the executor, as the writer of a trail wakes those that await a group.
pub(crate) fn cpu_seconds_per_task(executor: &Runtime, tasks: usize, time: Duration) -> Result<f64, Failure> {
    let round = Arc::new(Round {
        left: AtomicUsize::new(0),
        over: AtomicBool::new(false),
        waking: std::thread::current(),
    });
    let sleepers: Vec<Arc<Sleeper>> = (0..tasks).map(|_| Arc::default()).collect();
    let running: Vec<_> = sleepers
        .iter()
        .map(|sleeper| {
            let (sleeper, round) = (Arc::clone(sleeper), Arc::clone(&round));
            executor.spawn(async move {
                loop {
                    std::future::poll_fn(|context| sleeper.poll(context)).await;
                    // Read before this task counts as done: after that, `over` may speak of the next round.
                    let over = round.over.load(Ordering::Acquire);
                    if round.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                        round.waking.unpark();
                    }
                    if over {
                        break;
                    }
                }
            })
        })
        .collect();
    let before = cpu_seconds();
    let mut woken = 0;
    let watch = Stopwatch::start();
    while !round.over.load(Ordering::Acquire) {
        round.over.store(watch.elapsed() >= time, Ordering::Release);
        round.left.store(tasks, Ordering::Release);
        sleepers.iter().for_each(|sleeper| sleeper.wake());
        while round.left.load(Ordering::Acquire) > 0 {
            std::thread::park();
        }
        woken += tasks;
    }
    let used = cpu_seconds() - before;
    for task in running {
        let joined = executor.block_on(task);
        joined.map_err(|error| Failure::cannot(format_args!("a sleeping task failed: {error}")))?;
    }
    Ok(used / woken as f64)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn every_task_is_woken_in_every_round() {
        let (done, measured) = mpsc::channel();
        std::thread::spawn(move || {
            let executor = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
            let used = cpu_seconds_per_task(&executor.expect("threads start"), 64, Duration::from_millis(20));
            done.send(used.expect("the tasks end"))
        });
        let used = measured.recv_timeout(Duration::from_secs(60)).expect("no task is forgotten");
        assert!(used > 0.0);
    }
}

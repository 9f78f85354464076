//! The baton: the steps of a process run on a thread of their own, and only the thread that has the baton runs.
//!
//! A process hands the baton back between two of its calls to the disk, or when it waits for a lock. So the driver can
//! let another process run in the middle of a commit, and a run still depends on nothing but its seed.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Work for a thread: it runs as long as it has this hand's baton.
type Job = Box<dyn FnOnce() + Send>;

thread_local! {
    /// The hand of the task that this thread runs.
    static HAND: RefCell<Option<Arc<Hand>>> = const { RefCell::new(None) };
    /// Threads that wait for work, kept for later tasks of the same driver.
    static IDLE: RefCell<Vec<Sender<Job>>> = const { RefCell::new(Vec::new()) };
}

/// Who has the baton.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The task runs.
    Task,
    /// The driver runs: the task has paused, or waits for a lock.
    Paused,
    Waits,
    /// The driver runs, and the task has ended.
    Over,
}

/// Where the baton is passed on.
#[derive(Debug)]
struct Hand {
    state: Mutex<(Turn, bool)>,
    passed: Condvar,
}

/// Steps of one process, on their own thread.
#[derive(Debug)]
pub(crate) struct Task<R> {
    hand: Arc<Hand>,
    result: Arc<Mutex<Option<thread::Result<R>>>>,
    thread: Option<Sender<Job>>,
}

/// What a task did with the baton.
#[derive(Debug)]
pub(crate) enum Ran<R> {
    /// It paused between two calls.
    Paused,
    /// It waits for a lock that another process holds.
    Waits,
    /// It has ended.
    Over(R),
}

impl<R: Send + 'static> Task<R> {
    /// A task that does not run yet.
    pub(crate) fn new(act: impl FnOnce() -> R + Send + 'static) -> Task<R> {
        let hand = Arc::new(Hand { state: Mutex::new((Turn::Paused, false)), passed: Condvar::new() });
        let result = Arc::new(Mutex::new(None));
        let thread = IDLE.with_borrow_mut(Vec::pop).unwrap_or_else(new_thread);
        let job = {
            let (hand, result) = (Arc::clone(&hand), Arc::clone(&result));
            move || {
                hand.wait_for_baton();
                HAND.set(Some(Arc::clone(&hand)));
                let ended: Result<R, Box<dyn Any + Send>> = catch_unwind(AssertUnwindSafe(act));
                HAND.set(None);
                *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
                hand.pass(Turn::Over);
            }
        };
        thread.send(Box::new(job)).expect("the thread waits for work");
        Task { hand, result, thread: Some(thread) }
    }

    /// Gives the baton to the task until it hands it back.
    pub(crate) fn run(&mut self) -> Ran<R> {
        match self.hand.run_task() {
            Turn::Paused | Turn::Task => Ran::Paused,
            Turn::Waits => Ran::Waits,
            Turn::Over => {
                IDLE.with_borrow_mut(|idle| idle.extend(self.thread.take()));
                let ended = self.result.lock().unwrap_or_else(PoisonError::into_inner).take();
                match ended.expect("it was set before the baton was passed") {
                    Ok(result) => Ran::Over(result),
                    Err(panic) => resume_unwind(panic),
                }
            }
        }
    }
}

impl<R> Drop for Task<R> {
    /// A task is never left in the middle: it runs to its end, without pauses.
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.hand.state().1 = true;
            while self.hand.run_task() != Turn::Over {}
            // The thread may still have its handle of the result. What the result holds, as a lock, must go now and here:
            // if it went whenever the thread ends, a run would depend on more than its seed.
            drop(self.result.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

impl Hand {
    /// The driver's side: passes the baton, and waits until it comes back.
    fn run_task(&self) -> Turn {
        self.pass(Turn::Task);
        let state = self.passed.wait_while(self.state(), |(turn, _)| *turn == Turn::Task);
        state.unwrap_or_else(PoisonError::into_inner).0
    }

    fn pass(&self, to: Turn) {
        self.state().0 = to;
        self.passed.notify_one();
    }

    fn wait_for_baton(&self) {
        drop(self.passed.wait_while(self.state(), |(turn, _)| *turn != Turn::Task));
    }

    fn state(&self) -> MutexGuard<'_, (Turn, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands the baton to the driver. `false` on the driver's own thread, and in a task that nobody lets pause any more.
pub(crate) fn pause() -> bool {
    hand_back(Turn::Paused)
}

/// The same for a task that cannot go on before another process releases a lock.
pub(crate) fn wait() -> bool {
    hand_back(Turn::Waits)
}

fn hand_back(turn: Turn) -> bool {
    let Some(hand) = HAND.with_borrow(Clone::clone) else { return false };
    if hand.state().1 {
        return false;
    }
    hand.pass(turn);
    hand.wait_for_baton();
    true
}

fn new_thread() -> Sender<Job> {
    let (sender, jobs) = channel::<Job>();
    // It ends when the driver's thread does.
    thread::spawn(move || jobs.into_iter().for_each(|job| job()));
    sender
}

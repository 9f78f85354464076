//! Records batches in order, several at a time: while one is synced, the next is already on its way.
//!
//! A batch takes its place in the log at the first poll of its future, on the thread that submits; its outcome is
//! awaited on another, which answers in the same order. How much is on its way is bounded, well below what the
//! queue of the trail holds: so no batch ever has to wait for room there, and none can overtake another.

use std::future::Future;
use std::panic;
use std::pin::Pin;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};

use graven::{Entry, Error, Receipt, Trail};

use crate::shared::failure::Failure;

/// How many bytes of lines may be on their way.
const BYTES_MAX: usize = 6 << 20;

/// What the queue of the trail must hold for it.
pub(crate) const QUEUE_BYTES: usize = 16 << 20;

/// What an entry may gain on the way to its line: the longest id that is made, the time, field names.
const GAIN_BYTES: usize = 192;

/// The outcome of a batch: all or nothing.
pub(crate) type Recorded = Result<Vec<Receipt>, Error>;

type Recording = Pin<Box<dyn Future<Output = Recorded> + Send>>;

/// Takes batches, in the order of the log. `T` comes back with each answer.
#[derive(Debug)]
pub(crate) struct Submitter<T> {
    trail: Trail,
    window: Arc<Window>,
    submitted: Sender<Submitted<T>>,
    answering: JoinHandle<()>,
}

/// A batch on its way.
struct Submitted<T> {
    recording: Recording,
    bytes: usize,
    tag: T,
}

impl<T: Send + 'static> Submitter<T> {
    /// Answers go to `answer`, on a thread of its own, in the order of the batches.
    pub(crate) fn start(
        trail: &Trail,
        mut answer: impl FnMut(T, Recorded) + Send + 'static,
    ) -> Result<Submitter<T>, Failure> {
        let (submitted, on_their_way): (_, Receiver<Submitted<T>>) = mpsc::channel();
        let window = Arc::new(Window::default());
        let freed = Arc::clone(&window);
        let answering = thread::Builder::new().name("answers".into()).spawn(move || {
            for Submitted { recording, bytes, tag } in on_their_way {
                let recorded = block_on(recording);
                freed.give_back(bytes);
                answer(tag, recorded);
            }
        });
        let answering =
            answering.map_err(|error| Failure::cannot(format_args!("cannot start a thread: {error}")))?;
        Ok(Submitter { trail: trail.clone(), window, submitted, answering })
    }

    /// Gives the entries their place in the log. `bytes` is how long they were where they came from.
    pub(crate) fn submit(&self, entries: Vec<Entry>, bytes: usize, tag: T) {
        let bytes = bytes + entries.len() * GAIN_BYTES;
        self.window.take(bytes);
        let mut recording: Recording = if entries.is_empty() {
            Box::pin(std::future::ready(Ok(Vec::new())))
        } else {
            Box::pin(self.trail.record_batch(entries))
        };
        // The first poll puts the lines into the queue; whoever answers polls again, with a waker.
        if let Poll::Ready(recorded) = recording.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            recording = Box::pin(std::future::ready(recorded));
        }
        // The answering thread lives until this sender is gone.
        let _ = self.submitted.send(Submitted { recording, bytes, tag });
    }

    /// Waits until every batch is answered.
    pub(crate) fn finish(self) {
        drop(self.submitted);
        if let Err(fault) = self.answering.join() {
            panic::resume_unwind(fault);
        }
    }
}

/// How many bytes are on their way.
#[derive(Debug, Default)]
struct Window {
    bytes: Mutex<usize>,
    freed: Condvar,
}

impl Window {
    /// Waits for room. A batch that is larger than the window goes alone.
    fn take(&self, bytes: usize) {
        let mut taken = self.taken();
        while *taken > 0 && *taken + bytes > BYTES_MAX {
            taken = self.freed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += bytes;
    }

    fn give_back(&self, bytes: usize) {
        *self.taken() -= bytes;
        self.freed.notify_one();
    }

    fn taken(&self) -> MutexGuard<'_, usize> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(mut future: Pin<Box<dyn Future<Output = T> + Send>>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

//! Records batches in order, several at the same time: while one is synced, the next is already queued.
//!
//! A batch gets its place in the log when its future is polled for the first time, on the thread that submits it.
//! Another thread waits for the results and passes them on in the same order. The bytes in flight are limited to less
//! than the trail's queue can hold. So no batch waits for space in the queue, and none can overtake another.

use std::future::Future;
use std::panic;
use std::pin::Pin;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};

use graven::{Entry, Error, Receipt, Trail};

use crate::shared::failure::Failure;

/// The most bytes of lines in flight.
const BYTES_MAX: usize = 6 << 20;

/// The queue size that the trail needs for this.
pub(crate) const QUEUE_BYTES: usize = 16 << 20;

/// The most bytes that a trail adds to an entry: its longest id, the time, field names.
const GAIN_BYTES: usize = 192;

/// The result of a batch. All entries are recorded, or none.
pub(crate) type Recorded = Result<Vec<Receipt>, Error>;

type Recording = Pin<Box<dyn Future<Output = Recorded> + Send>>;

/// Submits batches in the order of the log. `T` is returned with each result.
#[derive(Debug)]
pub(crate) struct Submitter<T> {
    trail: Trail,
    window: Arc<Window>,
    submitted: Sender<Submitted<T>>,
    answering: JoinHandle<()>,
}

/// A batch in flight.
struct Submitted<T> {
    recording: Recording,
    bytes: usize,
    tag: T,
}

impl<T: Send + 'static> Submitter<T> {
    /// Starts a thread that calls `answer` with each result, in the order of the batches.
    pub(crate) fn start(
        trail: &Trail,
        mut answer: impl FnMut(T, Recorded) + Send + 'static,
    ) -> Result<Submitter<T>, Failure> {
        let (submitted, in_flight): (_, Receiver<Submitted<T>>) = mpsc::channel();
        let window = Arc::new(Window::default());
        let freed = Arc::clone(&window);
        let answering = thread::Builder::new().name("answers".into()).spawn(move || {
            for Submitted { recording, bytes, tag } in in_flight {
                let recorded = graven::block_on(recording);
                freed.give_back(bytes);
                answer(tag, recorded);
            }
        });
        let answering =
            answering.map_err(|error| Failure::cannot(format_args!("cannot start a thread: {error}")))?;
        Ok(Submitter { trail: trail.clone(), window, submitted, answering })
    }

    /// Gives the entries their places in the log. `bytes` is their length in the input.
    pub(crate) fn submit(&self, entries: Vec<Entry>, bytes: usize, tag: T) {
        let bytes = bytes + entries.len() * GAIN_BYTES;
        self.window.take(bytes);
        let mut recording: Recording = if entries.is_empty() {
            Box::pin(std::future::ready(Ok(Vec::new())))
        } else {
            Box::pin(self.trail.record_batch(entries))
        };
        // The first poll puts the lines into the queue. The answering thread polls again, with a waker.
        if let Poll::Ready(recorded) = recording.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            recording = Box::pin(std::future::ready(recorded));
        }
        // This cannot fail: the answering thread ends only after the sender is dropped.
        let _ = self.submitted.send(Submitted { recording, bytes, tag });
    }

    /// Waits for the result of every batch.
    pub(crate) fn finish(self) {
        drop(self.submitted);
        if let Err(fault) = self.answering.join() {
            panic::resume_unwind(fault);
        }
    }
}

/// Counts the bytes in flight, and limits them.
#[derive(Debug, Default)]
struct Window {
    bytes: Mutex<usize>,
    freed: Condvar,
}

impl Window {
    /// Waits until the bytes fit. A batch larger than the limit waits until nothing else is in flight.
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

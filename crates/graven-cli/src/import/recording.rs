//! The half of an import that records: it has a thread of its own, so that the next events are read and mapped while these
//! ones are redacted, written as lines and hashed. Both halves take about the same time.

use std::panic;
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};

use graven::Entry;

use crate::shared::failure::Failure;
use crate::shared::submit::Submitter;

/// How many batches may wait for the thread: enough that neither half waits for the other at each batch.
const WAITING_MAX: usize = 4;

/// Submits batches in their order.
pub(super) struct Recording<T> {
    batches: SyncSender<(Vec<Entry>, usize, T)>,
    thread: JoinHandle<()>,
}

impl<T: Send + 'static> Recording<T> {
    /// Starts the thread.
    pub(super) fn start(submitter: Submitter<T>) -> Result<Recording<T>, Failure> {
        let (batches, waiting) = mpsc::sync_channel(WAITING_MAX);
        let thread = thread::Builder::new().name("recording".into()).spawn(move || {
            for (entries, bytes, tag) in waiting {
                submitter.submit(entries, bytes, tag);
            }
            submitter.finish();
        });
        let thread =
            thread.map_err(|error| Failure::cannot(format_args!("cannot start a thread: {error}")))?;
        Ok(Recording { batches, thread })
    }

    /// Hands a batch over, as [`Submitter::submit`] takes it.
    pub(super) fn submit(&self, entries: Vec<Entry>, bytes: usize, tag: T) {
        // This fails only when the thread has panicked, and then `finish` goes on with its panic.
        let _ = self.batches.send((entries, bytes, tag));
    }

    /// Waits for the result of every batch.
    pub(super) fn finish(self) {
        drop(self.batches);
        if let Err(fault) = self.thread.join() {
            panic::resume_unwind(fault);
        }
    }
}

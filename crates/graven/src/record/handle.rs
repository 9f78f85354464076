//! One open trail as its handles share it: waiting, flushing, closing.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use crate::engine::completion::Completion;
use crate::engine::shared::Engine;
use crate::engine::threads::{Threads, on_a_trails_thread};
use crate::error::{Error, ErrorKind};
use crate::settings::{DEADLINE, WhenFull};

/// One open trail, shared by its handles. Dropping it closes the trail.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) engine: Arc<Engine>,
    threads: Mutex<Option<Threads>>,
}

impl Handle {
    /// Without threads, the simulator takes the engine's steps.
    pub(crate) fn new(engine: Arc<Engine>, threads: Option<Threads>) -> Handle {
        Handle { engine, threads: Mutex::new(threads) }
    }

    /// Refuses every call in a forked child: the threads of the trail are its parent's, and locks may be held that
    /// nobody here will release.
    pub(crate) fn check_process(&self) -> Result<(), Error> {
        if self.engine.queue.is_forked() { Err(Error::forked()) } else { Ok(()) }
    }

    /// Waits until a group is durable, at most until `until`. Returns the index of its first entry.
    async fn wait_until(&self, completion: &Completion, until: Duration) -> Result<u64, Error> {
        let mut slot = None;
        self.engine.watchdog.watch();
        poll_fn(|context| match completion.poll(context, &mut slot) {
            Poll::Pending => {
                self.check_until(until).map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending)
            }
            ready => ready,
        })
        .await
    }

    /// Waits until everything recorded or emitted so far is durable.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        self.check_process()?;
        let until = self.deadline_from_now();
        loop {
            let all_queued = self.engine.write_repeats();
            self.engine.announce_losses();
            self.flush_queued(until).await?;
            if all_queued {
                break;
            }
            // There was no room for some counts: now there is.
            self.check_for_room(until)?;
        }
        match self.engine.poisoned() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Waits until this process knows what other processes have recorded so far.
    pub(crate) async fn refresh(&self) -> Result<(), Error> {
        self.check_process()?;
        let until = self.deadline_from_now();
        let completion = self.engine.queue.ask_to_read()?;
        self.wait_until(&completion, until).await.map(drop)
    }

    /// Waits until everything that is queued is durable.
    async fn flush_queued(&self, until: Duration) -> Result<(), Error> {
        let Some(youngest) = self.engine.queue.youngest() else {
            return Ok(());
        };
        self.wait_until(&youngest, until)
            .await
            .map(drop)
            // This concerns no single entry, so it is the trail's own error if there is one.
            .map_err(|error| self.engine.poisoned().cloned().unwrap_or(error))
    }

    /// Waits until `size` entries are sealed.
    pub(crate) fn seal(&self, size: u64) -> Result<(), Error> {
        self.check_process()?;
        self.engine.seal.wait_for_sealed(size, self.deadline())
    }

    /// How long to wait when no entry is concerned, and so no category.
    fn deadline(&self) -> Duration {
        self.patience(self.engine.terms.when_full)
    }

    /// Ends the queue and waits for the threads. An error means that not everything is sealed.
    pub(crate) fn close(&self) -> Result<(), Error> {
        self.close_within(self.deadline())
    }

    /// [`close`](Handle::close) at the end of the process: there is no later, so it waits for at least five seconds, even
    /// where callers wait for less.
    pub(crate) fn close_at_exit(&self) -> Result<(), Error> {
        self.close_within(self.deadline().max(DEADLINE))
    }

    fn close_within(&self, patience: Duration) -> Result<(), Error> {
        self.check_process()?;
        self.engine.end_queue();
        if !self.join(patience) {
            let message = format!(
                "{} is not closed yet, because {}, or because this thread belongs to a trail: it closes by itself",
                self.engine.layout.dir().display(),
                self.engine.why_slow()
            );
            return Err(Error::new(ErrorKind::TimedOut, message));
        }
        match self.engine.poisoned() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Waits until the threads of an ended engine are gone; `false` when there was no progress for as long as
    /// `patience`. A thread of an engine must not wait here (an executor may drop the last handle while it is woken):
    /// then the threads end by themselves.
    pub(crate) fn join(&self, patience: Duration) -> bool {
        if on_a_trails_thread() || !self.engine.wait_for_end(patience) {
            return false;
        }
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(threads) = threads.take() {
            threads.join();
        }
        true
    }

    /// The error when the deadline has passed: the entry is queued, and may still be recorded.
    pub(super) fn check_until(&self, until: Duration) -> Result<(), Error> {
        if self.engine.machine.clock.elapsed() < until {
            return Ok(());
        }
        let message = format!("not durable within the deadline: {}", self.engine.why_slow());
        Err(Error::new(ErrorKind::TimedOut, message).outcome_unknown())
    }

    /// The error for a caller who was woken and still has no answer: the deadline has passed, or the process was forked.
    pub(super) fn check_waiting(&self, until: Duration) -> Result<(), Error> {
        self.check_process()?;
        self.check_until(until)
    }

    /// The error when the deadline has passed before anything was queued: nothing will be recorded.
    pub(super) fn check_for_room(&self, until: Duration) -> Result<(), Error> {
        if self.engine.machine.clock.elapsed() < until {
            return Ok(());
        }
        let why = self.engine.why_slow();
        let message = format!("no room in the queue within the deadline, so nothing was recorded: {why}");
        Err(Error::new(ErrorKind::TimedOut, message))
    }

    /// Until when a caller waits for storage, from now.
    pub(super) fn deadline_from_now(&self) -> Duration {
        self.until(self.engine.terms.when_full)
    }

    pub(super) fn until(&self, policy: WhenFull) -> Duration {
        self.engine.machine.clock.elapsed().saturating_add(self.patience(policy))
    }

    fn patience(&self, policy: WhenFull) -> Duration {
        policy.patience(self.engine.settings.deadline)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.check_process().is_err() {
            return;
        }
        self.engine.end_queue();
        // Nobody learns of a failure here, so it waits for at least five seconds, even where callers wait for less.
        if !self.join(self.deadline().max(DEADLINE)) && !on_a_trails_thread() {
            let dir = self.engine.layout.dir().display();
            tracing::error!(trail = %dir, "storage hangs: the trail is not closed, and what is queued is not written yet");
        }
    }
}

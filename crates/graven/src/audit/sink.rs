//! The file of an audit log: a trail that is opened again after a failure, and the entries that it missed.

use std::fmt;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use super::kept::{Forgotten, Kept};
use super::unwritten::{Doubt, Redacted, Told, Unwritten, say};
use super::{AuditCategory, late, native};
use crate::engine::completion::Completion;
use crate::engine::counters::{Emitted, Losses};
use crate::engine::threads::on_a_trails_thread;
use crate::error::{Error, ErrorKind};
use crate::lasting::{Reopening, elsewhere};
use crate::record::block_on::block_on;
use crate::record::blocking::blocking;
use crate::seam::machine::Machine;
use crate::settings::Settings;
use crate::trail::Trail;

/// The file of an audit log.
pub(super) struct Sink {
    path: PathBuf,
    machine: Machine,
    /// The process that made this. A forked child has a copy of the kept entries, and its parent writes them.
    process: u32,
    /// The entries that the trail did not take.
    kept: Arc<Kept>,
    reopening: Arc<Reopening>,
    /// The number of entries that were not recorded when they came, or perhaps not.
    failures: AtomicU64,
    /// Whether the next recorded entry must end a failure. Written under `state`'s lock.
    troubled: AtomicBool,
    state: Mutex<State>,
    /// Whether there are losses that are not yet counted in a trail. Written under `state`'s lock.
    has_losses: AtomicBool,
    /// The writing of kept entries that is under way.
    writing: Mutex<Option<Arc<Completion>>>,
    /// Whether the log is gone, and with it the hope of entries that are still kept.
    ended: AtomicBool,
}

struct State {
    /// The value of `failures` when the current failure began; `None` while nothing fails.
    failing_since: Option<u64>,
    /// Losses that are not yet counted in a trail.
    lost: Losses,
}

impl Sink {
    /// Opens the file, if that is possible now.
    pub(super) fn open(path: PathBuf, machine: Machine, kept: Arc<Kept>) -> Arc<Sink> {
        let settings = Settings::live_file(&path).ring_entries(kept.entries_max());
        let (reopening, opened) = Reopening::open(settings, machine.clone());
        let failing = opened.is_err();
        let sink = Sink {
            path,
            machine,
            process: std::process::id(),
            kept,
            reopening,
            failures: AtomicU64::new(0),
            troubled: AtomicBool::new(failing),
            state: Mutex::new(State { failing_since: failing.then_some(0), lost: Losses::new() }),
            has_losses: AtomicBool::new(false),
            writing: Mutex::default(),
            ended: AtomicBool::new(false),
        };
        if let Err(error) = opened {
            sink.say_failing(&error);
        }
        Arc::new(sink)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of entries that were not recorded when they came, or perhaps not.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::SeqCst)
    }

    /// The trail opened last, poisoned or not.
    pub(super) fn seen_trail(&self) -> Option<Trail> {
        self.reopening.seen()
    }

    /// The trail to record in. Waits while it is being opened.
    pub(super) async fn trail(&self) -> Result<Trail, Error> {
        let trail = self.reopening.trail().await?;
        self.hand_losses_to(&trail);
        Ok(trail)
    }

    /// Writes the kept entries to an open trail, on a thread of its own, and waits for that. Does nothing when none waits.
    ///
    /// # Errors
    /// What keeps them from being written. An entry that comes now would be out of its turn.
    pub(super) async fn write_kept(self: &Arc<Sink>, trail: &Trail) -> Result<(), Error> {
        if !self.kept.is_unsettled() || std::process::id() != self.process {
            return Ok(());
        }
        let Some(written) = self.writing_of_kept(trail) else { return Ok(()) };
        let mut slot = None;
        let written = poll_fn(|context| written.poll(context, &mut slot)).await;
        written.map(drop).map_err(|error| {
            let kind = match error.kind() {
                // This would say that the entry that comes now may be recorded.
                ErrorKind::TimedOut => ErrorKind::Unavailable,
                kind => kind,
            };
            let message = "the entries that were kept in memory before this one cannot be written yet";
            Error::with_source(kind, message, error)
        })
    }

    /// The outcome of the writing that is under way, or of one that is started now; `None` when nothing waits.
    fn writing_of_kept(self: &Arc<Sink>, trail: &Trail) -> Option<Arc<Completion>> {
        let mut writing = self.writing();
        if let Some(under_way) = &*writing {
            return Some(Arc::clone(under_way));
        }
        // A trail that the program has closed refuses the entry that comes now too, and says why.
        if !self.kept.is_waiting() || !trail.0.engine.is_open() {
            return None;
        }
        let written = Arc::new(Completion::default());
        *writing = Some(Arc::clone(&written));
        drop(writing);
        let slow = "they are still being written: storage is slow or hangs; try again later";
        let (sink, broken, trail) = (Arc::clone(self), Arc::downgrade(self), trail.clone());
        let work = move || {
            let forget = |forgotten: Vec<Forgotten>| {
                forgotten.into_iter().for_each(|forgotten| sink.forget(forgotten));
            };
            let written = late::write(&sink.kept, &sink.machine, &trail, &forget);
            sink.end_writing();
            written
        };
        let broken = move |_error: &Error| {
            if let Some(sink) = broken.upgrade() {
                sink.end_writing();
            }
        };
        elsewhere(&written, slow, work, broken);
        Some(written)
    }

    /// The writing of kept entries is over.
    fn end_writing(&self) {
        *self.writing() = None;
        if self.ended.load(Ordering::SeqCst) {
            self.give_up_kept();
        }
    }

    /// Notes that an entry was recorded. `failures_before` is the number of failures when the entry came: if it has not
    /// changed since, the failure is over.
    pub(super) fn recorded(&self, failures_before: u64) {
        if self.troubled.load(Ordering::SeqCst) {
            self.end_failure(failures_before);
        }
    }

    /// Settles which entries this trail holds of those that were in doubt before `mark`: they were queued before one that
    /// was recorded in it.
    pub(super) async fn settle(self: &Arc<Sink>, mark: u64, trail: Trail) {
        let engine = Arc::downgrade(&trail.0.engine);
        let before = self.kept.in_doubt(|doubt, of| of < mark && Weak::ptr_eq(&doubt.engine, &engine));
        if !before.is_empty() {
            let (sink, layout) = (Arc::clone(self), trail.layout().clone());
            drop(trail);
            let settled = blocking(move || sink.kept.settle(&sink.machine, &layout, &before));
            if let Err(error) = settled.await {
                tracing::warn!(error = error.chain(), "cannot tell which audit entries were recorded");
            }
        }
    }

    fn end_failure(&self, failures_before: u64) {
        let mut state = self.state();
        if self.failures() != failures_before {
            return;
        }
        self.troubled.store(false, Ordering::SeqCst);
        let since = state.failing_since.take();
        drop(state);
        if let Some(since) = since {
            let missed = failures_before - since;
            tracing::error!(path = %self.path.display(), missed, "audit entries are recorded again");
        }
    }

    /// Notes an entry that was not recorded, or perhaps not. Returns the error for its caller.
    pub(super) fn missed(&self, unwritten: Unwritten, told: Told) -> Error {
        let Unwritten { redacted, error, doubt } = unwritten;
        let named = error.prefixed(&self.path.display().to_string());
        let named = if named.entry_id().is_some() { named } else { named.for_entry(&redacted.entry.id) };
        say(&redacted.entry);
        // Keep the entry before counting it: a thread that sees an unchanged count finds it in memory.
        self.keep(redacted, told, doubt);
        let mut state = self.state();
        let failures_before = self.failures.fetch_add(1, Ordering::SeqCst);
        self.troubled.store(true, Ordering::SeqCst);
        let begins = state.failing_since.is_none();
        state.failing_since.get_or_insert(failures_before);
        drop(state);
        if begins {
            self.say_failing(&error);
        }
        named
    }

    /// Notes an entry that is queued, and whose caller does not wait for it any more.
    pub(super) fn let_go(&self, redacted: Redacted, told: Told, doubt: Option<Doubt>) {
        say(&redacted.entry);
        self.keep(redacted, told, doubt);
    }

    /// Keeps an entry in memory. If its caller is not told, it is written late.
    fn keep(&self, redacted: Redacted, told: Told, doubt: Option<Doubt>) {
        let forgotten = self.kept.add(redacted, told == Told::No, doubt);
        forgotten.into_iter().for_each(|forgotten| self.forget(forgotten));
    }

    /// Counts an entry as lost that leaves before it was written. If the trail may hold it, its next opening tells.
    fn forget(&self, forgotten: Forgotten) {
        let Forgotten { category, doubt } = forgotten;
        match (doubt, self.seen_trail()) {
            (Some(doubt), Some(trail)) => {
                let category = native::category(category).as_str().to_owned();
                let emitted = Emitted { hash: doubt.hash, category, count: 1 };
                trail.0.engine.lost.doubt([emitted].into_iter(), doubt.from);
            }
            _ => self.lose(category),
        }
    }

    /// Reports that entries are not recorded from now on. Call it without the lock: the subscriber may record an entry.
    fn say_failing(&self, error: &Error) {
        tracing::error!(
            path = %self.path.display(),
            error = error.chain(),
            "audit entries cannot be recorded: they are kept in memory only until the file can be written again"
        );
    }

    /// Ends the log: writes what is kept, if that is possible now, and closes the trail, unless another log or the program
    /// holds it.
    pub(super) fn end(self: &Arc<Sink>) {
        if on_a_trails_thread() && self.kept.is_unsettled() {
            // This thread may be the one that the writing would wait for.
            let sink = Arc::clone(self);
            let started = thread::Builder::new().name("graven-end".into()).spawn(move || sink.end_here());
            if started.is_ok() {
                return;
            }
            self.give_up_kept();
        }
        self.end_here();
    }

    fn end_here(self: &Arc<Sink>) {
        self.write_kept_at_last();
        if let Some(trail) = self.seen_trail() {
            self.hand_losses_to(&trail);
        }
        self.reopening.end();
    }

    /// Writes what is kept, if that is possible now, and closes the trail for good, also for its other handles. What was
    /// recorded stays in memory.
    pub(super) fn close(self: &Arc<Sink>) -> Result<(), Error> {
        if !on_a_trails_thread() {
            self.write_kept_at_last();
        }
        if let Some(trail) = self.seen_trail() {
            self.hand_losses_to(&trail);
        }
        self.reopening.close()
    }

    /// Writes what is kept, if that is possible now; what is left is counted as lost. Opens the trail without a pause if
    /// it is not open: this is the last chance.
    fn write_kept_at_last(self: &Arc<Sink>) {
        if !self.kept.is_unsettled() || std::process::id() != self.process {
            return;
        }
        self.reopening.hurry();
        let written = block_on(async { self.write_kept(&self.trail().await?).await });
        self.ended.store(true, Ordering::SeqCst);
        match written {
            Err(error) if self.writing().is_some() => tracing::error!(
                path = %self.path.display(),
                error = error.chain(),
                "audit entries that were kept in memory are still being written"
            ),
            _ => self.give_up_kept(),
        }
    }

    /// Nobody will write what is still kept: counts it as lost.
    fn give_up_kept(&self) {
        let left = self.kept.give_up(|_| true);
        // Of an engine that is not ending, the close writes what is queued.
        let is_lost = |left: &&Forgotten| left.doubt.as_ref().is_none_or(Doubt::is_ending);
        let lost = left.iter().filter(is_lost).count();
        left.into_iter().for_each(|left| self.forget(left));
        if lost > 0 {
            tracing::error!(
                path = %self.path.display(),
                lost,
                "audit entries that were kept in memory are lost: the file could not be written in time"
            );
        }
    }

    /// Counts a lost entry, so that the trail reports it.
    fn lose(&self, category: AuditCategory) {
        let trail = self.seen_trail();
        let mut state = self.state();
        *state.lost.entry(native::category(category).as_str().to_owned()).or_default() += 1;
        self.has_losses.store(true, Ordering::SeqCst);
        drop(state);
        if let Some(trail) = trail {
            self.hand_losses_to(&trail);
        }
    }

    /// Hands the losses to a trail. A poisoned trail keeps them for the next one.
    fn hand_losses_to(&self, trail: &Trail) {
        // Each entry comes here, and mostly there are none.
        if self.has_losses.load(Ordering::SeqCst) {
            let mut state = self.state();
            self.has_losses.store(false, Ordering::SeqCst);
            trail.count_lost(std::mem::take(&mut state.lost));
        }
    }

    fn writing(&self) -> MutexGuard<'_, Option<Arc<Completion>>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("path", &self.path).finish_non_exhaustive()
    }
}

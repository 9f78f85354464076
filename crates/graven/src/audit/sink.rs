//! The file of an audit log: a trail that is opened again after a failure, and the entries that it missed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ring::Kept;
use super::unwritten::{Told, Unwritten, say};
use super::{AuditCategory, native};
use crate::engine::counters::Losses;
use crate::error::Error;
use crate::lasting::Reopening;
use crate::record::blocking::blocking;
use crate::seam::machine::Machine;
use crate::settings::Settings;
use crate::trail::Trail;

/// The file of an audit log.
pub(super) struct Sink {
    path: PathBuf,
    machine: Machine,
    /// The entries that the trail did not take.
    kept: Arc<Kept>,
    reopening: Arc<Reopening>,
    /// The number of entries that were not recorded, or perhaps not.
    failures: AtomicU64,
    /// Whether the next recorded entry must end a failure or settle uncertain entries. Written under `state`'s lock.
    troubled: AtomicBool,
    state: Mutex<State>,
}

struct State {
    /// The value of `failures` when the current failure began; `None` while nothing fails.
    failing_since: Option<u64>,
    /// The number of entries that could never be recorded as they are.
    refused: u64,
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
            kept,
            reopening,
            failures: AtomicU64::new(0),
            troubled: AtomicBool::new(failing),
            state: Mutex::new(State { failing_since: failing.then_some(0), refused: 0, lost: Losses::new() }),
        };
        if let Err(error) = opened {
            sink.say_failing(&error);
        }
        Arc::new(sink)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of entries that were not recorded, or perhaps not.
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
        self.state().hand_losses_to(&trail);
        Ok(trail)
    }

    /// Notes that an entry was recorded. `failures_before` is the number of failures when the entry came: if it has not
    /// changed since, the failure is over.
    pub(super) async fn recorded(self: &Arc<Sink>, failures_before: u64) {
        if !self.troubled.load(Ordering::SeqCst) {
            return;
        }
        let (since, trail) = {
            let mut state = self.state();
            if self.failures() != failures_before {
                return;
            }
            self.troubled.store(false, Ordering::SeqCst);
            (state.failing_since.take(), self.seen_trail())
        };
        if let Some(since) = since {
            let missed = failures_before - since;
            tracing::error!(path = %self.path.display(), missed, "audit entries are recorded again");
        }
        if let Some(trail) = trail.filter(|_| self.kept.is_unsettled()) {
            let (sink, layout) = (Arc::clone(self), trail.layout().clone());
            drop(trail);
            // Earlier entries are written by now, or never will be.
            let settled = blocking(move || {
                let lost = sink.kept.settle(&sink.machine, &layout)?;
                lost.into_iter().for_each(|category| sink.lose(category));
                Ok(())
            });
            if let Err(error) = settled.await {
                tracing::warn!(error = error.chain(), "cannot tell which audit entries were recorded");
            }
        }
    }

    /// Notes an entry that was not recorded, or perhaps not. Returns the error for its caller.
    pub(super) fn missed(&self, unwritten: Unwritten, told: Told) -> Error {
        let Unwritten { entry, error, from } = unwritten;
        let named = error.prefixed(&self.path.display().to_string());
        let named = if named.entry_id().is_some() { named } else { named.for_entry(&entry.id) };
        let (category, perhaps) = (entry.category, error.may_be_recorded());
        say(&entry);
        // Keep the entry before counting it: a thread that sees an unchanged count finds it in memory.
        let forgotten =
            if perhaps { self.kept.add_uncertain(entry, from, told) } else { self.kept.add(entry) };
        let mut state = self.state();
        let failures_before = self.failures.fetch_add(1, Ordering::SeqCst);
        self.troubled.store(true, Ordering::SeqCst);
        let begins = state.failing_since.is_none();
        state.failing_since.get_or_insert(failures_before);
        drop(state);
        if told == Told::No && !perhaps {
            self.lose(category);
        }
        forgotten.into_iter().for_each(|category| self.lose(category));
        if begins {
            self.say_failing(&error);
        }
        named
    }

    /// Notes an entry that can never be recorded as it is. Returns the error for its caller.
    pub(super) fn refused(&self, unwritten: Unwritten, told: Told) -> Error {
        let Unwritten { entry, error, .. } = unwritten;
        let category = entry.category;
        say(&entry);
        let forgotten = self.kept.add(entry);
        let mut state = self.state();
        self.failures.fetch_add(1, Ordering::SeqCst);
        state.refused += 1;
        let refused = state.refused;
        drop(state);
        if told == Told::No {
            self.lose(category);
        }
        forgotten.into_iter().for_each(|category| self.lose(category));
        // Such entries are no sign of a storage failure, and there may be many: report number 1, 2, 4, 8, …
        if refused.is_power_of_two() {
            tracing::error!(path = %self.path.display(), error = error.chain(), refused, "an audit entry was refused");
        }
        error.prefixed(&self.path.display().to_string())
    }

    /// Reports that entries are not recorded from now on. Call it without the lock: the subscriber may record an entry.
    fn say_failing(&self, error: &Error) {
        tracing::error!(
            path = %self.path.display(),
            error = error.chain(),
            "audit entries cannot be recorded: they are kept in memory only until the file can be written again"
        );
    }

    /// Ends the log: closes the trail, unless another log or the program holds it.
    pub(super) fn end(&self) {
        if let Some(trail) = self.seen_trail() {
            self.state().hand_losses_to(&trail);
        }
        self.reopening.end();
    }

    /// Closes the trail for good, also for its other handles. What was recorded stays in memory.
    pub(super) fn close(&self) -> Result<(), Error> {
        if let Some(trail) = self.seen_trail() {
            self.state().hand_losses_to(&trail);
        }
        self.reopening.close()
    }

    /// Counts a lost entry, so that the trail reports it.
    fn lose(&self, category: AuditCategory) {
        let trail = self.seen_trail();
        let mut state = self.state();
        *state.lost.entry(native::category(category).as_str().to_owned()).or_default() += 1;
        if let Some(trail) = trail {
            state.hand_losses_to(&trail);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Hands the losses to a trail. A poisoned trail keeps them for the next one.
    fn hand_losses_to(&mut self, trail: &Trail) {
        if !self.lost.is_empty() {
            trail.count_lost(std::mem::take(&mut self.lost));
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("path", &self.path).finish_non_exhaustive()
    }
}

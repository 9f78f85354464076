//! The file of an audit log: a trail that is opened again, with back-off, when it could not be opened or failed.
//!
//! There is no timer: the entry that comes once the back-off has passed has the trail opened, on a thread of its own,
//! and waits for it, as do those that come meanwhile.

use std::fmt;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::ring::Kept;
use super::shared::{Told, Unwritten, say};
use super::{AuditCategory, native};
use crate::engine::completion::Completion;
use crate::engine::counters::Losses;
use crate::error::{Error, ErrorKind};
use crate::record::block_on::block_on;
use crate::record::blocking::blocking;
use crate::seam::machine::Machine;
use crate::settings::Settings;
use crate::trail::Trail;

/// How long to leave storage alone after the second failure in a row; after each further one twice as long. After
/// the first it is tried again at once: one failed write is no outage.
const BACK_OFF: Duration = Duration::from_millis(100);
/// The longest time for which storage is left alone.
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// How long an entry waits for the trail to be opened: as long as for its own write.
const DEADLINE: Duration = Duration::from_secs(5);

/// The file of an audit log.
pub(super) struct Sink {
    path: PathBuf,
    machine: Machine,
    /// Where entries are that the trail does not take.
    kept: Arc<Kept>,
    /// How many entries were not recorded, or perhaps not.
    failures: AtomicU64,
    /// Whether an entry that is recorded has anything to put in order. Written under `state`'s lock.
    troubled: AtomicBool,
    state: Mutex<State>,
}

struct State {
    /// The trail opened last. When it fails it stays, for what it has in memory, until there is another.
    trail: Option<Trail>,
    stage: Stage,
    /// How long to leave storage alone when it fails next.
    back_off: Duration,
    /// The failures before the one that was said to begin, until its end is said.
    failing_since: Option<u64>,
    /// How many entries could never have been recorded as they are.
    refused: u64,
    /// Lost before there was any trail to count them in.
    lost: Losses,
}

enum Stage {
    /// The trail takes entries, as far as we know.
    Serving,
    /// There is no trail that does, and opening one is not tried before this moment of the clock.
    Down { error: Error, not_before: Duration },
    /// It is being opened.
    Opening(Arc<Completion>),
    /// The log is gone.
    Ended,
}

/// What there is for an entry.
enum Chance {
    Trail(Trail),
    Wait(Arc<Completion>),
    None(Error),
}

impl Sink {
    /// Opens the file, if that is possible now.
    pub(super) fn open(path: PathBuf, machine: Machine, kept: Arc<Kept>) -> Arc<Sink> {
        let state = State {
            trail: None,
            stage: Stage::Opening(Arc::default()),
            back_off: Duration::ZERO,
            failing_since: None,
            refused: 0,
            lost: Losses::new(),
        };
        let sink = Sink {
            path,
            machine,
            kept,
            failures: AtomicU64::new(0),
            troubled: AtomicBool::new(false),
            state: Mutex::new(state),
        };
        if let Err(error) = sink.try_open() {
            sink.state().failing_since = Some(0);
            sink.say_failing(&error);
        }
        Arc::new(sink)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many entries were not recorded, or perhaps not.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::SeqCst)
    }

    /// The trail opened last, poisoned or not.
    pub(super) fn seen_trail(&self) -> Option<Trail> {
        self.state().trail.clone()
    }

    /// The trail to record in. Waits while it is being opened.
    pub(super) async fn trail(self: &Arc<Sink>) -> Result<Trail, Error> {
        loop {
            match self.chance() {
                Chance::Trail(trail) => return Ok(trail),
                Chance::None(error) => return Err(error),
                Chance::Wait(opened) => {
                    let mut slot = None;
                    poll_fn(|context| opened.poll(context, &mut slot)).await?;
                }
            }
        }
    }

    /// What there is for an entry that comes now. Has the trail opened if that is due.
    fn chance(self: &Arc<Sink>) -> Chance {
        let mut state = self.state();
        if let (Stage::Serving, Some(trail)) = (&state.stage, &state.trail) {
            match trail.poisoned() {
                None => return Chance::Trail(trail.clone()),
                Some(error) => self.go_down(&mut state, error),
            }
        }
        match &state.stage {
            Stage::Down { error, not_before } if self.machine.clock.elapsed() < *not_before => {
                Chance::None(error.clone())
            }
            Stage::Opening(opened) => Chance::Wait(Arc::clone(opened)),
            Stage::Ended => Chance::None(Error::new(ErrorKind::Closed, "the audit log is gone")),
            Stage::Serving | Stage::Down { .. } => {
                let opened = Arc::new(Completion::default());
                state.stage = Stage::Opening(Arc::clone(&opened));
                drop(state);
                self.open_elsewhere(&opened);
                Chance::Wait(opened)
            }
        }
    }

    /// Opens the trail on a thread of its own, and answers within the deadline even if storage hangs.
    fn open_elsewhere(self: &Arc<Sink>, opened: &Arc<Completion>) {
        let (sink, answer) = (Arc::clone(self), Arc::clone(opened));
        let (done, is_done) = mpsc::channel();
        let started = spawn("graven-open", move || {
            match sink.try_open() {
                Ok(()) => answer.set_durable(),
                Err(error) => answer.set_failed(error),
            }
            // Nobody listens any more when it took too long.
            let _ = done.send(());
        });
        if let Err(error) = started {
            self.go_down(&mut self.state(), error.clone());
            opened.set_failed(error);
            return;
        }
        let (sink, answer) = (Arc::clone(self), Arc::clone(opened));
        let started = spawn("graven-open-by", move || match is_done.recv_timeout(DEADLINE) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => {
                let message = "still being opened: storage is slow or hangs";
                answer.set_failed(Error::new(ErrorKind::Unavailable, message));
            }
            Err(RecvTimeoutError::Disconnected) => {
                let error = Error::new(ErrorKind::Internal, "opening it panicked: please report it");
                sink.go_down(&mut sink.state(), error.clone());
                answer.set_failed(error);
            }
        });
        if let Err(error) = started {
            opened.set_failed(error);
        }
    }

    /// Opens the trail, and puts it in place or says why there is none.
    fn try_open(&self) -> Result<(), Error> {
        let settings = Settings::live_file(&self.path).ring_entries(self.kept.entries_max());
        let opened = Trail::open_on(settings, self.machine.clone());
        let mut state = self.state();
        if matches!(state.stage, Stage::Ended) {
            drop(state);
            // Closed here, before those who wait for us go on.
            drop(opened);
            return Ok(());
        }
        let trail = match opened {
            Ok(trail) => trail,
            Err(error) => {
                let error = unopened(error);
                self.go_down(&mut state, error.clone());
                return Err(error);
            }
        };
        let before = state.trail.replace(trail);
        state.stage = Stage::Serving;
        state.write_down_losses();
        drop(state);
        drop(before);
        Ok(())
    }

    /// The trail takes nothing more, or could not be opened.
    fn go_down(&self, state: &mut State, error: Error) {
        let not_before = self.machine.clock.elapsed().saturating_add(state.back_off);
        state.back_off = (state.back_off * 2).clamp(BACK_OFF, BACK_OFF_MAX);
        state.stage = Stage::Down { error, not_before };
        self.troubled.store(true, Ordering::SeqCst);
    }

    /// An entry was recorded; when it came, so many had failed. If none has since, the trouble is over.
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
            state.back_off = Duration::ZERO;
            (state.failing_since.take(), state.trail.clone())
        };
        if let Some(since) = since {
            let missed = failures_before - since;
            tracing::error!(path = %self.path.display(), missed, "audit entries are recorded again");
        }
        if let Some(trail) = trail.filter(|_| self.kept.is_unsettled()) {
            let (sink, layout) = (Arc::clone(self), trail.layout().clone());
            drop(trail);
            // What came before this entry is written by now, or never will be.
            let settled = blocking(move || {
                let lost = sink.kept.settle(&sink.machine, &layout)?;
                let mut state = sink.state();
                lost.into_iter().for_each(|category| state.lose(category));
                Ok(())
            });
            if let Err(error) = settled.await {
                tracing::warn!(error = error.chain(), "cannot tell which audit entries were recorded");
            }
        }
    }

    /// An entry was not recorded, or perhaps not. The error for its caller.
    pub(super) fn missed(&self, unwritten: Unwritten, told: Told) -> Error {
        let Unwritten { entry, error, from } = unwritten;
        let named = error.prefixed(&self.path.display().to_string());
        let named = if named.entry_id().is_some() { named } else { named.for_entry(&entry.id) };
        let (category, perhaps) = (entry.category, error.may_be_recorded());
        say(&entry);
        // Kept before it is counted: who sees that nothing failed since finds it there.
        let forgotten =
            if perhaps { self.kept.add_uncertain(entry, from, told) } else { self.kept.add(entry) };
        let mut state = self.state();
        let failures_before = self.failures.fetch_add(1, Ordering::SeqCst);
        self.troubled.store(true, Ordering::SeqCst);
        let begins = state.failing_since.is_none();
        state.failing_since.get_or_insert(failures_before);
        if told == Told::No && !perhaps {
            state.lose(category);
        }
        forgotten.into_iter().for_each(|category| state.lose(category));
        drop(state);
        if begins {
            self.say_failing(&error);
        }
        named
    }

    /// An entry that can never be recorded as it is. The error for its caller.
    pub(super) fn refused(&self, unwritten: Unwritten, told: Told) -> Error {
        let Unwritten { entry, error, .. } = unwritten;
        let category = entry.category;
        say(&entry);
        let forgotten = self.kept.add(entry);
        let mut state = self.state();
        self.failures.fetch_add(1, Ordering::SeqCst);
        state.refused += 1;
        let refused = state.refused;
        if told == Told::No {
            state.lose(category);
        }
        forgotten.into_iter().for_each(|category| state.lose(category));
        drop(state);
        // Such entries say nothing of the storage, and may be many: said ever more rarely.
        if refused.is_power_of_two() {
            tracing::error!(path = %self.path.display(), error = error.chain(), refused, "an audit entry was refused");
        }
        error.prefixed(&self.path.display().to_string())
    }

    /// Says that entries are not recorded from now on. Called without the lock: whoever listens may record.
    fn say_failing(&self, error: &Error) {
        tracing::error!(
            path = %self.path.display(),
            error = error.chain(),
            "audit entries cannot be recorded: until this is mended they are kept in memory only"
        );
    }

    /// The log is gone: lets go of the trail, which closes it if nobody else holds it. Waits for one that is just
    /// being opened.
    pub(super) fn end(&self) {
        let mut state = self.state();
        let trail = state.trail.take();
        let stage = std::mem::replace(&mut state.stage, Stage::Ended);
        drop(state);
        drop(trail);
        if let Stage::Opening(opened) = stage {
            let mut slot = None;
            // How it ended is of no interest any more.
            let _ = block_on(poll_fn(|context| opened.poll(context, &mut slot)));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts an entry that is lost, so that the trail says so.
    fn lose(&mut self, category: AuditCategory) {
        *self.lost.entry(native::category(category).as_str().to_owned()).or_default() += 1;
        self.write_down_losses();
    }

    /// Hands the losses to the trail. Even one that is poisoned keeps them for the next.
    fn write_down_losses(&mut self) {
        if let Some(trail) = &self.trail {
            trail.count_lost(std::mem::take(&mut self.lost));
        }
    }
}

/// The error of an entry whose trail cannot be opened: the kind `Invalid` would blame the entry.
fn unopened(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Invalid => Error::with_source(ErrorKind::Unavailable, "no trail can be there", error),
        _ => error,
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop).map_err(|source| {
        Error::with_source(ErrorKind::Unavailable, "cannot start a thread to open the trail", source)
    })
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("path", &self.path).finish_non_exhaustive()
    }
}

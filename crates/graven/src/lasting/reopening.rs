//! Opening a trail again, with back-off, when it could not be opened or has failed.
//!
//! There is no timer. The first caller after the back-off has a thread started that opens the trail; it waits for that
//! thread, as do those that come meanwhile.

use std::future::poll_fn;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use graven_core::entry::Entry;

use crate::engine::completion::Completion;
use crate::error::{Error, ErrorKind};
use crate::record::block_on::block_on;
use crate::seam::machine::Machine;
use crate::settings::{DEADLINE, Settings};
use crate::trail::Trail;

/// How long to leave storage alone after the second failure in a row; after each further one twice as long. After
/// the first it is tried again at once: one failed write is no outage.
const BACK_OFF: Duration = Duration::from_millis(100);
/// The longest time for which storage is left alone.
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// The most entries that are kept for a trail that is not open. More are counted as lost.
const KEPT_MAX: usize = 1_024;

/// A trail, the settings to open it with, and how it is doing.
pub(crate) struct Reopening {
    settings: Settings,
    machine: Machine,
    /// Whether openings are told as `tracing` events. The drop-in has its own.
    tells: bool,
    state: Mutex<State>,
}

/// Under its lock, which is held for a moment only: not while a trail is opened, dropped or given an entry.
struct State {
    /// The trail opened last. When it fails it stays, for what it has in memory, until there is another.
    trail: Option<Trail>,
    /// How many entries it had when it was opened.
    opened_size: u64,
    stage: Stage,
    /// How long to leave storage alone when it fails next.
    back_off: Duration,
    /// What was emitted while no trail was open.
    kept: Vec<Entry>,
}

enum Stage {
    /// The trail takes entries, as far as we know.
    Serving,
    /// There is no trail that does, and opening one is not tried before this moment of the clock.
    Down { error: Error, not_before: Duration },
    /// It is being opened.
    Opening(Arc<Completion>),
    /// Nobody wants the trail any more.
    Ended,
}

/// What there is for an entry.
enum Chance {
    Trail(Trail),
    Wait(Arc<Completion>),
    None(Error),
}

/// The attempts at one entry: two at most.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    repeated: bool,
}

impl Attempts {
    /// Whether to try an entry once more: the trail failed under other entries before it wrote this one.
    pub(crate) fn once_more(&mut self, trail: &Trail, error: &Error) -> bool {
        let may = !self.repeated && !error.may_be_recorded() && trail.poisoned().is_some();
        self.repeated = true;
        may
    }
}

impl Reopening {
    /// Keeps an open trail open.
    pub(crate) fn of(trail: Trail) -> Arc<Reopening> {
        let (settings, machine) = (trail.0.engine.settings.clone(), trail.0.engine.machine.clone());
        let reopening = Reopening::new(settings, machine, true);
        reopening.put_in_place(&mut reopening.state(), trail);
        Arc::new(reopening)
    }

    /// Opens a trail on this thread, if that is possible now; otherwise also says why not.
    pub(crate) fn open(settings: Settings, machine: Machine) -> (Arc<Reopening>, Result<(), Error>) {
        let reopening = Reopening::new(settings, machine, false);
        let opened = reopening.try_open();
        (Arc::new(reopening), opened)
    }

    fn new(settings: Settings, machine: Machine, tells: bool) -> Reopening {
        let state = State {
            trail: None,
            opened_size: 0,
            stage: Stage::Opening(Arc::default()),
            back_off: Duration::ZERO,
            kept: Vec::new(),
        };
        Reopening { settings, machine, tells, state: Mutex::new(state) }
    }

    /// The trail opened last, poisoned or not.
    pub(crate) fn seen(&self) -> Option<Trail> {
        self.state().trail.clone()
    }

    /// The trail to record in. Waits while it is being opened.
    pub(crate) async fn trail(self: &Arc<Reopening>) -> Result<Trail, Error> {
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

    /// Starts an opening if one is due, and waits for nothing.
    pub(crate) fn open_if_due(self: &Arc<Reopening>) {
        let _not_needed_now = self.chance();
    }

    /// Queues an entry, or keeps it for the trail that is to be opened. Waits for nothing.
    pub(crate) fn emit_filled(self: &Arc<Reopening>, mut entry: Entry) {
        let mut state = self.state();
        let trail = match (&state.stage, &state.trail) {
            (Stage::Serving, Some(trail)) if trail.poisoned().is_none() => trail.clone(),
            _ if state.kept.len() < KEPT_MAX => {
                entry.timestamp.get_or_insert_with(|| self.machine.clock.now());
                state.kept.push(entry);
                drop(state);
                return self.open_if_due();
            }
            // The failed trail counts it as lost, and the next one records the count.
            (_, Some(trail)) => trail.clone(),
            (_, None) => return,
        };
        drop(state);
        trail.emit_filled(entry);
        self.open_if_due();
    }

    /// Lets go of the trail, which closes it if nobody else holds it. Waits for one that is just being opened.
    pub(crate) fn end(&self) {
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

    /// What there is for an entry that comes now. Starts an opening if one is due.
    fn chance(self: &Arc<Reopening>) -> Chance {
        let mut state = self.state();
        if let (Stage::Serving, Some(trail)) = (&state.stage, &state.trail) {
            match trail.poisoned() {
                None => return Chance::Trail(trail.clone()),
                Some(error) => {
                    // It made progress, so this failure is not one more in a row.
                    if trail.len() > state.opened_size {
                        state.back_off = Duration::ZERO;
                    }
                    self.go_down(&mut state, error);
                }
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
    fn open_elsewhere(self: &Arc<Reopening>, opened: &Arc<Completion>) {
        let (reopening, answer) = (Arc::clone(self), Arc::clone(opened));
        let (done, is_done) = mpsc::channel();
        let started = spawn("graven-open", move || {
            match reopening.try_open() {
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
        let (reopening, answer) = (Arc::clone(self), Arc::clone(opened));
        let started = spawn("graven-open-by", move || match is_done.recv_timeout(DEADLINE) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => {
                let message = "still being opened: storage is slow or hangs";
                answer.set_failed(Error::new(ErrorKind::Unavailable, message));
            }
            Err(RecvTimeoutError::Disconnected) => {
                let error = Error::new(ErrorKind::Internal, "opening it panicked: please report it");
                reopening.go_down(&mut reopening.state(), error.clone());
                answer.set_failed(error);
            }
        });
        if let Err(error) = started {
            opened.set_failed(error);
        }
    }

    /// Opens the trail, and puts it in place or says why there is none.
    fn try_open(&self) -> Result<(), Error> {
        let opened = Trail::open_on(self.settings.clone(), self.machine.clone());
        let mut state = self.state();
        let trail = match opened {
            Ok(trail) => trail,
            Err(error) => {
                let error = unopened(error);
                self.go_down(&mut state, error.clone());
                drop(state);
                if self.tells {
                    tracing::error!(error = error.chain(), "the audit trail cannot be opened again");
                }
                return Err(error);
            }
        };
        // Not under the lock, since listeners of `tracing` are told of each.
        while !state.kept.is_empty() {
            let kept = std::mem::take(&mut state.kept);
            drop(state);
            kept.into_iter().for_each(|entry| trail.emit_filled(entry));
            state = self.state();
        }
        if matches!(state.stage, Stage::Ended) {
            drop(state);
            // Closed here, before those who wait for us go on.
            drop(trail);
            return Ok(());
        }
        let dir = self.tells.then(|| trail.layout().dir().display().to_string());
        let before = self.put_in_place(&mut state, trail);
        drop(state);
        // The last handle of a failed trail may wait for its threads.
        drop(before);
        if let Some(trail) = dir {
            tracing::info!(trail, "the audit trail is open again");
        }
        Ok(())
    }

    /// The trail that entries are recorded in from now on; gives back the one before.
    fn put_in_place(&self, state: &mut State, trail: Trail) -> Option<Trail> {
        state.opened_size = trail.len();
        state.stage = Stage::Serving;
        state.trail.replace(trail)
    }

    /// The trail takes nothing more, or could not be opened.
    fn go_down(&self, state: &mut State, error: Error) {
        if matches!(state.stage, Stage::Ended) {
            return;
        }
        let not_before = self.machine.clock.elapsed().saturating_add(state.back_off);
        state.back_off = (state.back_off * 2).clamp(BACK_OFF, BACK_OFF_MAX);
        state.stage = Stage::Down { error, not_before };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reopening {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !state.kept.is_empty() {
            let lost = state.kept.len();
            tracing::error!(lost, "entries waited for the audit trail, which was not opened again in time");
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

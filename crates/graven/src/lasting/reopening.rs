//! Opens a trail again, with pauses between attempts, when it could not be opened or has failed.
//!
//! There is no timer. The first caller after the pause starts a thread that opens the trail, and waits for it. Callers
//! that come meanwhile wait too.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use graven_core::entry::Entry;

use super::elsewhere::elsewhere;
use super::waiting::Waiting;
use crate::engine::completion::Completion;
use crate::engine::threads::on_a_trails_thread;
use crate::error::{Error, ErrorKind};
use crate::record::block_on::block_on;
use crate::seam::machine::Machine;
use crate::settings::Settings;
use crate::trail::Trail;

/// How long to pause after the second failure in a row, and twice as long after each further one. After the first
/// failure the next attempt is made at once: one failed write is no outage.
const BACK_OFF: Duration = Duration::from_millis(100);
/// The longest pause.
const BACK_OFF_MAX: Duration = Duration::from_secs(5);

/// A trail, the settings to open it with, and its state.
pub(crate) struct Reopening {
    settings: Settings,
    machine: Machine,
    /// Whether openings are reported as `tracing` events. The drop-in reports its own.
    tells: bool,
    state: Mutex<State>,
}

/// The lock is held for a moment only: not while a trail is opened, dropped or given an entry.
struct State {
    /// The trail opened last. After a failure it stays until there is another, because its newest entries are in
    /// memory.
    trail: Option<Trail>,
    /// How many entries the trail had when it was opened.
    opened_size: u64,
    stage: Stage,
    /// How long to pause after the next failure.
    back_off: Duration,
    /// What was emitted while no trail was open.
    kept: Waiting,
}

enum Stage {
    /// The trail takes entries, as far as we know.
    Serving,
    /// No trail takes entries, and none is opened before this time of [`Clock::elapsed`](crate::clock::Clock::elapsed).
    Down { error: Error, not_before: Duration },
    /// It is being opened.
    Opening(Arc<Completion>),
    /// The trail is no longer wanted.
    Ended,
}

/// What an entry gets: a trail, a wait for one, or an error.
enum Availability {
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
    /// Whether to try an entry once more: the trail failed because of other entries, before it wrote this one.
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

    /// Opens a trail on this thread. If that fails, the second value is the error, and it is opened later.
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
            kept: Waiting::default(),
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
            match self.availability() {
                Availability::Trail(trail) => return Ok(trail),
                Availability::None(error) => return Err(error),
                Availability::Wait(opened) => {
                    let mut slot = None;
                    poll_fn(|context| opened.poll(context, &mut slot)).await?;
                }
            }
        }
    }

    /// Starts an opening if one is due, and waits for nothing.
    pub(crate) fn open_if_due(self: &Arc<Reopening>) {
        let _not_needed_now = self.availability();
    }

    /// Queues an entry, or keeps it for the trail that is to be opened. Does not wait.
    pub(crate) fn emit_filled(self: &Arc<Reopening>, mut entry: Entry) {
        let mut state = self.state();
        let trail = match (&state.stage, &state.trail) {
            (Stage::Serving, Some(trail)) if trail.poisoned().is_none() => trail.clone(),
            _ if state.kept.has_room(&entry) => {
                entry.timestamp.get_or_insert_with(|| self.machine.clock.now());
                state.kept.push(entry);
                drop(state);
                return self.open_if_due();
            }
            // The failed trail counts it as lost, and the next one records the count.
            (_, Some(trail)) => trail.clone(),
            // Not reached: only a `LastingTrail` emits, and it is made of a trail.
            (_, None) => return,
        };
        drop(state);
        trail.emit_filled(entry);
        self.open_if_due();
    }

    /// Drops the trail, which closes it if there is no other handle. Waits for an opening that is under way.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        let trail = state.trail.take();
        let stage = std::mem::replace(&mut state.stage, Stage::Ended);
        drop(state);
        drop(trail);
        if let Stage::Opening(opened) = stage {
            let mut slot = None;
            // Its result does not matter any more.
            let _ = block_on(poll_fn(|context| opened.poll(context, &mut slot)));
        }
    }

    /// Closes the trail for good, also for its other handles, and waits for an opening that is under way. Its newest
    /// entries stay in memory.
    pub(crate) fn close(&self) -> Result<(), Error> {
        let (stage, trail) = {
            let mut state = self.state();
            (std::mem::replace(&mut state.stage, Stage::Ended), state.trail.clone())
        };
        match (stage, trail) {
            // The thread that opens the trail closes it at once. It may wait for a thread of this trail.
            (Stage::Opening(opened), _) if !on_a_trails_thread() => {
                let mut slot = None;
                block_on(poll_fn(|context| opened.poll(context, &mut slot))).map(drop)
            }
            (Stage::Down { error, .. }, None) => Err(error),
            (_, Some(trail)) => trail.close_at_exit(),
            (_, None) => Ok(()),
        }
    }

    /// What an entry gets that comes now. Starts an opening if one is due.
    fn availability(self: &Arc<Reopening>) -> Availability {
        let mut state = self.state();
        if let Some(trail) = self.serving(&mut state) {
            return Availability::Trail(trail);
        }
        match &state.stage {
            Stage::Down { error, not_before } if self.machine.clock.elapsed() < *not_before => {
                Availability::None(error.clone())
            }
            Stage::Opening(opened) => Availability::Wait(Arc::clone(opened)),
            Stage::Ended => {
                Availability::None(Error::new(ErrorKind::Closed, "the audit log was closed by this program"))
            }
            Stage::Serving | Stage::Down { .. } => {
                let opened = Arc::new(Completion::default());
                state.stage = Stage::Opening(Arc::clone(&opened));
                drop(state);
                self.open_elsewhere(&opened);
                Availability::Wait(opened)
            }
        }
    }

    /// The trail that takes entries, if there is one. Notes when it has failed.
    fn serving(&self, state: &mut State) -> Option<Trail> {
        let (Stage::Serving, Some(trail)) = (&state.stage, &state.trail) else {
            return None;
        };
        let Some(error) = trail.poisoned() else {
            return Some(trail.clone());
        };
        // It made progress, so this failure is not one more in a row.
        if trail.len() > state.opened_size {
            state.back_off = Duration::ZERO;
        }
        self.go_down(state, error);
        None
    }

    /// Lets the next opening begin without a pause: it is the last chance.
    pub(crate) fn hurry(&self) {
        let mut state = self.state();
        let _trail = self.serving(&mut state);
        if let Stage::Down { not_before, .. } = &mut state.stage {
            *not_before = Duration::ZERO;
        }
    }

    /// Opens the trail on a thread of its own, and answers within the deadline even if storage hangs.
    fn open_elsewhere(self: &Arc<Reopening>, opened: &Arc<Completion>) {
        let slow = "the trail is still being opened: storage is slow or hangs; try again later";
        let (opens, breaks) = (Arc::clone(self), Arc::downgrade(self));
        let broken = move |error: &Error| {
            if let Some(breaks) = breaks.upgrade() {
                breaks.go_down(&mut breaks.state(), error.clone());
            }
        };
        elsewhere(opened, slow, move || opens.try_open(), broken);
    }

    /// Opens the trail and puts it in place, or returns why there is none.
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
        // Not under the lock: each entry may be reported to `tracing`, whose listeners are foreign code.
        while !state.kept.is_empty() {
            let kept = state.kept.take();
            drop(state);
            kept.into_iter().for_each(|entry| trail.emit_filled(entry));
            state = self.state();
        }
        if matches!(state.stage, Stage::Ended) {
            drop(state);
            // Closed here, before the callers that wait for this opening go on.
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

    /// Makes this the trail for entries from now on. Returns the one before.
    fn put_in_place(&self, state: &mut State, trail: Trail) -> Option<Trail> {
        state.opened_size = trail.len();
        state.stage = Stage::Serving;
        state.trail.replace(trail)
    }

    /// Notes that the trail takes no more entries, or could not be opened.
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
            tracing::error!(lost, "entries were lost: the audit trail was not opened again in time");
            // The next opening of the trail in this process records it.
            if let Some(trail) = &state.trail {
                trail.count_lost(state.kept.by_category());
            }
        }
    }
}

/// The error of an entry whose trail cannot be opened: the kind `Invalid` would blame the entry.
fn unopened(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Invalid => {
            Error::with_source(ErrorKind::Unavailable, "the trail cannot be opened as it is asked for", error)
        }
        _ => error,
    }
}

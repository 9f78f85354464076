//! A trail that outlives a failure of its storage: opened again, with the settings that it had.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use graven::clock::{Clock, OsClock};
use graven::{Actor, Entry, Error, Trail};

/// How long to leave storage alone after a failed attempt: at first, and at most. It doubles in between.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// So many entries are kept for a trail that is to be opened again; beyond them they are counted as lost.
const KEPT_MAX: usize = 1_024;

/// A handle for a program that must not restart when a disk was full.
///
/// After a failed write or sync a [`Trail`] takes nothing more, and has to be opened again. This one does that, on a
/// thread of its own, when somebody asks for the trail. After an attempt that fails it pauses for 100 ms, and twice as
/// long each time up to 2 seconds. Cheap to clone; clones share the trail.
///
/// ```
/// use graven::{Category, Entry, Outcome, Settings, Trail};
/// use graven_tower::LastingTrail;
///
/// # let folder = tempfile::tempdir().unwrap();
/// let trail = LastingTrail::from(Trail::open(Settings::new(folder.path().join("trail")))?);
/// trail.now().record_blocking(Entry::new(Category::Config, "reload", Outcome::Success))?;
/// # Ok::<(), graven::Error>(())
/// ```
#[derive(Clone)]
pub struct LastingTrail(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// Under its lock, which is held for a moment only.
struct State {
    trail: Trail,
    /// Whether a thread is opening it.
    opening: bool,
    /// What was emitted since it failed.
    kept: Vec<Entry>,
    /// Those who wait for that thread.
    wakers: Vec<Waker>,
    /// When the next attempt may be made, by the clock, and the pause that led to it.
    not_before: Duration,
    pause: Duration,
}

impl From<Trail> for LastingTrail {
    fn from(trail: Trail) -> LastingTrail {
        LastingTrail::with_clock(trail, Arc::new(OsClock::new()))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !state.kept.is_empty() {
            let lost = state.kept.len();
            tracing::error!(
                lost,
                "the audit trail was not open again in time for entries that waited for it"
            );
        }
    }
}

impl fmt::Debug for LastingTrail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LastingTrail").field(&self.lock().trail).finish()
    }
}

impl LastingTrail {
    /// With another clock for its pauses than the system's.
    pub fn with_clock(trail: Trail, clock: Arc<dyn Clock>) -> LastingTrail {
        let state = State {
            trail,
            opening: false,
            kept: Vec::new(),
            wakers: Vec::new(),
            not_before: Duration::ZERO,
            pause: PAUSE_MIN,
        };
        LastingTrail(Arc::new(Inner { clock, state: Mutex::new(state) }))
    }

    /// The trail as it is now, at once. One that has failed is opened again meanwhile, and until then refuses whatever
    /// it is given, with the reason.
    pub fn now(&self) -> Trail {
        let mut state = self.lock();
        self.reopen_if_due(&mut state);
        state.trail.clone()
    }

    /// The trail, once an attempt to open it again that is due or under way has ended; whether that went well, the trail
    /// itself says when something is recorded.
    pub fn ready(&self) -> Ready {
        Ready(self.clone())
    }

    /// Queues an entry, and waits for nothing, as [`Trail::emit`] does. While the trail is not open, the first 1,024 are
    /// kept, with their time, and queued once it is open again; the others are counted as lost.
    pub fn emit(&self, mut entry: Entry) {
        let mut state = self.lock();
        self.reopen_if_due(&mut state);
        if state.trail.poisoned().is_some() && state.kept.len() < KEPT_MAX {
            if let Some(actor) = Actor::current() {
                actor.fill(&mut entry);
            }
            entry.timestamp.get_or_insert_with(|| self.0.clock.now());
            state.kept.push(entry);
            return;
        }
        let trail = state.trail.clone();
        drop(state);
        trail.emit(entry);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reopen_if_due(&self, state: &mut State) {
        let is_due = || self.0.clock.elapsed() >= state.not_before;
        if state.opening || state.trail.poisoned().is_none() || !is_due() {
            return;
        }
        let (lasting, failed) = (self.clone(), state.trail.clone());
        let attempt = move || {
            let opened = failed.reopen();
            // The last handle of a failed trail may wait for its threads, so not under the lock.
            let _failed = lasting.attempted(opened);
        };
        match thread::Builder::new().name("graven-reopen".into()).spawn(attempt) {
            Ok(_) => state.opening = true,
            Err(error) => {
                tracing::error!(%error, "no thread to open the audit trail again with");
                self.pause(state);
            }
        }
    }

    /// The end of an attempt; gives back the trail that was replaced.
    fn attempted(&self, opened: Result<Trail, Error>) -> Option<Trail> {
        let mut state = self.lock();
        if let Ok(trail) = &opened {
            // Not under the lock, since listeners of `tracing` are told of each.
            while !state.kept.is_empty() {
                let kept = std::mem::take(&mut state.kept);
                drop(state);
                kept.into_iter().for_each(|entry| trail.emit(entry));
                state = self.lock();
            }
        }
        state.opening = false;
        let replaced = match opened {
            Ok(trail) => {
                let dir = trail.layout().dir().display();
                tracing::info!(trail = %dir, "the audit trail is open again");
                state.pause = PAUSE_MIN;
                Some(std::mem::replace(&mut state.trail, trail))
            }
            Err(error) => {
                tracing::error!(error = error.chain(), "the audit trail cannot be opened again");
                self.pause(&mut state);
                None
            }
        };
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        replaced
    }

    fn pause(&self, state: &mut State) {
        state.not_before = self.0.clock.elapsed().saturating_add(state.pause);
        state.pause = (state.pause * 2).min(PAUSE_MAX);
    }
}

/// The future of [`LastingTrail::ready`].
#[derive(Debug)]
#[must_use = "it is the future that gives the trail"]
pub struct Ready(LastingTrail);

impl Future for Ready {
    type Output = Trail;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Trail> {
        let mut state = self.0.lock();
        self.0.reopen_if_due(&mut state);
        if !state.opening {
            return Poll::Ready(state.trail.clone());
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            state.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }
}

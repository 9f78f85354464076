//! What is durable and not yet sealed: shared by the writer, the publisher and callers that wait for a checkpoint.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use graven_core::hash::Hash;

use crate::error::{Error, ErrorKind};
use crate::files::bounds::{UNSEALED_BYTES_MAX, UNSEALED_ENTRIES_MAX};

/// How long the publisher rests between two checkpoints, unless one is asked for.
const REST: Duration = Duration::from_millis(100);

/// What is durable but not yet sealed; shared by writer, publisher and callers that wait for a checkpoint.
#[derive(Debug)]
pub(crate) struct Seal {
    state: Mutex<State>,
    /// The publisher waits here for work, the writer for the bound, callers for their checkpoint.
    changed: Condvar,
    sealed: AtomicU64,
}

#[derive(Debug)]
struct State {
    /// Leaf hashes that the publisher has not taken yet.
    hashes: Vec<Hash>,
    /// Bytes of the lines of these hashes.
    bytes: u64,
    /// Entries and bytes that the publisher took and has not sealed yet.
    taken: (u64, u64),
    /// Whether a thread waits for a checkpoint: then the publisher does not rest.
    wanted: bool,
    publisher_sleeps: bool,
    /// Why nothing more is sealed.
    ended: Option<Error>,
}

impl Seal {
    /// The state after recovery: `sealed` leaves are under the checkpoint, these are not.
    pub(crate) fn new(sealed: u64, hashes: Vec<Hash>, bytes: u64) -> Seal {
        Seal {
            state: Mutex::new(State {
                hashes,
                bytes,
                taken: (0, 0),
                wanted: false,
                publisher_sleeps: false,
                ended: None,
            }),
            changed: Condvar::new(),
            sealed: AtomicU64::new(sealed),
        }
    }

    /// How many entries are under the checkpoint.
    pub(crate) fn sealed(&self) -> u64 {
        self.sealed.load(Ordering::Acquire)
    }

    /// Waits until this much may be written without exceeding the bound. Called by the writer before it writes.
    pub(super) fn wait_for_bound(&self, entries: u64, bytes: u64) -> Result<(), Error> {
        let mut state = self.state();
        loop {
            if let Some(error) = &state.ended {
                return Err(error.clone());
            }
            let (unsealed_entries, unsealed_bytes) = state.unsealed();
            // With nothing unsealed, any group may be written: it is far below the bound.
            if unsealed_entries == 0
                || (unsealed_entries + entries <= UNSEALED_ENTRIES_MAX
                    && unsealed_bytes + bytes <= UNSEALED_BYTES_MAX)
            {
                return Ok(());
            }
            state.wanted = true;
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Adds what the writer has synced.
    pub(crate) fn add(&self, hashes: &[Hash], bytes: u64) {
        let mut state = self.state();
        state.hashes.extend_from_slice(hashes);
        state.bytes += bytes;
        let sleeps = state.publisher_sleeps;
        drop(state);
        if sleeps {
            self.changed.notify_all();
        }
    }

    /// Waits until `size` entries are sealed, and tells the publisher not to rest.
    pub(crate) fn wait_for_sealed(&self, size: u64, deadline: Duration) -> Result<(), Error> {
        let mut state = self.state();
        let mut waited = false;
        while self.sealed() < size {
            if let Some(error) = &state.ended {
                return Err(error.clone());
            }
            if waited {
                return Err(Error::new(
                    ErrorKind::TimedOut,
                    format!(
                        "no checkpoint within {} s: storage is slow or hangs; try again",
                        deadline.as_secs_f32()
                    ),
                ));
            }
            state.wanted = true;
            self.changed.notify_all();
            let (next, result) = self
                .changed
                .wait_timeout_while(state, deadline, |state| state.ended.is_none() && self.sealed() < size)
                .unwrap_or_else(PoisonError::into_inner);
            state = next;
            waited = result.timed_out();
        }
        Ok(())
    }

    /// Ends the sealing: every thread that waits gets this error.
    pub(crate) fn end(&self, error: Error) {
        self.state().ended.get_or_insert(error);
        self.changed.notify_all();
    }

    /// Rests, then waits for work; `false` at the end.
    pub(super) fn wait_for_work(&self) -> bool {
        let state = self.state();
        let resting = |state: &mut State| !state.wanted && state.ended.is_none();
        let mut state =
            self.changed.wait_timeout_while(state, REST, resting).unwrap_or_else(PoisonError::into_inner).0;
        while state.hashes.is_empty() && state.ended.is_none() {
            state.wanted = false;
            state.publisher_sleeps = true;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.publisher_sleeps = false;
        }
        state.ended.is_none()
    }

    /// Whether the publisher, once it has rested, would take a turn at once.
    #[cfg(feature = "sim")]
    pub(crate) fn has_work(&self) -> bool {
        let state = self.state();
        !state.hashes.is_empty() && state.ended.is_none()
    }

    pub(super) fn take(&self) -> Vec<Hash> {
        let mut state = self.state();
        state.wanted = false;
        state.taken.0 += state.hashes.len() as u64;
        state.taken.1 += std::mem::take(&mut state.bytes);
        std::mem::take(&mut state.hashes)
    }

    pub(super) fn set_sealed(&self, size: u64) {
        let mut state = self.state();
        state.taken = (0, 0);
        self.sealed.store(size, Ordering::Release);
        drop(state);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn unsealed(&self) -> (u64, u64) {
        (self.hashes.len() as u64 + self.taken.0, self.bytes + self.taken.1)
    }
}

//! What is durable and not yet sealed: shared by the writer, the publisher and callers that wait for a checkpoint.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use graven_core::hash::Hash;

use crate::engine::unsealed::{Lines, Unsealed};
use crate::error::{Error, ErrorKind};
use crate::files::bounds::{UNSEALED_BYTES_MAX, UNSEALED_ENTRIES_MAX};

/// How long the publisher rests between two checkpoints while entries keep coming, unless one is asked for.
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
    /// What the publisher has not taken yet.
    unsealed: Unsealed,
    /// The index after the last of them.
    next: u64,
    /// Bytes of their lines.
    bytes: u64,
    /// Entries and bytes that the publisher took and has not sealed yet.
    taken: (u64, u64),
    /// Whether a thread waits for a checkpoint: then the publisher does not rest.
    wanted: bool,
    /// Whether the writer has nothing to write: then the publisher rests only as long as it must.
    idle: bool,
    /// Whether the publisher looks out for `idle`.
    publisher_rests: bool,
    publisher_sleeps: bool,
    /// Why nothing more is sealed.
    ended: Option<Error>,
}

impl Seal {
    /// The state after recovery: `sealed` leaves are under the checkpoint, these are not.
    pub(crate) fn new(sealed: u64, hashes: &[Hash], bytes: u64) -> Seal {
        let mut unsealed = Unsealed::default();
        unsealed.push_hashes(hashes);
        Seal {
            state: Mutex::new(State {
                next: sealed + unsealed.len(),
                unsealed,
                bytes,
                taken: (0, 0),
                wanted: false,
                idle: true,
                publisher_rests: false,
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
            if state.has_room(entries, bytes) {
                return Ok(());
            }
            state.wanted = true;
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether this much may be written now without exceeding the bound.
    pub(super) fn has_room(&self, entries: u64, bytes: u64) -> bool {
        self.state().has_room(entries, bytes)
    }

    /// Adds entries from the index `first` on, written by this process. Those that a checkpoint of another process
    /// covers already are not needed.
    pub(crate) fn add(&self, first: u64, hashes: &[Hash], bytes: u64) {
        self.add_new(first, hashes.len() as u64, bytes, |unsealed, known| {
            unsealed.push_hashes(&hashes[usize::try_from(known).expect("at most the length of a slice")..]);
        });
    }

    /// The same for entries that other processes have written.
    pub(crate) fn add_lines(&self, first: u64, lines: &Lines, bytes: u64) {
        self.add_new(first, lines.len(), bytes, |unsealed, known| unsealed.push_lines(lines.after(known)));
    }

    /// Adds `count` entries from the index `first` on. `push` is told how many of them are known.
    fn add_new(&self, first: u64, count: u64, bytes: u64, push: impl FnOnce(&mut Unsealed, u64)) {
        let mut state = self.state();
        let known = state.next.saturating_sub(first).min(count);
        if known == count {
            return;
        }
        assert_eq!(state.next, first + known, "no entry is left out");
        state.next += count - known;
        push(&mut state.unsealed, known);
        state.bytes += bytes;
        state.idle = false;
        let sleeps = state.publisher_sleeps;
        drop(state);
        if sleeps {
            self.changed.notify_all();
        }
    }

    /// The writer has nothing to write now: a good time to publish.
    pub(super) fn set_idle(&self) {
        let mut state = self.state();
        state.idle = true;
        if state.publisher_rests {
            state.publisher_rests = false;
            drop(state);
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

    /// Rests, then waits for work; `false` at the end. Rests for `pause` unless a checkpoint is asked for, and longer
    /// while the writer has something to write.
    pub(super) fn wait_for_work(&self, pause: Duration) -> bool {
        let resting = |state: &mut State| !state.wanted && state.ended.is_none();
        let mut state = self.rest(self.state(), pause, resting);
        if let Some(rest) = REST.checked_sub(pause) {
            state.publisher_rests = true;
            state = self.rest(state, rest, |state| resting(state) && !state.idle);
            state.publisher_rests = false;
        }
        while state.unsealed.len() == 0 && state.ended.is_none() {
            state.wanted = false;
            state.publisher_sleeps = true;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.publisher_sleeps = false;
        }
        state.ended.is_none()
    }

    fn rest<'a>(
        &self,
        state: MutexGuard<'a, State>,
        time: Duration,
        resting: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        self.changed.wait_timeout_while(state, time, resting).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Whether there is a reason to seal now: a thread waits for it, or the writer has nothing to write.
    pub(super) fn is_urgent(&self) -> bool {
        let state = self.state();
        state.wanted || state.idle
    }

    /// Whether there is something to seal.
    #[cfg(feature = "sim")]
    pub(crate) fn has_work(&self) -> bool {
        let state = self.state();
        state.unsealed.len() > 0 && state.ended.is_none()
    }

    /// Takes everything that is to be sealed.
    pub(super) fn take(&self) -> Unsealed {
        let mut state = self.state();
        state.wanted = false;
        let all = state.unsealed.len();
        state.take(all)
    }

    /// Takes what a checkpoint of another process covers: all entries before `size`. If that is more than this process
    /// knows of, takes nothing; the error is a copy of all that is known.
    pub(super) fn take_before(&self, size: u64) -> Result<Unsealed, Unsealed> {
        let mut state = self.state();
        let Some(left) = state.next.checked_sub(size) else {
            return Err(state.unsealed.clone());
        };
        let count = state.unsealed.len().saturating_sub(left);
        Ok(state.take(count))
    }

    /// Another process has sealed `size` entries, more than this process knew of. Meanwhile the writer may have read or
    /// written entries past them: those stay.
    pub(super) fn skip_to(&self, size: u64) {
        let mut state = self.state();
        let left = state.next.saturating_sub(size);
        let covered = state.unsealed.len().saturating_sub(left);
        state.take(covered);
        state.next = state.next.max(size);
    }

    /// Notes that a durable checkpoint covers `size` entries.
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
    /// The first `count` entries. Their lines count as taken.
    fn take(&mut self, count: u64) -> Unsealed {
        let taken = self.unsealed.take_oldest(count);
        // Which line has how many bytes is not kept. While any is left, all bytes count: the bound is never exceeded.
        let left = if self.unsealed.len() == 0 { 0 } else { self.bytes };
        self.taken.0 += taken.len();
        self.taken.1 += self.bytes - left;
        self.bytes = left;
        taken
    }

    fn has_room(&self, entries: u64, bytes: u64) -> bool {
        let unsealed_entries = self.unsealed.len() + self.taken.0;
        let unsealed_bytes = self.bytes + self.taken.1;
        // With nothing unsealed, any group may be written: it is far below the bound.
        unsealed_entries == 0
            || (unsealed_entries + entries <= UNSEALED_ENTRIES_MAX
                && unsealed_bytes + bytes <= UNSEALED_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// While the writer goes on, the publisher may leave the sealing to another process; not when somebody waits for it.
    #[test]
    fn sealing_is_urgent_when_the_writer_rests_or_somebody_waits() {
        let seal = Seal::new(0, &[], 0);
        assert!(seal.is_urgent(), "the writer has nothing to write");
        seal.add(0, &[Hash::EMPTY_TREE], 10);
        assert!(!seal.is_urgent(), "the writer goes on");
        assert!(seal.wait_for_sealed(1, Duration::ZERO).is_err() && seal.is_urgent(), "a caller waits");
        assert_eq!(seal.take().len(), 1);
        assert!(!seal.is_urgent(), "its turn has begun");
        seal.set_idle();
        assert!(seal.is_urgent(), "the writer has nothing to write");
    }

    /// The lines may have any lengths: the long ones may be those that are left.
    #[test]
    fn the_bytes_that_another_process_leaves_unsealed_all_count() {
        let seal = Seal::new(0, &[Hash::EMPTY_TREE; 2], UNSEALED_BYTES_MAX - 10);
        assert!(seal.take_before(1).is_ok_and(|taken| taken.len() == 1));
        seal.set_sealed(1);
        assert!(seal.has_room(1, 10) && !seal.has_room(1, 11));
        assert_eq!(seal.take().len(), 1);
        seal.set_sealed(2);
        assert!(seal.has_room(1, 11));
    }
}

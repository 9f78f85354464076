//! Step 3 of 8: how entries become a group, and what happens when there is no room. Next: [`commit`](crate::engine::commit).
//!
//! Callers bring finished lines and their leaf hashes; the queue lays them end to end, so that a group is written
//! with one call and no copy. The order in the queue is the order in the log. Which index an entry gets is known only at
//! its commit, because other processes may record too. While the writer syncs one group, the next gathers: that is the group commit, and there is no timer.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::Waker;

use graven_core::entry::Blob;
use graven_core::hash::Hash;
use graven_core::line::glance::Glance;

use crate::engine::completion::{Completion, Slot, wake};
use crate::engine::counters::{Emitted, Lost};
use crate::error::{Error, ErrorKind};
use crate::files::bounds::GROUP_BYTES_MAX;

/// Entries that are written, synced and acknowledged together.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// The lines, each with its newline.
    pub(crate) lines: Vec<u8>,
    /// Where each line ends in `lines`, newline included.
    pub(crate) ends: Vec<u32>,
    /// The leaf hash of each line.
    pub(crate) hashes: Vec<Hash>,
    /// Large details, to be durable before the lines that name them.
    pub(crate) blobs: Vec<Blob>,
    /// The outcome, shared with those who wait.
    pub(crate) completion: Arc<Completion>,
    /// Which entries nobody waits for: their places in the group.
    emitted: Vec<u32>,
}

impl Group {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The entries that nobody waits for.
    pub(crate) fn emitted(&self) -> impl Iterator<Item = Emitted> {
        self.emitted.iter().map(|&at| {
            let place = at as usize;
            let start = if place == 0 { 0 } else { self.ends[place - 1] as usize };
            let line = &self.lines[start..self.ends[place] as usize - 1];
            let seen = Glance::at(line).expect("the queue holds lines of entries");
            let category = seen.category().to_owned();
            Emitted { hash: self.hashes[place], category, count: seen.count().unwrap_or(1) }
        })
    }

    /// The entry that was just appended is one that nobody waits for.
    fn note_emitted(&mut self) {
        self.emitted.push(u32::try_from(self.ends.len() - 1).expect("a group is at most 1 MiB"));
    }
}

/// One finished line on its way into the queue.
pub(crate) struct Line<'a> {
    /// The line, without its newline.
    pub(crate) bytes: &'a [u8],
    /// Its leaf hash.
    pub(crate) hash: Hash,
    /// The detail that was too large for it.
    pub(crate) blob: Option<Blob>,
}

/// A place in the queue.
pub(crate) struct Place {
    /// How many entries of its group are before it: its index is this much larger than that of the group's first.
    pub(crate) offset: u64,
    /// The outcome of its group.
    pub(crate) completion: Arc<Completion>,
}

/// Why a line was not taken.
pub(crate) enum Refused {
    /// There is no room now.
    Full,
    /// The queue takes nothing any more: closed or poisoned, and why.
    Ended(Error),
}

/// Lines that wait to be written. Any number of threads push, one writer takes.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// The writer sleeps here while there is nothing to do.
    work: Condvar,
    bytes_max: usize,
    /// The process whose writer takes from here. A forked child has a copy of the queue, and no writer.
    process: u32,
}

#[derive(Debug)]
struct State {
    /// Gathers lines.
    open: Group,
    /// Groups that are as large as a group may be, oldest first.
    full: VecDeque<Group>,
    /// The group that the writer has in hand: its outcome.
    in_hand: Option<Arc<Completion>>,
    /// Bytes in `open` and `full`, blobs included.
    bytes: usize,
    /// Whether somebody waits for what other processes have recorded: then `open` is committed even if it is empty.
    read_wanted: bool,
    /// Whether the writer sleeps: only then is it worth a system call to wake it.
    writer_sleeps: bool,
    /// Why nothing is taken from callers any more.
    ended: Option<Error>,
    /// Whether the writer has seen the end: then nothing at all is taken.
    done: bool,
    /// Tasks that wait for room.
    waiting: Vec<Waker>,
    /// Buffers that the writer gave back.
    spare: Vec<Vec<u8>>,
}

impl Queue {
    /// An empty queue.
    pub(crate) fn new(bytes_max: usize) -> Queue {
        Queue {
            state: Mutex::new(State {
                open: Group::default(),
                full: VecDeque::new(),
                in_hand: None,
                bytes: 0,
                read_wanted: false,
                writer_sleeps: false,
                ended: None,
                done: false,
                waiting: Vec::new(),
                spare: Vec::new(),
            }),
            work: Condvar::new(),
            bytes_max,
            process: std::process::id(),
        }
    }

    /// Takes one line. With a waker, its task is woken when the group's outcome is known, and `slot` says where the
    /// waker stands.
    pub(crate) fn push(
        &self,
        line: &mut Line<'_>,
        waker: Option<(&Waker, &mut Option<Slot>)>,
    ) -> Result<Place, Refused> {
        // Cloned before the lock is taken: a waker is foreign code.
        let waker = waker.map(|(waker, slot)| (waker.clone(), slot));
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            // In a forked child the lock may be held for ever, by a thread that only the parent has.
            Err(TryLockError::WouldBlock) if self.is_forked() => {
                return Err(Refused::Ended(Error::forked()));
            }
            Err(TryLockError::WouldBlock) => self.state(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        };
        self.check_room(&state, line)?;
        let place = state.append(line);
        match waker {
            Some((waker, slot)) => *slot = Some(place.completion.register(waker)),
            None => state.open.note_emitted(),
        }
        self.wake_writer(state);
        Ok(place)
    }

    /// Takes as many of the lines as there is room for; how many, and the outcomes to wait for.
    pub(crate) fn push_many(&self, lines: &mut [Line<'_>]) -> Result<Vec<Place>, Refused> {
        let mut state = self.state();
        let mut places = Vec::with_capacity(lines.len());
        for line in lines {
            match self.check_room(&state, line) {
                Ok(()) => places.push(state.append(line)),
                Err(Refused::Full) if !places.is_empty() => break,
                Err(refused) => return Err(refused),
            }
        }
        self.wake_writer(state);
        Ok(places)
    }

    /// Takes the line of a system entry, room or not, also while the trail is closing.
    pub(crate) fn push_system(&self, line: &mut Line<'_>) -> Result<Place, Error> {
        self.push_regardless(line, false)
    }

    /// The same for a line that stands for emitted entries.
    pub(super) fn push_emitted(&self, line: &mut Line<'_>) -> Result<Place, Error> {
        self.push_regardless(line, true)
    }

    fn push_regardless(&self, line: &mut Line<'_>, emitted: bool) -> Result<Place, Error> {
        let mut state = self.state();
        if let Some(error) =
            state.ended.as_ref().filter(|error| state.done || error.kind() != ErrorKind::Closed)
        {
            return Err(error.clone());
        }
        let place = state.append(line);
        if emitted {
            state.open.note_emitted();
        }
        self.wake_writer(state);
        Ok(place)
    }

    /// Asks the writer for a commit of nothing, behind everything that is queued: it reads what other processes have
    /// recorded. Returns its outcome.
    pub(crate) fn ask_to_read(&self) -> Result<Arc<Completion>, Error> {
        let mut state = self.state();
        if let Some(error) = &state.ended {
            return Err(error.clone());
        }
        state.read_wanted = true;
        let completion = Arc::clone(&state.open.completion);
        self.wake_writer(state);
        Ok(completion)
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.state().next_is_empty()
    }

    /// Wakes the task when there may be room again, or when the queue ends.
    pub(crate) fn wait_for_room(&self, waker: &Waker) {
        let waker = waker.clone();
        let mut state = self.state();
        // Room may have come between the refusal and now: then ask again at once.
        if state.bytes == 0 || state.ended.is_some() {
            drop(state);
            waker.wake_by_ref();
        } else {
            state.waiting.push(waker);
        }
    }

    /// Waits until there is a group, or the queue has ended. Returns whether there is one without large details, which
    /// must be written before the commit lock is taken. Called by the writer.
    pub(crate) fn wait_for_lines(&self) -> bool {
        let state = self.next();
        !state.next_is_empty() && state.full.front().unwrap_or(&state.open).blobs.is_empty()
    }

    /// The next group, as soon as there is one; `None` once the queue has ended and is empty. Called by the writer.
    pub(crate) fn take(&self) -> Option<Group> {
        let mut state = self.next();
        if state.next_is_empty() {
            state.done = true;
            return None;
        }
        let group = state.take_group();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(wake);
        Some(group)
    }

    /// Waits until there is a group, or the queue has ended.
    fn next(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.in_hand = None;
        while state.next_is_empty() && state.ended.is_none() {
            state.writer_sleeps = true;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.writer_sleeps = false;
        }
        state
    }

    /// Whether [`take`](Queue::take) would answer at once.
    #[cfg(feature = "sim")]
    pub(crate) fn has_work(&self) -> bool {
        let state = self.state();
        !state.next_is_empty() || state.ended.is_some()
    }

    /// Gives a buffer back for later groups.
    pub(super) fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut state = self.state();
        if state.spare.len() < 4 {
            state.spare.push(buffer);
        }
    }

    /// Takes nothing more; what is there will still be written, and behind it the last line, unless this was closed
    /// before.
    pub(crate) fn close(&self, last: Option<&mut Line<'_>>) {
        self.end(Error::closed(), last);
    }

    /// Takes nothing more, and answers all that is still here with the error: it was never written. What nobody waits
    /// for is counted as lost.
    pub(crate) fn fail(&self, error: &Error, lost: &Lost) {
        self.end(error.clone(), None);
        let unwritten: Vec<Group> = {
            let mut state = self.state();
            let mut groups: Vec<Group> = state.full.drain(..).collect();
            groups.push(std::mem::take(&mut state.open));
            state.bytes = 0;
            state.read_wanted = false;
            groups
        };
        for group in unwritten {
            group.emitted().for_each(|emitted| lost.add_many(&emitted.category, emitted.count));
            group.completion.set_failed(error.clone());
        }
    }

    /// Why nothing is taken any more, if so.
    pub(crate) fn ended(&self) -> Option<Error> {
        self.state().ended.clone()
    }

    /// The outcome of the youngest group that is not yet acknowledged.
    pub(crate) fn youngest(&self) -> Option<Arc<Completion>> {
        self.unanswered().pop()
    }

    /// The outcomes that somebody may wait for, oldest first.
    pub(super) fn unanswered(&self) -> Vec<Arc<Completion>> {
        let state = self.state();
        let open = (state.open.len() > 0 || state.read_wanted).then_some(&state.open);
        let queued = state.full.iter().chain(open).map(|group| &group.completion);
        state.in_hand.iter().chain(queued).cloned().collect()
    }

    /// Wakes every task that waits for room, so that it looks at its deadline.
    pub(super) fn wake_waiting(&self) {
        let waiting = std::mem::take(&mut self.state().waiting);
        waiting.into_iter().for_each(wake);
    }

    fn end(&self, error: Error, last: Option<&mut Line<'_>>) {
        let mut state = self.state();
        if let Some(last) = last.filter(|_| state.ended.is_none()) {
            state.append(last);
        }
        // A failure outranks a close, under which system entries are still taken.
        if state.ended.as_ref().is_none_or(|ended| ended.kind() == ErrorKind::Closed) {
            state.ended = Some(error);
        }
        self.work.notify_one();
        drop(state);
        self.wake_waiting();
    }

    /// Whether this is a forked child's copy. A system call: about as long as a tenth of an `emit`.
    pub(crate) fn is_forked(&self) -> bool {
        std::process::id() != self.process
    }

    fn check_room(&self, state: &State, line: &Line<'_>) -> Result<(), Refused> {
        if let Some(error) = &state.ended {
            return Err(Refused::Ended(error.clone()));
        }
        // Into an empty queue anything goes, or a blob larger than the queue could never be recorded.
        let full = state.bytes > 0 && state.bytes + line.cost() > self.bytes_max;
        // Where the writer must be woken, or the caller must wait, one system call more does not count.
        if (full || state.writer_sleeps) && self.is_forked() {
            return Err(Refused::Ended(Error::forked()));
        }
        if full { Err(Refused::Full) } else { Ok(()) }
    }

    fn wake_writer(&self, state: MutexGuard<'_, State>) {
        let sleeps = state.writer_sleeps;
        drop(state);
        if sleeps {
            self.work.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock panics half-way but an allocation, which aborts.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn append(&mut self, line: &mut Line<'_>) -> Place {
        if self.open.lines.len() + line.bytes.len() + 1 > GROUP_BYTES_MAX {
            let lines = self.spare.pop().unwrap_or_default();
            let next = Group { lines, ..Group::default() };
            self.full.push_back(std::mem::replace(&mut self.open, next));
        }
        self.bytes += line.cost();
        let group = &mut self.open;
        group.lines.extend_from_slice(line.bytes);
        group.lines.push(b'\n');
        group.ends.push(u32::try_from(group.lines.len()).expect("a group is at most 1 MiB"));
        group.hashes.push(line.hash);
        group.blobs.extend(line.blob.take());
        let offset = group.ends.len() as u64 - 1;
        Place { offset, completion: Arc::clone(&group.completion) }
    }

    fn next_is_empty(&self) -> bool {
        self.full.is_empty() && self.open.len() == 0 && !self.read_wanted
    }

    fn take_group(&mut self) -> Group {
        let group = self.full.pop_front().unwrap_or_else(|| {
            self.read_wanted = false;
            let lines = self.spare.pop().unwrap_or_default();
            let next = Group { lines, ..Group::default() };
            std::mem::replace(&mut self.open, next)
        });
        let blobs: usize = group.blobs.iter().map(|blob| blob.text.len()).sum();
        self.bytes -= group.lines.len() + blobs;
        self.in_hand = Some(Arc::clone(&group.completion));
        group
    }
}

impl Line<'_> {
    /// How much room it takes in the queue.
    fn cost(&self) -> usize {
        self.bytes.len() + 1 + self.blob.as_ref().map_or(0, |blob| blob.text.len())
    }
}

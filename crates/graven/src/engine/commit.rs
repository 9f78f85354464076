//! Step 4 of 8: the commit, on one page. Next: [`rotation`](crate::engine::rotation) and [`durable`].
//!
//! One writer per process takes the commit lock and a group, enters the trail, writes the group, syncs it, and only then
//! acknowledges it. Each comment says what is true after a crash at that point.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::held::Held;
use super::shared::Engine;
use crate::engine::publish::Publisher;
use crate::engine::queue::Group;
use crate::engine::unsealed::Lines;
use crate::error::{Error, ErrorKind};
use crate::files::blob;
use crate::files::commit_lock::{CommitLock, Committing};
use crate::files::durable;
use crate::files::live::Live;

/// The one writer of a trail in this process.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) engine: Arc<Engine>,
    pub(crate) live: Live,
    /// How many entries the writer knows of: all that are durable, up to the end of its last commit.
    pub(crate) size: u64,
    pub(crate) commit_lock: Arc<CommitLock>,
    pub(crate) held: Arc<Held>,
    pub(crate) publisher: Arc<Mutex<Publisher>>,
    /// Whether `LOCK` said, when it was last looked at, that a commit had begun and not ended.
    pub(super) died: bool,
    /// Lines of other processes before those of this commit. They are read once the lock is released.
    pub(super) passed: Option<Lines>,
    /// The buffer for the next lines of other processes.
    pub(super) spare: Vec<u8>,
}

impl Writer {
    /// The writer's thread: commits until the queue ends, then closes the trail.
    pub(crate) fn run(mut self) {
        let engine = Arc::clone(&self.engine);
        let outcome = catch_unwind(AssertUnwindSafe(|| while self.turn() {}));
        if outcome.is_err() {
            let error = Error::new(ErrorKind::Internal, "the writer panicked: please report it");
            engine.poison(error.clone());
            // Also the completion of the group that was being written.
            for completion in engine.queue.unanswered() {
                completion.set_failed(error.outcome_unknown());
            }
        }
    }

    /// Commits the next group, as soon as there is one; `false` once the queue has ended and the trail is closed.
    pub(crate) fn turn(&mut self) -> bool {
        // The lock before the group: what gathers while another process is in its commit belongs to it too.
        let has_lines = self.engine.queue.wait_for_lines();
        self.engine.in_hand.begin(&*self.engine.machine.clock);
        let committing = match has_lines.then(|| self.lock()).transpose() {
            Ok(committing) => committing,
            Err(error) => {
                // It answers those who wait, too.
                self.engine.poison(error);
                None
            }
        };
        if let Some(group) = self.engine.queue.take() {
            self.commit(group, committing);
            self.engine.announce_losses();
            if self.engine.queue.is_empty() {
                self.engine.seal.set_idle();
            }
            self.engine.in_hand.end();
            return true;
        }
        self.engine.in_hand.end();
        drop(committing);
        if self.engine.poisoned().is_none() {
            self.close();
        }
        false
    }

    /// Writes one group, syncs it, and acknowledges it. The commit lock may be held already.
    fn commit(&mut self, mut group: Group, committing: Option<Committing>) {
        let mut touched = false;
        let known = self.size;
        match self.write(&group, committing, &mut touched) {
            Ok(first) => {
                if group.len() > 0 {
                    self.engine.count_group();
                }
                let (lines, ends) = (std::mem::take(&mut group.lines), std::mem::take(&mut group.ends));
                // The ring before the wake-up: a caller that is told "recorded" finds the entry there.
                let spare = self.engine.ring().push(lines, ends);
                self.engine.set_durable(self.size);
                self.engine.lost.durable(&group.hashes);
                group.completion.set_durable(first);
                if let Some(buffer) = spare {
                    self.engine.queue.give_back(buffer);
                }
            }
            Err(error) => {
                // What the disk holds is unknown until it is read again: nothing more is written.
                self.engine.poison(error.clone());
                self.engine.lost.doubt(group.emitted(), known);
                group.completion.set_failed(if touched { error.outcome_unknown() } else { error });
            }
        }
    }

    /// Makes a group durable, in pieces if a segment ends within it. Returns the index of its first entry. Sets
    /// `touched` once any line may be on the disk.
    fn write(
        &mut self,
        group: &Group,
        mut committing: Option<Committing>,
        touched: &mut bool,
    ) -> Result<u64, Error> {
        let engine = Arc::clone(&self.engine);
        let (disk, layout) = (&*engine.machine.disk, &engine.layout);
        // A crash before here leaves nothing of the group.
        if !group.blobs.is_empty() {
            // They may be large: others go on meanwhile.
            drop(committing.take());
            engine.check_dir()?;
            blob::write_all(disk, layout, &group.blobs)?;
        }
        // A crash here leaves blobs that no line names: harmless, and used if the same detail comes again.
        let committing = self.enter(committing, group.len() as u64, group.lines.len() as u64)?;
        if group.len() == 0 {
            drop(committing);
            self.read_passed()?;
            return Ok(self.size);
        }
        blob::check_all(disk, layout, &group.blobs)?;
        // A crash from here on leaves the word `writing`: the next commit writes again what is past the durable
        // length, and cuts what is torn.
        self.say(true)?;
        let first = self.size;
        let mut done = 0;
        while done < group.len() {
            self.rotate_if_due()?;
            let end = self.piece_end(group, done);
            *touched = true;
            self.append(group, done, end)?;
            done = end;
        }
        self.say(false)?;
        drop(committing);
        // Before anything is acknowledged: if there are not as many as `LOCK` said, the indexes here are wrong.
        self.read_passed()?;
        Ok(first)
    }

    /// Writes and syncs the lines `done..end` of a group.
    fn append(&mut self, group: &Group, done: usize, end: usize) -> Result<(), Error> {
        let start_byte = if done == 0 { 0 } else { group.ends[done - 1] as usize };
        let lines = &group.lines[start_byte..group.ends[end - 1] as usize];
        let file = &*self.live.file;
        durable::write_all_at(file, lines, self.live.bytes)
            .map_err(|source| self.failed("write to", source))?;
        // A crash here leaves any part of the lines. None was acknowledged; the next commit or opening keeps the whole
        // lines at the front and cuts the rest.
        let started = self.engine.machine.clock.elapsed();
        durable::retried(|| file.sync_data()).map_err(|source| self.failed("sync", source))?;
        self.engine.syncs.add(self.engine.machine.clock.elapsed().saturating_sub(started));
        // Durable. A crash from here on loses none of them. But if a name was changed meanwhile, it leads to a file that
        // does not hold them: then nothing is signed or acknowledged.
        let (first, bytes) = (self.size, lines.len() as u64);
        self.live.bytes += bytes;
        self.size += (end - done) as u64;
        self.look_again()?;
        self.engine.seal.add(first, &group.hashes[done..end], bytes);
        Ok(())
    }

    /// The queue is drained and synced: seals everything. The last process writes where the trail ends.
    fn close(&mut self) {
        match self.write_closed() {
            Ok(()) => self.engine.seal.end(Error::closed()),
            Err(error) => self.engine.poison(error),
        }
    }

    fn write_closed(&mut self) -> Result<(), Error> {
        let engine = Arc::clone(&self.engine);
        let _committing = self.enter(None, 0, 0)?;
        // Before this process is not present any more: a program of version 0.1 may be waiting to come in.
        self.publisher().publish()?;
        let last = self.held.is_last(&engine.layout)?;
        let written = if last { self.publisher().write_closed() } else { Ok(()) };
        // Under the commit lock: a process that opens the trail next must not find this one in its way.
        self.held.leave(&engine.layout).and(written)
    }

    /// Writes into `LOCK` how much is durable, and whether a commit is under way.
    pub(super) fn say(&self, writing: bool) -> Result<(), Error> {
        self.held.say(&self.engine.layout, self.live.says(writing, self.size))
    }

    pub(crate) fn publisher(&self) -> MutexGuard<'_, Publisher> {
        // A panic while it was held poisoned the trail, so nothing more is published.
        self.publisher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, what: &str, source: io::Error) -> Error {
        let path = self.engine.layout.live().display();
        Error::with_source(
            ErrorKind::Unavailable,
            format!("cannot {what} {path} at byte {}; the trail must be reopened", self.live.bytes),
            source,
        )
    }
}

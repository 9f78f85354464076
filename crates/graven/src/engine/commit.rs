//! Step 4 of 8: the commit, on one page. Next: [`rotation`](crate::engine::rotation) and [`durable`].
//!
//! One writer per trail takes a group, writes it, syncs it, and only then acknowledges it. Each comment says what is
//! true after a crash at that point.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use super::shared::Engine;
use crate::engine::publish::Publisher;
use crate::engine::queue::Group;
use crate::error::{Error, ErrorKind};
use crate::files::blob;
use crate::files::durable;
use crate::files::live::Live;

/// The one writer of a trail.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) engine: Arc<Engine>,
    pub(crate) live: Live,
    pub(crate) publisher: Arc<Mutex<Publisher>>,
}

impl Writer {
    pub(crate) fn new(engine: Arc<Engine>, live: Live, publisher: Arc<Mutex<Publisher>>) -> Writer {
        Writer { engine, live, publisher }
    }

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
        if let Some(group) = self.engine.queue.take() {
            self.commit(group);
            self.engine.announce_losses();
            return true;
        }
        if self.engine.poisoned().is_none() {
            self.close();
        }
        false
    }

    /// Writes one group, syncs it, and acknowledges it.
    pub(crate) fn commit(&mut self, mut group: Group) {
        let mut touched = false;
        match self.write(&group, &mut touched) {
            Ok(()) => {
                let size = group.first + group.len() as u64;
                let (lines, ends) = (std::mem::take(&mut group.lines), std::mem::take(&mut group.ends));
                // The ring before the wake-up: a caller that is told "recorded" finds the entry there.
                let spare = self.engine.ring().push(lines, ends);
                self.engine.set_durable(size);
                self.engine.lost.durable_before(size);
                group.completion.set_durable();
                if let Some(buffer) = spare {
                    self.engine.queue.give_back(buffer);
                }
            }
            Err(error) => {
                // What the disk holds is unknown until it is read again: nothing more is written.
                self.engine.poison(error.clone());
                self.engine.lost.doubt(group.emitted());
                group.completion.set_failed(if touched { error.outcome_unknown() } else { error });
            }
        }
    }

    /// Makes a group durable, in pieces if a segment ends within it. Sets `touched` once any line may be on the disk.
    fn write(&mut self, group: &Group, touched: &mut bool) -> Result<(), Error> {
        self.engine.seal.wait_for_bound(group.len() as u64, group.lines.len() as u64)?;
        // A crash before here leaves nothing of the group.
        let disk = &*self.engine.machine.disk;
        blob::write_all(disk, &self.engine.layout, &group.blobs)?;
        // A crash here leaves blobs that no line names: harmless, and used if the same detail comes again.
        let mut done = 0;
        while done < group.len() {
            self.rotate_if_due(group.first + done as u64)?;
            let end = self.piece_end(group, done);
            *touched = true;
            self.append(group, done, end)?;
            done = end;
        }
        Ok(())
    }

    /// Writes and syncs the lines `done..end` of a group.
    fn append(&mut self, group: &Group, done: usize, end: usize) -> Result<(), Error> {
        let start_byte = if done == 0 { 0 } else { group.ends[done - 1] as usize };
        let lines = &group.lines[start_byte..group.ends[end - 1] as usize];
        let file = &*self.live.file;
        durable::write_all_at(file, lines, self.live.bytes)
            .map_err(|source| self.failed("write to", source))?;
        // A crash here leaves any part of the lines. None was acknowledged; the next open keeps the whole lines at
        // the front and cuts the rest.
        durable::retried(|| file.sync_data()).map_err(|source| self.failed("sync", source))?;
        // Durable. A crash from here on loses none of them.
        self.live.bytes += lines.len() as u64;
        self.engine.seal.add(&group.hashes[done..end], lines.len() as u64);
        Ok(())
    }

    /// The queue is drained and synced: seals everything and writes where the trail ends.
    fn close(&mut self) {
        let closed = self.publisher().write_closed();
        match closed {
            Ok(()) => self.engine.seal.end(Error::closed()),
            Err(error) => self.engine.poison(error),
        }
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

//! Step 7 of 8: what is signed, and when others can see it. Next: `prove`.
//!
//! The publisher follows the writer: it appends the leaf hashes of durable entries to `tiles/`, syncs them, and only
//! then signs and replaces `checkpoint`. It does so at most every 100 ms while there is something new, at a segment's
//! end, at close, and at once when asked. Entries past the checkpoint are *unsealed*; their number is bounded, and the
//! writer waits before it would exceed the bound.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use graven_core::checkpoint::Checkpoint;
use graven_core::note::{Note, SigningKey};

use super::shared::Engine;
use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::levels::Levels;
use crate::files::notes::{closed_text, sign};

/// Appends hashes and signs checkpoints. One at a time: the publisher's thread, or the writer at a segment's end.
#[derive(Debug)]
pub(crate) struct Publisher {
    engine: Arc<Engine>,
    levels: Levels,
    key: SigningKey,
    /// The signed checkpoint that is in the file.
    checkpoint: String,
    /// Why nothing more may be signed: hashes were taken and did not all reach the files, so the tree here is not
    /// that of the log.
    failed: Option<Error>,
}

impl Publisher {
    pub(crate) fn new(engine: Arc<Engine>, levels: Levels, key: SigningKey, checkpoint: String) -> Publisher {
        Publisher { engine, levels, key, checkpoint, failed: None }
    }

    /// Seals all that is durable: hashes to `tiles/`, sync, checkpoint. Returns the signed checkpoint.
    pub(crate) fn publish(&mut self) -> Result<&str, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        // Until it has succeeded. If it panics, later calls see this error.
        self.failed = Some(panicked());
        self.failed = self.publish_new().err();
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => Ok(&self.checkpoint),
        }
    }

    fn publish_new(&mut self) -> Result<(), Error> {
        let hashes = self.engine.seal.take();
        if hashes.is_empty() {
            return Ok(());
        }
        let size = self.levels.size();
        // A crash from here on leaves hashes past the checkpoint, which the next open writes again.
        self.levels
            .append(&hashes)
            .and_then(|()| self.levels.sync(size))
            .map_err(|source| Error::cannot("write the hashes in", &self.engine.layout.tiles(), source))?;
        // The hashes are durable: a checkpoint that needs them may be seen.
        let checkpoint = Checkpoint {
            origin: self.engine.meta.origin.clone(),
            size: self.levels.size(),
            root: self.levels.root(),
            extensions: Vec::new(),
        };
        let signed = sign(&checkpoint, &self.key);
        let path = self.engine.layout.checkpoint();
        durable::replace(&*self.engine.machine.disk, &path, signed.as_bytes())
            .map_err(|source| Error::cannot("write", &path, source))?;
        // The checkpoint is durable: these entries are sealed.
        self.checkpoint = signed;
        self.engine.seal.set_sealed(checkpoint.size);
        Ok(())
    }

    /// Writes `closed`: the note that says where the trail ended when it was closed.
    pub(super) fn write_closed(&mut self) -> Result<(), Error> {
        self.publish()?;
        let text = closed_text(&self.engine.meta.origin, self.levels.size(), &self.levels.root());
        let note = Note::sign(text, &self.key).to_string();
        let path = self.engine.layout.closed();
        durable::replace(&*self.engine.machine.disk, &path, note.as_bytes())
            .map_err(|source| Error::cannot("write", &path, source))
    }
}

impl Engine {
    /// The publisher's thread.
    pub(super) fn run_publisher(&self, publisher: &Mutex<Publisher>) {
        while self.seal.wait_for_work() {
            self.publish_new(publisher);
        }
    }

    /// One turn of the publisher: seals what is new.
    pub(crate) fn publish_new(&self, publisher: &Mutex<Publisher>) {
        let publish = || {
            // If it panicked under the lock, it publishes nothing more.
            let mut publisher = publisher.lock().unwrap_or_else(PoisonError::into_inner);
            publisher.publish().map(drop)
        };
        let published = catch_unwind(AssertUnwindSafe(publish)).unwrap_or_else(|_| Err(panicked()));
        // The publisher is not locked here: poisoning wakes tasks, and their wakers are foreign code.
        if let Err(error) = published {
            self.poison(error);
        }
    }
}

fn panicked() -> Error {
    Error::new(ErrorKind::Internal, "the publisher panicked: please report it")
}

//! Step 7 of 8: what is signed, and when others can see it. Next: `prove`.
//!
//! The publisher follows the writer: it appends the leaf hashes of durable entries to `tiles/`, syncs them, and only
//! then signs and replaces `checkpoint`. It does so at once when the writer has nothing to write, at most every 100 ms
//! while it has, at a segment's end, at close, and at once when asked. Then it rests forty times as long as that took, so
//! that a steady stream of entries is not slowed down; it never spends more than a fifth of its time on publishing.
//! Entries past the checkpoint are *unsealed*; their number is bounded, and the writer waits before it would exceed the
//! bound.
//!
//! Every process that has the trail open may publish, one at a time: under the lock of publishing it first adopts what
//! another has signed, after a check that it extends what this process knows. While entries keep coming, it leaves the
//! rest to that one.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use graven_core::checkpoint::Checkpoint;
use graven_core::note::{Note, SigningKey};
use graven_core::tree::Tree;

use super::shared::Engine;
use super::unsealed::Unsealed;
use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::levels::Levels;
use crate::files::notes::{closed_text, sign};
use crate::files::publish_lock::{PublishLock, Publishing};
use crate::files::rebuild::{Trust, trusted_levels};
use crate::files::segments::Segments;
use crate::files::signed::read_signed;
use crate::reader::hashes::Hashes;

/// How much longer than publishing the publisher rests at least: publishing competes with the writer for the disk.
const PAUSE_FACTOR: u32 = 40;

/// The longest such rest. But it always rests at least four times as long as publishing took.
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// Appends hashes and signs checkpoints. One at a time: the publisher's thread, or the writer at a segment's end.
#[derive(Debug)]
pub(crate) struct Publisher {
    engine: Arc<Engine>,
    lock: PublishLock,
    levels: Levels,
    key: SigningKey,
    /// The newest signed checkpoint that this process has written or adopted.
    checkpoint: String,
    /// Whether another process has written it. One that died may not have made its name durable.
    adopted: bool,
    /// Why nothing more may be signed: hashes were taken and did not all reach the files, so the tree here is not
    /// that of the log.
    failed: Option<Error>,
}

impl Publisher {
    pub(crate) fn new(
        engine: Arc<Engine>,
        lock: PublishLock,
        levels: Levels,
        key: SigningKey,
        checkpoint: String,
    ) -> Publisher {
        Publisher { engine, lock, levels, key, checkpoint, adopted: false, failed: None }
    }

    /// Waits for the lock of publishing.
    pub(super) fn lock(&mut self) -> Result<Publishing, Error> {
        // Or a missing `checkpoints/` would be made in a directory that is not the trail's.
        self.engine.check_dir()?;
        self.lock.acquire(&*self.engine.machine.disk, &self.engine.layout)
    }

    /// Seals all that is durable and known here: hashes to `tiles/`, sync, checkpoint. Returns the signed checkpoint.
    pub(crate) fn publish(&mut self) -> Result<&str, Error> {
        let publishing = self.lock()?;
        self.publish_locked(&publishing)
    }

    /// Seals what is new, unless another process is doing that: while entries keep coming, and nobody waits for a
    /// checkpoint, one that finds a newer checkpoint only adopts it. So one process publishes, and the syncs of the others
    /// do not compete with commits; when it stops, the next one that finds nothing newer goes on.
    fn publish_in_turn(&mut self) -> Result<(), Error> {
        let publishing = self.lock()?;
        self.guarded(|publisher| {
            let adopted = publisher.adopt(&publishing)?;
            if adopted && !publisher.engine.seal.is_urgent() {
                return Ok(());
            }
            publisher.publish_new(&publishing)
        })
    }

    /// [`publish`](Publisher::publish) for one that has the lock.
    pub(super) fn publish_locked(&mut self, publishing: &Publishing) -> Result<&str, Error> {
        self.guarded(|publisher| {
            publisher.adopt(publishing)?;
            publisher.publish_new(publishing)
        })?;
        Ok(&self.checkpoint)
    }

    /// [`publish_locked`](Publisher::publish_locked), and the checkpoint is durable also if another process wrote it. A
    /// boundary or `closed` that outlives its checkpoint would be a contradiction.
    pub(super) fn publish_durably(&mut self, publishing: &Publishing) -> Result<&str, Error> {
        self.publish_locked(publishing)?;
        if self.adopted {
            let dir = self.engine.layout.dir();
            durable::sync_dir(&*self.engine.machine.disk, dir)
                .map_err(|source| Error::cannot("sync", dir, source))?;
            self.adopted = false;
        }
        Ok(&self.checkpoint)
    }

    /// Adopts what other processes have signed.
    pub(super) fn follow(&mut self) -> Result<(), Error> {
        let publishing = self.lock()?;
        self.guarded(|publisher| publisher.adopt(&publishing).map(drop))
    }

    /// Calls, unless an earlier call failed. If this one fails or panics, later calls see its error.
    fn guarded(&mut self, call: impl FnOnce(&mut Publisher) -> Result<(), Error>) -> Result<(), Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.failed = Some(panicked());
        self.failed = call(self).err();
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn publish_new(&mut self, _: &Publishing) -> Result<(), Error> {
        let unsealed = self.engine.seal.take();
        if unsealed.len() == 0 {
            return Ok(());
        }
        let hashes = self.engine.computed_leaves(&unsealed)?;
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
        self.engine.check_dir()?;
        durable::replace(&*self.engine.machine.disk, &path, signed.as_bytes())
            .map_err(|source| Error::cannot("write", &path, source))?;
        // The checkpoint is durable: these entries are sealed.
        (self.checkpoint, self.adopted) = (signed, false);
        self.engine.seal.set_sealed(checkpoint.size);
        Ok(())
    }

    /// Takes over the checkpoint in the file, if another process has signed a newer one. It must extend what this
    /// process knows: two heads of one log that contradict each other are never signed. Returns whether there was one.
    fn adopt(&mut self, _: &Publishing) -> Result<bool, Error> {
        let engine = Arc::clone(&self.engine);
        engine.check_dir()?;
        let (disk, layout) = (&engine.machine.disk, &engine.layout);
        let path = layout.checkpoint();
        let bytes =
            durable::read_file(&**disk, &path).map_err(|source| Error::cannot("read", &path, source))?;
        let mut newer = false;
        if bytes != self.checkpoint.as_bytes() {
            let (checkpoint, signed) = read_signed(&**disk, &path, &engine.meta)?;
            let size = self.levels.size();
            newer = checkpoint.size > size;
            if newer {
                self.extend_to(&checkpoint)?;
            }
            if checkpoint.size == size && checkpoint.root != self.levels.root() {
                return Err(engine.contradicted("its checkpoint is signed over other entries"));
            }
            if newer {
                (self.checkpoint, self.adopted) = (signed, true);
                engine.seal.set_sealed(checkpoint.size);
            }
        }
        let in_place =
            self.levels.are_in_place().map_err(|source| Error::cannot("look at", &layout.tiles(), source))?;
        if !in_place {
            self.levels = self.load(&self.signed()?)?;
        }
        Ok(newer)
    }

    /// Extends the tree to what another process has sealed.
    fn extend_to(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let engine = Arc::clone(&self.engine);
        let differs = || engine.contradicted("another process has signed other entries than this one knows");
        let known = self.levels.tree();
        let pending = match engine.seal.take_before(checkpoint.size) {
            Ok(covered) => {
                if self.follow_stored(&known, &covered, checkpoint).unwrap_or(false) {
                    return Ok(());
                }
                // `tiles/` may be missing or damaged, which contradicts nothing: the lines of the log decide.
                let mut known = known;
                known.extend(engine.computed_leaves(&covered)?);
                if known.root() != checkpoint.root {
                    return Err(differs());
                }
                self.levels = self.load(checkpoint)?;
                return Ok(());
            }
            // It covers more than this process has read.
            Err(pending) => pending,
        };
        let levels = self.load(checkpoint)?;
        let unreadable = |source| Error::cannot("read the hashes in", &engine.layout.tiles(), source);
        let mut stored = self.stored(checkpoint.size);
        let continues =
            stored.continue_tree(known.size(), &known.root(), &checkpoint.root).map_err(unreadable)?;
        if !continues || !engine.stored_as_known(&pending, known.size(), &mut stored).map_err(unreadable)? {
            return Err(differs());
        }
        self.levels = levels;
        engine.seal.skip_to(checkpoint.size);
        Ok(())
    }

    /// Extends the tree by the hashes in `tiles/`, if these give the signed root, continue the tree that is known, and
    /// have what is known of the entries in between. No more is computed than the right edge and a consistency proof: each
    /// process would otherwise hash the tree over all entries of all processes.
    fn follow_stored(
        &mut self,
        known: &Tree,
        covered: &Unsealed,
        checkpoint: &Checkpoint,
    ) -> io::Result<bool> {
        self.levels.follow(checkpoint.size)?;
        let mut stored = self.stored(checkpoint.size);
        Ok(self.levels.root() == checkpoint.root
            && stored.continue_tree(known.size(), &known.root(), &checkpoint.root)?
            && self.engine.stored_as_known(covered, known.size(), &mut stored)?)
    }

    /// The hashes in `tiles/` of a tree of `size` leaves.
    fn stored(&self, size: u64) -> Hashes {
        Hashes::new(Arc::clone(&self.engine.machine.disk), self.engine.layout.clone(), size)
    }

    /// The tree under a signed checkpoint, from the files.
    fn load(&self, checkpoint: &Checkpoint) -> Result<Levels, Error> {
        let (disk, layout) = (&self.engine.machine.disk, &self.engine.layout);
        let segments = Segments::read(&**disk, layout, &self.engine.meta, checkpoint)?;
        trusted_levels(disk, layout, checkpoint, &segments.files_found(layout), Trust::Edge)
    }

    /// The newest checkpoint that this process has written or adopted.
    fn signed(&self) -> Result<Checkpoint, Error> {
        let (checkpoint, _note) = Checkpoint::open(self.checkpoint.as_bytes(), &self.engine.meta.key)
            .map_err(|source| {
                Error::with_source(ErrorKind::Internal, "our own checkpoint is not one", source)
            })?;
        Ok(checkpoint)
    }

    /// Writes `closed`: the note that says where the trail ended when the last process closed it. Called under the
    /// commit lock, after [`publish`](Publisher::publish).
    pub(super) fn write_closed(&mut self) -> Result<(), Error> {
        let publishing = self.lock()?;
        self.publish_durably(&publishing)?;
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
        let clock = &*self.machine.clock;
        let mut pause = Duration::ZERO;
        while self.seal.wait_for_work(pause) {
            let began = clock.elapsed();
            self.publish_new(publisher);
            let took = clock.elapsed().saturating_sub(began);
            pause = (took * PAUSE_FACTOR).min(PAUSE_MAX.max(took * 4));
        }
    }

    /// One turn of the publisher: seals what is new.
    pub(crate) fn publish_new(&self, publisher: &Mutex<Publisher>) {
        let publish = || {
            // If it panicked under the lock, it publishes nothing more.
            let mut publisher = publisher.lock().unwrap_or_else(PoisonError::into_inner);
            publisher.publish_in_turn()
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

//! Step 7 of 8: what is signed, and when others can see it. Next: `prove`.
//!
//! The publisher follows the writer: it appends the leaf hashes of durable entries to `tiles/`, syncs them, and only
//! then signs and replaces `checkpoint`. It does so every 100 ms at most while there is something new, at a segment's
//! end, at close, and at once when asked. Entries past the checkpoint are *unsealed*; their number is bounded, and
//! the writer waits rather than pass the bound.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::Hash;
use graven_core::note::{Note, SigningKey};

use crate::durable;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind};
use crate::levels::Levels;

/// How long the publisher rests between two checkpoints, unless one is asked for.
const REST: Duration = Duration::from_millis(100);

/// At most so many entries may be past the checkpoint. After a crash they rest on the disk alone.
pub(crate) const UNSEALED_ENTRIES_MAX: u64 = 262_144;

/// At most so many bytes of lines may be past the checkpoint.
pub(crate) const UNSEALED_BYTES_MAX: u64 = 64 << 20;

/// What is durable but not yet sealed; shared by writer, publisher and those who wait for a checkpoint.
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
    /// Whether somebody waits for a checkpoint: then the publisher does not rest.
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

    /// Waits until so much may be written without passing the bound. Called by the writer before it writes.
    pub(crate) fn wait_for_bound(&self, entries: u64, bytes: u64) -> Result<(), Error> {
        let mut state = self.state();
        loop {
            if let Some(error) = &state.ended {
                return Err(error.clone());
            }
            let (unsealed_entries, unsealed_bytes) = state.unsealed();
            // With nothing unsealed anything goes: a group is far below the bound.
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

    /// The writer has synced these.
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

    /// Waits until `size` entries are sealed, asking the publisher to hurry.
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

    /// Nothing more is sealed; everybody who waits is told why.
    pub(crate) fn end(&self, error: Error) {
        self.state().ended.get_or_insert(error);
        self.changed.notify_all();
    }

    /// Rests, then waits for work; `false` at the end.
    fn wait_for_work(&self) -> bool {
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

    fn take(&self) -> Vec<Hash> {
        let mut state = self.state();
        state.wanted = false;
        state.taken.0 += state.hashes.len() as u64;
        state.taken.1 += std::mem::take(&mut state.bytes);
        std::mem::take(&mut state.hashes)
    }

    fn set_sealed(&self, size: u64) {
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

/// Appends hashes and signs checkpoints. One at a time: the publisher's thread, or the writer at a segment's end.
#[derive(Debug)]
pub(crate) struct Publisher {
    engine: Arc<Engine>,
    levels: Levels,
    key: SigningKey,
    /// The signed checkpoint that stands in the file.
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
        // Until it has ended well, also for whoever comes after a panic in it.
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
        self.levels.append(&hashes).and_then(|()| self.levels.sync(size)).map_err(|source| {
            let path = self.engine.layout.tiles();
            Error::with_source(
                ErrorKind::Unavailable,
                format!("cannot write the hashes in {}", path.display()),
                source,
            )
        })?;
        // The hashes are durable: a checkpoint that needs them may be seen.
        let checkpoint = Checkpoint {
            origin: self.engine.meta.origin.clone(),
            size: self.levels.size(),
            root: self.levels.root(),
            extensions: Vec::new(),
        };
        let signed = sign(&checkpoint, &self.key);
        let path = self.engine.layout.checkpoint();
        durable::replace(&*self.engine.machine.disk, &path, signed.as_bytes()).map_err(|source| {
            Error::with_source(ErrorKind::Unavailable, format!("cannot write {}", path.display()), source)
        })?;
        // The checkpoint is durable: these entries are sealed.
        self.checkpoint = signed;
        self.engine.seal.set_sealed(checkpoint.size);
        Ok(())
    }

    /// Writes `closed`: the note that says where the trail ended when it was closed.
    pub(crate) fn write_closed(&mut self) -> Result<(), Error> {
        self.publish()?;
        let text = closed_text(&self.engine.meta.origin, self.levels.size(), &self.levels.root());
        let note = Note::sign(text, &self.key).to_string();
        let path = self.engine.layout.closed();
        durable::replace(&*self.engine.machine.disk, &path, note.as_bytes()).map_err(|source| {
            Error::with_source(ErrorKind::Unavailable, format!("cannot write {}", path.display()), source)
        })
    }
}

/// Signs a checkpoint: the bytes of its file.
pub(crate) fn sign(checkpoint: &Checkpoint, key: &SigningKey) -> String {
    checkpoint.sign(key).to_string()
}

/// The text of a `closed` note. Its first line keeps it from ever being read as a checkpoint.
pub(crate) fn closed_text(origin: &str, size: u64, root: &Hash) -> String {
    format!("graven/closed/v1\n{origin}\n{size}\n{root}\n")
}

impl Engine {
    /// The publisher's thread.
    pub(crate) fn run_publisher(&self, publisher: &Mutex<Publisher>) {
        while self.seal.wait_for_work() {
            self.publish_new(publisher);
        }
    }

    /// One turn of the publisher: seals what is new.
    pub(crate) fn publish_new(&self, publisher: &Mutex<Publisher>) {
        let publish = || {
            // After a panic while it was held it publishes nothing more.
            let mut publisher = publisher.lock().unwrap_or_else(PoisonError::into_inner);
            publisher.publish().map(drop)
        };
        let published = catch_unwind(AssertUnwindSafe(publish)).unwrap_or_else(|_| Err(panicked()));
        // The publisher is not held here: those who are told are foreign code.
        if let Err(error) = published {
            self.poison(error);
        }
    }
}

fn panicked() -> Error {
    Error::new(ErrorKind::Internal, "the publisher panicked: please report it")
}

//! Step 1 of 8: the trail, as a program uses it. Next: `graven_core::entry` and `graven_core::line`, then
//! [`queue`](crate::engine::queue).
//!
//! [`Trail::record`] returns `Ok` only when the entry's bytes are durable and its place in the log is fixed.
//! [`Trail::emit`] never waits, and promises less: the entry is queued, or counted as dropped.

mod lookup;

use std::sync::Arc;
use std::time::Duration;

use graven_core::entry::{Category, Entry};
use graven_core::note::VerifierKey;

use crate::actor;
use crate::engine::counters::{Counters, Losses};
use crate::engine::ring::{Ring, Snapshot};
use crate::engine::sync_times::SyncTimes;
use crate::error::Error;
use crate::files::layout::Layout;
use crate::files::tail::Mode;
use crate::open::registry;
use crate::reader::Reader;
use crate::record::batch::RecordingBatch;
use crate::record::block_on::block_on;
use crate::record::blocking::blocking;
use crate::record::handle::Handle;
use crate::record::recording::{self, Receipt, Recording};
use crate::record::stored::Stored;
use crate::redact::Redactor;
use crate::seam::machine::Machine;
use crate::settings::Settings;

/// An open trail. Cheap to clone; clones, and other handles of the same path in this process, share one log.
///
/// Any number of processes may have one trail open. Each entry gets its place in the log when it is committed, under a
/// lock of the trail's directory. What is in memory ([`recent`](Trail::recent), [`len`](Trail::len)) is what this
/// process has recorded, and what it has read of the others up to its last commit or [`refresh`](Trail::refresh).
///
/// A process that was forked cannot use the handles of its parent: each call fails with the kind
/// [`Closed`](crate::ErrorKind::Closed), and [`emit`](Trail::emit) reports it as a `tracing` error. Open the trail again
/// in the child.
///
/// Dropping the last handle closes the trail: it waits until everything is written and sealed, or until storage has
/// made no progress for 5 seconds (or for the deadline, if that is longer). Call [`close`](Trail::close) to learn
/// whether that succeeded.
#[derive(Debug, Clone)]
pub struct Trail(pub(crate) Arc<Handle>);

/// Names an entry, by its index or by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The entry at this position in the log, from 0.
    Index(u64),
    /// The newest entry with this id. Looking for it may read the whole log.
    Id(String),
}

impl From<u64> for Key {
    fn from(index: u64) -> Key {
        Key::Index(index)
    }
}

impl From<&str> for Key {
    fn from(id: &str) -> Key {
        Key::Id(id.to_owned())
    }
}

impl From<String> for Key {
    fn from(id: String) -> Key {
        Key::Id(id)
    }
}

impl Trail {
    /// Opens a trail. Creates it if it does not exist, and repairs what a crash left. If this process has the trail
    /// open already, the new handle shares it, with the settings of the first opening.
    ///
    /// # Errors
    /// `Unavailable` when another process writes it (the message names the process) or storage fails; `Data` when what
    /// is stored contradicts what was signed; `Invalid` when the path cannot be a trail, or when another process has
    /// the trail open with other [settings](Settings); `NotFound` when there is none and [`Settings::must_exist`] is
    /// set; `Data` when there was one and its `graven.json` is gone.
    pub fn open(settings: Settings) -> Result<Trail, Error> {
        Trail::open_on(settings, Machine::os())
    }

    /// Opens a trail as [`open`](Trail::open) does, on the given disk and clock.
    pub fn open_on(settings: Settings, machine: Machine) -> Result<Trail, Error> {
        registry::open(settings, machine, Mode::Open).map(Trail)
    }

    /// Opens the trail again with its settings. Call it when a handle that you keep for long is
    /// [`poisoned`](Trail::poisoned). If the trail is still open, this returns one more handle of it.
    ///
    /// # Errors
    /// As [`open`](Trail::open).
    pub fn reopen(&self) -> Result<Trail, Error> {
        let engine = &self.0.engine;
        Trail::open_on(engine.settings.clone(), engine.machine.clone())
    }

    /// Opens a trail that [`open`](Trail::open) refuses because of what is past its checkpoint: what cannot be kept
    /// goes to `torn/`, and an entry of the action `trail.repaired` says so. Call it only after an operator has looked
    /// at the trail.
    ///
    /// # Errors
    /// `Data` when what is stored contradicts a signed head: this cannot be repaired, only restored from a copy.
    pub fn repair(settings: Settings) -> Result<Trail, Error> {
        Trail::repair_on(settings, Machine::os())
    }

    /// Repairs a trail as [`repair`](Trail::repair) does, on the given disk and clock.
    pub fn repair_on(settings: Settings, machine: Machine) -> Result<Trail, Error> {
        registry::open(settings.must_exist(), machine, Mode::Repair).map(Trail)
    }

    /// Records an entry. `Ok` means: its bytes are durable, and the receipt's index is its place in the log.
    ///
    /// Fields the entry does not set are taken from the current [`Actor`](crate::Actor).
    ///
    /// Lazy: nothing happens before the first poll. Runs on any executor. Once the entry is queued, it is written even
    /// if the future is dropped.
    ///
    /// # Errors
    /// `Invalid`: the entry cannot be recorded as it is. `TimedOut`: no answer within the deadline; it may still be
    /// recorded. `Unavailable`: storage failed, or there was no room and the policy is [`Drop`](crate::WhenFull::Drop);
    /// [`Error::may_be_recorded`] says whether the entry may still be recorded. `Closed`: the trail was closed.
    pub fn record(&self, mut entry: Entry) -> Recording {
        actor::fill(&mut entry);
        self.record_filled(entry)
    }

    /// [`record`](Trail::record) for a thread that may wait.
    pub fn record_blocking(&self, entry: Entry) -> Result<Receipt, Error> {
        block_on(self.record(entry))
    }

    /// Records many entries, in their order but not necessarily side by side. If one of them cannot be recorded as it
    /// is, the batch is refused before anything is written. After any other error, a part of the batch may be recorded.
    pub fn record_batch(&self, mut entries: Vec<Entry>) -> RecordingBatch {
        entries.iter_mut().for_each(actor::fill);
        RecordingBatch::new(Arc::clone(&self.0), entries)
    }

    /// [`record_batch`](Trail::record_batch) for a thread that may wait.
    pub fn record_batch_blocking(&self, entries: Vec<Entry>) -> Result<Vec<Receipt>, Error> {
        block_on(self.record_batch(entries))
    }

    /// Records again what another trail has stored, as it stands there, in this order but not necessarily side by side. It is
    /// for a program that salvages the entries of a lost machine: they were redacted when they were recorded, and are not
    /// changed again. After an error, the first entries of the batch may be recorded, and the others are not.
    pub fn record_stored(&self, entries: Vec<Stored>) -> RecordingBatch {
        RecordingBatch::of_stored(Arc::clone(&self.0), entries)
    }

    /// Queues an entry and returns at once. When there is no room, or the entry is not valid, it is dropped and
    /// counted, and the count is written as an entry as soon as there is room.
    pub fn emit(&self, mut entry: Entry) {
        actor::fill(&mut entry);
        self.emit_filled(entry);
    }

    /// Waits until everything recorded or emitted so far is durable.
    pub fn flush(&self) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        let handle = Arc::clone(&self.0);
        async move { handle.flush().await }
    }

    /// [`flush`](Trail::flush) for a thread that may wait.
    pub fn flush_blocking(&self) -> Result<(), Error> {
        block_on(self.flush())
    }

    /// Reads what other processes have recorded in the trail so far. Then [`recent`](Trail::recent), [`len`](Trail::len)
    /// and the look-ups by index know of it. A process also learns of it whenever it records something itself.
    ///
    /// # Errors
    /// `TimedOut`: no answer within the deadline. `Data` or `Unavailable`: the trail's files were changed under this
    /// process, or cannot be read. `Closed`: the trail was closed.
    pub fn refresh(&self) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        let handle = Arc::clone(&self.0);
        async move { handle.refresh().await }
    }

    /// [`refresh`](Trail::refresh) for a thread that may wait.
    pub fn refresh_blocking(&self) -> Result<(), Error> {
        block_on(self.refresh())
    }

    /// Seals everything recorded so far; returns the signed checkpoint (C2SP tlog-checkpoint).
    pub fn checkpoint(&self) -> impl Future<Output = Result<String, Error>> + Send + 'static {
        let trail = self.clone();
        blocking(move || trail.checkpoint_blocking())
    }

    /// [`checkpoint`](Trail::checkpoint) for a thread that may wait.
    pub fn checkpoint_blocking(&self) -> Result<String, Error> {
        self.flush_blocking()?;
        self.seal_to(self.len())?;
        self.read_checkpoint()
    }

    /// Waits until `size` entries are sealed.
    pub(crate) fn seal_to(&self, size: u64) -> Result<(), Error> {
        self.0.seal(size)
    }

    /// A reader of the trail's files.
    pub(crate) fn reader(&self) -> Result<Reader, Error> {
        Reader::open_on(&self.0.engine.machine, self.0.engine.layout.clone())
    }

    /// The signed checkpoint, read from its file.
    pub(crate) fn read_checkpoint(&self) -> Result<String, Error> {
        self.reader()?.checkpoint().map(|(_, signed)| signed)
    }

    /// The newest entries, newest first, from memory. A detail that is kept beside the log is given as its marker.
    pub fn recent(&self, limit: usize) -> Vec<Entry> {
        self.snapshot().newest(limit)
    }

    /// The newest entries of a category, newest first, from memory.
    pub fn by_category(&self, category: &Category, limit: usize) -> Vec<Entry> {
        self.snapshot().newest_of(category, limit)
    }

    /// How many entries are in memory.
    pub fn count(&self) -> usize {
        self.in_ring(Ring::len).unwrap_or(0)
    }

    /// How many entries are in the trail, all of them durable.
    pub fn len(&self) -> u64 {
        self.0.engine.durable()
    }

    /// Whether the trail has no entry yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key that the trail's checkpoints are signed with (C2SP signed-note vkey).
    pub fn verifier_key(&self) -> VerifierKey {
        self.0.engine.meta.key.clone()
    }

    /// The redactor of the trail. A program can use it for other texts, such as its log: equal secrets get the same
    /// marks as in the trail.
    pub fn redactor(&self) -> Redactor {
        self.0.engine.redactor.clone()
    }

    /// The paths of the trail's files.
    pub fn layout(&self) -> &Layout {
        &self.0.engine.layout
    }

    /// Numbers that say how the trail is doing.
    pub fn counters(&self) -> Counters {
        self.0.engine.counters()
    }

    /// For how long the writer of this process has been at the entries that it has in hand: it writes and syncs them, or
    /// waits for its turn among processes. `None` while it has none. A long time means that storage hangs, or that another
    /// process holds the trail's lock; nothing is recorded meanwhile.
    pub fn writing_for(&self) -> Option<Duration> {
        self.0.engine.writing_for()
    }

    /// How long the syncs of this process took, since it opened the trail.
    pub fn sync_times(&self) -> SyncTimes {
        self.0.engine.syncs.now()
    }

    /// Why the trail takes no more entries, after a failed write or sync. Open it again to go on.
    pub fn poisoned(&self) -> Option<Error> {
        self.0.engine.poisoned().cloned()
    }

    /// Writes and seals everything, writes to `closed` where the trail ends, and releases the lock. This closes every
    /// handle of the trail.
    ///
    /// # Errors
    /// The error that kept an entry from being written or sealed. `TimedOut` when storage makes no progress: then the
    /// trail closes by itself as soon as storage answers.
    pub fn close(&self) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        let trail = self.clone();
        blocking(move || trail.close_blocking())
    }

    /// [`close`](Trail::close) for a thread that may wait.
    pub fn close_blocking(&self) -> Result<(), Error> {
        self.0.close()
    }
}

impl Trail {
    /// Records an entry that has its actor's fields already.
    pub(crate) fn record_filled(&self, entry: Entry) -> Recording {
        Recording::new(Arc::clone(&self.0), entry)
    }

    /// Emits an entry that has its actor's fields already.
    pub(crate) fn emit_filled(&self, entry: Entry) {
        recording::emit(&self.0, entry);
    }

    /// The newest stored lines, as they are in memory now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.in_ring(Ring::snapshot).unwrap_or_default()
    }

    /// Looks at the newest stored lines; `None` in a forked child, where the lock of the ring may be held for ever.
    pub(crate) fn in_ring<T>(&self, look: impl FnOnce(&Ring) -> T) -> Option<T> {
        self.0.check_process().ok().map(|()| look(&self.0.engine.ring()))
    }

    /// Closes the trail at the end of the process: if it has failed and was opened again, the one opened last.
    pub(crate) fn close_at_exit(&self) -> Result<(), Error> {
        let again = self.poisoned().and_then(|_| registry::reopened(&self.0));
        again.as_ref().unwrap_or(&self.0).close_at_exit()
    }

    /// Counts entries that a caller lost, so that the trail records the loss.
    pub(crate) fn count_lost(&self, losses: Losses) {
        for (category, count) in losses {
            (0..count).for_each(|_| self.0.engine.lost.add(&category));
        }
        self.0.engine.announce_losses();
    }
}

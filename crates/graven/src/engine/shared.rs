//! What the threads of one open trail and its callers share.
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `queue` | callers (push), writer (take) | watchdog |
//! | `ring` | writer | callers |
//! | `durable` | writer | callers |
//! | `seal` | writer (adds), publisher (takes) | callers |
//! | `poison` | the first thread that fails | all |

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use graven_core::entry::system_actions;
use graven_core::hash::Hash;

use super::alive::Alive;
use super::counters::{Counters, Losses, Lost};
use super::flood::gate::Floodgate;
use super::in_hand::InHand;
use super::pulse::Pulse;
use super::queue::Queue;
use super::ring::Ring;
use super::run::Run;
use super::seal::Seal;
use super::sync_times::Syncs;
use super::system_entries::system_line;
use super::watchdog::Watchdog;
use crate::error::Error;
use crate::files::commit_lock::held_by;
use crate::files::layout::Layout;
use crate::files::meta::Meta;
use crate::redact::Redactor;
use crate::seam::disk::FileId;
use crate::seam::machine::Machine;
use crate::settings::Settings;
use crate::settings::terms::Terms;

/// One open trail.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) machine: Machine,
    pub(crate) layout: Layout,
    /// The trail's directory, as it was opened.
    pub(super) dir: FileId,
    pub(crate) meta: Meta,
    /// As they were given: what is opened again with them may take other terms from the trail.
    pub(crate) settings: Settings,
    pub(crate) terms: Terms,
    pub(crate) run: Run,
    pub(crate) redactor: Redactor,
    pub(crate) queue: Queue,
    pub(crate) seal: Seal,
    pub(crate) watchdog: Watchdog,
    pub(super) pulse: Pulse,
    pub(super) in_hand: InHand,
    /// Locked before the queue, never after it.
    pub(crate) flood: Option<Floodgate>,
    pub(crate) lost: Arc<Lost>,
    pub(super) ring: Mutex<Ring>,
    pub(super) durable: AtomicU64,
    pub(super) groups: AtomicU64,
    pub(crate) syncs: Syncs,
    pub(super) poison: OnceLock<Error>,
    pub(super) alive: Alive,
    /// Whether the writer waits for the commit lock, which another process holds.
    pub(super) waits_for_lock: AtomicBool,
}

impl Engine {
    /// Ends the trail after a failed write or sync. Nothing more is written: what the disk holds is unknown until it is
    /// read again.
    pub(super) fn poison(&self, error: Error) {
        let error = self.poison.get_or_init(|| error).clone();
        self.queue.fail(&error, &self.lost);
        self.seal.end(error);
    }

    /// Why the trail takes no more entries, after a failed write or sync.
    pub(crate) fn poisoned(&self) -> Option<&Error> {
        self.poison.get()
    }

    /// Whether the trail still takes entries.
    pub(crate) fn is_open(&self) -> bool {
        self.queue.ended().is_none()
    }

    /// Waits until the threads have ended; `false` when there was no progress for as long as `patience`.
    pub(crate) fn wait_for_end(&self, patience: Duration) -> bool {
        loop {
            let before = (self.durable(), self.seal.sealed());
            if self.alive.wait_for_none(patience) {
                return true;
            }
            if before == (self.durable(), self.seal.sealed()) {
                return false;
            }
        }
    }

    /// The newest entries.
    pub(crate) fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many entries are durable.
    pub(crate) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Notes that the writer has synced a group. Comes before [`set_durable`](Engine::set_durable): a caller that sees
    /// the new size must not see a heartbeat that was due before it.
    pub(super) fn count_group(&self) {
        self.pulse.beat(&*self.machine.clock);
        self.groups.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that `size` entries are durable and known here: written by this process, or read.
    pub(super) fn set_durable(&self, size: u64) {
        self.durable.store(size, Ordering::Release);
    }

    /// Queues the entry that says what was dropped, if anything was.
    pub(crate) fn announce_losses(&self) {
        self.lost.announce(self.durable(), |losses| self.queue_gap(losses, 0));
    }

    /// Queues the entry that says that `late` entries waited in memory and are about to be queued behind it, and what
    /// was dropped.
    pub(crate) fn announce_late(&self, late: usize) -> Result<(), Error> {
        self.lost.announce_anyhow(self.durable(), |losses| self.queue_gap(losses, late))
    }

    /// Returns the leaf hash of the entry.
    fn queue_gap(&self, losses: &Losses, late: usize) -> Result<Hash, Error> {
        let total: u64 = losses.values().sum();
        let mut detail = serde_json::json!({"dropped": total, "categories": losses});
        if late > 0 {
            detail["late"] = late.into();
        }
        let line = system_line(&*self.machine.clock, system_actions::GAP, &detail);
        self.queue.push_system(&mut line.to_queue())?;
        Ok(line.hash)
    }

    /// For how long the writer has been at the entries that it has in hand; `None` while it has none.
    pub(crate) fn writing_for(&self) -> Option<Duration> {
        // A failed trail answers at once: that its storage hangs is nothing that anybody waits for.
        self.in_hand.lasts(&*self.machine.clock).filter(|_| self.poisoned().is_none())
    }

    /// Notes whether the writer waits for the commit lock.
    pub(super) fn set_waits_for_lock(&self, waits: bool) {
        self.waits_for_lock.store(waits, Ordering::Relaxed);
    }

    /// Why storage has not answered in time, for a caller whose deadline has passed.
    pub(crate) fn why_slow(&self) -> String {
        if !self.waits_for_lock.load(Ordering::Relaxed) {
            return "storage is slow or hangs".to_owned();
        }
        held_by(&*self.machine.disk, &self.layout)
    }

    /// Numbers that say how the trail is doing.
    pub(crate) fn counters(&self) -> Counters {
        let sealed = self.seal.sealed();
        Counters {
            // The publisher may be ahead of `durable` for a moment: what is sealed is durable.
            durable: self.durable().max(sealed),
            groups: self.groups.load(Ordering::Relaxed),
            sealed,
            dropped: self.lost.total(),
        }
    }
}

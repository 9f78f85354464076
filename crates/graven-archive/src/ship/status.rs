//! How a shipper is doing.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::error::{ArchiveError, Fenced};

/// What a shipper is doing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum State {
    /// It has not taken an epoch yet.
    Starting,
    /// It ships what is new.
    Shipping,
    /// The archive does not answer, or refuses. It tries again.
    Failing {
        /// What went wrong last.
        error: Arc<ArchiveError>,
        /// Since when nothing succeeded, by this machine's clock.
        since: DateTime<Utc>,
    },
    /// Another writer has the trail. It has stopped for good.
    Fenced(Fenced),
    /// It cannot go on until somebody has looked: the trail or the archive is damaged, or the request was wrong.
    Refused(Arc<ArchiveError>),
    /// It was stopped.
    Stopped,
}

/// How a shipper is doing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// What it is doing.
    pub state: State,
    /// The number of its epoch, once it has one.
    pub epoch: Option<u64>,
    /// How many entries are in the archive, under a head of this epoch or of an earlier one that this trail agrees with.
    pub shipped: u64,
    /// How many tail objects were removed, because closed segments have replaced them.
    pub removed: u64,
    /// What is not there yet.
    pub lag: Lag,
}

/// What is recorded here and not in the archive yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lag {
    /// Entries.
    pub entries: u64,
    /// Bytes of their lines.
    pub bytes: u64,
    /// For how long the oldest of them may have waited.
    pub time: Duration,
}

/// What the threads of a shipper, and those who ask, share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) state: State,
    pub(super) epoch: Option<u64>,
    pub(super) shipped: u64,
    /// The size of the newest head of this epoch: only that acknowledges.
    pub(super) acknowledged: u64,
    pub(super) removed: u64,
    /// When the checkpoint was read under which everything is shipped, by the machine's clock.
    pub(super) seen: Duration,
    /// Who waits for entries.
    pub(super) waiting: Vec<Waiter>,
    pub(super) stopping: bool,
    /// Nothing more will be shipped.
    pub(super) ended: bool,
    /// Somebody waits: the next head is not put off.
    pub(super) hurried: bool,
}

/// Somebody who waits for an entry.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) index: u64,
    /// Tells it apart from others.
    pub(super) number: u64,
    pub(super) waker: Waker,
}

impl Shared {
    /// Takes out those whose entries are there; all when nothing more comes. They are woken without the lock, which what is
    /// woken may take.
    pub(super) fn ready(&mut self) -> Vec<Waker> {
        let (acknowledged, over) = (self.acknowledged, self.ended);
        let is_ready = |waiter: &mut Waiter| over || waiter.index < acknowledged;
        self.waiting.extract_if(.., is_ready).map(|waiter| waiter.waker).collect()
    }
}

//! How a trail is to be kept: plain data, given when it is opened.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use graven_core::entry::Category;

use crate::clock::{Clock, OsClock};
use crate::disk::{Disk, OsDisk};

/// What to do with an entry when storage is slow or the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// Wait, at most this long; then an error of kind [`TimedOut`](crate::ErrorKind::TimedOut).
    Wait(Duration),
    /// Do not wait: refuse the entry, count it, and write the count as an entry once there is room.
    Drop,
}

/// The settings of a trail.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    pub(crate) path: PathBuf,
    pub(crate) live_file: bool,
    pub(crate) create: bool,
    pub(crate) origin: Option<String>,
    pub(crate) segment_bytes: Option<u64>,
    pub(crate) segment_age: Option<Duration>,
    pub(crate) ring_entries: usize,
    pub(crate) queue_bytes: usize,
    pub(crate) blob_bytes_max: u64,
    pub(crate) when_full: WhenFull,
    pub(crate) when_full_by_category: HashMap<Category, WhenFull>,
    pub(crate) signing_key: Option<PathBuf>,
}

impl Settings {
    /// A trail in the directory `dir`, made when it is not there, with every default.
    pub fn new(dir: impl Into<PathBuf>) -> Settings {
        Settings {
            path: dir.into(),
            live_file: false,
            create: true,
            origin: None,
            segment_bytes: None,
            segment_age: None,
            ring_entries: 10_000,
            queue_bytes: 8 << 20,
            blob_bytes_max: 16 << 20,
            when_full: WhenFull::Wait(Duration::from_secs(5)),
            when_full_by_category: HashMap::new(),
            signing_key: None,
        }
    }

    /// A trail whose live file is exactly `file`; everything else lives in `<file>.d/`.
    pub fn live_file(file: impl Into<PathBuf>) -> Settings {
        Settings { live_file: true, ..Settings::new(file) }
    }

    /// Refuse to make a trail where there is none.
    pub fn must_exist(mut self) -> Settings {
        self.create = false;
        self
    }

    /// The origin of a new trail: a C2SP key name (no white space, no `+`, at most 255 bytes). Without it, a name
    /// with a random part is made. Ignored when the trail exists.
    pub fn origin(mut self, origin: impl Into<String>) -> Settings {
        self.origin = Some(origin.into());
        self
    }

    /// After how many bytes the live file becomes a closed segment: 256 MiB unless `graven.json` says otherwise.
    /// A new trail keeps the number in `graven.json`.
    pub fn segment_bytes(mut self, bytes: u64) -> Settings {
        self.segment_bytes = Some(bytes);
        self
    }

    /// After how long the live file becomes a closed segment; never, unless set.
    pub fn segment_age(mut self, age: Duration) -> Settings {
        self.segment_age = Some(age);
        self
    }

    /// How many of the newest entries are kept in memory: 10,000 unless set.
    pub fn ring_entries(mut self, entries: usize) -> Settings {
        self.ring_entries = entries;
        self
    }

    /// How many bytes of entries may wait to be written: 8 MiB unless set, at least 128 KiB.
    pub fn queue_bytes(mut self, bytes: usize) -> Settings {
        self.queue_bytes = bytes.max(128 << 10);
        self
    }

    /// The largest `detail` kept beside the log: 16 MiB unless set.
    pub fn blob_bytes_max(mut self, bytes: u64) -> Settings {
        self.blob_bytes_max = bytes;
        self
    }

    /// What to do when storage is slow or the queue is full: wait 5 seconds, unless set.
    pub fn when_full(mut self, policy: WhenFull) -> Settings {
        self.when_full = policy;
        self
    }

    /// The same for one category.
    pub fn when_full_for(mut self, category: Category, policy: WhenFull) -> Settings {
        self.when_full_by_category.insert(category, policy);
        self
    }

    /// Where the signing key lies, when not in the trail's `keys/`. Made there for a new trail.
    pub fn signing_key(mut self, file: impl Into<PathBuf>) -> Settings {
        self.signing_key = Some(file.into());
        self
    }
}

/// What a trail runs on: a disk and a clock. The system's, unless a simulator passes in others.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Where files live.
    pub disk: Arc<dyn Disk>,
    /// Where time and chance come from.
    pub clock: Arc<dyn Clock>,
}

impl Machine {
    /// The operating system's disk and clock.
    pub fn os() -> Machine {
        Machine { disk: Arc::new(OsDisk), clock: Arc::new(OsClock::new()) }
    }
}

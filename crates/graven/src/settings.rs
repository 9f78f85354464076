//! How a trail is to be kept: plain data, given when it is opened.

pub(crate) mod flood;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use graven_core::entry::Category;

use crate::redact::Redaction;
use flood::Flood;

/// The shortest heartbeat: more often is noise.
const HEARTBEAT_MIN: Duration = Duration::from_millis(10);

/// How long a caller waits for storage when its policy does not say: 5 seconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

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
    pub(crate) life_signs: bool,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) redaction: Redaction,
    pub(crate) flood: Option<Flood>,
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
            when_full: WhenFull::Wait(DEADLINE),
            when_full_by_category: HashMap::new(),
            signing_key: None,
            life_signs: false,
            heartbeat: None,
            redaction: Redaction::default(),
            flood: None,
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

    /// Whether to put on record when the trail is opened (`trail.opened`, with its key and its settings) and closed
    /// (`trail.closed`). Not unless set: a program that counts entries, or takes its first one to be the trail's
    /// first, need not know of them. A server should set it: an opening without a closing before it is then a run
    /// that ended without a word, and `graven stats` says how many there were.
    ///
    /// What puts itself on record whatever is set here: settings that decide what is recorded and are other than when
    /// the trail was last opened (`trail.settings`), what a crash left (`trail.recovered`), and losses (`trail.gap`).
    pub fn life_signs(mut self, wanted: bool) -> Settings {
        self.life_signs = wanted;
        self
    }

    /// Puts a `trail.heartbeat` on record whenever nothing else was recorded for that long, at least 10 ms: so a
    /// trail that is silent for longer was not kept, and `graven stats` says when. None unless set; setting it also
    /// sets [`life_signs`](Settings::life_signs).
    ///
    /// A heartbeat is late by a quarter of the interval at most.
    pub fn heartbeat(mut self, every: Duration) -> Settings {
        self.heartbeat = Some(every.max(HEARTBEAT_MIN));
        self.life_signs(true)
    }

    /// What is taken out of entries before they are hashed and written: everything that looks like a secret, unless
    /// set. When it is other than when the trail was last opened, an entry `trail.settings` says what has changed.
    pub fn redaction(mut self, redaction: Redaction) -> Settings {
        self.redaction = redaction;
        self
    }

    /// Has repeats of one emitted entry, beyond a rate, written as one entry with their count; not unless set.
    ///
    /// Two entries are repeats of one another when everything but their id, timestamp and duration is the same. Within
    /// a [`Flood`]'s window the first few are written by themselves. The others are counted, and one entry stands for
    /// them: `count` is how many, `timestamp` when the first was, and `duration_ms` how long after it the last was.
    /// It is queued as soon as the window is over (looked at four times in a window, at least every second and at
    /// most every 5 ms, and whenever something is emitted), and before that by `flush`, `checkpoint` and `close`, and
    /// when the last handle is dropped. For want of room it waits, and goes on counting.
    ///
    /// Never counted away are the first of its kind, a denial, an intent or a result, an entry with a `count` of its
    /// own or with a detail too large for its line, and anything but what is emitted: whatever is acknowledged is
    /// written by itself. An entry that was only counted has no `tracing` event, and neither has the one that stands
    /// for it. **What a process has counted and not queued is lost when the process dies**, at most one window of it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use graven::{Category, Entry, Flood, Outcome, Settings, Trail};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let dir = folder.path().join("trail");
    /// let flood = Flood::new(10, Duration::from_secs(60));
    /// let trail = Trail::open(Settings::new(dir).flood_control(flood))?;
    /// for _ in 0..1000 {
    ///     trail.emit(Entry::new(Category::Api, "GET /health", Outcome::Success));
    /// }
    /// trail.flush_blocking()?;
    /// assert_eq!(trail.len(), 11);
    /// assert_eq!(trail.recent(1)[0].count, Some(990));
    /// # Ok::<(), graven::Error>(())
    /// ```
    pub fn flood_control(mut self, flood: Flood) -> Settings {
        self.flood = Some(flood);
        self
    }

    /// Where the signing key lies, when not in the trail's `keys/`. Made there for a new trail.
    pub fn signing_key(mut self, file: impl Into<PathBuf>) -> Settings {
        self.signing_key = Some(file.into());
        self
    }
}

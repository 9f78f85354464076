//! The settings of a trail: plain data, given when it is opened.
//!
//! The trail remembers some of them (see [`terms`]). The others are those of this process alone.

pub(crate) mod continued;
pub(crate) mod flood;
pub(crate) mod terms;

use std::path::PathBuf;
use std::time::Duration;

use graven_core::entry::Category;

use crate::redact::Redaction;
use continued::Continued;
use flood::Flood;
use terms::Given;

/// The shortest interval of a heartbeat. A shorter one is raised to it.
pub(crate) const HEARTBEAT_MIN: Duration = Duration::from_millis(10);

/// How long a caller waits for storage unless a setting says it: 5 seconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// What to do with an entry when storage is slow or the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// Wait at most this long, then fail with an error of kind [`TimedOut`](crate::ErrorKind::TimedOut).
    Wait(Duration),
    /// Do not wait for room: refuse the entry, count it, and record the count as an entry once there is room.
    Drop,
}

impl WhenFull {
    /// How long a caller waits for storage. An entry that does not wait for room still waits for the disk, for as long
    /// as `deadline` says.
    pub(crate) fn patience(self, deadline: Duration) -> Duration {
        match self {
            WhenFull::Wait(deadline) => deadline,
            WhenFull::Drop => deadline,
        }
    }
}

/// The settings of a trail.
///
/// The trail remembers those that decide what gets into it: what happens when the queue is full, life signs, the
/// heartbeat, redaction and the flood control. **One that is not given is taken from the trail**; a new trail begins
/// with its default. One that is given otherwise than the trail has it changes the trail, and an entry
/// `trail.settings` says so. While another process has the trail open, that is an error of kind
/// [`Invalid`](crate::ErrorKind::Invalid) which names the difference. To go back to a default, give it:
/// `redaction(Redaction::default())`, `life_signs(false)`, `no_heartbeat()`, `no_flood_control()`.
///
/// All others, such as limits and deadlines, are those of this process and are not remembered.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    pub(crate) path: PathBuf,
    pub(crate) live_file: bool,
    pub(crate) create: bool,
    pub(crate) exclusive: bool,
    pub(crate) origin: Option<String>,
    pub(crate) continues: Option<Continued>,
    pub(crate) segment_bytes: Option<u64>,
    pub(crate) segment_age: Option<Duration>,
    pub(crate) ring_entries: usize,
    pub(crate) ring_bytes: usize,
    pub(crate) queue_bytes: usize,
    pub(crate) blob_bytes_max: u64,
    pub(crate) deadline: Duration,
    pub(crate) signing_key: Option<PathBuf>,
    pub(crate) given: Given,
    pub(crate) file_mode: Option<u32>,
    pub(crate) group: Option<u32>,
}

impl Settings {
    /// Settings for a trail in the directory `dir`, with every default. The trail is created if it does not exist.
    pub fn new(dir: impl Into<PathBuf>) -> Settings {
        Settings {
            path: dir.into(),
            live_file: false,
            create: true,
            exclusive: false,
            origin: None,
            continues: None,
            segment_bytes: None,
            segment_age: None,
            ring_entries: 10_000,
            ring_bytes: 64 << 20,
            queue_bytes: 8 << 20,
            blob_bytes_max: 16 << 20,
            deadline: DEADLINE,
            signing_key: None,
            given: Given::default(),
            file_mode: None,
            group: None,
        }
    }

    /// Settings for a trail whose live file is exactly `file`. Everything else is in `<file>.d/`.
    pub fn live_file(file: impl Into<PathBuf>) -> Settings {
        Settings { live_file: true, ..Settings::new(file) }
    }

    /// Refuses to create a trail: opening fails with `NotFound` if there is none. Default: the trail is created.
    pub fn must_exist(mut self) -> Settings {
        self.create = false;
        self
    }

    /// Keeps other processes out while the trail is open here, as every program did before version 0.2: their opening
    /// fails with `Unavailable`. Opening fails in the same way while another process has the trail open. Default: any
    /// number of processes may have the trail open and write to it.
    pub fn exclusive(mut self) -> Settings {
        self.exclusive = true;
        self
    }

    /// Sets the origin of a new trail: a C2SP key name (no white space, no `+`, at most 255 bytes). Ignored when the
    /// trail exists. Default: `graven.local/` and 16 random hex digits.
    pub fn origin(mut self, origin: impl Into<String>) -> Settings {
        self.origin = Some(origin.into());
        self
    }

    /// Says which trail a new one continues: its very first entry, `trail.continues`, says so. Default: none.
    ///
    /// From the moment when such a trail exists, no other entry can become its first one, also when its creation was cut
    /// short and it is opened without this setting. For a trail that begins with this entry, the setting has no effect.
    /// For any other trail with entries it is an error of kind [`Invalid`](crate::ErrorKind::Invalid).
    pub fn continues(mut self, continued: Continued) -> Settings {
        self.continues = Some(continued);
        self
    }

    /// Sets after how many bytes the live file becomes a closed segment. A segment ends only at a multiple of 256
    /// entries. A new trail keeps the number in `graven.json`, and from then on only a smaller one has an effect: a
    /// verification judges by the signed number. Default: the number in `graven.json`; 256 MiB for a new trail.
    pub fn segment_bytes(mut self, bytes: u64) -> Settings {
        self.segment_bytes = Some(bytes);
        self
    }

    /// Sets after how long the live file becomes a closed segment, at the next multiple of 256 entries. Default: no
    /// limit.
    pub fn segment_age(mut self, age: Duration) -> Settings {
        self.segment_age = Some(age);
        self
    }

    /// Sets how many of the newest entries are kept in memory: fewer, if they have more than
    /// [`ring_bytes`](Settings::ring_bytes). Default: 10,000.
    pub fn ring_entries(mut self, entries: usize) -> Settings {
        self.ring_entries = entries;
        self
    }

    /// Sets how many bytes of memory the newest entries may take that are kept there, as stored lines. Up to 2 MiB more
    /// may be in use: memory is given back in blocks. Default: 64 MiB.
    pub fn ring_bytes(mut self, bytes: usize) -> Settings {
        self.ring_bytes = bytes;
        self
    }

    /// Sets how many bytes of entries may wait to be written, at least 128 KiB. Default: 8 MiB.
    pub fn queue_bytes(mut self, bytes: usize) -> Settings {
        self.queue_bytes = bytes.max(128 << 10);
        self
    }

    /// Sets the largest `detail` that is kept beside the log, in bytes. An entry with a larger one is refused, unless it is
    /// [cut to fit](crate::Entry::cut_to_fit): then the detail is cut to this length. Default: 16 MiB.
    pub fn blob_bytes_max(mut self, bytes: u64) -> Settings {
        self.blob_bytes_max = bytes;
        self
    }

    /// Sets what to do when storage is slow or the queue is full. The trail remembers whether to wait or to drop, but
    /// not how long. Default: what the trail has; a new trail waits.
    pub fn when_full(mut self, policy: WhenFull) -> Settings {
        self.given.when_full = Some(policy);
        self
    }

    /// Sets what to do for the entries of one category. Default: what the trail has for it, otherwise as
    /// [`when_full`](Settings::when_full) says.
    pub fn when_full_for(mut self, category: Category, policy: WhenFull) -> Settings {
        self.given.when_full_by_category.insert(category, policy);
        self
    }

    /// Sets how long a caller waits for storage where no [`WhenFull::Wait`] of this program says it: the policy is
    /// taken from the trail, or is to drop. Default: 5 seconds.
    pub fn deadline(mut self, deadline: Duration) -> Settings {
        self.deadline = deadline;
        self
    }

    /// Records when the trail is opened (`trail.opened`, with its key and its settings) and closed (`trail.closed`).
    /// Without life signs there is no [`heartbeat`](Settings::heartbeat) either. Default: what the trail has; off for a
    /// new trail, because a program that counts entries, or expects its own entry to be the first, need not know of
    /// them. A server should turn it on: a run that is over and has no closing then ended unexpectedly, and
    /// `graven stats` counts such runs. Both entries name their run, because several processes may have the trail open.
    ///
    /// Three entries are recorded whatever this setting is: `trail.settings` when settings that decide what is recorded
    /// differ from those of the last opening, `trail.recovered` for what a crash left, and `trail.gap` for losses.
    pub fn life_signs(mut self, wanted: bool) -> Settings {
        self.given.life_signs = Some(wanted);
        if wanted { self } else { self.no_heartbeat() }
    }

    /// Records a `trail.heartbeat` whenever this process recorded nothing else for this long, at least 10 ms. This also
    /// turns on [`life_signs`](Settings::life_signs). Default: what the trail has; no heartbeat for a new trail.
    ///
    /// A heartbeat is late by at most a quarter of the interval. If a run gives no sign for twice the interval, its
    /// process, its storage or the machine stood still, or the process was killed; `graven stats` says when. It judges
    /// each run by itself: what other processes record about themselves does not hide its silence. But an entry of a
    /// caller does not say which process recorded it, so it counts as a sign of each open run. While another process is
    /// busy, a silence can therefore stay unseen; a run is never called silent without reason. `docs/FORMAT.md` has the
    /// exact rules.
    pub fn heartbeat(mut self, every: Duration) -> Settings {
        self.given.heartbeat = Some(Some(every.max(HEARTBEAT_MIN)));
        self.life_signs(true)
    }

    /// Records no heartbeat, also when the trail has one. Default: see [`heartbeat`](Settings::heartbeat).
    pub fn no_heartbeat(mut self) -> Settings {
        self.given.heartbeat = Some(None);
        self
    }

    /// Sets what is taken out of entries before they are hashed and written. If it differs from the last opening, an
    /// entry `trail.settings` says what has changed. Default: what the trail has; everything that looks like a secret
    /// for a new trail.
    ///
    /// The trail keeps the whole redaction in its `settings.json`, with the patterns of your own rules, so that every
    /// process that opens the trail uses it.
    pub fn redaction(mut self, redaction: Redaction) -> Settings {
        self.given.redaction = Some(redaction);
        self
    }

    /// Writes repeats of an emitted entry, above a rate, as one entry with their count. Default: what the trail has; off
    /// for a new trail.
    ///
    /// Two entries are repeats if they are equal but for id, timestamp and duration. In each window of a [`Flood`] the
    /// first few are written one by one. The others are counted, and one entry stands for them: `count` is their
    /// number, `timestamp` the time of the first, and `duration_ms` the time from the first to the last. It is queued
    /// when the window has ended. This is checked four times per window (at least every second, at most every 5 ms),
    /// and whenever something is emitted. `flush`, `checkpoint`, `close` and dropping the last handle queue it earlier.
    /// While the queue has no room, it waits and goes on counting.
    ///
    /// These entries are always written one by one: the first of its kind, a denial, an intent, a result, an entry with
    /// a `count` of its own or with a detail too large for its line, and every entry that is acknowledged. An entry
    /// that was only counted has no `tracing` event, and neither has the entry that stands for it. **Counts that are
    /// not queued yet are lost when the process dies**: at most those of one window.
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
        self.given.flood = Some(Some(flood));
        self
    }

    /// Writes all repeats one by one, also when the trail has a flood control. Default: see
    /// [`flood_control`](Settings::flood_control).
    pub fn no_flood_control(mut self) -> Settings {
        self.given.flood = Some(None);
        self
    }

    /// Lets others read the trail, for example a program that ships logs: 0o640 for its group, 0o644 for everybody. The
    /// owner's part must be 6, and others can only read. Directories get the matching rights to list them and to pass
    /// through. The keys, `settings.json` and `LOCK` stay private. Other processes, and later openings without this
    /// setting, make their files as readable as `graven.json` is. Default: as `graven.json` is; 0o600 for a new trail.
    pub fn file_mode(mut self, mode: u32) -> Settings {
        self.file_mode = Some(mode);
        self
    }

    /// Sets the group, by its number, of the files that [`file_mode`](Settings::file_mode) lets others read. This
    /// process must be a member of it, or run as root. Default: the group of `graven.json` if its group can read it;
    /// otherwise the group that the system gives to new files.
    pub fn group(mut self, number: u32) -> Settings {
        self.group = Some(number);
        self
    }

    /// Sets the file of the signing key. A new trail uses the key in it, or creates one there. Default: `keys/signing`
    /// in the trail.
    ///
    /// A second trail with the same key needs an [`origin`](Settings::origin) of its own: two trails with one key and
    /// one origin could be exchanged for each other. `<file>.trails` lists the trails of the key.
    pub fn signing_key(mut self, file: impl Into<PathBuf>) -> Settings {
        self.signing_key = Some(file.into());
        self
    }
}

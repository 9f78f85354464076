//! What a trail holds: sizes at a glance, and counts by reading it through.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};
use graven_core::entry::Outcome;
use graven_core::line::glance::Glance;
use graven_core::note::Note;
use serde::Serialize;

use super::signs::{LifeSigns, Listener};
use super::{Reader, cannot};
use crate::error::Error;
use crate::files::durable;
use crate::seam::disk::Kind;

/// Sizes of a trail, from the names and lengths of its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Its origin.
    pub origin: String,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Complete entries.
    pub entries: u64,
    /// Entries under the latest checkpoint.
    pub sealed: u64,
    /// Entries past it.
    pub unsealed: u64,
    /// The root of the latest checkpoint, in base64.
    pub root: String,
    /// When the first entry was made.
    pub first: Option<DateTime<Utc>>,
    /// When the last entry was made.
    pub last: Option<DateTime<Utc>>,
    /// Closed segments.
    pub segments: u64,
    /// Bytes of JSON Lines: closed segments and the live file.
    pub log_bytes: u64,
    /// Bytes of the live file.
    pub live_bytes: u64,
    /// Bytes of stored hashes.
    pub tile_bytes: u64,
    /// Details kept beside the log.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Tails that were cut off by a recovery and kept.
    pub torn: u64,
    /// Whether it was closed cleanly and nobody has opened it since.
    pub closed: bool,
}

/// How many entries there are of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Tally {
    /// Entries read.
    pub entries: u64,
    /// By category, then by outcome.
    pub categories: BTreeMap<String, BTreeMap<String, u64>>,
    /// Lines that do not say both.
    pub unreadable: u64,
    /// How the trail was kept.
    pub life: LifeSigns,
}

impl Reader {
    /// Sizes at a glance.
    pub fn stats(&self) -> Result<Stats, Error> {
        let (checkpoint, _) = self.checkpoint()?;
        let entries = self.len()?;
        let segments = self.segments()?;
        let closed = segments.parts.iter().filter(|part| part.end.is_some());
        let (closed, closed_bytes) =
            closed.fold((0, 0), |(count, bytes), part| (count + 1, bytes + part.bytes));
        let live = segments.live();
        let live_bytes = live.file.as_ref().map_or(Ok(0), |file| file.bytes());
        let live_bytes = live_bytes.map_err(|error| cannot("read", &live.path, error))?;
        let (_, tile_bytes) = self.files(&self.layout().tiles())?;
        let (blobs, blob_bytes) = self.files(&self.layout().blobs())?;
        let (torn, _) = self.files(&self.layout().torn())?;
        Ok(Stats {
            origin: self.meta().origin.clone(),
            created: self.meta().created,
            entries,
            sealed: checkpoint.size,
            unsealed: entries.saturating_sub(checkpoint.size),
            root: checkpoint.root.to_string(),
            first: self.time_of(Some(0))?,
            last: self.time_of(entries.checked_sub(1))?,
            segments: closed,
            log_bytes: closed_bytes + live_bytes,
            live_bytes,
            tile_bytes,
            blobs,
            blob_bytes,
            torn,
            closed: self.disk().metadata(&self.layout().closed()).is_ok(),
        })
    }

    /// Counts entries by category and outcome. Reads the whole trail; `progress` is told, now and then, how many
    /// entries are behind.
    pub fn tally(&self, progress: &mut dyn FnMut(u64)) -> Result<Tally, Error> {
        let mut tallying = Tallying::new(self)?;
        let mut entries = self.entries(..)?;
        while let Some((index, line)) = entries.next_line()? {
            tallying.hear(index, line);
            if tallying.entries().is_multiple_of(PROGRESS_ENTRIES) {
                progress(tallying.entries());
            }
        }
        Ok(tallying.finish())
    }

    /// When the entry at an index was made; `None` when there is no such entry, or it does not say.
    fn time_of(&self, index: Option<u64>) -> Result<Option<DateTime<Utc>>, Error> {
        let record = index.map_or(Ok(None), |index| self.record(index))?;
        Ok(record.and_then(|record| record.entry().ok()?.timestamp))
    }

    /// The size at which the trail was closed; `None` while it is open, or when the note is not of its key.
    fn closed_size(&self) -> Result<Option<u64>, Error> {
        let path = self.layout().closed();
        let bytes = match durable::read_note(&**self.disk(), &path) {
            Err(error) if durable::is_absent(&error) => return Ok(None),
            other => other.map_err(|error| cannot("read", &path, error))?,
        };
        let note = Note::parse(&bytes).ok().filter(|note| note.verify(&[&self.meta().key]).is_ok());
        Ok(note.and_then(|note| note.text.lines().nth(2)?.parse().ok()))
    }

    /// How many files a directory holds, and their bytes; none when it is not there.
    fn files(&self, dir: &Path) -> Result<(u64, u64), Error> {
        let names = match self.disk().read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other.map_err(|error| cannot("list", dir, error))?,
        };
        let files = names.iter().filter(|name| name.metadata.kind == Kind::File);
        Ok(files.fold((0, 0), |(count, bytes), file| (count + 1, bytes + file.metadata.bytes)))
    }
}

/// How often progress is told.
const PROGRESS_ENTRIES: u64 = 65_536;

/// Counts entries by category and outcome, for a caller that reads them one by one, or knows how many there are of each.
#[derive(Debug)]
pub struct Tallying {
    tally: Tally,
    listener: Listener,
    closed: Option<u64>,
}

impl Tallying {
    /// Nothing so far. Call it before the entries are read.
    ///
    /// # Errors
    /// `Unavailable` when the note of the last close cannot be read.
    pub fn new(reader: &Reader) -> Result<Tallying, Error> {
        // Before the entries: a run that begins behind this size is none of those that the note ended.
        let closed = reader.closed_size()?;
        Ok(Tallying { tally: Tally::default(), listener: Listener::new(), closed })
    }

    /// How many entries were counted.
    pub fn entries(&self) -> u64 {
        self.tally.entries
    }

    /// Counts the next entry.
    pub fn hear(&mut self, index: u64, line: &[u8]) {
        self.tally.entries += 1;
        let seen = Glance::at(line);
        match seen.and_then(|seen| Some((seen.category(), seen.outcome()?))) {
            Some((category, outcome)) => {
                *slot(slot(&mut self.tally.categories, category), outcome.as_str()) += 1;
            }
            None => self.tally.unreadable += 1,
        }
        self.listener.hear(index, line, seen);
    }

    /// Whether the time of every entry matters now: a run with a heartbeat is open. Otherwise entries that are not of the
    /// category `trail` can be [added](Tallying::add) by their number.
    pub fn needs_each(&self) -> bool {
        self.listener.needs_each()
    }

    /// Counts the next entries, all of this category and outcome.
    pub fn add(&mut self, category: &str, outcome: Outcome, entries: u64) {
        self.tally.entries += entries;
        *slot(slot(&mut self.tally.categories, category), outcome.as_str()) += entries;
    }

    /// The counts.
    pub fn finish(self) -> Tally {
        Tally { life: self.listener.finish(self.closed), ..self.tally }
    }
}

/// The value under a name, made when there is none. Names are few and entries many, so a name is only copied once.
fn slot<'a, T: Default>(map: &'a mut BTreeMap<String, T>, name: &str) -> &'a mut T {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), T::default());
    }
    map.get_mut(name).expect("it was just made")
}

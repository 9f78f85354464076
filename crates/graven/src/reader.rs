//! Reads a trail without changing it: takes no lock, writes nothing, and may run beside the process that writes.
//!
//! A rotation can happen at any moment: it renames the live file to `segments/<first>.jsonl` and makes a new live file.
//! So every look at a trail follows an order in which a rotation cannot look like a loss: see `reader/segments.rs`. A
//! line without its newline is unfinished, and not an entry.

mod entries;
mod find;
mod follow;
pub(crate) mod hashes;
mod lines;
mod offsets;
mod pending;
mod picks;
mod sealed;
mod segments;
mod signs;
mod stats;

use std::collections::HashMap;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use graven_core::checkpoint::Checkpoint;
use graven_core::entry::{BlobRef, Entry};
use graven_core::hash::{Hash, leaf_hash, sha256};

use crate::error::{Error, ErrorKind};
use crate::files::access;
use crate::files::durable;
use crate::files::layout::Layout;
use crate::files::meta::Meta;
use crate::seam::disk::{Disk, File, Kind, Open};
use crate::seam::machine::Machine;
use crate::settings::Settings;

pub use entries::Entries;
pub use follow::Follow;
pub use pending::{Pending, PendingActs};
pub use picks::Picks;
pub use sealed::SealedHashes;
pub use signs::{LifeSigns, OpenRun, Silence};
pub use stats::{Stats, Tally, Tallying};

pub(crate) use hashes::Hashes;

use lines::Lines;
use offsets::LineIndex;
use segments::{Part, Segments};

/// A trail, for reading. Cheap to clone; clones share an index of where lines begin.
#[derive(Debug, Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    disk: Arc<dyn Disk>,
    layout: Layout,
    meta: Meta,
    /// Where lines begin, by the segment's first index. A live file keeps its first index when it is closed.
    indexes: Mutex<HashMap<u64, LineIndex>>,
}

/// One stored entry: its position and its exact bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its position in the trail, from 0.
    pub index: u64,
    /// The stored line, without its newline.
    pub line: Vec<u8>,
}

/// The place where an entry is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The segment file, closed or live.
    pub file: PathBuf,
    /// The byte offset of the line's first byte.
    pub offset: u64,
}

impl Reader {
    /// Opens the trail at a path: the trail's directory, or its live file.
    ///
    /// # Errors
    /// `NotFound` when there is no trail; `Data` when its `graven.json` is damaged; `Unavailable` when that cannot be
    /// read.
    pub fn open(path: impl AsRef<Path>) -> Result<Reader, Error> {
        let machine = Machine::os();
        let layout = Layout::find_one(&*machine.disk, path.as_ref())?;
        Reader::open_on(&machine, layout)
    }

    /// Opens a trail on a given machine.
    ///
    /// # Errors
    /// As [`open`](Reader::open).
    pub fn open_on(machine: &Machine, layout: Layout) -> Result<Reader, Error> {
        let meta = Meta::read(&*machine.disk, &layout)?;
        let indexes = Mutex::default();
        Ok(Reader { shared: Arc::new(Shared { disk: Arc::clone(&machine.disk), layout, meta, indexes }) })
    }

    /// The content of the trail's `graven.json`.
    pub fn meta(&self) -> &Meta {
        &self.shared.meta
    }

    /// The paths of the trail's files.
    pub fn layout(&self) -> &Layout {
        &self.shared.layout
    }

    /// The disk that it reads from.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.shared.disk
    }

    /// The disk for a program that makes files of its own in the trail's directory: they get the owner and the mode of
    /// the trail's files.
    ///
    /// # Errors
    /// `Unavailable` when the trail's directory cannot be looked at.
    pub fn disk_for_files(&self, machine: &Machine) -> Result<Arc<dyn Disk>, Error> {
        let settings = Settings::new(self.layout().dir());
        Ok(access::machine_of(machine.clone(), self.layout(), &settings)?.disk)
    }

    /// The number of entries now: all complete lines, sealed or not.
    pub fn len(&self) -> Result<u64, Error> {
        self.picks()?.len()
    }

    /// The number of entries that are durable as `LOCK` says; `None` when it says nothing of the live file.
    ///
    /// # Errors
    /// As [`len`](Reader::len).
    pub fn durable_len(&self) -> Result<Option<u64>, Error> {
        self.picks()?.durable_len()
    }

    /// Whether the trail has no entries.
    pub fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.len()? == 0)
    }

    /// The entries of a range, in order, read lazily. The range may reach past the end.
    ///
    /// The stream has every entry of the range that is stored now. Entries that are appended meanwhile may or may not
    /// be in it.
    pub fn entries(&self, range: impl RangeBounds<u64>) -> Result<Entries, Error> {
        let Range { start, end } = indexes(range);
        Entries::new(self.clone(), start, end)
    }

    /// The newest entries, at most `count` of them, in the order of the trail.
    pub fn tail(&self, count: u64) -> Result<Entries, Error> {
        self.entries(self.len()?.saturating_sub(count)..)
    }

    /// Follows the trail from an index on: see [`Follow`].
    pub fn follow(&self, from: u64) -> Follow {
        Follow::new(self.clone(), from)
    }

    /// The entry at an index; `None` when there is no such entry yet.
    pub fn record(&self, index: u64) -> Result<Option<Record>, Error> {
        self.entries(index..=index)?.next().transpose()
    }

    /// The newest entry with this id; `None` when there is none. May search the whole trail, from its end.
    pub fn find(&self, id: &str) -> Result<Option<Record>, Error> {
        find::newest(self, id)
    }

    /// Where the entry at an index is stored; `None` when there is no such entry yet.
    pub fn place(&self, index: u64) -> Result<Option<Place>, Error> {
        let segments = self.segments()?;
        let part = segments.part_of(index)?;
        let Some(file) = self.open_part(part)? else {
            return Ok(None);
        };
        let Some(offset) = self.offset_of(part, &file, index)? else {
            return Ok(None);
        };
        let complete = Lines::at(file, part.path.clone(), offset).advance()?;
        Ok(complete.then(|| Place { file: part.path.to_path_buf(), offset }))
    }

    /// The latest checkpoint, and the stored text of its note. Checks the signature with the trail's key.
    ///
    /// # Errors
    /// `Data` when the checkpoint is missing or is not signed by that key; `Unavailable` when it cannot be read.
    pub fn checkpoint(&self) -> Result<(Checkpoint, String), Error> {
        let path = self.layout().checkpoint();
        let bytes = durable::read_note(&**self.disk(), &path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                Error::with_source(ErrorKind::Data, format!("{} is missing", path.display()), error)
            }
            _ => cannot("read", &path, error),
        })?;
        let (checkpoint, note) = Checkpoint::open(&bytes, &self.meta().key).map_err(|error| {
            Error::with_source(
                ErrorKind::Data,
                format!("{} is not a checkpoint signed by the trail's key", path.display()),
                error,
            )
        })?;
        Ok((checkpoint, note.to_string()))
    }

    /// Reads a large detail by its reference, and checks its length and its hash.
    ///
    /// # Errors
    /// `Data` when the blob is missing or damaged; `Unavailable` when it cannot be read.
    pub fn blob(&self, blob: &BlobRef) -> Result<String, Error> {
        let path = self.layout().blob(&blob.sha256.to_hex());
        let damaged = |what: String| Error::new(ErrorKind::Data, format!("blob {}: {what}", path.display()));
        let metadata = self.disk().metadata(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => damaged("missing".into()),
            _ => cannot("read", &path, error),
        })?;
        // The length first: a false reference must not make us read a file of any size.
        if metadata.kind != Kind::File {
            return Err(damaged("not a regular file".into()));
        }
        if metadata.bytes != blob.bytes {
            return Err(damaged(format!("it has {} bytes, the entry says {}", metadata.bytes, blob.bytes)));
        }
        let bytes = durable::read_at_most(&**self.disk(), &path, blob.bytes)
            .map_err(|error| cannot("read", &path, error))?;
        if sha256(&bytes) != blob.sha256 {
            return Err(damaged("its SHA-256 is not its name".into()));
        }
        String::from_utf8(bytes).map_err(|_| damaged("not UTF-8".into()))
    }

    /// An entry's detail as JSON text; reads the blob when the detail is stored in one.
    ///
    /// # Errors
    /// As [`blob`](Reader::blob).
    pub fn detail(&self, entry: &Entry) -> Result<Option<String>, Error> {
        Ok(self.restored(entry)?.detail.map(|detail| detail.as_str().to_owned()))
    }

    /// An entry of this trail as it was recorded: with the detail that is stored in a blob, and with the whole of each
    /// text that was cut to fit the line ([`Entry::cut_to_fit`]). Reads the blob if the line names one.
    ///
    /// # Errors
    /// As [`blob`](Reader::blob).
    pub fn restored(&self, entry: &Entry) -> Result<Entry, Error> {
        let Some(blob) = entry.detail.as_ref().and_then(|detail| detail.blob()) else {
            return Ok(entry.clone());
        };
        let text = self.blob(&blob)?;
        entry.clone().restored(&text).map_err(|error| {
            let path = self.layout().blob(&blob.sha256.to_hex());
            let message = format!("blob {}: it is not the detail of an entry", path.display());
            Error::with_source(ErrorKind::Data, message, error)
        })
    }

    /// The stored hashes of a tree of `size` leaves.
    pub(crate) fn hashes(&self, size: u64) -> Hashes {
        Hashes::new(Arc::clone(self.disk()), self.layout().clone(), size)
    }

    /// Takes a look at the segments.
    fn segments(&self) -> Result<Segments, Error> {
        Segments::list(&**self.disk(), self.layout(), |last| {
            let file = self.open_closed(&last.path)?;
            self.indexed(last, &file, |index| index.lines_before(&*file, u64::MAX, u64::MAX))
        })
    }

    /// The file of a part; `None` for a live file that does not exist yet.
    fn open_part(&self, part: &Part) -> Result<Option<Arc<dyn File>>, Error> {
        match part.end {
            None => Ok(part.file.clone()),
            Some(_) => self.open_closed(&part.path).map(Some),
        }
    }

    fn open_closed(&self, path: &Path) -> Result<Arc<dyn File>, Error> {
        self.disk().open(path, Open::Read).map_err(|error| cannot("open", path, error))
    }

    /// The offset at which the line of an index begins; `None` when too few lines end before it.
    fn offset_of(&self, part: &Part, file: &Arc<dyn File>, index: u64) -> Result<Option<u64>, Error> {
        let line = index - part.first;
        self.indexed(part, file, |lines| lines.offset_of(&**file, line, part.settled_bytes(file)?))
    }

    /// Asks the line index of a part, after dropping what it remembers past the file's end.
    fn indexed<T>(
        &self,
        part: &Part,
        file: &Arc<dyn File>,
        ask: impl FnOnce(&mut LineIndex) -> io::Result<T>,
    ) -> Result<T, Error> {
        let mut indexes = self.indexes();
        let index = indexes.entry(part.first).or_default();
        file.bytes()
            .and_then(|bytes| {
                index.forget_past(bytes);
                ask(index)
            })
            .map_err(|error| cannot("read", &part.path, error))
    }

    fn indexes(&self) -> MutexGuard<'_, HashMap<u64, LineIndex>> {
        // A thread that panicked left a valid prefix, like every other state.
        self.shared.indexes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    /// Parses the line.
    ///
    /// # Errors
    /// `Data` when the line is not an entry.
    pub fn entry(&self) -> Result<Entry, Error> {
        Record::entry_of(self.index, &self.line)
    }

    /// Parses the stored line of an index.
    ///
    /// # Errors
    /// `Data` when the line is not an entry.
    pub fn entry_of(index: u64, line: &[u8]) -> Result<Entry, Error> {
        Entry::from_line(line).map_err(|error| {
            Error::with_source(ErrorKind::Data, format!("entry {index} cannot be read"), error)
        })
    }

    /// The entry's leaf hash: SHA-256 over a zero byte and the line.
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.line)
    }
}

/// The error for a file that cannot be used now.
pub(crate) fn cannot(act: &str, path: &Path, source: io::Error) -> Error {
    Error::with_source(ErrorKind::Unavailable, format!("cannot {act} {}", path.display()), source)
}

/// The indexes of a range: from its first to before its end.
pub(crate) fn indexes(range: impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&last) => last.saturating_add(1),
        Bound::Excluded(&end) => end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

//! Reading an archive as the trails that it has: a bucket is verified, searched and restored as a directory is.
//!
//! Nothing rests on a listing. The newest epoch, head and closed segment are found by asking for the next number; from the
//! newest head it goes back to the last closed segment.

mod disk;
mod found;
mod frames;
mod heads;
mod log;
mod others;
mod pieces;
mod places;
mod segment;
mod snapshot;
mod sums;
mod tail;
mod tiles;
mod verify;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven::Machine;
use graven::VerifierKey;
use graven::chain::TRAILS_MAX;
use graven::clock::OsClock;
use graven::meta::Meta;
use graven::reader::Reader;

pub use verify::Verifying;

use crate::address::Address;
use crate::epoch::Epoch;
use crate::error::ArchiveError;
use crate::head::END;
use crate::names::{FIRST_ORIGIN, Names};
use crate::store::{Store, if_there};
use disk::BucketDisk;
use snapshot::Snapshot;

/// An archive, for reading.
#[derive(Debug, Clone)]
pub struct Archive {
    store: Arc<dyn Store>,
}

/// One trail of an archive, at one moment: what was there when it was opened.
#[derive(Debug, Clone)]
pub struct ArchivedTrail {
    machine: Machine,
    reader: Reader,
    size: u64,
    /// The addresses of the checkpoints at the ends of segments that are missing.
    missing: Vec<String>,
}

impl Archive {
    /// Opens the archive at an address. It does not connect yet.
    ///
    /// # Errors
    /// As [`Address::open_to_read`].
    pub fn open(address: &Address) -> Result<Archive, ArchiveError> {
        Ok(Archive::on(Arc::new(address.open_to_read()?)))
    }

    /// The archive in a store.
    pub fn on(store: Arc<dyn Store>) -> Archive {
        Archive { store }
    }

    /// Its address.
    pub fn address(&self) -> String {
        self.store.address("")
    }

    /// The origins of the trails that have begun, the oldest first. While a trail is taken over, the one before names a
    /// trail that is not there yet; and one that was named and never began was ended before it had anything.
    ///
    /// # Errors
    /// `NotFound` when there is no trail; `Data` when the chain is damaged; `Unavailable` when it cannot be read.
    pub fn origins(&self) -> Result<Vec<String>, ArchiveError> {
        let mut origins = Vec::new();
        let (mut seen, mut next) = (BTreeSet::new(), Some(self.first_origin()?));
        while let Some(origin) =
            next.take().filter(|origin| seen.len() < TRAILS_MAX && seen.insert(origin.clone()))
        {
            let names = Names::of(&origin);
            let Some(epoch) = self.newest_epoch(&names)? else { break };
            // The first one says what is wrong when none has begun.
            if self.has_begun(&names, &epoch)? || (origins.is_empty() && epoch.next.is_none()) {
                origins.push(origin);
            }
            next = epoch.next;
        }
        if origins.is_empty() {
            return Err(ArchiveError::NotFound { address: self.address() });
        }
        Ok(origins)
    }

    /// The newest epoch of a trail; `None` when nothing of it is there.
    fn newest_epoch(&self, names: &Names) -> Result<Option<Epoch>, ArchiveError> {
        let epoch = Epoch::newest(&*self.store, names)?;
        // Without its first epoch a trail must not look like one that has never begun.
        if epoch.is_none() && self.store.bytes(&names.head(0, 0))?.is_some() {
            let missing = self.store.address(&names.epoch(0));
            return Err(ArchiveError::data(format!("{missing} is missing: heads of this epoch are there")));
        }
        Ok(epoch)
    }

    /// Whether anything of a trail is under a head.
    pub(crate) fn has_begun(&self, names: &Names, newest: &Epoch) -> Result<bool, ArchiveError> {
        for epoch in (0..=newest.epoch).rev() {
            let first = self.store.bytes(&names.head(epoch, 0))?;
            if first.is_some_and(|bytes| bytes > END.len() as u64) {
                return Ok(true);
            }
        }
        // The copy is written after a head.
        if self.store.bytes(&names.checkpoint())?.is_some() {
            let missing = self.store.address(&names.head(newest.epoch, 0));
            return Err(ArchiveError::data(format!("{missing} is missing: a copy of a head is there")));
        }
        Ok(false)
    }

    /// What a trail says that it is; `None` when it is not there.
    pub(crate) fn meta_of(&self, names: &Names) -> Result<Option<Meta>, ArchiveError> {
        let name = names.meta();
        let bytes = if_there(self.store.read(&name))?;
        let parse = |bytes: bytes::Bytes| {
            let of_name = |meta: &Meta| Names::of(&meta.origin) == *names;
            Meta::parse(&bytes).and_then(|meta| meta.check().map(|()| meta)).ok().filter(of_name).ok_or_else(
                || {
                    ArchiveError::data(format!(
                        "{} is not what identifies this trail",
                        self.store.address(&name)
                    ))
                },
            )
        };
        bytes.map(parse).transpose()
    }

    fn first_origin(&self) -> Result<String, ArchiveError> {
        let Some(text) = if_there(self.store.read(FIRST_ORIGIN))? else {
            return Err(ArchiveError::NotFound { address: self.address() });
        };
        origin_of(&text)
            .ok_or_else(|| ArchiveError::data(format!("{} names no trail", self.store.address(FIRST_ORIGIN))))
    }

    /// Opens the newest trail of the chain.
    ///
    /// # Errors
    /// As [`origins`](Archive::origins); `Unavailable` also when nothing is under a head yet.
    pub fn newest(&self) -> Result<ArchivedTrail, ArchiveError> {
        let origins = self.origins()?;
        self.trail(origins.last().map_or("", String::as_str), None)
    }

    /// Opens one trail of the chain. `key` is the key that must have signed it, where it is known.
    ///
    /// # Errors
    /// As [`newest`](Archive::newest); `Invalid` when the trail has another key.
    pub fn trail(&self, origin: &str, key: Option<&VerifierKey>) -> Result<ArchivedTrail, ArchiveError> {
        let names = Names::of(origin);
        let snapshot = Snapshot::take(&self.store, &names, key, None)?;
        if let Some(key) = key.filter(|key| **key != snapshot.key) {
            return Err(ArchiveError::invalid(format!(
                "the trail in {} has another key than the given one, {key}: it names {}",
                self.store.address(names.folder()),
                snapshot.key
            )));
        }
        let size = snapshot.heads.newest.size;
        let missing = snapshot.boundaries.iter().filter(|(_, bytes)| bytes.is_none());
        let missing = missing.map(|(size, _)| self.store.address(&names.boundary(*size))).collect();
        let disk = Arc::new(BucketDisk::new(snapshot, None));
        let layout = disk.layout();
        let machine = Machine { disk, clock: Arc::new(OsClock::new()) };
        let reader = Reader::open_on(&machine, layout)?;
        Ok(ArchivedTrail { machine, reader, size, missing })
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }
}

impl ArchivedTrail {
    /// Reads it as a trail in a directory.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The disk that shows it, and the system's for all other paths.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The number of entries under its newest head.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Fails when something is missing without which it cannot be restored as it was.
    pub(crate) fn must_be_whole(&self) -> Result<(), ArchiveError> {
        match self.missing.first() {
            Some(object) => {
                let why = "the checkpoint at the end of a closed segment is missing; see `graven verify`";
                Err(ArchiveError::data(format!("{object}: {why}")))
            }
            None => Ok(()),
        }
    }

    /// The path by which a verifier remembers it.
    pub fn memory_name(&self) -> PathBuf {
        memory_name(self.reader.layout().dir())
    }
}

/// The path by which a verifier remembers a trail of an archive: absolute, and of no directory.
fn memory_name(root: &Path) -> PathBuf {
    Path::new("/").join(root)
}

/// The origin in the object that names one.
fn origin_of(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let origin = text.strip_suffix('\n').unwrap_or(text);
    (!origin.is_empty() && !origin.contains('\n')).then(|| origin.to_owned())
}

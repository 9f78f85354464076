//! Ships what is new, head after head.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use graven::disk::Kind;
use graven::durable;
use graven::reader::Reader;
use graven_core::checkpoint::Checkpoint;
use graven_core::hash::Hash;

use super::ground::Ground;
use super::growth::{FullTile, Growth};
use super::lines::{Pack, pack};
use super::mistake::Mistake;
use super::start::Started;
use crate::closed::closed_at;
use crate::error::ArchiveError;
use crate::manifest::Manifest;
use crate::names::Span;
use crate::put::{Put, put, put_all};
use crate::tail::list_of;

/// A tail object has this many bytes of lines, or a line more.
const TAIL_BYTES: u64 = 4 << 20;

/// How many tiles are created at once.
const TILES_AT_ONCE: usize = 256;

/// The copy of the newest head is written at most this often: each costs as much as a head.
const COPY_EVERY: Duration = Duration::from_secs(10);

/// The largest note that is read.
const NOTE_BYTES_MAX: u64 = 1_000_000;

/// The manifests of closed segments that were shipped before their head, for the part that finishes them.
pub(crate) type Shipped = Arc<Mutex<BTreeMap<Span, Manifest>>>;

/// Ships what is new. Keeps what it has done of a head when a step fails, and goes on from there.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) ground: Arc<Ground>,
    /// The tree under the newest head.
    growth: Growth,
    /// The number of the next head.
    next: u64,
    pending: Option<Pending>,
    /// Full tiles under the newest head that are not created yet.
    tiles: Vec<FullTile>,
    /// The newest head, until its copy is written; and when the last copy was written.
    copy: Option<Bytes>,
    copied: Option<Duration>,
    shipped: Shipped,
}

/// A head that is on its way.
#[derive(Debug)]
struct Pending {
    size: u64,
    root: Hash,
    note: Bytes,
    /// The objects with its entries, so far.
    parts: Vec<String>,
    /// The tree with them.
    growth: Growth,
    tiles: Vec<FullTile>,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is nothing new.
    Idle,
    /// A head was created: everything before this index is in the archive.
    Head(u64),
}

impl Front {
    pub(crate) fn new(started: Started, shipped: Shipped) -> Front {
        let Started { ground, growth, tiles, head } = started;
        let copy = head.map(|head| head.note);
        Front { ground: Arc::new(ground), growth, next: 0, pending: None, tiles, copy, copied: None, shipped }
    }

    /// The number of the epoch that is held.
    #[cfg(feature = "sim")]
    pub(crate) fn epoch(&self) -> u64 {
        self.ground.epoch.epoch
    }

    /// How many entries are under the newest head.
    pub(crate) fn size(&self) -> u64 {
        self.growth.size()
    }

    /// Ships the next head, if there is one.
    ///
    /// # Errors
    /// `Fenced` when another writer has the trail now: no later step succeeds. Otherwise the next step goes on.
    pub(crate) fn step(&mut self) -> Result<Step, ArchiveError> {
        let making = self.ground.making;
        if !making.is(Mistake::TilesLater) {
            self.finish_head()?;
        }
        let Some(mut pending) =
            self.pending.take().map_or_else(|| self.next_head(), |head| Ok(Some(head)))?
        else {
            return Ok(Step::Idle);
        };
        let mut done = Ok(());
        if making.is(Mistake::EntriesLater) {
            done = self.create_head(&pending);
        }
        done = done.and_then(|()| self.ship_entries(&mut pending));
        let entries_are_there = done.is_ok();
        done = done.and_then(|()| self.ship_head(&pending));
        if let Err(error) = done {
            let size = pending.size;
            self.pending = Some(pending);
            let acknowledges = entries_are_there && making.is(Mistake::TailsAcknowledge);
            return if acknowledges { Ok(Step::Head(size)) } else { Err(error) };
        }
        let Pending { size, note, growth, tiles, .. } = pending;
        self.growth = growth;
        self.next += 1;
        self.tiles.extend(tiles);
        self.copy = Some(note);
        Ok(Step::Head(size))
    }

    /// What follows a head, and precedes the next: its full tiles, then, now and then, the copy for other readers.
    pub(crate) fn finish_head(&mut self) -> Result<(), ArchiveError> {
        self.ship_tiles()?;
        let now = self.ground.machine.clock.elapsed();
        match self.copied {
            Some(copied) if now < copied + COPY_EVERY => Ok(()),
            _ => self.ship_copy(),
        }
    }

    fn ship_tiles(&mut self) -> Result<(), ArchiveError> {
        while !self.tiles.is_empty() {
            let count = self.tiles.len().min(TILES_AT_ONCE);
            let names = &self.ground.names;
            let tiles = &self.tiles[..count];
            let objects = tiles.iter().map(|tile| (names.tile(tile.level, tile.index), tile.bytes.clone()));
            put_all(&*self.ground.store, objects.collect())?;
            self.tiles.drain(..count);
        }
        Ok(())
    }

    /// Writes the copy of the newest head, all of whose tiles are there.
    fn ship_copy(&mut self) -> Result<(), ArchiveError> {
        if let Some(note) = &self.copy {
            self.ground.store.replace(&self.ground.names.checkpoint(), note.clone())?;
            (self.copy, self.copied) = (None, Some(self.ground.machine.clock.elapsed()));
        }
        Ok(())
    }

    /// What is done at the end: the copy, and the note of a clean close, if the trail was closed where the newest head is.
    pub(crate) fn close(&mut self) -> Result<(), ArchiveError> {
        self.ship_tiles()?;
        self.ship_copy()?;
        let Ground { reader, store, names, epoch, key, .. } = &*self.ground;
        let path = reader.layout().closed();
        let cannot = |error| ArchiveError::unavailable(format!("cannot read {}", path.display()), error);
        if !durable::exists(&**reader.disk(), &path).map_err(cannot)? {
            return Ok(());
        }
        let note = durable::read_at_most(&**reader.disk(), &path, NOTE_BYTES_MAX).map_err(cannot)?;
        if closed_at(&note, key) != Some((self.size(), self.growth.root())) {
            return Ok(());
        }
        put_all(&**store, vec![(names.closed(epoch.epoch), note.into())])
    }

    /// The head that is shipped next: that of the next end of a segment, or else the newest.
    fn next_head(&self) -> Result<Option<Pending>, ArchiveError> {
        let reader = &self.ground.reader;
        let (newest, note) = reader.checkpoint()?;
        if newest.size < self.size() {
            // A copy of a disk, or a power cut, can leave the entries and not the checkpoint over them: it comes.
            if reader.len()? >= self.size() {
                return Ok(None);
            }
            return Err(ArchiveError::data(format!(
                "{} has {} entries, and {} are in the archive: it is an older copy",
                reader.layout().dir().display(),
                reader.len()?,
                self.size()
            )));
        }
        let boundary =
            boundaries(reader)?.into_iter().find(|size| *size > self.size() && *size < newest.size);
        let (checkpoint, note) = match boundary {
            Some(size) => read_boundary(reader, size)?,
            None => (newest, note),
        };
        let Checkpoint { size, root, .. } = checkpoint;
        // The first head of an epoch may say the same as the last one of the epoch before: only an epoch's own heads
        // acknowledge.
        if size == self.size() && self.has_head(root)? && (self.next > 0 || size == 0) {
            return Ok(None);
        }
        let (parts, tiles, growth) = (Vec::new(), Vec::new(), self.growth.clone());
        Ok(Some(Pending { size, root, note: note.into(), parts, growth, tiles }))
    }

    /// Whether there is nothing new: the tree has that root already.
    fn has_head(&self, root: Hash) -> Result<bool, ArchiveError> {
        if self.growth.root() == root {
            return Ok(true);
        }
        Err(ArchiveError::data(format!(
            "{} has signed two roots over {} entries: look with `graven verify`",
            self.ground.reader.layout().dir().display(),
            self.size()
        )))
    }

    /// Where the entries of the next head begin: at the head before it in this epoch, or where the epoch begins.
    fn from(&self) -> u64 {
        if self.next == 0 { self.ground.epoch.size } else { self.size() }
    }

    /// Ships the entries up to a head that are not shipped yet.
    fn ship_entries(&self, pending: &mut Pending) -> Result<(), ArchiveError> {
        let Ground { reader, store, names, epoch, .. } = &*self.ground;
        if pending.parts.is_empty() {
            self.ship_between(pending)?;
        }
        if pending.growth.size() < pending.size {
            let mut entries = reader.entries(pending.growth.size()..pending.size)?;
            while pending.growth.size() < pending.size {
                let first = pending.growth.size();
                let segment = first == self.size() && self.is_segment(first, pending.size)?;
                let bytes_max = if segment { u64::MAX } else { TAIL_BYTES };
                let (mut growth, mut tiles) = (pending.growth.clone(), Vec::new());
                let mut leaf = |hash: Hash| growth.push(hash, &mut |tile| tiles.push(tile));
                let wanted = (first, pending.size, bytes_max);
                let made = pack(&**store, names, reader, &mut entries, wanted, &mut leaf)?;
                let name = if segment {
                    self.ship_segment(&made)?
                } else {
                    let name = names.tail(epoch.epoch, made.span);
                    put_all(&**store, vec![(name.clone(), made.packed.object)])?;
                    name
                };
                pending.parts.push(name);
                pending.growth = growth;
                pending.tiles.extend(tiles);
            }
        }
        if pending.growth.root() == pending.root {
            return Ok(());
        }
        Err(ArchiveError::data(format!(
            "{}: the first {} entries do not lead to the root that was signed: look with `graven verify`",
            reader.layout().dir().display(),
            pending.size
        )))
    }

    /// Ships once more what the epoch before has added after this one was taken: the first head begins before it.
    fn ship_between(&self, pending: &mut Pending) -> Result<(), ArchiveError> {
        let Ground { reader, store, names, epoch, .. } = &*self.ground;
        let (mut first, mut parts) = (self.from(), Vec::new());
        let mut entries = reader.entries(first..self.size())?;
        while first < self.size() {
            let wanted = (first, self.size(), TAIL_BYTES);
            let made = pack(&**store, names, reader, &mut entries, wanted, &mut |_| ())?;
            let name = names.tail(epoch.epoch, made.span);
            put_all(&**store, vec![(name.clone(), made.packed.object)])?;
            parts.push(name);
            first = made.span.end;
        }
        pending.parts = parts;
        Ok(())
    }

    /// Whether exactly these entries are a closed segment.
    fn is_segment(&self, first: u64, end: u64) -> Result<bool, ArchiveError> {
        let boundaries = boundaries(&self.ground.reader)?;
        let begins = first == 0 || boundaries.contains(&first);
        let next = boundaries.into_iter().find(|size| *size > first);
        let path = self.ground.reader.layout().segment(first);
        let there = durable::exists(&**self.ground.reader.disk(), &path).map_err(|error| {
            ArchiveError::unavailable(format!("cannot look at {}", path.display()), error)
        })?;
        Ok(begins && next == Some(end) && there)
    }

    /// Ships a closed segment before its head. A writer that was fenced may have left another object under its name.
    fn ship_segment(&self, made: &Pack) -> Result<String, ArchiveError> {
        let name = ship_segment(&self.ground, made)?;
        let manifest = made.manifest(name.clone(), &self.ground.key);
        self.shipped.lock().unwrap_or_else(PoisonError::into_inner).insert(made.span, manifest);
        Ok(name)
    }

    /// Creates the head, which acknowledges its entries.
    fn ship_head(&self, pending: &Pending) -> Result<(), ArchiveError> {
        let Ground { store, names, epoch, .. } = &*self.ground;
        let span = Span { first: self.from(), end: pending.size };
        if span.first < span.end && pending.parts != [names.tail(epoch.epoch, span)] {
            put_all(&**store, vec![(names.parts(epoch.epoch, span), list_of(&pending.parts))])?;
        }
        self.create_head(pending)
    }

    fn create_head(&self, pending: &Pending) -> Result<(), ArchiveError> {
        let Ground { store, names, epoch, .. } = &*self.ground;
        self.ground.still_held()?;
        match put(&**store, &names.head(epoch.epoch, self.next), &pending.note)? {
            Put::There => Ok(()),
            Put::Other(_) => Err(self.ground.fenced(None)),
        }
    }
}

/// Creates the object of a closed segment; its name.
pub(super) fn ship_segment(ground: &Ground, made: &Pack) -> Result<String, ArchiveError> {
    let name = ground.names.segment(made.span);
    if put(&*ground.store, &name, &made.packed.object)? == Put::There {
        return Ok(name);
    }
    let name = ground.names.segment_of(ground.epoch.epoch, made.span);
    put_all(&*ground.store, vec![(name.clone(), made.packed.object.clone())])?;
    Ok(name)
}

/// The sizes at which segments end, in order.
pub(super) fn boundaries(reader: &Reader) -> Result<Vec<u64>, ArchiveError> {
    let folder = reader.layout().boundaries();
    let names = reader
        .disk()
        .read_names(&folder)
        .map_err(|error| ArchiveError::unavailable(format!("cannot list {}", folder.display()), error))?;
    let mut sizes: Vec<u64> = names
        .iter()
        .filter(|(_, kind)| *kind == Kind::File)
        .filter_map(|(name, _)| name.parse().ok().filter(|size: &u64| size.to_string() == *name))
        .collect();
    sizes.sort_unstable();
    Ok(sizes)
}

/// The signed checkpoint at the end of a segment.
pub(super) fn read_boundary(reader: &Reader, size: u64) -> Result<(Checkpoint, String), ArchiveError> {
    let path = reader.layout().boundary(size);
    let bytes = durable::read_at_most(&**reader.disk(), &path, NOTE_BYTES_MAX)
        .map_err(|error| ArchiveError::unavailable(format!("cannot read {}", path.display()), error))?;
    let (checkpoint, note) = Checkpoint::open(&bytes, &reader.meta().key).map_err(|error| {
        let message = format!("{} is not a checkpoint signed by the trail's key", path.display());
        ArchiveError::data_because(message, error)
    })?;
    Ok((checkpoint, note.to_string()))
}

//! The start of a shipper: takes the next epoch, and closes the one before.
//!
//! Without `take_over` only the writer that held the last epoch may take the next one. A writer that finds, after it has
//! taken an epoch, that its trail does not go on from the newest head, gives the epoch back: it closes it without a head,
//! and such an epoch counts for nobody.

use std::sync::Arc;

use bytes::Bytes;
use graven::chain::TRAILS_MAX;
use graven::disk::{Hold, Lock};
use graven::durable;
use graven::meta::Meta;
use graven::reader::Reader;
use graven::{Continued, ErrorKind, Machine};
use graven_core::hash::sha256;

use super::ground::{Ground, fenced_by};
use super::growth::{FullTile, Growth};
use super::mistake::{Making, Mistake};
use crate::epoch::Epoch;
use crate::error::ArchiveError;
use crate::head::{Head, Heads};
use crate::held::{Held, Memory, Taken};
use crate::names::{FIRST_ORIGIN, Names};
use crate::put::{Put, put, put_all};
use crate::store::Store;
use crate::tail::span_of;

/// The largest `settings.json`, as an opening reads it.
const SETTINGS_BYTES_MAX: u64 = durable::WHOLE_FILE_BYTES_MAX;

/// What a shipper goes on from.
#[derive(Debug)]
pub(crate) struct Started {
    pub(super) ground: Ground,
    /// The tree under the newest head.
    pub(super) growth: Growth,
    /// The full tiles that came with that head, which may not be there yet.
    pub(super) tiles: Vec<FullTile>,
    /// That head; `None` when there was none.
    pub(super) head: Option<Head>,
}

/// How to start.
#[derive(Debug, Clone)]
pub(crate) struct How {
    /// What the writer calls itself.
    pub(crate) name: String,
    /// Whether an epoch of another writer is taken over.
    pub(crate) take_over: bool,
    /// For the simulator.
    pub(crate) making: Making,
}

impl How {
    pub(crate) fn new(name: String, take_over: bool) -> How {
        How { name, take_over, making: Making::default() }
    }
}

/// Starts: nothing is changed in the archive before it is clear that this writer may go on.
pub(crate) fn start(
    machine: Machine,
    reader: Reader,
    store: Arc<dyn Store>,
    how: &How,
) -> Result<Started, ArchiveError> {
    let meta = reader.meta().clone();
    if !meta.is_signed() {
        return Err(ArchiveError::invalid(format!(
            "{} is a trail of an early version: open it once to record, which upgrades it, then ship it",
            reader.layout().dir().display()
        )));
    }
    let memory = Memory::of(&reader);
    let alone = lock(&machine, &reader, &memory)?;
    let names = Names::of(&meta.origin);
    refuse_alone(&*store, &reader)?;
    claim_prefix(&*store, &meta)?;
    let newest = Epoch::newest(&*store, &names)?;
    let disk = reader.disk_for_files(&machine)?;
    let url = store.address("");
    let held = memory.read(&*disk, &url)?.unwrap_or_else(|| Held::nothing(url));
    let starting = Starting { machine, reader, store, names, meta, how };
    let ours = match (&newest, &held.taken) {
        (Some(newest), _) => starting.may_go_on(newest, &held)?,
        (None, None) => None,
        (None, Some(taken)) => {
            return Err(ArchiveError::data(format!(
                "{}: this trail held epoch {} there, and nothing is left: to begin anew, choose another prefix",
                held.url, taken.epoch
            )));
        }
    };
    let settings = starting.ship_settings()?;
    let base = starting.newest_head(newest.as_ref(), &held)?;
    let epoch = Epoch {
        epoch: newest.as_ref().map_or(0, |newest| newest.epoch + 1),
        id: Epoch::new_id(&*starting.machine.clock)?,
        name: how.name.clone(),
        started: starting.machine.clock.now(),
        key: starting.meta.key.to_string(),
        size: base.growth.size(),
        root: base.growth.root(),
        settings,
        next: None,
    };
    let taken = Taken { epoch: epoch.epoch, id: epoch.id.clone() };
    let mut held = held;
    held.trying(ours, taken.clone());
    // First: after a crash in between, the epoch is known as our own.
    if !how.making.is(Mistake::RememberedLate) {
        memory.write(&*disk, &held)?;
    }
    match epoch.take(&*starting.store, &starting.names)? {
        None => {}
        Some(other) if held.has(&other.id) => {
            // The next start takes the epoch after it.
            let name = starting.store.address(&starting.names.epoch(other.epoch));
            return Err(ArchiveError::unavailable(
                format!("cannot take {name} again"),
                "an earlier attempt of this writer, whose answer was lost, has taken it",
            ));
        }
        Some(other) => return Err(fenced_by(&*starting.store, &starting.names, &other, None)),
    }
    memory.write(&*disk, &Held { taken: Some(taken), tried: Vec::new(), ..held })?;
    starting.go_on(newest, base, epoch, alone)
}

/// Locks the folder of the memory.
fn lock(machine: &Machine, reader: &Reader, memory: &Memory) -> Result<Arc<dyn Lock>, ArchiveError> {
    let folder = memory.folder();
    let cannot = |error| ArchiveError::unavailable(format!("cannot lock {}", folder.display()), error);
    let disk = reader.disk_for_files(machine)?;
    durable::create_dir(&*disk, folder).map_err(cannot)?;
    // Also when it was there: the start that made it may have failed before its name was durable. Without that, a power cut
    // takes all that is remembered of the archive, and this trail is fenced by its own epoch.
    durable::sync_dir(&*disk, reader.layout().dir()).map_err(cannot)?;
    let lock = machine.disk.open_lock(folder).map_err(cannot)?;
    if lock.try_lock(Hold::Exclusive).map_err(cannot)? {
        return Ok(lock);
    }
    Err(ArchiveError::unavailable(
        format!("another process ships this trail: it has locked {}", folder.display()),
        "end that one first, or leave the shipping to it",
    ))
}

/// Refuses to begin an archive with a trail that continues another one: the older one is in the archive in which this was
/// taken over, and would be missing here.
fn refuse_alone(store: &dyn Store, reader: &Reader) -> Result<(), ArchiveError> {
    if store.bytes(FIRST_ORIGIN)?.is_some() {
        return Ok(());
    }
    let first = reader.record(0)?.map(|record| record.entry()).transpose()?;
    let Some(continued) = first.as_ref().and_then(Continued::of) else { return Ok(()) };
    Err(ArchiveError::invalid(format!(
        "{} is empty, and {} continues {}, which is not there: ship it to the archive in which it was taken over, or copy that \
         archive first",
        store.address(""),
        reader.layout().dir().display(),
        continued.origin
    )))
}

/// A prefix holds one chain of trails: the first one has written its origin there.
fn claim_prefix(store: &dyn Store, meta: &Meta) -> Result<(), ArchiveError> {
    let own = Bytes::from(format!("{}\n", meta.origin));
    let Put::Other(first) = put(store, FIRST_ORIGIN, &own)? else { return Ok(()) };
    let mut origin = String::from_utf8_lossy(&first).trim_end().to_owned();
    // Each trail of the chain but the first is named by the one before.
    for _ in 0..TRAILS_MAX {
        if origin == meta.origin {
            return Ok(());
        }
        match Epoch::newest(store, &Names::of(&origin))?.and_then(|newest| newest.next) {
            Some(next) => origin = next,
            None => break,
        }
    }
    Err(ArchiveError::invalid(format!(
        "{} holds another trail, {origin}, and this one is {}: choose another prefix",
        store.address(""),
        meta.origin
    )))
}

/// What is in the archive already, and the tree of this trail over the same entries.
#[derive(Debug, Default)]
struct Base {
    head: Option<Head>,
    growth: Growth,
    tiles: Vec<FullTile>,
}

struct Starting<'a> {
    machine: Machine,
    reader: Reader,
    store: Arc<dyn Store>,
    names: Names,
    meta: Meta,
    how: &'a How,
}

impl Starting<'_> {
    /// Refuses a writer that did not hold the newest epoch, unless it takes over. Epochs that were given back are passed.
    /// Returns the one that this writer held.
    fn may_go_on(&self, newest: &Epoch, held: &Held) -> Result<Option<Taken>, ArchiveError> {
        if newest.next.is_some() {
            return Err(self.fenced(newest));
        }
        if self.how.take_over || self.how.making.is(Mistake::EpochsIgnored) {
            // What it holds already stays its own, should it not get the next one.
            let ours = held.has(&newest.id);
            return Ok(ours.then(|| Taken { epoch: newest.epoch, id: newest.id.clone() }));
        }
        let mut epoch = newest.clone();
        while !held.has(&epoch.id) {
            let heads = Heads::of(&*self.store, &self.names, epoch.epoch, &self.meta.key)?;
            let given_back = heads.ended && heads.newest.is_none();
            let before = match epoch.epoch.checked_sub(1).filter(|_| given_back) {
                Some(before) => Epoch::read(&*self.store, &self.names, before)?,
                None => None,
            };
            epoch = before.ok_or_else(|| self.fenced(newest))?;
        }
        Ok(Some(Taken { epoch: epoch.epoch, id: epoch.id }))
    }

    fn fenced(&self, by: &Epoch) -> ArchiveError {
        let differing = Heads::newest(&*self.store, &self.names, by, &self.meta.key)
            .ok()
            .flatten()
            .and_then(|head| super::differing::first(&*self.store, &self.names, &self.reader, &head));
        fenced_by(&*self.store, &self.names, by, differing)
    }

    /// The newest head, and the tree of this trail under it, which must be the same.
    fn newest_head(&self, newest: Option<&Epoch>, held: &Held) -> Result<Base, ArchiveError> {
        let Some(newest) = newest else { return Ok(Base::default()) };
        let head = Heads::newest(&*self.store, &self.names, newest, &self.meta.key)?;
        let Some(head) = head else { return Ok(Base::default()) };
        let base = self.base_of(head, newest);
        // An earlier start may have been stopped before it could give its epoch back.
        if matches!(base, Err(ArchiveError::Fenced(_))) && held.has(&newest.id) {
            self.give_back(newest.epoch)?;
        }
        base
    }

    /// Closes an epoch of this writer that has no head: then it counts for nobody.
    fn give_back(&self, epoch: u64) -> Result<(), ArchiveError> {
        if Heads::of(&*self.store, &self.names, epoch, &self.meta.key)?.newest.is_none() {
            Heads::end(&*self.store, &self.names, epoch, &self.meta.key)?;
        }
        Ok(())
    }

    fn base_of(&self, head: Head, writer: &Epoch) -> Result<Base, ArchiveError> {
        let span = span_of(&*self.store, &self.names, &head, &self.meta.key)?;
        match Growth::under(&self.reader, span.first, (head.size, head.root)) {
            Err(ArchiveError::Data { .. }) => Err(self.fenced(writer)),
            Err(ArchiveError::Trail(error)) if error.kind() == ErrorKind::Data => Err(self.fenced(writer)),
            other => other.map(|(growth, tiles)| Base { head: Some(head), growth, tiles }),
        }
    }

    /// Ships `settings.json` as it is now; the name of the object.
    fn ship_settings(&self) -> Result<Option<String>, ArchiveError> {
        let path = self.reader.layout().settings();
        let cannot = |error| ArchiveError::unavailable(format!("cannot read {}", path.display()), error);
        let disk = &*self.machine.disk;
        if !durable::exists(disk, &path).map_err(cannot)? {
            return Ok(None);
        }
        let bytes = durable::read_at_most(disk, &path, SETTINGS_BYTES_MAX).map_err(cannot)?;
        let name = self.names.settings(&sha256(&bytes).to_hex());
        put_all(&*self.store, vec![(name.clone(), bytes.into())])?;
        Ok(Some(name))
    }

    /// Closes all epochs up to this one; the newest head in them. One that has a head was begun when those before it were
    /// closed. One without may have been taken by a writer that was killed before it had closed them.
    fn close_until(&self, newest: u64) -> Result<Option<Head>, ArchiveError> {
        for epoch in (0..=newest).rev() {
            let closed = Heads::end(&*self.store, &self.names, epoch, &self.meta.key)?;
            if closed.newest.is_some() || self.how.making.is(Mistake::OneClosed) {
                return Ok(closed.newest);
            }
        }
        Ok(None)
    }

    /// Closes the epochs before the one that was taken, and takes what they have added meanwhile.
    fn go_on(
        self,
        newest: Option<Epoch>,
        mut base: Base,
        epoch: Epoch,
        alone: Arc<dyn Lock>,
    ) -> Result<Started, ArchiveError> {
        put_all(&*self.store, vec![(self.names.meta(), self.meta.to_bytes().into())])?;
        if let Some(newest) = newest.filter(|_| !self.how.making.is(Mistake::LeftOpen)) {
            let last = self.close_until(newest.epoch)?;
            if let Some(last) = last.filter(|last| base.head.as_ref() != Some(last)) {
                base = match self.base_of(last, &newest) {
                    Err(error @ ArchiveError::Fenced(_)) => {
                        // The other writer was faster, and its trail is not ours.
                        self.give_back(epoch.epoch)?;
                        return Err(error);
                    }
                    other => other?,
                };
            }
        }
        let Starting { machine, reader, store, names, meta, how } = self;
        let (key, making) = (meta.key, how.making);
        let ground = Ground { machine, reader, store, names, key, epoch, making, _alone: alone };
        let Base { head, growth, tiles } = base;
        Ok(Started { ground, growth, tiles, head })
    }
}

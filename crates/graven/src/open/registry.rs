//! The trails that this process has open: one engine a trail, however many handles and names it has.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use graven_core::entry::system_actions;

use crate::engine::counters::Lost;
use crate::engine::held::Lock;
use crate::engine::queue::{Line, Place};
use crate::engine::ready::Ready;
use crate::engine::ready::Recovered;
use crate::engine::shared::Engine;
use crate::engine::system_entries::{SystemLine, system_line};
use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::open::create::{self, Adopted};
use crate::open::opening;
use crate::open::path::{canonical_layout, unusable};
use crate::open::persisted_settings::PersistedSettings;
use crate::open::recovery::{self, Mode};
use crate::record::handle::Handle;
use crate::seam::machine::Machine;
use crate::settings::Settings;

/// One trail of one disk, by the canonical path of its live file.
type Name = (u64, PathBuf);

/// Trails by name. An entry is only a few bytes and is kept for the life of the process.
static TRAILS: LazyLock<Mutex<HashMap<Name, Arc<Slot>>>> = LazyLock::new(Mutex::default);

/// What is known of one trail.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Held while the trail is opened, so that two openers share one engine.
    handle: Mutex<Weak<Handle>>,
    lock: Arc<Lock>,
    /// Losses outlive an engine.
    lost: Arc<Lost>,
}

/// Opens a trail, or joins the handles that have it open.
pub(crate) fn open(settings: Settings, machine: Machine) -> Result<Arc<Handle>, Error> {
    let layout = canonical_layout(&settings, &machine)?;
    let slot = slot(&machine, &layout);
    let mut current = slot.handle.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = current.upgrade()
        && handle.engine.is_open()
    {
        return Ok(handle);
    }
    let handle = Arc::new(start(machine, layout, settings, &slot, Mode::Open)?);
    *current = Arc::downgrade(&handle);
    Ok(handle)
}

/// Opens a trail that nobody has open, putting in order on an operator's word what opening refuses.
pub(crate) fn repair(settings: Settings, machine: Machine) -> Result<Arc<Handle>, Error> {
    let layout = canonical_layout(&settings, &machine)?;
    let slot = slot(&machine, &layout);
    let mut current = slot.handle.lock().unwrap_or_else(PoisonError::into_inner);
    if current.upgrade().is_some_and(|handle| handle.engine.is_open()) {
        let message = format!("{} is open in this process: close it first", layout.dir().display());
        return Err(Error::new(ErrorKind::Unavailable, message));
    }
    let handle = Arc::new(start(machine, layout, settings, &slot, Mode::Repair)?);
    *current = Arc::downgrade(&handle);
    Ok(handle)
}

fn slot(machine: &Machine, layout: &Layout) -> Arc<Slot> {
    let name = (machine.disk.number(), layout.live().to_owned());
    let mut trails = TRAILS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(trails.entry(name).or_default())
}

/// Makes a trail ready for one who takes the engine's steps himself; `slot` is what his process knows of it.
#[cfg(feature = "sim")]
pub(crate) fn ready_in(
    slot: &Arc<Slot>,
    settings: Settings,
    machine: Machine,
    mode: Mode,
) -> Result<Ready, Error> {
    let layout = canonical_layout(&settings, &machine)?;
    make_ready(machine, layout, settings, slot, mode)
}

/// Makes a trail ready and starts its engine.
fn start(
    machine: Machine,
    layout: Layout,
    settings: Settings,
    slot: &Arc<Slot>,
    mode: Mode,
) -> Result<Handle, Error> {
    let mut ready = make_ready(machine, layout, settings, slot, mode)?;
    let own = std::mem::take(&mut ready.own);
    let (engine, threads) = Engine::start(ready)?;
    let handle = Handle::new(Arc::clone(&engine), Some(threads));
    if let Some(place) = put_on_record(&engine, own)? {
        // What a crash left is on record, and sealed, before anybody uses the trail.
        handle.wait(&place.completion)?;
        handle.seal(place.index + 1)?;
    }
    remember_terms(&engine)?;
    Ok(handle)
}

/// Queues the entries that say what happened before this opening, and the losses; the place of the last of the first.
pub(crate) fn put_on_record(engine: &Engine, own: Vec<SystemLine>) -> Result<Option<Place>, Error> {
    let mut last = None;
    for line in own {
        last =
            Some(engine.queue.push_system(&mut Line { bytes: &line.bytes, hash: line.hash, blob: None })?);
    }
    engine.announce_losses();
    Ok(last)
}

/// Has the trail remember the terms that it is kept under from now on. Not before what changed is on record.
pub(crate) fn remember_terms(engine: &Engine) -> Result<(), Error> {
    let terms = PersistedSettings::of(&engine.settings).with_key_of(&engine.redactor);
    terms.remember(&*engine.machine.disk, &engine.layout)
}

/// Locks, and creates or recovers.
fn make_ready(
    machine: Machine,
    layout: Layout,
    settings: Settings,
    slot: &Arc<Slot>,
    mode: Mode,
) -> Result<Ready, Error> {
    create::refuse_special(&*machine.disk, &layout)?;
    let lock = slot.lock.acquire(&machine, &layout)?;
    let mut adopted = None;
    let is_trail =
        durable::exists(&*machine.disk, &layout.meta()).map_err(|source| unusable(layout.dir(), source))?;
    if !is_trail {
        if !settings.create {
            let message = format!("no trail at {}; make one with `graven init`", layout.dir().display());
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        adopted = create::create(&machine, &layout, &settings)?;
    }
    let before = PersistedSettings::read(&*machine.disk, &layout)?;
    let mut recovered = recovery::recover(&machine, &layout, &settings, lock, mode)?;
    let terms = PersistedSettings::of(&settings).with_key_of(&recovered.redactor);
    let mut own = own_entries(&machine, &mut recovered, adopted, mode);
    own.extend(opening::opening(&*machine.clock, &before, &terms, &settings, &recovered.meta));
    let lost = Arc::clone(&slot.lost);
    Ok(Ready { machine, layout, settings, recovered, lost, own })
}

/// The entries that say what happened before this opening.
fn own_entries(
    machine: &Machine,
    recovered: &mut Recovered,
    adopted: Option<Adopted>,
    mode: Mode,
) -> Vec<SystemLine> {
    let clock = &*machine.clock;
    let action = if mode == Mode::Repair { system_actions::REPAIRED } else { system_actions::RECOVERED };
    let adopted = adopted.map(|adopted| system_line(clock, system_actions::ADOPTED, &adopted));
    let mended = recovered
        .mended
        .take_if(|mended| mode == Mode::Repair || !mended.is_empty())
        .map(|mended| system_line(clock, action, &mended));
    adopted.into_iter().chain(mended).collect()
}

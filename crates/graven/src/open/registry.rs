//! The trails that this process has open: one engine per trail, for all its handles and names.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use graven_core::entry::system_actions;

use crate::engine::counters::Lost;
use crate::engine::held::{Held, Occupancy};
use crate::engine::queue::Place;
use crate::engine::ready::{Ready, Recovered};
use crate::engine::shared::Engine;
use crate::engine::system_entries::{SystemLine, system_line};
use crate::error::{Error, ErrorKind};
use crate::files::commit_lock::CommitLock;
use crate::files::durable;
use crate::files::layout::Layout;
use crate::files::lock_line::LockLine;
use crate::files::presence::{Entered, Presence};
use crate::files::tail::Mode;
use crate::open::create::{self, Adopted};
use crate::open::opening;
use crate::open::path::{canonical_layout, unusable};
use crate::open::persisted_settings::PersistedSettings;
use crate::open::recovery::{self, Found};
use crate::record::handle::Handle;
use crate::seam::disk::{Disk, Hold};
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
    occupancy: Arc<Occupancy>,
    /// Losses outlive an engine.
    lost: Arc<Lost>,
}

#[cfg(feature = "sim")]
impl Slot {
    /// For the simulator: what is in doubt is settled by index, which is wrong.
    pub(crate) fn settle_by_index(&self) {
        self.lost.settle_by_index();
    }
}

/// Opens a trail, or returns the handle that this process has of it. A repair is refused while there is one.
pub(crate) fn open(settings: Settings, machine: Machine, mode: Mode) -> Result<Arc<Handle>, Error> {
    let layout = canonical_layout(&settings, &machine)?;
    let slot = slot(&machine, &layout);
    let mut current = slot.handle.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = current.upgrade().filter(|handle| handle.engine.is_open()) {
        if mode == Mode::Open {
            return Ok(handle);
        }
        let message = format!("{} is open in this process: close it first", layout.dir().display());
        return Err(Error::new(ErrorKind::Unavailable, message));
    }
    let handle = Arc::new(start(machine, layout, settings, &slot, mode)?);
    *current = Arc::downgrade(&handle);
    Ok(handle)
}

fn slot(machine: &Machine, layout: &Layout) -> Arc<Slot> {
    let name = (machine.disk.number(), layout.live().to_owned());
    let mut trails = TRAILS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(trails.entry(name).or_default())
}

/// Like [`open`], but starts no threads: the simulator drives the engine's steps. `slot` is its process's entry for
/// this trail.
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
    let system_entries = std::mem::take(&mut ready.system_entries);
    let (engine, threads) = Engine::start(ready)?;
    let handle = Handle::new(Arc::clone(&engine), Some(threads));
    if let Some(place) = queue_system_entries(&engine, system_entries)? {
        // What a crash left is recorded, and sealed, before the trail is used.
        let first = handle.wait(&place.completion)?;
        handle.seal(first + place.offset + 1)?;
    }
    remember_settings(&engine)?;
    Ok(handle)
}

/// Queues the system entries of an opening, then the losses. Returns the place of the last system entry.
pub(crate) fn queue_system_entries(engine: &Engine, lines: Vec<SystemLine>) -> Result<Option<Place>, Error> {
    let mut last = None;
    for line in lines {
        last = Some(engine.queue.push_system(&mut line.to_queue())?);
    }
    engine.announce_losses();
    Ok(last)
}

/// Writes `settings.json`. Called once the entry that names the changes is durable.
pub(crate) fn remember_settings(engine: &Engine) -> Result<(), Error> {
    let settings = PersistedSettings::of(&engine.settings).with_key_of(&engine.redactor);
    settings.remember(&*engine.machine.disk, &engine.layout)
}

/// Locks, and creates or recovers.
fn make_ready(
    machine: Machine,
    layout: Layout,
    settings: Settings,
    slot: &Arc<Slot>,
    mode: Mode,
) -> Result<Ready, Error> {
    let disk = &*machine.disk;
    create::refuse_special(disk, &layout)?;
    let place = slot.occupancy.take(&layout)?;
    // The directory may be given a trail by another process meanwhile: under the lock there is one or there is none.
    let (commit_lock, _committing) = CommitLock::enter(disk, &layout)?;
    let (presence, alone) = enter(disk, &layout, &settings)?;
    let mut adopted = None;
    let is_trail =
        durable::exists(&*machine.disk, &layout.meta()).map_err(|source| unusable(layout.dir(), source))?;
    if !is_trail {
        if !settings.create {
            return Err(Error::no_trail(layout.dir()));
        }
        adopted = create::create(&machine, &layout, &settings)?;
    }
    let before = PersistedSettings::read(&*machine.disk, &layout)?;
    let found = Found { held: Held::new(presence, place), commit_lock, alone };
    let mut recovered = recovery::recover(&machine, &layout, &settings, found, mode)?;
    let now = PersistedSettings::of(&settings).with_key_of(&recovered.redactor);
    let mut system_entries = what_happened(&machine, &mut recovered, adopted, mode);
    system_entries.extend(opening::opening(&*machine.clock, &before, &now, &settings, &recovered.meta));
    let lost = Arc::clone(&slot.lost);
    Ok(Ready { machine, layout, settings, recovered, lost, system_entries })
}

/// Enters a trail, or says who is in the way.
fn enter(disk: &dyn Disk, layout: &Layout, settings: &Settings) -> Result<(Presence, bool), Error> {
    let hold = if settings.exclusive { Hold::Exclusive } else { Hold::Shared };
    let path = layout.lock();
    match Presence::enter(disk, layout, hold).map_err(|source| Error::cannot("lock", &path, source))? {
        Entered::Alone(presence) => Ok((presence, true)),
        Entered::Beside(presence) => Ok((presence, false)),
        Entered::KeptOut => {
            let said = durable::read_file(disk, &path).unwrap_or_default();
            let by = match LockLine::parse(&said) {
                Some(line) => format!("process {}", line.pid),
                // As version 0.1 names itself.
                None => match String::from_utf8_lossy(&said).trim() {
                    "" => "another process".to_owned(),
                    said => said.to_owned(),
                },
            };
            let message = format!(
                "{} is being written by {by}, and one of the two wants to be alone: stop it, or record through it",
                layout.dir().display()
            );
            Err(Error::new(ErrorKind::Unavailable, message))
        }
    }
}

/// The entries that say what happened before this opening.
fn what_happened(
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

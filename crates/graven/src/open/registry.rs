//! The trails that this process has open: one engine per trail, for all its handles and names.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use graven_core::entry::system_actions;

use crate::engine::counters::Lost;
use crate::engine::held::{Held, Occupancy};
use crate::engine::ready::{Ready, Recovered};
use crate::engine::run::Run;
use crate::engine::shared::Engine;
use crate::engine::system_entries::{SystemLine, system_line};
use crate::error::{Error, ErrorKind};
use crate::files::access;
use crate::files::commit_lock::CommitLock;
use crate::files::durable;
use crate::files::layout::Layout;
use crate::files::lock_line::{self, LockLine};
use crate::files::presence::{Entered, Presence};
use crate::files::remains;
use crate::files::restored;
use crate::files::tail::Mode;
use crate::open::continuing;
use crate::open::create::{self, Adopted};
use crate::open::opening;
use crate::open::path::{canonical_layout, unusable};
use crate::open::persisted_settings::{PersistedSettings, settle};
use crate::open::recovery::{self, Found};
use crate::open::signing_key;
use crate::open::upgrade;
use crate::record::handle::Handle;
use crate::seam::disk::{Disk, Hold};
use crate::seam::machine::Machine;
use crate::settings::{DEADLINE, Settings};

/// One trail of one disk, by the canonical path of its live file.
type Name = (u64, PathBuf);

/// The trails of one process. An entry is only a few bytes and is kept for the life of the process.
#[derive(Debug, Default)]
struct Trails {
    /// A forked child has a copy of its parent's, which says nothing about the child.
    process: u32,
    by_name: HashMap<Name, Arc<Slot>>,
}

static TRAILS: LazyLock<Mutex<Trails>> = LazyLock::new(Mutex::default);

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

/// The handle that this process has open now of the same trail; `None` while it is being opened, too.
pub(crate) fn reopened(handle: &Handle) -> Option<Arc<Handle>> {
    let slot = slot(&handle.engine.machine, &handle.engine.layout);
    let current = slot.handle.try_lock().ok()?.upgrade()?;
    current.engine.is_open().then_some(current)
}

fn slot(machine: &Machine, layout: &Layout) -> Arc<Slot> {
    let name = (machine.disk.number(), layout.live().to_owned());
    let mut trails = TRAILS.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if trails.process != process {
        *trails = Trails { process, ..Trails::default() };
    }
    Arc::clone(trails.by_name.entry(name).or_default())
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
    let ready = make_ready(machine, layout, settings, slot, mode)?;
    let (told, size) = (ready.told, ready.recovered.size());
    let (engine, threads) = Engine::start(ready)?;
    let handle = Handle::new(Arc::clone(&engine), Some(threads));
    engine.announce_losses();
    if told {
        // What a crash left is recorded, and sealed, before the trail is used.
        handle.seal(size)?;
    }
    Ok(handle)
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
    restored::refuse(&*machine.disk, &layout)?;
    let machine = access::machine_of(machine, &layout, &settings)?;
    let disk = &*machine.disk;
    let place = slot.occupancy.take(&layout)?;
    // The directory may be given a trail by another process meanwhile: under the lock there is one or there is none.
    let (commit_lock, _committing) = CommitLock::enter(disk, &layout, DEADLINE)?;
    let (presence, alone) = enter(disk, &layout, &settings)?;
    let mut adopted = None;
    let is_trail =
        durable::exists(&*machine.disk, &layout.meta()).map_err(|source| unusable(layout.dir(), source))?;
    if !is_trail {
        if !settings.create {
            return Err(remains::absent(disk, &layout, ErrorKind::Data));
        }
        adopted = create::create(&machine, &layout, &settings)?;
    }
    continuing::refuse_other(&machine, &layout, &settings)?;
    let before = PersistedSettings::read(&*machine.disk, &layout)?;
    let others = !alone;
    let in_trail = |error: Error| error.prefixed(&layout.dir().display().to_string());
    let (terms, now) = settle(&settings, &before, others).map_err(in_trail)?;
    let found = Found { held: Held::new(presence, place), commit_lock, alone };
    let mut recovered =
        recovery::recover(&machine, &layout, &settings, terms.redaction.clone(), found, mode)?;
    signing_key::note_use(disk, &layout, &settings, &recovered.signing_key);
    let now = now.with_key_of(&recovered.redactor);
    if others {
        now.refuse_changes_since(&before).map_err(in_trail)?;
    }
    let run = Run::new(&*machine.clock);
    let owed = continuing::owed(&machine, &layout, &settings, recovered.size())?;
    let mut entries: Vec<SystemLine> = owed.into_iter().collect();
    entries.extend(what_happened(&machine, run, &mut recovered, adopted, mode));
    entries.extend(upgrade::begin(&*machine.clock, &mut recovered));
    let alone_at = alone.then(|| recovered.levels.size() + recovered.unsealed.len() as u64);
    let clock = &*machine.clock;
    entries.extend(opening::opening(clock, (run, alone_at), &before, &now, &terms, &recovered.meta));
    recovered.record(&layout, &entries)?;
    continuing::settled(disk, &layout)?;
    // The entries that name the changes are durable, and no other process can come in between.
    upgrade::finish(disk, &layout, &recovered.meta)?;
    now.remember(disk, &layout)?;
    let lost = Arc::clone(&slot.lost);
    let told = !entries.is_empty();
    Ok(Ready { machine, layout, settings, terms, run, recovered, lost, told })
}

/// Enters a trail, or says who is in the way.
fn enter(disk: &dyn Disk, layout: &Layout, settings: &Settings) -> Result<(Presence, bool), Error> {
    let hold = if settings.exclusive { Hold::Exclusive } else { Hold::Shared };
    let path = layout.lock();
    match Presence::enter(disk, layout, hold).map_err(|source| Error::cannot("lock", &path, source))? {
        Entered::Alone(presence) => Ok((presence, true)),
        Entered::Beside(presence) => Ok((presence, false)),
        Entered::KeptOut => {
            let said = lock_line::content(disk, layout).unwrap_or_default();
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
    run: Run,
    recovered: &mut Recovered,
    adopted: Option<Adopted>,
    mode: Mode,
) -> Vec<SystemLine> {
    let clock = &*machine.clock;
    let action = if mode == Mode::Repair { system_actions::REPAIRED } else { system_actions::RECOVERED };
    let adopted = adopted.map(|adopted| system_line(clock, system_actions::ADOPTED, &adopted));
    let mended = recovered.mended.take().map(|mended| system_line(clock, action, &run.says(mended)));
    adopted.into_iter().chain(mended).collect()
}

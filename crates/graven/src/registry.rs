//! The trails that this process has open: one engine a trail, however many handles and names it has.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::counters::Lost;
use crate::create::{self, Adopted};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::opening;
use crate::own::{self, OwnLine, own_line};
use crate::queue::{Line, Place};
use crate::recovery::{self, Mode, Recovered};
use crate::seam::disk::LockGuard;
use crate::seam::machine::Machine;
use crate::settings::Settings;
use crate::terms::Terms;
use crate::trail::Handle;

/// One trail of one disk, by the canonical path of its live file.
type Name = (u64, PathBuf);

/// Trails by name. An entry is only a few bytes and is kept for the life of the process.
static TRAILS: LazyLock<Mutex<HashMap<Name, Arc<Slot>>>> = LazyLock::new(Mutex::default);

/// What is known of one trail.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Held while the trail is opened, so that two openers share one engine.
    handle: Mutex<Weak<Handle>>,
    /// Whether some thread of this process still holds the trail's lock.
    held: Mutex<bool>,
    freed: Condvar,
    /// Losses outlive an engine.
    lost: Arc<Lost>,
}

/// How long to wait for an engine that is being closed, before another may be started.
const CLOSING: Duration = Duration::from_secs(30);

/// The trail's lock, held by the threads that may write. Free when the last of them is gone.
#[derive(Debug)]
pub(crate) struct Held {
    guard: Option<LockGuard>,
    slot: Arc<Slot>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.guard = None;
        *self.slot.held.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.slot.freed.notify_all();
    }
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

/// A trail in order and locked, for which no engine runs yet.
pub(crate) struct Ready {
    pub(crate) machine: Machine,
    pub(crate) layout: Layout,
    pub(crate) settings: Settings,
    pub(crate) recovered: Recovered,
    pub(crate) lost: Arc<Lost>,
    /// The entries that say what happened before this opening.
    pub(crate) own: Vec<OwnLine>,
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
pub(crate) fn put_on_record(engine: &Engine, own: Vec<OwnLine>) -> Result<Option<Place>, Error> {
    let mut last = None;
    for line in own {
        last = Some(engine.queue.push_own(&mut Line { bytes: &line.bytes, hash: line.hash, blob: None })?);
    }
    engine.announce_losses();
    Ok(last)
}

/// Has the trail remember the terms that it is kept under from now on. Not before what changed is on record.
pub(crate) fn remember_terms(engine: &Engine) -> Result<(), Error> {
    let terms = Terms::of(&engine.settings).with_key_of(&engine.redactor);
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
    let lock = lock(&machine, &layout, slot)?;
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
    let before = Terms::read(&*machine.disk, &layout)?;
    let mut recovered = recovery::recover(&machine, &layout, &settings, lock, mode)?;
    let terms = Terms::of(&settings).with_key_of(&recovered.redactor);
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
) -> Vec<OwnLine> {
    let clock = &*machine.clock;
    let action = if mode == Mode::Repair { own::REPAIRED } else { own::RECOVERED };
    let adopted = adopted.map(|adopted| own_line(clock, own::ADOPTED, &adopted));
    let mended = recovered
        .mended
        .take_if(|mended| mode == Mode::Repair || !mended.is_empty())
        .map(|mended| own_line(clock, action, &mended));
    adopted.into_iter().chain(mended).collect()
}

/// Takes the trail's lock and writes our name into it.
fn lock(machine: &Machine, layout: &Layout, slot: &Arc<Slot>) -> Result<Held, Error> {
    // One that this process is closing will be free in a moment.
    let held = slot.held.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut held, waited) =
        slot.freed.wait_timeout_while(held, CLOSING, |held| *held).unwrap_or_else(PoisonError::into_inner);
    if waited.timed_out() {
        let message =
            format!("{} is still being closed by this process: storage hangs", layout.dir().display());
        return Err(Error::new(ErrorKind::Unavailable, message));
    }
    let path = layout.lock();
    let disk = &*machine.disk;
    let guard = disk.try_lock(&path).map_err(|source| {
        Error::with_source(ErrorKind::Unavailable, format!("cannot lock {}", path.display()), source)
    })?;
    let Some(guard) = guard else {
        let holder = durable::read_file(disk, &path).unwrap_or_default();
        let holder = String::from_utf8_lossy(&holder);
        let holder = if holder.trim().is_empty() { "another process" } else { holder.trim() };
        let message =
            format!("{} is being written by {holder}: stop it, or record through it", layout.dir().display());
        return Err(Error::new(ErrorKind::Unavailable, message));
    };
    let name = format!("process {}\n", std::process::id());
    let written = disk.open(&path, crate::seam::disk::Open::Create).and_then(|file| {
        file.set_bytes(0)?;
        durable::write_all_at(&*file, name.as_bytes(), 0)
    });
    // Only a courtesy to whoever finds the trail locked: on a full disk the name stays away and the lock holds.
    if let Err(error) = written {
        tracing::debug!(%error, lock = %path.display(), "could not write the holder's name");
    }
    *held = true;
    Ok(Held { guard: Some(guard), slot: Arc::clone(slot) })
}

/// The layout with links resolved, so that every name of a trail is one trail. Makes the directory if it may.
fn canonical_layout(settings: &Settings, machine: &Machine) -> Result<Layout, Error> {
    let disk = &*machine.disk;
    let found = if settings.live_file {
        Layout::of_live(disk, &settings.path)
    } else {
        Layout::find(disk, &settings.path)
    };
    let there = || durable::exists(disk, &found.meta()).map_err(|source| unusable(found.dir(), source));
    if !settings.create && !there()? {
        let message = format!("no trail at {}; make one with `graven init`", settings.path.display());
        return Err(Error::new(ErrorKind::NotFound, message));
    }
    if found == Layout::in_dir(found.dir()) {
        durable::create_dir_all(disk, found.dir()).map_err(|source| unusable(found.dir(), source))?;
        let dir = disk.canonicalize(found.dir()).map_err(|source| unusable(found.dir(), source))?;
        return Ok(Layout::in_dir(dir));
    }
    create::refuse_special(disk, &found)?;
    let parent = found.live_parent();
    durable::create_dir_all(disk, parent).map_err(|source| unusable(parent, source))?;
    let live = match disk.canonicalize(found.live()) {
        Ok(live) => live,
        Err(_absent) => {
            let parent = disk.canonicalize(parent).map_err(|source| unusable(parent, source))?;
            let name = found.live().file_name().ok_or_else(|| {
                Error::new(ErrorKind::Invalid, format!("{} does not name a file", settings.path.display()))
            })?;
            parent.join(name)
        }
    };
    // A link may have led to the live file of a directory's trail.
    let layout = Layout::of_live(disk, &live);
    durable::create_dir(disk, layout.dir()).map_err(|source| unusable(layout.dir(), source))?;
    Ok(layout)
}

fn unusable(path: &Path, source: std::io::Error) -> Error {
    let message = format!("cannot use {} for a trail", path.display());
    Error::with_source(ErrorKind::Unavailable, message, source)
}

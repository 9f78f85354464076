//! The simulated disk: in memory, it keeps "written" and "durable" apart, can fail any call, and logs every call.
//!
//! A test runs the real engine on it, then asks what a power cut at any moment could have left
//! ([`Snapshot::crash_choices`], [`Snapshot::crash`]), or makes single calls fail ([`SimDisk::inject`]), holds them
//! back ([`SimDisk::hold`]) or lets the space run out ([`SimDisk::set_space`]). Nothing in it depends on time or
//! on chance other than the seeds it is given.
//!
//! Paths are those of a file system with the root `/`, which is there and empty; `/` is also the working directory.
//! There are no links.

mod content;
mod crash;
mod fault;
mod gate;
mod handle;
mod lock;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{Access, DirEntry, Disk, File, FileId, Kind, Lock, Metadata, Open};
use content::Content;
use gate::Latch;
use handle::SimFile;
use lock::{Locks, SimLock};
use world::{FileNode, Node, NodeId, USER, World, absolute, error};

pub use crash::CrashChoice;
pub use fault::{Call, Effect, FailBut, Fault, Op, Step};
pub use gate::Gate;

/// A disk in memory, for one run of a machine: after a crash or a restart there is a new one. Clones share one disk.
#[derive(Clone)]
pub struct SimDisk {
    number: u64,
    state: Arc<Mutex<State>>,
    /// Notified when a lock was released, or the disk halted.
    unlocked: Arc<Condvar>,
}

/// Numbers for disks: 0 is the system's.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// The whole disk at one moment. Cheap to keep: bytes are shared between moments.
#[derive(Clone)]
pub struct Snapshot {
    world: World,
    calls: usize,
}

struct State {
    world: World,
    calls: Vec<Call>,
    /// The disk after each call that changed something, while it is being recorded.
    history: Option<Vec<Snapshot>>,
    faults: Vec<Fault>,
    gates: Vec<(Fault, Arc<Latch>)>,
    /// How many bytes all files together may hold.
    space: Option<u64>,
    locks: Locks,
    /// How many handles each open file has.
    open: BTreeMap<NodeId, usize>,
    halted: bool,
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> SimDisk {
        SimDisk::with(World::new())
    }

    fn with(world: World) -> SimDisk {
        let state = State {
            world,
            calls: Vec::new(),
            history: None,
            faults: Vec::new(),
            gates: Vec::new(),
            space: None,
            locks: Locks::default(),
            open: BTreeMap::new(),
            halted: false,
        };
        SimDisk {
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
            state: Arc::new(Mutex::new(state)),
            unlocked: Arc::default(),
        }
    }

    /// Makes the calls that the fault chooses fail. The oldest fault that strikes a call decides.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Removes every fault that was injected.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// Whether faults wait for calls that have not come. A test that injects one asks this at its end: it must not pass
    /// because nothing failed.
    pub fn has_faults(&self) -> bool {
        !self.state().faults.is_empty()
    }

    /// Holds back the calls for which `which` is true, each before it is done, until the gate is opened or dropped.
    pub fn hold(&self, which: impl Fn(&Step) -> bool + Send + Sync + 'static) -> Gate {
        let (gate, latch) = Gate::new();
        self.state().gates.push((Fault::when(which).forever(), latch));
        gate
    }

    /// Sets how many bytes all files together may hold; `None` for no limit. It may be less than they hold now. A write
    /// that does not fit writes the part that fits, and fails with `StorageFull` when that is nothing.
    pub fn set_space(&self, bytes: Option<u64>) {
        self.state().space = bytes;
    }

    /// How many bytes the files hold together.
    pub fn used(&self) -> u64 {
        self.state().world.bytes()
    }

    /// Makes every later call fail: the machine is off for all code that still holds this disk.
    pub fn halt(&self) {
        self.state().halted = true;
        self.unlocked.notify_all();
    }

    /// The disk as a new process finds it after this one was killed: all that was written is seen, synced or not, no
    /// lock is held, and the limit of space stays. This disk halts.
    pub fn restart(&self) -> SimDisk {
        self.halt();
        let next = self.snapshot().restart();
        next.set_space(self.state().space);
        next
    }

    /// The disk after a power cut now. This disk stays as it is.
    pub fn crash(&self, choice: &CrashChoice) -> SimDisk {
        self.snapshot().crash(choice)
    }

    /// The disk now.
    pub fn snapshot(&self) -> Snapshot {
        self.state().snapshot()
    }

    /// From now on keeps a snapshot after every call that can change something.
    pub fn record_history(&self) {
        self.state().history.get_or_insert_default();
    }

    /// The snapshots kept so far, oldest first.
    pub fn history(&self) -> Vec<Snapshot> {
        self.state().history.clone().unwrap_or_default()
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// How many calls were made so far.
    pub fn calls_made(&self) -> usize {
        self.state().calls.len()
    }

    /// The bytes of a file, as a program sees them. Not a call: cannot fail by injection and is not logged.
    pub fn contents(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        self.snapshot().contents(path)
    }

    /// Every file, in order, as a program sees them.
    pub fn files(&self) -> Vec<PathBuf> {
        self.snapshot().files()
    }

    /// Changes a file durably and without a call: bit rot, or a person with an editor.
    pub fn tamper(&self, path: impl AsRef<Path>, edit: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut state = self.state();
        let node = state.world.find(path.as_ref())?;
        let mut bytes = state.world.file(node)?.seen.to_vec();
        edit(&mut bytes);
        let mut content = Content::default();
        content.write(&bytes, 0);
        let access = state.world.file(node)?.access;
        let file = FileNode { seen: content.clone(), durable: content, unsynced: Vec::new(), access };
        state.world.nodes.insert(node, Node::File(file.into()));
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call: held back by gates, struck by faults, done, logged.
    fn call<T: Outcome>(
        &self,
        step: Step,
        act: impl FnOnce(&mut State, &Struck) -> io::Result<T>,
        pretend: Option<T>,
    ) -> io::Result<T> {
        // The state is not locked while a call waits.
        let gates = self.state().gates_before(&step);
        gates.iter().for_each(|gate| gate.pass());
        // What was done although the call fails. Dropped when the state is unlocked, since dropping a file locks it.
        let mut unseen = None;
        let mut state = self.state();
        if state.halted {
            return Err(io::Error::other("the simulated machine is off"));
        }
        let effect = state.strike(&step);
        let result = match (effect, pretend) {
            (None, _) => act(&mut state, &Struck::default()),
            (Some(Effect::Fail(kind, but)), _) => {
                match but {
                    FailBut::NotDone => {}
                    FailBut::Done => unseen = Some(act(&mut state, &Struck::default())),
                    FailBut::Partly(bytes) => {
                        if matches!(step.op, Op::Read | Op::Write) {
                            unseen =
                                Some(act(&mut state, &Struck { at_most: Some(bytes), ..Struck::default() }));
                        }
                    }
                    FailBut::Forgotten => {
                        unseen = Some(act(&mut state, &Struck { forget: true, ..Struck::default() }));
                    }
                }
                Err(error(kind, &step.path))
            }
            (Some(Effect::Short(bytes)), _) => {
                act(&mut state, &Struck { at_most: Some(bytes), ..Struck::default() })
            }
            (Some(Effect::Rot(place, mask)), _) => {
                act(&mut state, &Struck { rot: Some((place, mask)), ..Struck::default() })
            }
            (Some(Effect::Lie), Some(pretended)) => Ok(pretended),
            (Some(Effect::Lie), None) => act(&mut state, &Struck::default()),
        };
        let changes = step.op.changes();
        let logged = result.as_ref().map(Outcome::bytes).map_err(io::Error::kind);
        state.calls.push(Call { step, result: logged });
        if changes && state.history.is_some() {
            let snapshot = state.snapshot();
            state.history.get_or_insert_default().push(snapshot);
        }
        drop(state);
        drop(unseen);
        result
    }
}

/// What a fault changes in a call that is done.
#[derive(Default)]
struct Struck {
    at_most: Option<u64>,
    forget: bool,
    rot: Option<(u64, u8)>,
}

impl Struck {
    fn limit(&self, bytes: usize) -> usize {
        self.at_most.map_or(bytes, |most| bytes.min(usize::try_from(most).unwrap_or(usize::MAX)))
    }
}

/// What the log keeps of the result of a call.
trait Outcome {
    fn bytes(&self) -> u64 {
        0
    }
}

impl Outcome for () {}
impl Outcome for Arc<dyn File> {}
impl Outcome for Vec<DirEntry> {}
impl Outcome for Metadata {}
impl Outcome for PathBuf {}
impl Outcome for Arc<dyn Lock> {}
impl Outcome for FileId {}
impl Outcome for bool {}
impl Outcome for usize {
    fn bytes(&self) -> u64 {
        *self as u64
    }
}
impl Outcome for u64 {
    fn bytes(&self) -> u64 {
        *self
    }
}

impl State {
    fn snapshot(&self) -> Snapshot {
        Snapshot { world: self.world.clone(), calls: self.calls.len() }
    }

    fn gates_before(&mut self, step: &Step) -> Vec<Arc<Latch>> {
        // A gate that was opened stays in the list: passing it costs nothing.
        let gates = self.gates.iter_mut();
        gates.filter_map(|(which, latch)| which.strike(step).map(|_| latch.clone())).collect()
    }

    fn strike(&mut self, step: &Step) -> Option<Effect> {
        let effect = self.faults.iter_mut().find_map(|fault| fault.strike(step));
        self.faults.retain(|fault| !fault.spent());
        effect
    }

    /// How many of `wanted` bytes at `offset` there is space for.
    fn fitting(&self, node: NodeId, wanted: usize, offset: u64) -> io::Result<usize> {
        let Some(space) = self.space else { return Ok(wanted) };
        let longest = self.world.file(node)?.seen.bytes() + space.saturating_sub(self.world.bytes());
        let fitting = longest.saturating_sub(offset).min(wanted as u64) as usize;
        if fitting == 0 && wanted > 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(fitting) }
    }

    fn sync_file(&mut self, node: NodeId, struck: &Struck) -> io::Result<()> {
        if struck.forget { self.world.forget_unsynced(node) } else { self.world.sync_file(node) }
    }
}

impl Snapshot {
    /// How many calls had been made.
    pub fn calls_made(&self) -> usize {
        self.calls
    }

    /// The disk as a new process finds it: all that was written is seen, and nobody holds a lock.
    pub fn restart(&self) -> SimDisk {
        let mut world = self.world.clone();
        world.sweep(|_| false);
        SimDisk::with(world)
    }

    /// The disk after a power cut with this outcome.
    pub fn crash(&self, choice: &CrashChoice) -> SimDisk {
        SimDisk::with(self.world_after(choice))
    }

    /// The bytes of a file, as a program sees them.
    pub fn contents(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        Ok(self.world.file(self.world.find(path.as_ref())?)?.seen.to_vec())
    }

    /// Every file, in order, as a program sees them.
    pub fn files(&self) -> Vec<PathBuf> {
        let paths = self.world.paths().into_iter();
        paths.filter(|(_, node)| self.world.file(*node).is_ok()).map(|(path, _)| path).collect()
    }

    /// A hash of the names and bytes that a program sees. It serves to skip images that were looked at before.
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (path, node) in self.world.paths() {
            path.hash(&mut hasher);
            self.world.file(node).map(|file| &file.seen).ok().hash(&mut hasher);
        }
        hasher.finish()
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let op = if matches!(how, Open::Read | Open::Write) { Op::Open } else { Op::Create };
        let path = absolute(path);
        self.call(Step::new(op, &path), |state, _| state.open_file(self, &path, how), None)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let step = Step { to: Some(absolute(to)), ..Step::new(Op::Rename, &absolute(from)) };
        self.call(step, |state, _| state.world.rename(from, to), Some(()))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let step = Step::new(Op::RemoveFile, &absolute(path));
        self.call(step, |state, _| state.world.remove_file(path), Some(()))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let step = Step::new(Op::CreateDir, &absolute(path));
        self.call(step, |state, _| state.world.make(path, Node::Dir(Arc::default())).map(drop), Some(()))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let step = Step::new(Op::SyncDir, &absolute(path));
        let act = |state: &mut State, struck: &Struck| {
            let node = state.world.find(path)?;
            // A directory has nothing to forget: a journal that failed tries again, or is read-only for good.
            if !struck.forget {
                state.world.sync_dir(node)?;
                let open = &state.open;
                state.world.sweep(|node| open.contains_key(&node));
            }
            Ok(())
        };
        self.call(step, act, Some(()))
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let act = |state: &mut State, _: &Struck| {
            let world = &state.world;
            let names = &world.dir(world.find(path)?)?.seen;
            let entry = |(name, node): (&String, &NodeId)| DirEntry {
                name: name.clone(),
                metadata: metadata(self.number, *node, &world.nodes[node]),
            };
            Ok(names.iter().map(entry).collect())
        };
        self.call(Step::new(Op::ReadDir, &absolute(path)), act, None)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let act = |state: &mut State, _: &Struck| {
            state.world.find(path).map(|node| metadata(self.number, node, &state.world.nodes[&node]))
        };
        self.call(Step::new(Op::Metadata, &absolute(path)), act, None)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        let act = |state: &mut State, _: &Struck| state.world.find(path).map(|_| absolute(path));
        self.call(Step::new(Op::Canonicalize, &absolute(path)), act, None)
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn open_lock(&self, path: &Path) -> io::Result<Arc<dyn Lock>> {
        let path = absolute(path);
        let act = |state: &mut State, _: &Struck| {
            let node = state.world.find(&path)?;
            Ok(Arc::new(SimLock::new(self.clone(), path.clone(), node)) as Arc<dyn Lock>)
        };
        self.call(Step::new(Op::Open, &path), act, None)
    }

    fn user(&self) -> u32 {
        USER
    }

    fn set_access(&self, path: &Path, id: FileId, access: Access) -> io::Result<()> {
        let act = |state: &mut State, _: &Struck| {
            let node = state.world.find(path)?;
            if node.on(self.number) != id {
                return Err(error(ErrorKind::Other, path));
            }
            state.world.set_access(node, access);
            Ok(())
        };
        self.call(Step::new(Op::SetAccess, &absolute(path)), act, None)
    }

    fn unique(&self) -> String {
        // Numbers are never used again on a disk, also not after a crash.
        format!("{USER}-{:016x}", self.state().world.take_number())
    }
}

impl State {
    fn open_file(&mut self, disk: &SimDisk, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let node = self.open_node(path, how)?;
        *self.open.entry(node).or_insert(0) += 1;
        Ok(Arc::new(SimFile { disk: disk.clone(), path: path.into(), node, writable: how != Open::Read }))
    }

    fn open_node(&mut self, path: &Path, how: Open) -> io::Result<NodeId> {
        let node = match (self.world.find(path), how) {
            (Ok(_), Open::CreateNew) => return Err(error(ErrorKind::AlreadyExists, path)),
            (Ok(node), _) => node,
            (Err(absent), Open::CreateNew | Open::Create) if absent.kind() == ErrorKind::NotFound => {
                self.world.make(path, Node::File(Arc::default()))?
            }
            (Err(error), _) => return Err(error),
        };
        self.world.file(node)?;
        Ok(node)
    }
}

fn metadata(disk: u64, id: NodeId, node: &Node) -> Metadata {
    let id = id.on(disk);
    match node {
        Node::File(file) => Metadata { kind: Kind::File, bytes: file.seen.bytes(), id, access: file.access },
        Node::Dir(dir) => Metadata { kind: Kind::Dir, bytes: 0, id, access: dir.access },
    }
}

impl Default for SimDisk {
    fn default() -> SimDisk {
        SimDisk::new()
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimDisk({} calls)", self.calls_made())
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot(after {} calls)", self.calls)
    }
}

//! The disk that the engine sees: the simulated disk behind the faults of a life, or behind a canary.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use graven::disk::sim::{Effect, FailBut, Fault, Op, SimDisk};
use graven::disk::{Access, DirEntry, Disk, File, FileId, Hold, Lock, Metadata, Open};
use graven::layout::Layout;
use graven_core::checkpoint::Checkpoint;
use graven_core::hash::sha256;
use graven_core::note::SigningKey;

use crate::canary::Canary;
use crate::fault_plan::{Fate, FaultPlan};
use crate::head::{Head, is_new_note};
use crate::trace::Trace;

/// One machine's disk, from its start to its stop.
#[derive(Clone)]
pub(crate) struct FaultyDisk {
    /// The disk without faults, which the checks read.
    pub(crate) inner: SimDisk,
    pub(crate) shared: Shared,
    /// Whether this is the disk of a second process, which the lock does not exclude under a canary.
    pub(crate) second: bool,
}

/// What all disks and machines of a run share.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<State>>);

/// The shared state: the faults to come, and what has happened.
pub(crate) struct State {
    pub(crate) faults: FaultPlan,
    pub(crate) trace: Trace,
    /// The heads that were signed and not yet collected.
    pub(crate) heads: Vec<Head>,
    /// Whether the machine has stopped in a call.
    pub(crate) stopped: bool,
    /// Whether the driver is closing the trail.
    pub(crate) closing: bool,
    canary: Option<Canary>,
    chance: Rng,
    layout: Layout,
}

impl Shared {
    pub(crate) fn new(seed: u64, layout: Layout, canary: Option<Canary>, steps_kept: usize) -> Shared {
        Shared(Arc::new(Mutex::new(State {
            faults: FaultPlan::default(),
            trace: Trace::new(steps_kept),
            heads: Vec::new(),
            stopped: false,
            closing: false,
            canary,
            chance: Rng::with_seed(seed),
            layout,
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes in the trace what the driver does.
    pub(crate) fn did(&self, what: impl Into<String>) {
        self.lock().trace.did(what.into());
    }

    /// This disk with the faults of the run.
    pub(crate) fn disk(&self, inner: SimDisk) -> FaultyDisk {
        FaultyDisk { inner, shared: self.clone(), second: false }
    }
}

/// What a canary does to a call.
enum CanaryEffect {
    Fate(Fate),
    /// A write of at most this number of bytes counts as complete.
    ShortTakenForWhole(u64),
    /// The call fails and reports success.
    Untold(FailBut),
}

impl State {
    /// What the canary does to a call, if it concerns the call.
    fn canary_effect(&mut self, op: Op, path: &Path, bytes: u64) -> Option<CanaryEffect> {
        let canary = self.canary?;
        let live = path == self.layout.live();
        let lie = Some(CanaryEffect::Fate(Fate::Lie));
        let in_dir = |dir: PathBuf| path.starts_with(dir);
        let is_new = || path.extension().is_some_and(|extension| extension == "tmp");
        match (canary, op) {
            (Canary::AcknowledgeBeforeSync, Op::SyncData) if live => lie,
            (Canary::CloseBeforeSync, Op::SyncData) if live && self.closing => lie,
            (Canary::SkipDirectorySync, Op::SyncDir) => lie,
            (Canary::SkipBlobSync, Op::SyncAll) if in_dir(self.layout.blobs()) => lie,
            (Canary::RenameWithoutSync, Op::SyncAll) if is_new() && !in_dir(self.layout.blobs()) => lie,
            (Canary::PublishBeforeHashes, Op::SyncData) if in_dir(self.layout.tiles()) => lie,
            (Canary::DropTornTail, Op::Rename) if in_dir(self.layout.torn()) => lie,
            (Canary::IgnoreShortWrite, Op::Write) if live && bytes > 1 && self.chance.u8(..8) == 0 => {
                Some(CanaryEffect::ShortTakenForWhole(self.chance.u64(1..bytes)))
            }
            (Canary::IgnoreFailedWrite, Op::Write) if live && self.chance.u8(..8) == 0 => {
                Some(CanaryEffect::Untold(FailBut::NotDone))
            }
            (Canary::ForgetPoisoned, Op::SyncData) if live && self.chance.u8(..8) == 0 => {
                Some(CanaryEffect::Untold(FailBut::Forgotten))
            }
            (Canary::MisdirectWrite, Op::Write) if self.chance.u8(..16) == 0 => {
                Some(CanaryEffect::Fate(Fate::Misdirect))
            }
            _ => None,
        }
    }
}

impl FaultyDisk {
    /// Makes one call: draws its fate, does it or not, and adds it to the trace. `claimed` is the answer of a call that
    /// only claims to be done.
    fn call<T>(
        &self,
        (op, path): (Op, &Path),
        (offset, bytes): (u64, u64),
        act: impl Fn() -> io::Result<T>,
        claimed: Option<T>,
        count: impl Fn(&T) -> u64,
    ) -> io::Result<T> {
        let (canary, fate) = {
            let state = &mut *self.shared.lock();
            if state.stopped {
                return Err(off());
            }
            let fate = state.faults.fate(op, path, offset, bytes, &mut state.chance);
            // A stop of the machine comes before the canary.
            let stops = matches!(fate, Fate::StopBefore | Fate::StopAfter | Fate::StopAt(_));
            (if stops { None } else { state.canary_effect(op, path, bytes) }, fate)
        };
        let with = |effect| {
            self.inner.inject(Fault::on(op).effect(effect));
            let result = act();
            self.inner.heal();
            result
        };
        let fate = match canary {
            Some(CanaryEffect::Fate(fate)) => fate,
            _ => fate,
        };
        let result = match (canary, fate) {
            (Some(CanaryEffect::ShortTakenForWhole(most)), _) => {
                with(Effect::Short(most)).and_then(|_| claimed.ok_or_else(off))
            }
            (Some(CanaryEffect::Untold(but)), _) => {
                drop(with(Effect::Fail(io::ErrorKind::Other, but)));
                claimed.ok_or_else(off)
            }
            (_, Fate::Fail(kind, but)) => with(Effect::Fail(kind, but)),
            (_, Fate::Short(most)) => with(Effect::Short(most)),
            (_, Fate::RottenRead(place, mask)) => with(Effect::Rot(place, mask)),
            (_, Fate::Lie) => claimed.map_or_else(&act, Ok),
            (_, Fate::Misdirect) => {
                self.misdirect(path, bytes);
                claimed.map_or_else(&act, Ok)
            }
            (_, Fate::Rot) => {
                self.rot();
                act()
            }
            (_, Fate::StopBefore) => Err(off()),
            (_, Fate::StopAfter) => act().and(Err(off())),
            (_, Fate::StopAt(most)) => with(Effect::Short(most)).and(Err(off())),
            (_, Fate::Done) => act(),
        };
        let state = &mut *self.shared.lock();
        if matches!(fate, Fate::StopBefore | Fate::StopAfter | Fate::StopAt(_)) {
            state.stopped = true;
        }
        let outcome = result.as_ref().map(count).map_err(io::Error::kind);
        // The length is that of a process id, which differs from run to run.
        let bytes = if path == state.layout.lock() { 0 } else { bytes };
        state.trace.call((op, path), (offset, bytes), outcome, fate.name());
        result
    }

    /// Writes random bytes to a wrong place: on a disk that lies in any file, for the canary in the same file.
    fn misdirect(&self, path: &Path, bytes: u64) {
        let mut files = self.inner.files();
        files.retain(|file| file.file_name() != Some("LOCK".as_ref()));
        let state = &mut *self.shared.lock();
        let honest = state.canary == Some(Canary::MisdirectWrite);
        let file = match files.get(state.chance.usize(..files.len().max(1))) {
            Some(file) if !honest => file.clone(),
            _ => path.to_owned(),
        };
        let there = self.inner.contents(&file).map_or(0, |bytes| bytes.len());
        let offset = state.chance.usize(..=there) as u64;
        let wrong: Vec<u8> = (0..bytes.min(600)).map(|_| state.chance.u8(..)).collect();
        if let Ok(file) = self.inner.open(&file, Open::Write) {
            // No caller asked for this write, so no caller is told of a failure.
            let _ = file.write_at(&wrong, offset);
        }
    }

    /// Flips a stored bit of some file.
    fn rot(&self) {
        let files = self.inner.files();
        let state = &mut *self.shared.lock();
        let Some(file) = files.get(state.chance.usize(..files.len().max(1))) else { return };
        let _ = self.inner.tamper(file, |bytes| {
            if !bytes.is_empty() {
                let place = state.chance.usize(..bytes.len());
                bytes[place] ^= 1 << state.chance.u32(..8);
            }
        });
    }

    /// The bytes that replace those of a write, if any. Notes the heads that are signed, and replaces the process id in
    /// the lock file, which differs from run to run.
    fn outgoing(&self, path: &Path, bytes: &[u8], offset: u64) -> Option<Vec<u8>> {
        let state = &mut *self.shared.lock();
        if state.stopped {
            return None;
        }
        if path == state.layout.lock() {
            return Some(vec![b'1'; bytes.len().min(10)]);
        }
        if offset > 0 || !is_new_note(path) {
            return None;
        }
        let forged = (state.canary == Some(Canary::SignWithoutChecking) && state.chance.u8(..8) == 0)
            .then(|| self.forge(&state.layout, bytes))
            .flatten();
        state.heads.extend(Head::read(forged.as_deref().unwrap_or(bytes)));
        forged
    }

    /// The same checkpoint with another root and a valid signature.
    fn forge(&self, layout: &Layout, note: &[u8]) -> Option<Vec<u8>> {
        let head = Head::read(note).filter(|head| head.size > 0)?;
        let key = self.inner.contents(layout.signing_key()).ok()?;
        let key = SigningKey::parse(std::str::from_utf8(&key).ok()?.trim_end()).ok()?;
        let root = sha256(head.root.as_bytes());
        let forged =
            Checkpoint { origin: key.name().to_owned(), size: head.size, root, extensions: Vec::new() };
        Some(forged.sign(&key).to_string().into_bytes())
    }
}

fn off() -> io::Error {
    io::Error::other("the simulated machine is off")
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let op = if matches!(how, Open::Read | Open::Write) { Op::Open } else { Op::Create };
        let inner = self.call((op, path), (0, 0), || self.inner.open(path, how), None, |_| 0)?;
        Ok(Arc::new(FaultyFile { disk: self.clone(), path: path.to_owned(), inner }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call((Op::Rename, from), (0, 0), || self.inner.rename(from, to), Some(()), |()| 0)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.call((Op::RemoveFile, path), (0, 0), || self.inner.remove_file(path), None, |()| 0)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.call((Op::CreateDir, path), (0, 0), || self.inner.create_dir(path), None, |()| 0)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.call((Op::SyncDir, path), (0, 0), || self.inner.sync_dir(path), Some(()), |()| 0)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let count = |names: &Vec<DirEntry>| names.len() as u64;
        self.call((Op::ReadDir, path), (0, 0), || self.inner.read_dir(path), None, count)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.call((Op::Metadata, path), (0, 0), || self.inner.metadata(path), None, |data| data.bytes)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.call((Op::Canonicalize, path), (0, 0), || self.inner.canonicalize(path), None, |_| 0)
    }

    fn number(&self) -> u64 {
        self.inner.number()
    }

    fn open_lock(&self, path: &Path) -> io::Result<Arc<dyn Lock>> {
        let excluded = self.second && self.shared.lock().canary == Some(Canary::ReuseIndex);
        let name = if excluded { path.with_extension("2") } else { path.to_owned() };
        if excluded {
            self.inner.open(&name, Open::Create)?;
        }
        let inner = self.call((Op::Open, path), (0, 0), || self.inner.open_lock(&name), None, |_| 0)?;
        Ok(Arc::new(FaultyLock { disk: self.clone(), path: path.to_owned(), inner }))
    }

    fn user(&self) -> u32 {
        self.inner.user()
    }

    fn set_access(&self, path: &Path, id: FileId, access: Access) -> io::Result<()> {
        let act = || self.inner.set_access(path, id, access);
        self.call((Op::SetAccess, path), (0, 0), act, None, |()| 0)
    }

    fn unique(&self) -> String {
        self.inner.unique()
    }
}

/// A file or directory of a faulty disk that can be locked.
#[derive(Debug)]
struct FaultyLock {
    disk: FaultyDisk,
    path: PathBuf,
    inner: Arc<dyn Lock>,
}

impl Lock for FaultyLock {
    fn id(&self) -> FileId {
        self.inner.id()
    }

    fn lock(&self, how: Hold) -> io::Result<()> {
        // One thread takes every step: waiting would never end.
        if self.try_lock(how)? {
            Ok(())
        } else {
            Err(io::Error::other("the lock is held, and nobody would release it"))
        }
    }

    fn try_lock(&self, how: Hold) -> io::Result<bool> {
        let count = |held: &bool| u64::from(*held);
        self.disk.call((Op::Lock, &self.path), (0, 0), || self.inner.try_lock(how), None, count)
    }

    fn unlock(&self) -> io::Result<()> {
        self.inner.unlock()
    }
}

impl fmt::Debug for FaultyDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyDisk")
    }
}

/// An open file of a faulty disk.
#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    path: PathBuf,
    inner: Arc<dyn File>,
}

impl FaultyFile {
    fn call<T>(
        &self,
        op: Op,
        place: (u64, u64),
        act: impl Fn() -> io::Result<T>,
        claimed: Option<T>,
        count: impl Fn(&T) -> u64,
    ) -> io::Result<T> {
        self.disk.call((op, &self.path), place, act, claimed, count)
    }
}

impl File for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = buffer.len() as u64;
        let buffer = std::cell::RefCell::new(buffer);
        let act = || self.inner.read_at(&mut buffer.borrow_mut(), offset);
        self.call(Op::Read, (offset, bytes), act, None, |read| *read as u64)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let other = self.disk.outgoing(&self.path, bytes, offset);
        let out = other.as_deref().unwrap_or(bytes);
        let twice = {
            let state = self.disk.shared.lock();
            state.canary == Some(Canary::AppendTwice) && self.path == state.layout.live()
        };
        let act = || {
            let written = self.inner.write_at(out, offset)?;
            if twice {
                self.inner.write_at(&out[..written], offset + written as u64)?;
            }
            // The replaced line of the lock file may be shorter: it counts as complete.
            Ok(if written == out.len() { bytes.len() } else { written })
        };
        let place = (offset, bytes.len() as u64);
        self.call(Op::Write, place, act, Some(bytes.len()), |written| *written as u64)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.call(Op::SyncData, (0, 0), || self.inner.sync_data(), Some(()), |()| 0)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.call(Op::SyncAll, (0, 0), || self.inner.sync_all(), Some(()), |()| 0)
    }

    fn bytes(&self) -> io::Result<u64> {
        self.call(Op::Bytes, (0, 0), || self.inner.bytes(), None, |bytes| *bytes)
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.call(Op::SetBytes, (bytes, 0), || self.inner.set_bytes(bytes), Some(()), |()| 0)
    }

    fn id(&self) -> io::Result<FileId> {
        self.call(Op::Bytes, (0, 0), || self.inner.id(), None, |_| 0)
    }
}

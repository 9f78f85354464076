//! The calls of the engine: to the disk, to an open file, to a lock.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use graven::disk::sim::Op;
use graven::disk::{Access, DirEntry, Disk, File, FileId, Hold, Kind, Lock, Metadata, Open};

use super::FaultyDisk;
use crate::baton;
use crate::canary::Canary;
use crate::lock_line::LockLine;

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let op = if matches!(how, Open::Read | Open::Write) { Op::Open } else { Op::Create };
        let stale = self.has_canary(Canary::SignWithoutCatchingUp, |layout| path == layout.checkpoint());
        let own = self.own_checkpoint();
        let stale = stale && how == Open::Read && self.inner.contents(&own).is_ok();
        let opened = if stale { &own } else { path };
        let inner = self.call((op, path), (0, 0), || self.inner.open(opened, how), None, |_| 0)?;
        if how != Open::Read && self.has_canary(Canary::SkipComparison, |layout| path == layout.live()) {
            *self.caller.live.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&inner));
        }
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
        let act = || match self.uncompared(path)? {
            Some(known) => Ok(known),
            None => self.inner.metadata(path),
        };
        self.call((Op::Metadata, path), (0, 0), act, None, |data| data.bytes)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.call((Op::Canonicalize, path), (0, 0), || self.inner.canonicalize(path), None, |_| 0)
    }

    fn number(&self) -> u64 {
        self.inner.number()
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

    fn open_lock(&self, path: &Path) -> io::Result<Arc<dyn Lock>> {
        let inner = self.call((Op::Open, path), (0, 0), || self.inner.open_lock(path), None, |_| 0)?;
        Ok(Arc::new(FaultyLock { disk: self.clone(), path: path.to_owned(), inner }))
    }
}

impl FaultyDisk {
    fn has_canary(&self, canary: Canary, concerns: impl Fn(&graven::layout::Layout) -> bool) -> bool {
        let state = self.shared.lock();
        state.canary == Some(canary) && concerns(&state.layout)
    }

    /// For a canary: what this process knows of its live file, whatever has that name now.
    fn uncompared(&self, path: &Path) -> io::Result<Option<Metadata>> {
        if !self.has_canary(Canary::SkipComparison, |layout| path == layout.live()) {
            return Ok(None);
        }
        let live = self.caller.live.lock().unwrap_or_else(PoisonError::into_inner);
        let known = live.as_ref().map(|live| {
            // Nobody asks who may read it.
            let access = Access { owner: 0, group: 0, mode: 0o600 };
            Ok::<_, io::Error>(Metadata { kind: Kind::File, bytes: live.bytes()?, id: live.id()?, access })
        });
        known.transpose()
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
        while !self.try_lock(how)? {
            if !baton::wait() {
                return Err(io::Error::other("the lock is held, and nobody would release it"));
            }
        }
        if self.disk.has_canary(Canary::WriteAfterLostLock, |layout| self.path == layout.dir()) {
            *self.disk.caller.committing.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Arc::clone(&self.inner));
        }
        Ok(())
    }

    fn lock_within(&self, how: Hold, _: Duration) -> io::Result<bool> {
        // Time stands still while another process has the baton.
        while !self.try_lock(how)? {
            if !baton::wait() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn try_lock(&self, how: Hold) -> io::Result<bool> {
        let excludes = !self.disk.has_canary(Canary::ReuseIndex, |layout| self.path == layout.dir());
        let act = || if excludes { self.inner.try_lock(how) } else { Ok(true) };
        self.disk.call((Op::Lock, &self.path), (0, 0), act, None, |held| u64::from(*held))
    }

    fn unlock(&self) -> io::Result<()> {
        self.inner.unlock()
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

impl FaultyFile {
    /// For a canary: a commit that has begun is taken for one that has ended, with all that is in the live file.
    fn trust(&self, read: &mut [u8]) {
        let Some(line) = LockLine::parse(read).filter(|line| line.writing) else { return };
        let live = self.disk.shared.lock().layout.live().to_owned();
        if let Ok(there) = self.disk.inner.contents(live) {
            let size = line.first + there.iter().filter(|&&byte| byte == b'\n').count() as u64;
            let line = LockLine { writing: false, bytes: there.len() as u64, size, ..line };
            read.copy_from_slice(&line.to_bytes());
        }
    }
}

impl File for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = buffer.len() as u64;
        let buffer = std::cell::RefCell::new(buffer);
        let act = || self.inner.read_at(&mut buffer.borrow_mut(), offset);
        let read = self.call(Op::Read, (offset, bytes), act, None, |read| *read as u64)?;
        if self.disk.has_canary(Canary::TrustFailedSync, |layout| self.path == layout.lock()) {
            self.trust(&mut buffer.borrow_mut()[..read]);
        }
        Ok(read)
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
        self.disk.check_torn(&self.path, bytes);
        self.call(Op::SetBytes, (bytes, 0), || self.inner.set_bytes(bytes), Some(()), |()| 0)
    }

    fn id(&self) -> io::Result<FileId> {
        self.call(Op::Bytes, (0, 0), || self.inner.id(), None, |_| 0)
    }
}

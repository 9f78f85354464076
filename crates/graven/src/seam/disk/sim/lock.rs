//! Locks of the simulated disk: who holds which file or directory, and how.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::world::NodeId;
use super::{Op, SimDisk, Step};
use crate::seam::disk::{FileId, Hold, Lock};

/// How long a thread waits for a lock before the wait is an error: a test must not hang.
const PATIENCE: Duration = Duration::from_secs(120);

/// Numbers for handles.
static NEXT_HANDLE: AtomicU64 = AtomicU64::new(0);

/// The handles that hold a lock, for each file or directory.
#[derive(Debug, Default)]
pub(super) struct Locks(BTreeMap<NodeId, BTreeMap<u64, Hold>>);

impl Locks {
    /// Lets `handle` hold the lock this way, if nobody else is in the way. If somebody is, it holds nothing afterwards.
    fn take(&mut self, node: NodeId, handle: u64, how: Hold) -> bool {
        self.release(node, handle);
        let holders = self.0.entry(node).or_default();
        let free = match how {
            Hold::Exclusive => holders.is_empty(),
            Hold::Shared => holders.values().all(|hold| *hold == Hold::Shared),
        };
        if free {
            holders.insert(handle, how);
        }
        free
    }

    fn release(&mut self, node: NodeId, handle: u64) {
        if let Some(holders) = self.0.get_mut(&node) {
            holders.remove(&handle);
        }
    }
}

/// A file or directory that is open to be locked.
pub(super) struct SimLock {
    disk: SimDisk,
    path: PathBuf,
    node: NodeId,
    handle: u64,
}

impl SimLock {
    pub(super) fn new(disk: SimDisk, path: PathBuf, node: NodeId) -> SimLock {
        SimLock { disk, path, node, handle: NEXT_HANDLE.fetch_add(1, Ordering::Relaxed) }
    }

    fn release(&self) {
        self.disk.state().locks.release(self.node, self.handle);
        self.disk.unlocked.notify_all();
    }
}

impl Lock for SimLock {
    fn id(&self) -> FileId {
        self.node.on(self.disk.number)
    }

    fn lock(&self, how: Hold) -> io::Result<()> {
        if self.lock_within(how, PATIENCE)? {
            return Ok(());
        }
        Err(io::Error::other(format!("nobody releases {}", self.path.display())))
    }

    fn lock_within(&self, how: Hold, patience: Duration) -> io::Result<bool> {
        while !self.try_lock(how)? {
            let state = self.disk.state();
            let waited = self.disk.unlocked.wait_timeout(state, patience);
            if waited.unwrap_or_else(PoisonError::into_inner).1.timed_out() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn try_lock(&self, how: Hold) -> io::Result<bool> {
        let step = Step::new(Op::Lock, &self.path);
        self.disk.call(step, |state, _| Ok(state.locks.take(self.node, self.handle, how)), None)
    }

    fn unlock(&self) -> io::Result<()> {
        self.release();
        Ok(())
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.release();
    }
}

impl fmt::Debug for SimLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimLock({})", self.path.display())
    }
}

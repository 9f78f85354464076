//! The calls to a simulated disk, and the ways in which they can be made to fail.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::seam::disk::temporary_of;

/// The kind of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    /// An existing file is opened.
    Open,
    /// A file is opened, and made if it is absent.
    Create,
    /// `pread`.
    Read,
    /// `pwrite`.
    Write,
    /// `fdatasync`.
    SyncData,
    /// `fsync` of a file.
    SyncAll,
    /// The length of an open file.
    Bytes,
    /// `ftruncate`.
    SetBytes,
    /// `rename`.
    Rename,
    /// `unlink`.
    RemoveFile,
    /// `mkdir`.
    CreateDir,
    /// `fsync` of a directory.
    SyncDir,
    /// The names in a directory.
    ReadDir,
    /// `stat`.
    Metadata,
    /// `realpath`.
    Canonicalize,
    /// `flock` of a file, which is made if it is absent.
    Lock,
    /// `fchown` and `fchmod`. Never lost by a crash.
    SetAccess,
}

impl Op {
    /// Whether such a call can change what is written or what is durable.
    pub fn changes(self) -> bool {
        self.syncs()
            || matches!(
                self,
                Op::Create
                    | Op::Lock
                    | Op::Write
                    | Op::SetBytes
                    | Op::Rename
                    | Op::RemoveFile
                    | Op::CreateDir
            )
    }

    /// Whether such a call makes something durable.
    pub fn syncs(self) -> bool {
        matches!(self, Op::SyncData | Op::SyncAll | Op::SyncDir)
    }
}

/// One call, as it reaches the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is asked for.
    pub op: Op,
    /// Of which file or directory: the absolute path by which it was opened.
    pub path: PathBuf,
    /// The new name, for a rename.
    pub to: Option<PathBuf>,
    /// From where, for a read or write; the new length, for [`Op::SetBytes`].
    pub offset: u64,
    /// How many bytes, for a read or write.
    pub bytes: u64,
}

impl Step {
    pub(super) fn new(op: Op, path: &Path) -> Step {
        Step { op, path: path.to_owned(), to: None, offset: 0, bytes: 0 }
    }

    /// Whether the last part of the path is `name`.
    pub fn is_named(&self, name: &str) -> bool {
        self.path.file_name().is_some_and(|last| last == name)
    }

    /// Whether the last part of the path is a temporary name of `name`.
    pub fn is_new(&self, name: &str) -> bool {
        let last = self.path.file_name().and_then(|last| last.to_str()).unwrap_or_default();
        temporary_of(last) == Some(name)
    }
}

/// One call that was made, and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What was asked for.
    pub step: Step,
    /// The bytes read or written (0 for other calls), or how it failed.
    pub result: Result<u64, io::ErrorKind>,
}

/// What a failed call has done in spite of the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailBut {
    /// Nothing.
    NotDone,
    /// All of it.
    Done,
    /// That many bytes of a read or write; nothing of another call.
    Partly(u64),
    /// For a sync: nothing, and what was not durable counts as synced from now on. Later syncs succeed without it,
    /// reads show it, a crash loses it: what Linux does with dirty pages after a failed `fsync`.
    Forgotten,
}

/// What happens to a call that a [`Fault`] strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It fails with this error.
    Fail(io::ErrorKind, FailBut),
    /// It succeeds, with at most this many bytes. (With 0, a write reports that nothing could be written.)
    Short(u64),
    /// It reports success and does nothing: a disk that lies about a sync.
    Lie,
    /// A read gives what is stored, but for this bit: (place in the file, mask).
    Rot(u64, u8),
}

/// Which calls fail, and how.
///
/// ```
/// use graven::disk::sim::{Fault, FailBut, Op};
/// use std::io::ErrorKind;
///
/// // The second sync of the live file fails, although it was done.
/// let fault = Fault::when(|step| step.op == Op::SyncData && step.is_named("audit.jsonl"))
///     .skip(1)
///     .fail(ErrorKind::Other, FailBut::Done);
/// ```
pub struct Fault {
    strikes: Box<dyn Fn(&Step) -> bool + Send + Sync>,
    skip: u64,
    times: u64,
    effect: Effect,
}

impl Fault {
    /// Strikes the first call for which `strikes` is true; it fails, and is not done.
    pub fn when(strikes: impl Fn(&Step) -> bool + Send + Sync + 'static) -> Fault {
        Fault {
            strikes: Box::new(strikes),
            skip: 0,
            times: 1,
            effect: Effect::Fail(io::ErrorKind::Other, FailBut::NotDone),
        }
    }

    /// Strikes the first call of this kind.
    pub fn on(op: Op) -> Fault {
        Fault::when(move |step| step.op == op)
    }

    /// Strikes the `n`th call from now that can change anything, counted from 0.
    pub fn nth_change(n: u64) -> Fault {
        Fault::when(|step| step.op.changes()).skip(n)
    }

    /// Lets the first `calls` of them pass.
    pub fn skip(mut self, calls: u64) -> Fault {
        self.skip = calls;
        self
    }

    /// Strikes this many of them, one after the other.
    pub fn times(mut self, calls: u64) -> Fault {
        self.times = calls;
        self
    }

    /// Strikes all of them, until [`SimDisk::heal`](super::SimDisk::heal).
    pub fn forever(self) -> Fault {
        self.times(u64::MAX)
    }

    /// Makes them fail with `error`.
    pub fn fail(self, error: io::ErrorKind, but: FailBut) -> Fault {
        self.effect(Effect::Fail(error, but))
    }

    /// Makes them fail as interrupted by a signal, and not done.
    pub fn interrupt(self) -> Fault {
        self.fail(io::ErrorKind::Interrupted, FailBut::NotDone)
    }

    /// Sets what happens to them.
    pub fn effect(mut self, effect: Effect) -> Fault {
        self.effect = effect;
        self
    }

    /// What happens to this call; `None` when it is not struck. Counts it.
    pub(super) fn strike(&mut self, step: &Step) -> Option<Effect> {
        if self.times == 0 || !(self.strikes)(step) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if self.times < u64::MAX {
            self.times -= 1;
        }
        Some(self.effect)
    }

    /// Whether it has struck as often as it should.
    pub(super) fn spent(&self) -> bool {
        self.times == 0
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({:?}, {} times after {})", self.effect, self.times, self.skip)
    }
}

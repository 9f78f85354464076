//! The faults of one life: what the disk does to the engine's calls, drawn call by call.

use std::io::ErrorKind;
use std::path::Path;

use fastrand::Rng;
use graven::disk::sim::{FailBut, Op};

use crate::index_files::is_of_index;

/// A chance is given as a number of calls among this many.
const OF: u32 = 65_536;

/// The faults of one life. Default: a disk that works.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultPlan {
    /// After this number of calls that change something, the machine or the process stops in the next one.
    pub(crate) crash_in: Option<u64>,
    /// The same, but only calls that create, change or sync names are counted: most rules depend on these.
    pub(crate) crash_at_name_in: Option<u64>,
    /// The same, but only calls that change something of the index are counted.
    pub(crate) crash_in_index_in: Option<u64>,
    /// After this number of calls, the next one fails.
    pub(crate) fail_in: Option<u64>,
    /// The chance that a call fails, is interrupted, or does less than requested.
    pub(crate) failures: u32,
    pub(crate) interruptions: u32,
    pub(crate) short: u32,
    /// Files whose path contains this cannot be read.
    pub(crate) unreadable: Option<&'static str>,
    /// On a disk that lies: the chance that a sync is only claimed, a write goes elsewhere, a read shows a flipped bit,
    /// or a stored bit flips.
    pub(crate) lies: u32,
    pub(crate) misdirections: u32,
    pub(crate) rotten_reads: u32,
    pub(crate) rot: u32,
    /// After this number of further syncs, a sync that was only claimed fails.
    pub(crate) fails_after_lies: Option<u64>,
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It does what was requested.
    Done,
    /// It fails.
    Fail(ErrorKind, FailBut),
    /// It does at most this number of bytes.
    Short(u64),
    /// It reports success and does nothing.
    Lie,
    /// The machine or the process stops before it, after it, or in the middle of it.
    StopBefore,
    StopAfter,
    StopAt(u64),
    /// A write goes somewhere else.
    Misdirect,
    /// A read shows this bit of the file flipped.
    RottenRead(u64, u8),
    /// A stored bit of some file flips, and then the call is done.
    Rot,
}

impl Fate {
    /// Whether the machine stops, or the process.
    pub(crate) fn stops(self) -> bool {
        matches!(self, Fate::StopBefore | Fate::StopAfter | Fate::StopAt(_))
    }

    /// The words for the trace.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Fate::Done => "",
            Fate::Fail(_, FailBut::NotDone) => "fails, not done",
            Fate::Fail(_, FailBut::Done) => "fails, but done",
            Fate::Fail(_, FailBut::Partly(_)) => "fails, partly done",
            Fate::Fail(_, FailBut::Forgotten) => "fails, and what was unsynced is forgotten",
            Fate::Short(_) => "short",
            Fate::Lie => "claimed, not done",
            Fate::StopBefore => "stops before it",
            Fate::StopAfter => "stops after it",
            Fate::StopAt(_) => "stops in it",
            Fate::Misdirect => "goes elsewhere",
            Fate::RottenRead(..) => "a bit flips on its way",
            Fate::Rot => "a stored bit flips",
        }
    }
}

impl FaultPlan {
    /// Draws what happens to a call of `bytes` bytes.
    pub(crate) fn fate(&mut self, op: Op, path: &Path, offset: u64, bytes: u64, chance: &mut Rng) -> Fate {
        let of_names = matches!(op, Op::Create | Op::Rename | Op::RemoveFile | Op::SyncDir);
        let of_index = self.crash_in_index_in.is_some() && op.changes() && is_of_index(path);
        if op.changes() && is_due(&mut self.crash_in)
            || of_names && is_due(&mut self.crash_at_name_in)
            || of_index && is_due(&mut self.crash_in_index_in)
        {
            return stop(op, bytes, chance);
        }
        if is_due(&mut self.fail_in) {
            return failure(op, bytes, chance);
        }
        if self.unreadable.is_some_and(|part| path.to_string_lossy().contains(part)) && reads(op) {
            return Fate::Fail(ErrorKind::Other, FailBut::NotDone);
        }
        if op.syncs() && is_due(&mut self.fails_after_lies) {
            return Fate::Fail(ErrorKind::Other, FailBut::Forgotten);
        }
        let mut happens = |of: u32| of > 0 && chance.u32(..OF) < of;
        if happens(self.failures) {
            return failure(op, bytes, chance);
        }
        if may_be_interrupted(op) && happens(self.interruptions) {
            return Fate::Fail(ErrorKind::Interrupted, FailBut::NotDone);
        }
        if matches!(op, Op::Read | Op::Write) && bytes > 1 && happens(self.short) {
            return Fate::Short(chance.u64(1..bytes));
        }
        if op.syncs() && happens(self.lies) {
            if self.fails_after_lies.is_none() && chance.bool() {
                self.fails_after_lies = Some(chance.u64(..20));
            }
            return Fate::Lie;
        }
        if op == Op::Write && happens(self.misdirections) {
            return Fate::Misdirect;
        }
        if op == Op::Read && bytes > 0 && happens(self.rotten_reads) {
            return Fate::RottenRead(offset + chance.u64(..bytes.min(4_096)), 1 << chance.u32(..8));
        }
        if happens(self.rot) { Fate::Rot } else { Fate::Done }
    }
}

/// Counts down. Returns true at the end of the count.
fn is_due(left: &mut Option<u64>) -> bool {
    match left {
        Some(0) => {
            *left = None;
            true
        }
        Some(calls) => {
            *calls -= 1;
            false
        }
        None => false,
    }
}

fn stop(op: Op, bytes: u64, chance: &mut Rng) -> Fate {
    match chance.u8(..3) {
        0 => Fate::StopBefore,
        1 if op == Op::Write && bytes > 1 => Fate::StopAt(chance.u64(1..bytes)),
        _ => Fate::StopAfter,
    }
}

fn failure(op: Op, bytes: u64, chance: &mut Rng) -> Fate {
    let full = chance.u8(..3) == 0 && (op.changes() && op != Op::Lock);
    let kind = if full { ErrorKind::StorageFull } else { ErrorKind::Other };
    let but = match (op, chance.u8(..4)) {
        (Op::Write | Op::Read, 1 | 2) if bytes > 1 => FailBut::Partly(chance.u64(1..bytes)),
        (Op::SyncData | Op::SyncAll | Op::SyncDir, 1 | 2) => FailBut::Forgotten,
        (Op::Lock | Op::Read, _) => FailBut::NotDone,
        (_, 3) if op.changes() => FailBut::Done,
        _ => FailBut::NotDone,
    };
    Fate::Fail(kind, but)
}

fn reads(op: Op) -> bool {
    matches!(op, Op::Open | Op::Read | Op::Bytes | Op::ReadDir | Op::Metadata)
}

/// Whether a signal can interrupt this call. For `open` the standard library tries again by itself.
fn may_be_interrupted(op: Op) -> bool {
    matches!(op, Op::Read | Op::Write | Op::SyncData | Op::SyncAll | Op::SyncDir | Op::SetBytes | Op::Rename)
}

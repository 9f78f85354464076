//! What a canary does to the calls of the engine.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use graven::disk::sim::{FailBut, Op};

use super::{Caller, State};
use crate::canary::Canary;
use crate::fault_plan::Fate;
use crate::index_files::is_shelf;

/// What a canary does to a call.
pub(super) enum CanaryEffect {
    Fate(Fate),
    /// A write of at most this number of bytes counts as complete.
    ShortTakenForWhole(u64),
    /// The call fails and reports success.
    Untold(FailBut),
}

impl State {
    /// What the canary does to a call, if it concerns the call.
    pub(super) fn canary_effect(
        &mut self,
        op: Op,
        path: &Path,
        bytes: u64,
        caller: &Caller,
    ) -> Option<CanaryEffect> {
        let canary = self.canary?;
        let live = path == self.layout.live();
        let lie = Some(CanaryEffect::Fate(Fate::Lie));
        let in_dir = |dir: PathBuf| path.starts_with(dir);
        let is_new = || path.extension().is_some_and(|extension| extension == "tmp");
        match (canary, op) {
            (Canary::AcknowledgeBeforeSync, Op::SyncData) if live => lie,
            (Canary::CloseBeforeSync, Op::SyncData) if live && caller.closing.load(Ordering::Relaxed) => lie,
            (Canary::SkipDirectorySync, Op::SyncDir) => lie,
            (Canary::SkipBlobSync, Op::SyncAll) if in_dir(self.layout.blobs()) => lie,
            (Canary::RenameWithoutSync, Op::SyncAll) if is_new() && !in_dir(self.layout.blobs()) => lie,
            (Canary::PublishBeforeHashes, Op::SyncData) if in_dir(self.layout.tiles()) => lie,
            (Canary::SkipShelfSync, Op::SyncAll) if is_shelf(path, true) => lie,
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

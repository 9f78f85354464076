//! What somebody else has changed in the files of a run, and how that is undone.

use std::path::{Path, PathBuf};

use graven::disk::Disk;
use graven::disk::sim::SimDisk;
use graven_core::verdict::Verdict;

use super::World;
use crate::look::Stored;
use crate::rule::{Checked, Rule};

/// What was changed, so that the trail is lost to all processes that have it open.
#[derive(Debug)]
pub(crate) struct Meddling {
    /// How it is undone at the end of the life: this name goes back to that one. `None`: the files are gone.
    pub(crate) undo: Option<(PathBuf, PathBuf)>,
    /// Whether every process must notice it. An empty live file may be replaced by another: a process that has not seen
    /// it yet goes on with the new one, and nothing is lost.
    pub(crate) shows: bool,
}

impl World {
    /// Undoes what somebody has done, when no process has the trail open any more. `false`: that cannot be undone.
    pub(crate) fn undo_meddling(&mut self) -> bool {
        if let Some(note) = self.planted.take() {
            let path = self.plan.layout.closed();
            if self.disk.contents(&path).is_ok_and(|there| there == note) {
                self.disk.remove_file(&path).expect("it was just read");
                sync(&self.disk, self.plan.layout.dir());
            }
        }
        self.shared.lock().moved = false;
        let Some(meddling) = self.meddled.take() else { return true };
        let Some((away, back)) = meddling.undo else { return false };
        self.did("somebody puts everything back");
        // What has the name now is moved away first.
        let aside = away.with_extension("aside");
        let _nothing_there = self.disk.rename(&back, &aside);
        if self.disk.rename(&away, &back).is_err() {
            return false;
        }
        sync(&self.disk, back.parent().unwrap_or(Path::new("/")));
        true
    }

    /// Checks that the verifier says so when fewer entries are left than are signed.
    pub(crate) fn check_named(&mut self, after: &Stored) -> Checked {
        let signed = after.checkpoint.as_ref().map_or(0, |head| head.size);
        if signed <= after.len() as u64 {
            return Ok(());
        }
        let said = self.verdict();
        Rule::CalledIntact.unless(said.as_ref().is_none_or(|verdict| *verdict != Verdict::Intact), || {
            format!("{signed} entries are signed, {} are left, and the verifier says {said:?}", after.len())
        })
    }
}

/// Makes the names of a directory durable.
pub(crate) fn sync(disk: &SimDisk, dir: &Path) {
    // The directory may have been moved away, too.
    let _gone = disk.sync_dir(dir);
}

//! Somebody else changes the files under the processes: logrotate, an editor, `rm`, `mv`.
//!
//! Some changes cost nothing: the processes go on. After the others the trail is lost to every process that has it
//! open. Then none of them may write, acknowledge or sign anything in a step that begins after the change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven::Machine;
use graven::Settings;
use graven::disk::sim::SimDisk;
use graven::disk::{Disk, Open};
use graven::sim::Process;

use super::Life;
use crate::look::Stored;
use crate::rule::Checked;
use crate::world::{Meddling, sync};

impl Life<'_> {
    /// Changes the files, if this run has such changes and some process has the trail open.
    pub(super) fn meddle(&mut self) -> Checked {
        let open = self.procs.iter().any(|proc| proc.trail.is_some());
        if !self.world.plan.meddled || !open || self.world.meddled.is_some() || self.world.tiles_emptied {
            return Ok(());
        }
        // What somebody else writes must not fail half-way.
        self.world.disk.set_space(None);
        // A process that is about to open the trail would rightly take what it finds then.
        let opening = self.procs.iter().any(|proc| proc.is_busy() && proc.trail.is_none());
        match self.world.chance.u8(..10) {
            5..10 if opening => Ok(()),
            0..3 => self.delete_lock(),
            3 | 4 => self.plant_closed(),
            5 => self.delete_tiles(),
            6 | 7 => self.rename_live(),
            8 => self.shorten_live(),
            _ => self.move_dir(),
        }
    }

    /// `rm LOCK`, as for a lock that looks stale.
    fn delete_lock(&mut self) -> Checked {
        self.world.did("somebody deletes LOCK");
        self.lock_deleted = true;
        let disk = &self.world.disk;
        if disk.remove_file(&self.world.plan.layout.lock()).is_ok() {
            sync(disk, self.world.plan.layout.dir());
        }
        Ok(())
    }

    /// Puts an earlier `closed` back.
    fn plant_closed(&mut self) -> Checked {
        let Some(note) = self.world.shared.lock().closed.clone() else { return Ok(()) };
        if self.some_are_busy() {
            return Ok(());
        }
        self.world.did("somebody puts an earlier `closed` back");
        let path = self.world.plan.layout.closed();
        write(&self.world.disk, &path, &note);
        self.world.planted = Some(note);
        Ok(())
    }

    /// Deletes what can be made again.
    fn delete_tiles(&mut self) -> Checked {
        if !self.some_are_busy() {
            self.world.empty_tiles();
        }
        Ok(())
    }

    /// `mv audit.jsonl audit.jsonl.1`, and perhaps a new file with the old name, as logrotate does.
    fn rename_live(&mut self) -> Checked {
        let kind = self.world.chance.u8(..3);
        self.world
            .did(["somebody renames the live file", "logrotate create", "an editor saves"][kind as usize]);
        let (disk, live) = (&self.world.disk, self.world.plan.layout.live().to_owned());
        let away = live.with_extension(format!("{}", self.world.tally.lives));
        let there = disk.contents(&live).unwrap_or_default();
        if disk.rename(&live, &away).is_err() {
            return Ok(());
        }
        match kind {
            0 => {}
            1 => write(disk, &live, b""),
            _ => write(disk, &live, &there[..there.len() / 2]),
        }
        sync(disk, self.world.plan.layout.live_parent());
        if self.world.chance.u8(..4) == 0 {
            self.delete_lock()?;
        }
        let shows = !there.is_empty() && !self.some_are_busy();
        self.has_meddled(Some((away, live)), shows)
    }

    /// Cuts the live file, or deletes it.
    fn shorten_live(&mut self) -> Checked {
        let live = self.world.plan.layout.live().to_owned();
        let there = self.world.disk.contents(&live).map_or(0, |bytes| bytes.len());
        if there == 0 {
            return Ok(());
        }
        if self.world.chance.bool() {
            let left = self.world.chance.usize(..there);
            self.world.did(format!("somebody cuts the live file to {left} of {there} bytes"));
            self.world.disk.tamper(&live, |bytes| bytes.truncate(left)).expect("it was just read");
        } else {
            self.world.did("somebody deletes the live file");
            self.world.disk.remove_file(&live).expect("it was just read");
            sync(&self.world.disk, self.world.plan.layout.live_parent());
        }
        let shows = !self.some_are_busy();
        self.has_meddled(None, shows)
    }

    /// `mv DIR DIR.old`, and a new directory or a new trail in its place.
    fn move_dir(&mut self) -> Checked {
        let (disk, layout) = (&self.world.disk, &self.world.plan.layout);
        let dir = layout.dir().to_owned();
        let away = dir.with_extension(format!("old-{}", self.world.tally.lives));
        if disk.rename(&dir, &away).is_err() {
            return Ok(());
        }
        match self.world.chance.u8(..3) {
            0 => self.world.did("somebody moves the trail away"),
            1 => {
                self.world.did("somebody moves the trail away, and makes a new directory");
                disk.create_dir(&dir).expect("the name is free");
            }
            _ => {
                self.world.did("somebody moves the trail away, and makes a new one");
                // Beside its live file a trail that is moved away leaves that file, which the new one would take over.
                if layout.live().starts_with(&dir) {
                    let machine =
                        Machine { disk: Arc::new(disk.clone()), clock: Arc::new(self.world.clock.clone()) };
                    // With a key of its own: one key never signs two trails under one origin.
                    let settings = Settings::new(&dir);
                    let made = Process::new().open(settings, machine).and_then(graven::sim::Stepped::close);
                    made.expect("a new trail on a disk without faults");
                }
            }
        }
        sync(&self.world.disk, dir.parent().unwrap_or(Path::new("/")));
        self.world.shared.lock().moved = true;
        self.has_meddled(Some((away, dir)), true)
    }

    /// From now on the trail is lost to all processes that have it open. In the middle of a step they may have done what
    /// cannot be undone.
    fn has_meddled(&mut self, undo: Option<(PathBuf, PathBuf)>, shows: bool) -> Checked {
        let undo = undo.filter(|_| !self.some_are_busy());
        self.world.tally.meddled += 1;
        let after = Stored::look(&self.world.disk, &self.world.plan.layout);
        self.world.check_named(&after)?;
        self.world.meddled = Some(Meddling { undo, shows });
        Ok(())
    }
}

fn write(disk: &SimDisk, path: &Path, bytes: &[u8]) {
    let made = disk.open(path, Open::Create).and_then(|file| {
        file.set_bytes(0)?;
        file.write_at(bytes, 0)?;
        file.sync_all()
    });
    made.expect("the disk is not full, and its directory is there");
    sync(disk, path.parent().unwrap_or(Path::new("/")));
}

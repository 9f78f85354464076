//! The world of one run: its disk and clock, the model, the verifier, and the checks that compare them.

mod checks;
mod index;
mod meddled;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use fastrand::Rng;
use graven::clock::sim::SimClock;
use graven::disk::sim::SimDisk;
use graven::disk::{Disk, Open};
use graven::durable;
use graven::{Error, ErrorKind, Machine, Receipt};
use graven_core::hash::Hash;

use crate::canary::Canary;
use crate::clock::FaultyClock;
use crate::disk::{Caller, Shared};
use crate::fault_plan::FaultPlan;
use crate::follower::Follower;
use crate::head::Head;
use crate::look::Stored;
use crate::model::{Model, Settling};
use crate::plan::Plan;
use crate::rule::{Checked, Rule};
use crate::tally::Tally;
use crate::verifier::Verifier;

pub(crate) use meddled::{Meddling, sync};

/// Everything that outlives one life of a run, except the process.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) chance: Rng,
    pub(crate) shared: Shared,
    /// The disk without faults.
    pub(crate) disk: SimDisk,
    pub(crate) clock: FaultyClock,
    pub(crate) model: Model,
    pub(crate) canary: Option<Canary>,
    pub(crate) tally: Tally,
    /// Whether `tiles/` was emptied, and no opening has rebuilt it.
    pub(crate) tiles_emptied: bool,
    /// Whether a process was killed in the last life: what it left half done is worth a second crash.
    pub(crate) killed: bool,
    /// How somebody else has changed the files, so that the trail is lost to the processes that have it open.
    pub(crate) meddled: Option<Meddling>,
    /// The note that somebody else has put in the place of `closed`.
    pub(crate) planted: Option<Vec<u8>>,
    /// The process that makes the index, if there is one now.
    pub(crate) follower: Option<Follower>,
    /// Shelves that somebody else has damaged, by path and hash.
    pub(crate) spoiled: BTreeSet<(PathBuf, Hash)>,
    /// How many processes there were.
    processes: u32,
    verifier: Verifier,
    /// On a disk that lies: the heads that were signed, and the newest head that the verifier accepted.
    signed: BTreeSet<(u64, [u8; 32])>,
    accepted: Option<Head>,
}

impl World {
    pub(crate) fn new(seed: u64, canary: Option<Canary>, steps_kept: usize) -> World {
        let mut plan = Plan::of(seed);
        // A canary can only be found by the rules of its own kind of disk.
        match canary {
            Some(Canary::BlindVerifier) => plan.honest = false,
            Some(_) => plan.honest = true,
            None => {}
        }
        if let Some(canary) = canary {
            plan.follows = canary.is_of_index();
            plan.tall |= plan.follows;
        }
        let mut chance = Rng::with_seed(seed ^ 0x6c69_7665);
        let clock = FaultyClock {
            inner: SimClock::new(chance.u64(..)),
            repeats: canary == Some(Canary::RepeatChance),
        };
        let shared = Shared::new(chance.u64(..), plan.layout.clone(), canary, steps_kept);
        shared.lock().keeps_torn = plan.honest;
        World {
            disk: new_disk(&plan),
            verifier: Verifier::new(clock.clone()),
            model: Model::new(),
            tally: Tally::default(),
            tiles_emptied: false,
            killed: false,
            meddled: None,
            planted: None,
            follower: None,
            spoiled: BTreeSet::new(),
            processes: 0,
            signed: BTreeSet::new(),
            accepted: None,
            plan,
            chance,
            shared,
            clock,
            canary,
        }
    }

    /// Continues with a new disk and a new trail.
    pub(crate) fn start_over(&mut self) {
        self.did("start over on a new disk");
        self.follower = None;
        self.spoiled.clear();
        self.disk = new_disk(&self.plan);
        self.shared.lock().stopped = false;
        self.model = Model::new();
        self.tiles_emptied = false;
        (self.meddled, self.planted) = (None, None);
        self.shared.lock().closed = None;
        self.verifier = Verifier::new(self.clock.clone());
        self.accepted = None;
        self.signed.clear();
    }

    /// Notes in the trace what the driver does.
    pub(crate) fn did(&self, what: impl Into<String>) {
        self.shared.did(what);
    }

    /// Whether the machine has stopped.
    pub(crate) fn stopped(&self) -> bool {
        self.shared.lock().stopped
    }

    /// Whether somebody else has changed what the processes have open.
    pub(crate) fn is_meddled(&self) -> bool {
        self.meddled.is_some() || self.planted.is_some()
    }

    /// Whether everything must be as the model says.
    pub(crate) fn is_judged(&self) -> bool {
        self.plan.honest && self.meddled.is_none()
    }

    /// Removes the files that can be rebuilt, as an operator may.
    pub(crate) fn empty_tiles(&mut self) {
        self.did("somebody empties tiles/");
        self.tiles_emptied = true;
        let tiles = self.plan.layout.tiles();
        if self.chance.bool() {
            let away = format!("/srv/old-{}", self.tally.lives);
            // The directory is missing if the creation of the trail was not finished.
            let _ = self.disk.rename(&tiles, away.as_ref());
            let _ = self.disk.sync_dir(self.plan.layout.dir());
            return;
        }
        for file in self.disk.files().iter().filter(|file| file.starts_with(&tiles)) {
            self.disk.remove_file(file).expect("it was listed");
        }
        let _ = self.disk.sync_dir(&tiles);
    }

    /// The number of a new process.
    pub(crate) fn new_process(&mut self) -> u32 {
        self.processes += 1;
        self.processes
    }

    /// The machine as one process sees it.
    pub(crate) fn machine_of(&self, caller: &Arc<Caller>) -> Machine {
        let disk = self.shared.disk(self.disk.clone(), Arc::clone(caller));
        Machine { disk: Arc::new(disk), clock: Arc::new(self.clock.clone()) }
    }

    /// Ends the faults of the disk, and its lack of space. A planned crash stays.
    pub(crate) fn heal(&mut self) {
        let shared = &mut *self.shared.lock();
        shared.faults = FaultPlan {
            crash_in: shared.faults.crash_in,
            crash_at_name_in: shared.faults.crash_at_name_in,
            crash_in_index_in: shared.faults.crash_in_index_in,
            ..FaultPlan::default()
        };
        self.disk.set_space(None);
    }

    /// Collects the heads that were signed since the last call, and the rule that a call has broken.
    pub(crate) fn collect_heads(&mut self) -> Checked {
        let mut shared = self.shared.lock();
        let (heads, broken) = (std::mem::take(&mut shared.heads), shared.broken.take());
        drop(shared);
        let counts = |rule| self.is_judged() || matches!(rule, Rule::Lost | Rule::Waits);
        if let Some(broken) = broken.filter(|broken| counts(broken.rule)) {
            return Err(broken);
        }
        for head in heads {
            if self.plan.honest {
                self.model.signed(&head)?;
            } else {
                self.signed.insert((head.size, *head.root.as_bytes()));
            }
        }
        Ok(())
    }

    /// Settles what is durable. `quiet`: no process is in the middle of a step. `whole`: one that is alone has just opened
    /// or closed the trail, so that everything is durable.
    pub(crate) fn settle(&mut self, quiet: bool, whole: bool) -> Checked {
        if !self.is_judged() {
            return Ok(());
        }
        let (disk, layout) = (&self.disk, &self.plan.layout);
        let (seen, durable) = (Stored::look(disk, layout), Stored::durable(disk, layout));
        let gaps = &self.shared.lock().gaps;
        self.model.settle(&Settling { seen: &seen, durable: &durable, disk, layout, gaps, quiet, whole })
    }

    /// The caller got this receipt for an attempt.
    pub(crate) fn acknowledge(&mut self, number: usize, receipt: &Receipt) -> Checked {
        self.tally.acknowledged += 1;
        // An index that a lying disk has lost may be given again.
        if self.plan.honest { self.model.acknowledge(number, receipt) } else { Ok(()) }
    }

    /// Checks that an error has a fitting kind: on an honest disk it never says that data is damaged.
    pub(crate) fn check_error(&self, error: &Error) -> Checked {
        let what = || format!("{:?}: {}", error.kind(), error.chain());
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::Closed => Ok(()),
            ErrorKind::Data | ErrorKind::NotFound if !self.plan.honest || self.is_meddled() => Ok(()),
            ErrorKind::Data => Rule::Accused.broken(what()),
            // Where a bit of the redaction key or of a setting flips, or a lost write brings old ones back, two processes
            // have different ones, and neither can know.
            ErrorKind::Invalid if !self.plan.honest && error.to_string().contains("with other settings") => {
                Ok(())
            }
            _ => Rule::Answers.broken(what()),
        }
    }
}

/// A disk as it is before the first life.
fn new_disk(plan: &Plan) -> SimDisk {
    let disk = SimDisk::new();
    let made = || -> std::io::Result<()> {
        disk.create_dir("/srv".as_ref())?;
        disk.sync_dir("/".as_ref())?;
        if let Some(foreign) = plan.foreign {
            durable::create_dir(&disk, plan.layout.live_parent())?;
            let file = disk.open(plan.layout.live(), Open::CreateNew)?;
            durable::write_all_at(&*file, foreign, 0)?;
            file.sync_all()?;
            disk.sync_dir(plan.layout.live_parent())?;
        }
        Ok(())
    };
    made().expect("a new disk works");
    disk
}

//! The world of one run: its disk and clock, the model, the verifier, and the checks that compare them.

mod checks;

use std::collections::BTreeSet;
use std::sync::Arc;

use fastrand::Rng;
use graven::clock::sim::SimClock;
use graven::disk::sim::SimDisk;
use graven::disk::{Disk, Open};
use graven::durable;
use graven::{Error, ErrorKind, Machine, Receipt};

use crate::canary::Canary;
use crate::clock::FaultyClock;
use crate::disk::{FaultyDisk, Shared};
use crate::fault_plan::FaultPlan;
use crate::head::Head;
use crate::model::Model;
use crate::plan::Plan;
use crate::rule::{Checked, Rule};
use crate::tally::Tally;
use crate::verifier::Verifier;

/// Everything that outlives one life of a run, except the process.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) chance: Rng,
    pub(crate) shared: Shared,
    pub(crate) disk: FaultyDisk,
    pub(crate) clock: FaultyClock,
    pub(crate) model: Model,
    pub(crate) canary: Option<Canary>,
    pub(crate) tally: Tally,
    /// Whether `tiles/` was emptied, and no opening has rebuilt it.
    pub(crate) tiles_emptied: bool,
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
        let mut chance = Rng::with_seed(seed ^ 0x6c69_7665);
        let clock = FaultyClock {
            inner: SimClock::new(chance.u64(..)),
            repeats: canary == Some(Canary::RepeatChance),
        };
        let shared = Shared::new(chance.u64(..), plan.layout.clone(), canary, steps_kept);
        World {
            disk: shared.disk(new_disk(&plan)),
            verifier: Verifier::new(clock.clone()),
            model: Model::new(),
            tally: Tally::default(),
            tiles_emptied: false,
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
        self.disk = self.shared.disk(new_disk(&self.plan));
        self.shared.lock().stopped = false;
        self.model = Model::new();
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

    /// The machine with this disk and the clock of the run.
    pub(crate) fn machine_on(&self, disk: FaultyDisk) -> Machine {
        Machine { disk: Arc::new(disk), clock: Arc::new(self.clock.clone()) }
    }

    /// Ends the faults of the disk, and its lack of space. A planned crash stays.
    pub(crate) fn heal(&mut self) {
        let shared = &mut *self.shared.lock();
        shared.faults = FaultPlan {
            crash_in: shared.faults.crash_in,
            crash_at_name_in: shared.faults.crash_at_name_in,
            ..FaultPlan::default()
        };
        self.disk.inner.set_space(None);
    }

    /// Collects the heads that were signed since the last call.
    pub(crate) fn collect_heads(&mut self) -> Checked {
        let heads = std::mem::take(&mut self.shared.lock().heads);
        for head in heads {
            if self.plan.honest {
                self.model.signed(&head)?;
            } else {
                self.signed.insert((head.size, *head.root.as_bytes()));
            }
        }
        Ok(())
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
            ErrorKind::Data | ErrorKind::NotFound if !self.plan.honest => Ok(()),
            ErrorKind::Data => Rule::Accused.broken(what()),
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

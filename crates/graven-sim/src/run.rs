//! One run: one trail on one disk, over several lives.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use graven::disk::sim::Snapshot;

use crate::canary::Canary;
use crate::ended::{self, Ended};
use crate::fault_plan::FaultPlan;
use crate::life::{Life, Opened};
use crate::look::Stored;
use crate::plan::{self, Ending};
use crate::process::Survivor;
use crate::rule::{Broken, Checked, Rule};
use crate::shipping;
use crate::tally::Tally;
use crate::world::World;

/// Simulates the run of a seed: at most `lives_max` lives of it. Keeps the last `steps_kept` steps for a report.
pub fn run(seed: u64, lives_max: u64, canary: Option<Canary>, steps_kept: usize) -> Ended {
    if plan::ships(seed, canary) {
        return shipping::run(seed, lives_max, canary, steps_kept);
    }
    let mut run = Run { world: World::new(seed, canary, steps_kept), survivors: Vec::new() };
    let lived = catch_unwind(AssertUnwindSafe(|| run.live(lives_max)));
    let outcome = lived.unwrap_or_else(|panic| Rule::Panic.broken(ended::message(&*panic)));
    let world = &run.world;
    let shared = world.shared.lock();
    let trace = &shared.trace;
    let tally = Tally { calls: trace.calls(), ..world.tally };
    let broken = outcome.err().map(|Broken { rule, how }| (rule, tally.lives, how, trace.last_steps()));
    Ended { trace: trace.hash(), tally, broken }
}

/// A run in progress.
struct Run {
    world: World,
    /// The processes of the last life that go on.
    survivors: Vec<Survivor>,
}

impl Run {
    fn live(&mut self, lives_max: u64) -> Checked {
        for _ in 0..self.world.plan.lives.min(lives_max) {
            let world = &mut self.world;
            world.tally.lives += 1;
            world.tally.lives_on_lying_disks += u64::from(!world.plan.honest);
            world.did(format!("life {}", world.tally.lives));
            if !self.one_life()? {
                self.world.start_over();
                self.survivors.clear();
            }
        }
        if self.world.plan.honest { self.last_close() } else { Ok(()) }
    }

    /// One life. Returns `false` when the trail cannot be opened any more.
    fn one_life(&mut self) -> Checked<bool> {
        let world = &mut self.world;
        let start = world.disk.snapshot();
        let mut faults = world.plan.faults(&mut world.chance);
        if world.plan.follows {
            world.plan.index_faults(&mut faults, &mut world.chance);
        }
        // Half of the time: a crash in each opening would hide what can happen after it.
        if world.tiles_emptied && world.chance.bool() {
            faults.crash_in = Some(world.chance.u64(..30));
        }
        let second_crash = std::mem::take(&mut world.killed) && world.chance.bool();
        if second_crash {
            faults = FaultPlan { crash_at_name_in: Some(world.chance.u64(..20)), ..FaultPlan::default() };
        }
        let early = second_crash || world.tiles_emptied || world.chance.bool();
        let late = (!early).then(|| faults.clone());
        world.shared.lock().faults = if late.is_some() { FaultPlan::default() } else { faults };
        let space = world.plan.space(&mut world.chance);
        world.disk.set_space(space.map(|more| world.disk.used() + more));
        let actions = world.chance.u64(..24);
        let mut ending = world.plan.ending(&mut world.chance);
        let mut life = Life::new(world, std::mem::take(&mut self.survivors));
        let opened = life.open_first()?;
        if opened == Opened::Ready {
            if let Some(faults) = late {
                life.set_faults(faults);
            }
            life.live(actions)?;
        }
        let (clean, survivors) = life.finish(&mut ending)?;
        if opened == Opened::Refused {
            return Ok(false);
        }
        if self.world.stopped() {
            ending = Ending::PowerCut;
            self.world.killed = false;
        } else if second_crash {
            self.world.killed = false;
        }
        let clean = self.end_life(ending, clean && !self.world.is_meddled(), survivors, &start);
        if !self.world.undo_meddling() {
            return Ok(false);
        }
        self.world.check_at_rest(clean)?;
        self.world.check_index_at_rest()?;
        if self.world.plan.honest && self.world.chance.u8(..16) == 0 {
            self.world.empty_tiles();
        }
        Ok(true)
    }

    /// Ends the processes or the machine, or lets processes continue. Returns whether the trail is closed.
    fn end_life(&mut self, ending: Ending, clean: bool, survivors: Vec<Survivor>, start: &Snapshot) -> bool {
        let world = &mut self.world;
        // A trail that was poisoned or closed is opened again by the same process, or by the next.
        let continues = !survivors.is_empty() && world.chance.bool();
        if continues {
            if world.canary != Some(Canary::ForgetLosses) {
                self.survivors = survivors;
            } else {
                self.survivors = survivors.into_iter().map(Survivor::without_losses).collect();
            }
            return clean;
        }
        // A follower that nobody kills goes on with what it has in memory.
        let follows_on = ending != Ending::PowerCut && world.follower.is_some() && world.chance.bool();
        if !follows_on {
            world.follower = None;
        }
        let inner = match ending {
            Ending::Kill | Ending::Close if follows_on => {
                world.did("the processes end beside the follower");
                world.disk.clone()
            }
            Ending::PowerCut => {
                let snapshot = world.disk.snapshot();
                let choice = snapshot.crash_choice_drawn(world.chance.u64(..));
                world.did(format!("a power cut leaves {choice:?}"));
                snapshot.crash(&choice)
            }
            Ending::Kill | Ending::Close => {
                world.did("the process ends");
                world.disk.restart()
            }
        };
        world.tally.crashes += u64::from(!clean);
        let rolled_back = world.canary == Some(Canary::RollBack) && world.chance.bool();
        let inner = if rolled_back { start.restart() } else { inner };
        world.disk = inner;
        world.shared.lock().stopped = false;
        clean && !rolled_back
    }

    /// Ends a run on an honest disk: without faults the trail opens, takes entries and closes.
    fn last_close(&mut self) -> Checked {
        let world = &mut self.world;
        world.did("last close");
        (world.plan.meddled, world.plan.processes) = (false, 1);
        world.shared.lock().faults = FaultPlan::default();
        world.disk.set_space(None);
        world.clock.inner.advance(Duration::from_secs(60));
        let mut life = Life::new(world, std::mem::take(&mut self.survivors));
        Rule::Opens.unless(life.open_first()? == Opened::Ready, || {
            "the trail does not open at the end of the run".into()
        })?;
        life.live(3)?;
        let (clean, _) = life.finish(&mut Ending::Close)?;
        Rule::Opens.unless(clean, || "the trail does not close at the end of the run".into())?;
        let disk = &world.disk;
        let stored = Stored::look(disk, &world.plan.layout);
        let segments = world.plan.layout.segments();
        let closed = disk.files().iter().filter(|file| file.starts_with(&segments)).count();
        world.tally.segments += closed as u64;
        world.model.check_kept(&stored, disk)?;
        world.check_closed(&stored)?;
        world.check_verdict("at the end", true)?;
        world.check_index_at_end()?;
        let disk = &world.disk;
        let holds = |foreign: &[u8]| {
            disk.files().iter().any(|file| disk.contents(file).is_ok_and(|bytes| bytes == foreign))
        };
        Rule::Kept
            .unless(world.plan.foreign.is_none_or(holds), || "what another program wrote is lost".into())
    }
}

//! One run: one trail on one disk, over several lives.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use graven::ErrorKind;
use graven::disk::Disk;
use graven::disk::sim::Snapshot;
use graven::sim::{Process, Stepped};

use crate::canary::Canary;
use crate::fault_plan::FaultPlan;
use crate::life::Life;
use crate::look::Stored;
use crate::plan::Ending;
use crate::rule::{Broken, Checked, Rule};
use crate::tally::Tally;
use crate::world::World;

/// How often an opening may fail before the faults of the disk end.
const OPENINGS_UNDER_FAULTS: u32 = 3;

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// A number that two equal runs share.
    pub trace: u64,
    /// The counts of the run.
    pub tally: Tally,
    /// The rule that was broken, in which life (counted from 1), how, and the last steps.
    pub broken: Option<(Rule, u64, String, Vec<String>)>,
}

/// Simulates the run of a seed: at most `lives_max` lives of it. Keeps the last `steps_kept` steps for a report.
pub fn run(seed: u64, lives_max: u64, canary: Option<Canary>, steps_kept: usize) -> Ended {
    let mut run = Run { world: World::new(seed, canary, steps_kept), process: None, killed: false };
    let lived = catch_unwind(AssertUnwindSafe(|| run.live(lives_max)));
    let outcome = lived.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Rule::Panic.broken(message.unwrap_or_default())
    });
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
    /// The process of the last life, if it continues.
    process: Option<Process>,
    /// Whether a process was killed in the middle of a call: what it left half done is worth a second crash.
    killed: bool,
}

/// The result of an opening.
enum Opened {
    Ready(Box<Stepped>),
    /// The machine stopped in it.
    Stopped,
    /// The disk has lost too much, and the engine reports that.
    Refused,
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
                self.process = None;
            }
        }
        if self.world.plan.honest { self.last_close() } else { Ok(()) }
    }

    /// One life. Returns `false` when the trail cannot be opened any more.
    fn one_life(&mut self) -> Checked<bool> {
        let world = &mut self.world;
        let start = world.disk.inner.snapshot();
        let mut faults = world.plan.faults(&mut world.chance);
        // Half of the time: a crash in each opening would hide what can happen after it.
        if world.tiles_emptied && world.chance.bool() {
            faults.crash_in = Some(world.chance.u64(..30));
        }
        let second_crash = std::mem::take(&mut self.killed) && world.chance.bool();
        if second_crash {
            faults = FaultPlan { crash_at_name_in: Some(world.chance.u64(..20)), ..FaultPlan::default() };
        }
        let early = second_crash || world.tiles_emptied || world.chance.bool();
        let late = (!early).then(|| faults.clone());
        world.shared.lock().faults = if late.is_some() { FaultPlan::default() } else { faults };
        let space = world.plan.space(&mut world.chance);
        world.disk.inner.set_space(space.map(|more| world.disk.inner.used() + more));
        let actions = world.chance.u64(..24);
        let mut ending = world.plan.ending(&mut world.chance);
        let mut clean = false;
        match self.open()? {
            Opened::Refused => return Ok(false),
            Opened::Stopped => ending = Ending::PowerCut,
            Opened::Ready(stepped) => {
                if let Some(faults) = late {
                    self.world.shared.lock().faults = faults;
                }
                let mut life = Life::new(&mut self.world, *stepped);
                life.live(actions)?;
                clean = life.finish(&mut ending)?;
            }
        }
        if self.world.stopped() {
            self.killed = !second_crash && self.world.chance.bool();
            ending = if self.killed { Ending::Kill } else { Ending::PowerCut };
            clean = false;
        }
        let clean = self.end_life(ending, clean, &start);
        self.world.check_at_rest(clean)?;
        if self.world.plan.honest && self.world.chance.u8(..16) == 0 {
            self.remove_tiles();
        }
        Ok(true)
    }

    /// Opens the trail as an operator would: again after a failure, on a disk without faults after several, and with a
    /// repair when the trail is refused.
    fn open(&mut self) -> Checked<Opened> {
        let world = &mut self.world;
        let before = Stored::look(&world.disk.inner, &world.plan.layout);
        let process = match self.process.take() {
            Some(process) => process,
            None => {
                world.model.new_process(&before);
                Process::new()
            }
        };
        let mut repair = before.is_trail && world.chance.u8(..16) == 0;
        for attempt in 1.. {
            world.did(if repair { "repair" } else { "open" });
            let settings = world.plan.settings.clone();
            let machine = world.machine_on(world.disk.clone());
            let opened =
                if repair { process.repair(settings, machine) } else { process.open(settings, machine) };
            world.collect_heads()?;
            let error = match opened {
                Ok(stepped) if world.stopped() => {
                    drop(stepped);
                    return Ok(Opened::Stopped);
                }
                Ok(stepped) => {
                    self.process = Some(process);
                    world.tiles_emptied = false;
                    if world.plan.honest {
                        world.check_opened(&before)?;
                    }
                    return Ok(Opened::Ready(Box::new(stepped)));
                }
                Err(_) if world.stopped() => return Ok(Opened::Stopped),
                Err(error) => error,
            };
            world.did(format!("opening failed: {}", error.chain()));
            world.check_error(&error)?;
            if error.kind() == ErrorKind::Data {
                if repair {
                    return Ok(Opened::Refused);
                }
                repair = true;
            }
            if attempt == OPENINGS_UNDER_FAULTS {
                world.heal();
            } else if attempt > OPENINGS_UNDER_FAULTS {
                Rule::Opens.unless(!world.plan.honest, || error.chain())?;
                return Ok(Opened::Refused);
            }
        }
        Ok(Opened::Refused)
    }

    /// Ends the process or the machine, or lets the process continue. Returns whether the trail is closed.
    fn end_life(&mut self, ending: Ending, clean: bool, start: &Snapshot) -> bool {
        let world = &mut self.world;
        // A trail that was poisoned or closed is opened again by the same process, or by the next.
        let continues = !world.stopped() && (clean || ending == Ending::Close) && world.chance.bool();
        if continues {
            if world.canary == Some(Canary::ForgetLosses) {
                self.process = Some(Process::new());
            }
            return clean;
        }
        self.process = None;
        let inner = match ending {
            Ending::PowerCut => {
                let snapshot = world.disk.inner.snapshot();
                let choice = snapshot.crash_choice_drawn(world.chance.u64(..));
                world.did(format!("a power cut leaves {choice:?}"));
                snapshot.crash(&choice)
            }
            Ending::Kill | Ending::Close => {
                world.did("the process ends");
                world.disk.inner.restart()
            }
        };
        world.tally.crashes += u64::from(!clean);
        let rolled_back = world.canary == Some(Canary::RollBack) && world.chance.bool();
        let inner = if rolled_back { start.restart() } else { inner };
        world.disk = world.shared.disk(inner);
        world.shared.lock().stopped = false;
        clean && !rolled_back
    }

    /// Removes the files that can be rebuilt, as an operator may.
    fn remove_tiles(&mut self) {
        let world = &mut self.world;
        world.did("empty tiles/");
        world.tiles_emptied = true;
        let tiles = world.plan.layout.tiles();
        let disk = &world.disk.inner;
        if world.chance.bool() {
            let away = format!("/srv/old-{}", world.tally.lives);
            // The directory is missing if the creation of the trail was not finished.
            let _ = disk.rename(&tiles, away.as_ref());
            let _ = disk.sync_dir(world.plan.layout.dir());
            return;
        }
        for file in disk.files().iter().filter(|file| file.starts_with(&tiles)) {
            disk.remove_file(file).expect("it was listed");
        }
        let _ = disk.sync_dir(&tiles);
    }

    /// Ends a run on an honest disk: without faults the trail opens, takes entries and closes.
    fn last_close(&mut self) -> Checked {
        let world = &mut self.world;
        world.did("last close");
        world.shared.lock().faults = FaultPlan::default();
        world.disk.inner.set_space(None);
        world.clock.inner.advance(Duration::from_secs(60));
        let Opened::Ready(stepped) = self.open()? else {
            return Rule::Opens.broken("the trail does not open at the end of the run");
        };
        let world = &mut self.world;
        let mut life = Life::new(world, *stepped);
        life.live(3)?;
        let clean = life.close()?;
        Rule::Opens.unless(clean, || "the trail does not close at the end of the run".into())?;
        let disk = &world.disk.inner;
        let stored = Stored::look(disk, &world.plan.layout);
        let segments = world.plan.layout.segments();
        let closed = disk.files().iter().filter(|file| file.starts_with(&segments)).count();
        world.tally.segments += closed as u64;
        world.model.check_kept(&stored, disk)?;
        world.check_closed(&stored)?;
        world.check_verdict("at the end", true)?;
        let disk = &world.disk.inner;
        let holds = |foreign: &[u8]| {
            disk.files().iter().any(|file| disk.contents(file).is_ok_and(|bytes| bytes == foreign))
        };
        Rule::Kept
            .unless(world.plan.foreign.is_none_or(holds), || "what another program wrote is lost".into())
    }
}

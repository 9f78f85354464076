//! One life of a trail: the random actions of its processes between the first opening and the end.

mod ending;
mod following;
mod meddling;
mod opening;
mod reading;
mod recording;

use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use graven::clock::Clock;
use graven::clock::sim::SimClock;

use crate::fault_plan::FaultPlan;
use crate::process::{Done, Proc, Step, Survivor};
use crate::rule::{Checked, Rule};
use crate::world::World;

pub(crate) use opening::Opened;

/// A life in progress.
pub(crate) struct Life<'a> {
    world: &'a mut World,
    procs: Vec<Proc>,
    /// How many steps the processes have made: one that waits for a lock tries again after the next.
    progress: u64,
    /// Whether somebody has deleted `LOCK`: a process shows in the new one only from its next commit on.
    lock_deleted: bool,
}

impl<'a> Life<'a> {
    pub(crate) fn new(world: &'a mut World, survivors: Vec<Survivor>) -> Life<'a> {
        let procs = survivors.into_iter().map(Proc::of).collect();
        Life { world, procs, progress: 0, lock_deleted: false }
    }

    /// From now on the disk has these faults.
    pub(crate) fn set_faults(&self, faults: FaultPlan) {
        self.world.shared.lock().faults = faults;
    }

    /// Takes this number of random actions; fewer when the machine stops.
    pub(crate) fn live(&mut self, actions: u64) -> Checked {
        let pauses = self.world.plan.pauses(&mut self.world.chance);
        self.world.shared.lock().pauses = pauses;
        let meddles_at = self.world.chance.u64(..24);
        let batch_each = if self.world.plan.follows { 3 } else { 5 };
        for action in 0..actions {
            if action == meddles_at {
                self.meddle()?;
            }
            while self.some_are_busy() && self.world.chance.bool() {
                self.go_on()?;
                self.look_round()?;
                if self.world.stopped() {
                    return Ok(());
                }
            }
            let proc = self.choose();
            if self.world.plan.tall
                && action % batch_each == 0
                && self.world.chance.bool()
                && self.is_open(proc)
            {
                self.record_batch(proc)?;
            } else {
                self.act(proc)?;
            }
            self.look_round()?;
            if self.world.stopped() {
                return Ok(());
            }
            let over = self.world.plan.processes == 1 || self.world.meddled.is_some();
            if over && self.procs.iter().all(|proc| proc.trail.is_none()) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Chooses the process that acts next; sometimes one that was not there before.
    fn choose(&mut self) -> usize {
        let open = self.procs.iter().filter(|proc| proc.trail.is_some()).count();
        let may = self.procs.len() < self.world.plan.processes && self.world.meddled.is_none();
        let one_more = may && self.world.chance.u8(..8) == 0;
        if self.procs.is_empty() || one_more || (may && open == 0 && self.world.chance.u8(..4) == 0) {
            self.new_process();
            return self.procs.len() - 1;
        }
        self.world.chance.usize(..self.procs.len())
    }

    fn act(&mut self, proc: usize) -> Checked {
        if !self.is_open(proc) {
            return match self.procs[proc].is_busy() {
                true => self.go_on(),
                // An opening would say what is wrong with the files.
                false if self.world.meddled.is_some() => Ok(()),
                false => self.open_beside(proc),
            };
        }
        match self.world.chance.u8(..100) {
            0..26 => self.record(proc),
            26..33 => self.record_batch(proc),
            // What is lost after a close began cannot be counted in the trail.
            33..44 | 96 if self.procs[proc].caller.closing.load(Ordering::Relaxed) => self.go_on(),
            33..44 => self.emit(proc),
            83..86 => self.recent(proc),
            86..88 => self.verify(),
            88..92 => self.let_time_pass(),
            92 => self.jump(),
            93 => self.old_program(),
            95 => self.give_up(proc),
            96 => self.emit_invalid(proc),
            97 => self.time_out(),
            // The rest are steps of an engine, which takes one at a time.
            _ if self.procs[proc].is_busy() => self.go_on(),
            44..56 => {
                let all = self.world.chance.bool();
                self.step(proc, if all { Step::CommitAll } else { Step::Write })
            }
            56..59 => self.step(proc, Step::Refresh),
            59..69 => self.step(proc, Step::Publish),
            69..74 => self.step(proc, Step::Checkpoint),
            74..78 => self.prove(proc),
            78..82 => self.read(proc),
            82 => self.leave(proc),
            94 => self.kill_one(proc),
            _ => self.look_up(proc),
        }
    }

    /// Whether the trail is open in this process.
    fn is_open(&self, proc: usize) -> bool {
        self.procs[proc].trail.is_some()
    }

    fn some_are_busy(&self) -> bool {
        self.procs.iter().any(Proc::is_busy)
    }

    /// Lets a process take a step: as a whole, or begin it.
    fn step(&mut self, proc: usize, step: Step) -> Checked {
        let name = step.name();
        let number = self.procs[proc].number();
        self.world.did(format!("{number}: {name}"));
        self.begins(proc, matches!(step, Step::Close));
        self.progress += 1;
        let whole = self.world.shared.lock().pauses == 0 && !self.some_are_busy();
        if whole {
            let done = self.procs[proc].take(step);
            return self.done(proc, done);
        }
        self.procs[proc].begin(step);
        self.go_on_with(proc)
    }

    /// Notes what is checked during a step that begins.
    fn begins(&self, proc: usize, closes: bool) {
        let caller = &self.procs[proc].caller;
        caller.calls.store(0, Ordering::Relaxed);
        caller.closing.store(closes, Ordering::Relaxed);
        let lost = self.world.meddled.as_ref().is_some_and(|meddled| meddled.shows);
        caller.lost.store(lost, Ordering::Relaxed);
    }

    /// Lets one of the processes that are in a step go on with it.
    fn go_on(&mut self) -> Checked {
        let able: Vec<usize> =
            (0..self.procs.len()).filter(|proc| self.procs[*proc].can_go_on(self.progress)).collect();
        if able.is_empty() {
            let waiting: Vec<u32> =
                self.procs.iter().filter(|proc| proc.is_busy()).map(Proc::number).collect();
            return Rule::Waits.unless(waiting.is_empty(), || {
                format!("the processes {waiting:?} wait for locks that nobody will release")
            });
        }
        let proc = able[self.world.chance.usize(..able.len())];
        self.go_on_with(proc)
    }

    fn go_on_with(&mut self, proc: usize) -> Checked {
        let before = self.world.shared.lock().trace.calls();
        let done = self.procs[proc].go_on(self.progress);
        // One call is the attempt to get the lock.
        if self.world.shared.lock().trace.calls() > before + 1 || !self.procs[proc].waits() {
            self.progress += 1;
            self.procs[proc].has_waited(self.progress);
        }
        let number = self.procs[proc].number();
        match done {
            None => {
                let waits = self.procs[proc].waits();
                self.world.did(format!("{number}: {}", if waits { "waits" } else { "pauses" }));
                Ok(())
            }
            Some(done) => {
                self.world.did(format!("{number}: has done it"));
                self.done(proc, done)
            }
        }
    }

    /// A step has ended.
    fn done(&mut self, proc: usize, done: Done) -> Checked {
        self.world.collect_heads()?;
        if self.procs[proc].caller.is_gone() || self.world.stopped() {
            // Nobody was told.
            return Ok(());
        }
        match done {
            Done::Opened(opened) => self.opened(proc, opened),
            Done::Wrote { idle } => {
                if idle {
                    self.procs[proc].drained();
                }
                Ok(())
            }
            Done::Published => self.published(proc),
            Done::Checkpoint { durable, note } => self.checkpoint(proc, durable, note),
            Done::Refreshed(refreshed) => match refreshed {
                Ok(()) => {
                    self.procs[proc].drained();
                    self.world.check_planted()
                }
                Err(error) => self.world.check_error(&error),
            },
            Done::Proved { index, proof } => self.proved(proc, index, proof),
            Done::Receipt { index, receipt } => self.looked_up(index, receipt),
            Done::Read { first, lines } => self.have_read(first, lines),
            Done::Closed(closed) => self.closed(proc, closed),
        }
    }

    /// After each action: collects heads and answers, and looks which processes are gone or poisoned.
    fn look_round(&mut self) -> Checked {
        self.world.collect_heads()?;
        self.collect_answers()?;
        if !self.world.stopped() {
            self.bury()?;
        }
        self.follow_on()
    }

    fn let_time_pass(&mut self) -> Checked {
        let by = Duration::from_millis(self.world.chance.u64(..4_000));
        self.world.clock.inner.advance(by);
        Ok(())
    }

    /// Lets the time of day jump, also backwards and to before 1970.
    fn jump(&mut self) -> Checked {
        let by = TimeDelta::days(self.world.chance.i64(-36_500..36_500));
        let start = SimClock::new(0).now();
        self.world.did(format!("the clock jumps to its start plus {by}"));
        self.world.clock.inner.set_now(start + by);
        Ok(())
    }

    /// Lets more time pass than a caller waits.
    fn time_out(&mut self) -> Checked {
        self.world.did("time out");
        self.world.clock.inner.advance(Duration::from_secs(6));
        self.collect_answers()
    }
}

impl Step {
    fn name(&self) -> &'static str {
        match self {
            Step::Open { repair: false, .. } => "open",
            Step::Open { .. } => "repair",
            Step::Write => "commit a group",
            Step::CommitAll => "commit all",
            Step::Publish => "publish",
            Step::Checkpoint => "checkpoint",
            Step::Refresh => "refresh",
            Step::Prove { .. } => "prove",
            Step::Receipt(_) => "receipt",
            Step::Read(_) => "read",
            Step::Close => "close",
        }
    }
}

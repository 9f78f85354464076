//! How processes come into a trail: the first as an operator would bring it there, the others beside it.

use graven::disk::{Disk, Hold};
use graven::{Error, ErrorKind};

use super::Life;
use crate::look::Stored;
use crate::process::{Done, Proc, Step};
use crate::rule::{Checked, Rule};

/// How often an opening may fail before the faults of the disk end.
const OPENINGS_UNDER_FAULTS: u32 = 3;

/// The result of the first opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    Ready,
    /// The machine stopped in it, or the process.
    Stopped,
    /// The disk has lost too much, and the engine reports that.
    Refused,
}

impl Life<'_> {
    /// Adds a process that has not opened the trail yet.
    pub(super) fn new_process(&mut self) {
        let number = self.world.new_process();
        let proc = Proc::new(number);
        if self.world.canary == Some(crate::canary::Canary::SettleByIndex) {
            proc.process.settle_by_index();
        }
        self.procs.push(proc);
    }

    /// Opens the trail as an operator would: again after a failure, on a disk without faults after several, and with a
    /// repair when the trail is refused.
    pub(crate) fn open_first(&mut self) -> Checked<Opened> {
        if self.procs.is_empty() {
            self.new_process();
        }
        let before = Stored::look(&self.world.disk, &self.world.plan.layout);
        let mut repair = before.is_trail && self.world.chance.u8(..16) == 0;
        for attempt in 1.. {
            let error = match self.try_first(repair, &before)? {
                Ok(opened) => return Ok(opened),
                Err(error) => error,
            };
            let world = &mut *self.world;
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

    fn try_first(&mut self, repair: bool, before: &Stored) -> Checked<Result<Opened, Error>> {
        self.world.did(if repair { "repair" } else { "open" });
        let step = self.opening_step(0, repair);
        self.begins(0, false);
        let Done::Opened(opened) = self.procs[0].take(step) else { unreachable!("it was an opening") };
        self.world.collect_heads()?;
        if self.world.stopped() || self.procs[0].caller.is_gone() {
            return Ok(Ok(Opened::Stopped));
        }
        if let Err(error) = opened {
            return Ok(Err(error));
        }
        self.is_open_now(0);
        self.world.tiles_emptied = false;
        if self.world.plan.honest {
            self.world.check_opened(before)?;
        }
        Ok(Ok(Opened::Ready))
    }

    fn opening_step(&self, proc: usize, repair: bool) -> Step {
        let machine = self.world.machine_of(&self.procs[proc].caller);
        Step::Open { repair, settings: self.world.plan.settings.clone(), machine }
    }

    /// Opens the trail while others may have it open.
    pub(super) fn open_beside(&mut self, proc: usize) -> Checked {
        let step = self.opening_step(proc, false);
        self.step(proc, step)
    }

    pub(super) fn opened(&mut self, proc: usize, opened: Result<(), Error>) -> Checked {
        match opened {
            Ok(()) => {
                self.is_open_now(proc);
                self.world.tally.beside += 1;
                self.world.tiles_emptied = false;
                self.world.settle(!self.some_are_busy(), false)
            }
            Err(error) => {
                self.world.did(format!("opening failed: {}", error.chain()));
                self.world.check_error(&error)
            }
        }
    }

    fn is_open_now(&mut self, proc: usize) {
        let engine = self.world.model.opened();
        let proc = &mut self.procs[proc];
        proc.trail = proc.opened_trail();
        proc.engine = engine;
        proc.queued = 0;
        proc.ring.clear();
    }

    /// A program of version 0.1 wants the trail. It holds `LOCK` alone, so it stays out while others have the trail
    /// open, and others stay out while it has it.
    pub(super) fn old_program(&mut self) -> Checked {
        if self.some_are_busy() || self.world.is_meddled() || self.lock_deleted {
            return Ok(());
        }
        self.world.did("a program of version 0.1 wants the trail");
        let Ok(lock) = self.world.disk.open_lock(&self.world.plan.layout.lock()) else { return Ok(()) };
        let entered = lock.try_lock(Hold::Exclusive).unwrap_or_default();
        let open = self.procs.iter().filter(|proc| proc.trail.is_some()).count();
        Rule::Locked
            .unless(!entered || open == 0, || format!("it has it, and {open} processes have it open"))?;
        if !entered {
            return Ok(());
        }
        self.new_process();
        let proc = self.procs.len() - 1;
        let step = self.opening_step(proc, false);
        let Done::Opened(opened) = self.procs[proc].take(step) else { unreachable!("it was an opening") };
        self.procs[proc].drop_engine();
        self.procs.pop();
        Rule::Locked.unless(opened.is_err(), || "a process has opened it beside that program".into())
    }
}

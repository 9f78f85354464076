//! How processes end: closed, poisoned, killed, or with the machine.

use std::task::Poll;

use graven::Error;

use super::Life;
use crate::plan::Ending;
use crate::process::{Answer, Proc, Step, Survivor};
use crate::rule::{Checked, Rule};

impl Life<'_> {
    /// Looks which processes are gone or poisoned, and ends their engines.
    pub(super) fn bury(&mut self) -> Checked {
        for proc in (0..self.procs.len()).rev() {
            if self.procs[proc].caller.is_gone() {
                self.world.did(format!("{}: is gone", self.procs[proc].number()));
                self.world.killed = true;
                self.world.tally.killed += 1;
                self.remove(proc);
            } else if self.is_poisoned(proc) && !self.procs[proc].is_busy() {
                self.check_poisoned(proc)?;
                self.end_engine(proc);
            }
        }
        Ok(())
    }

    fn is_poisoned(&self, proc: usize) -> bool {
        self.procs[proc].trail.as_ref().is_some_and(|trail| trail.poisoned().is_some())
    }

    /// Checks that a trail takes no entry after a failed write or sync.
    fn check_poisoned(&mut self, proc: usize) -> Checked {
        let (entry, number) = self.make(proc, false);
        let Some(trail) = &self.procs[proc].trail else { return Ok(()) };
        let mut answer = Answer::One(Box::pin(trail.record(entry)));
        let told = answer.poll();
        self.world.tally.poisoned += 1;
        self.world.model.refuse(number, false);
        match told {
            Poll::Ready(Err(error)) if !error.may_be_recorded() => self.world.check_error(&error)?,
            other => return Rule::Poisoned.broken(format!("a poisoned trail answers {other:?}")),
        }
        // Every caller is told.
        for mut waiting in std::mem::take(&mut self.procs[proc].waiting) {
            let dropped = self.dropped(proc);
            match waiting.answer.poll() {
                Poll::Ready(answer) => self.note_answer(proc, &waiting.attempts, answer, dropped)?,
                Poll::Pending => {
                    return Rule::Answers.broken("the trail is poisoned, and a caller still waits");
                }
            }
        }
        Ok(())
    }

    /// Ends the engine of a process that will not write any more; the process may open the trail again.
    fn end_engine(&mut self, proc: usize) {
        let proc = &mut self.procs[proc];
        for number in std::mem::take(&mut proc.waiting).into_iter().flat_map(|waiting| waiting.attempts) {
            self.world.model.give_up(number);
        }
        if proc.trail.is_some() {
            self.world.model.ended(proc.engine);
        }
        proc.drop_engine();
        self.progress += 1;
    }

    fn remove(&mut self, proc: usize) {
        self.end_engine(proc);
        self.procs.remove(proc);
    }

    /// Kills one process, perhaps in the middle of a step.
    pub(super) fn kill_one(&mut self, proc: usize) -> Checked {
        if self.world.plan.processes > 1 {
            self.world.did(format!("{}: is killed", self.procs[proc].number()));
            self.procs[proc].caller.kill();
        }
        Ok(())
    }

    /// Closes the trail in one process, while others may go on.
    pub(super) fn leave(&mut self, proc: usize) -> Checked {
        if self.world.plan.processes > 1 { self.step(proc, Step::Close) } else { Ok(()) }
    }

    /// A close has ended. Every caller of this process was answered, and its losses are counted.
    pub(super) fn closed(&mut self, proc: usize, closed: Result<(), Error>) -> Checked {
        let engine = self.procs[proc].engine;
        for mut waiting in std::mem::take(&mut self.procs[proc].waiting) {
            match waiting.answer.poll() {
                Poll::Ready(Ok(receipts)) => {
                    for (number, receipt) in waiting.attempts.iter().zip(&receipts) {
                        self.world.acknowledge(*number, receipt)?;
                    }
                }
                Poll::Ready(Err(error)) => {
                    for number in &waiting.attempts {
                        if error.may_be_recorded() {
                            self.world.model.give_up(*number);
                        } else {
                            self.world.model.refuse(*number, false);
                        }
                    }
                    self.world.check_error(&error)?;
                }
                Poll::Pending => {
                    return Rule::Answers.broken("the trail is closed, and a caller still waits");
                }
            }
        }
        self.end_engine(proc);
        if let Err(error) = closed {
            return self.world.check_error(&error);
        }
        self.world.tally.closed += 1;
        self.procs[proc].closed = true;
        if !self.world.is_judged() {
            return Ok(());
        }
        if let Some(number) = self.world.model.unanswered(engine) {
            return Rule::Answers.broken(format!("attempt {number} was never answered"));
        }
        self.world.settle(!self.some_are_busy(), false)?;
        self.world.model.check_losses(self.procs[proc].number())
    }

    /// Ends the life as planned, or as it already has ended. Returns whether it was closed cleanly: then the trail says
    /// where it ends.
    pub(crate) fn finish(mut self, ending: &mut Ending) -> Checked<(bool, Vec<Survivor>)> {
        if !self.world.stopped() && *ending == Ending::Close {
            let clean = self.close_all()?;
            if !self.world.stopped() {
                let living = self.procs.iter().filter(|proc| !proc.caller.is_gone());
                let survivors = living.map(Proc::survivor).collect();
                self.end_all()?;
                return Ok((clean, survivors));
            }
        }
        self.end_all()?;
        Ok((false, Vec::new()))
    }

    /// Kills what is left of all processes, perhaps in the middle of their steps.
    fn end_all(&mut self) -> Checked {
        self.world.killed |= self.procs.iter().any(|proc| proc.caller.is_gone());
        for proc in &self.procs {
            if proc.trail.is_some() || proc.is_busy() {
                proc.caller.kill();
            }
        }
        while !self.procs.is_empty() {
            self.remove(self.procs.len() - 1);
        }
        self.world.shared.lock().pauses = 0;
        self.world.collect_heads()
    }

    /// Lets every process close the trail, one beside the other. Returns whether all did, so that the last of them has
    /// said where the trail ends.
    fn close_all(&mut self) -> Checked<bool> {
        while self.some_are_busy() && !self.world.stopped() {
            self.go_on()?;
            self.look_round()?;
        }
        if self.world.stopped() {
            return Ok(false);
        }
        let mut closing: Vec<usize> = (0..self.procs.len()).filter(|proc| self.is_open(*proc)).collect();
        self.world.chance.shuffle(&mut closing);
        let numbers: Vec<u32> = closing.iter().map(|proc| self.procs[*proc].number()).collect();
        for number in &numbers {
            // A process that is gone has no place any more.
            if let Some(proc) = self.procs.iter().position(|proc| proc.number() == *number) {
                self.procs[proc].closed = false;
                self.step(proc, Step::Close)?;
                self.look_round()?;
            }
            if self.world.stopped() {
                return Ok(false);
            }
        }
        while self.some_are_busy() && !self.world.stopped() {
            self.go_on()?;
            self.look_round()?;
        }
        let closed = |number: &u32| self.procs.iter().any(|proc| proc.number() == *number && proc.closed);
        Ok(!self.world.stopped() && !numbers.is_empty() && numbers.iter().all(closed))
    }
}

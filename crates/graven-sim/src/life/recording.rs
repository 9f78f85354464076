//! What callers hand to a process, and what they are told.

use std::sync::atomic::Ordering;
use std::task::Poll;

use graven::clock::Clock;
use graven::{Category, Entry, Error, Outcome, Receipt};

use super::Life;
use crate::entries::entry;
use crate::process::{Answer, Waiting};
use crate::rule::{Checked, Rule};

/// The size of the queue: smaller settings are raised to it.
const QUEUE_BYTES: u64 = 128 << 10;

impl Life<'_> {
    /// Collects the answers that are ready.
    pub(super) fn collect_answers(&mut self) -> Checked {
        if self.world.stopped() {
            return Ok(());
        }
        for proc in 0..self.procs.len() {
            if self.procs[proc].caller.is_gone() {
                continue;
            }
            let mut left = Vec::new();
            for mut waiting in std::mem::take(&mut self.procs[proc].waiting) {
                let dropped = self.dropped(proc);
                match waiting.answer.poll() {
                    Poll::Pending => left.push(waiting),
                    Poll::Ready(answer) => self.note_answer(proc, &waiting.attempts, answer, dropped)?,
                }
            }
            self.procs[proc].waiting = left;
        }
        Ok(())
    }

    pub(super) fn note_answer(
        &mut self,
        proc: usize,
        attempts: &[usize],
        answer: Result<Vec<Receipt>, Error>,
        dropped: u64,
    ) -> Checked {
        match answer {
            Ok(receipts) => {
                let lost = self.procs[proc].caller.lost.load(Ordering::Relaxed);
                Rule::Lost
                    .unless(!lost, || format!("entries {attempts:?} were acknowledged after a change"))?;
                Rule::Answers
                    .unless(receipts.len() == attempts.len(), || "not a receipt for each entry".into())?;
                attempts
                    .iter()
                    .zip(&receipts)
                    .try_for_each(|(number, receipt)| self.world.acknowledge(*number, receipt))
            }
            Err(error) => {
                let counted = self.dropped(proc) > dropped;
                for number in attempts {
                    if error.may_be_recorded() {
                        self.world.model.give_up(*number);
                    } else {
                        self.world.model.refuse(*number, counted);
                    }
                }
                self.world.check_error(&error)
            }
        }
    }

    pub(super) fn record(&mut self, proc: usize) -> Checked {
        let (entry, number) = self.make(proc, false);
        self.world.did(format!("{}: record {number}", self.procs[proc].number()));
        let Some(trail) = &self.procs[proc].trail else { return Ok(()) };
        let recording = trail.record(entry);
        self.wait_for(proc, Answer::One(Box::pin(recording)), vec![number])
    }

    pub(super) fn record_batch(&mut self, proc: usize) -> Checked {
        let Some(trail) = self.procs[proc].trail.clone() else { return Ok(()) };
        let most = if self.world.plan.tall { 300 } else { 12 };
        let count = match self.world.chance.u8(..3) {
            // Exactly up to the end of a segment.
            0 if self.world.plan.tall => 256 - (trail.len() % 256) as usize,
            _ => self.world.chance.usize(1..most),
        };
        let (entries, attempts): (Vec<Entry>, Vec<usize>) =
            (0..count).map(|_| self.make(proc, false)).unzip();
        self.world.did(format!("{}: record {count} from {}", self.procs[proc].number(), attempts[0]));
        let batch = trail.record_batch(entries);
        self.wait_for(proc, Answer::Batch(Box::pin(batch)), attempts)
    }

    /// Polls an answer for the first time, which queues as many entries as there is room for.
    fn wait_for(&mut self, proc: usize, mut answer: Answer, attempts: Vec<usize>) -> Checked {
        let dropped = self.dropped(proc);
        match answer.poll() {
            Poll::Pending => {
                let proc = &mut self.procs[proc];
                let at_once = proc.queued <= QUEUE_BYTES;
                proc.waiting.push(Waiting { answer, attempts, at_once });
                Ok(())
            }
            Poll::Ready(answer) => self.note_answer(proc, &attempts, answer, dropped),
        }
    }

    pub(super) fn emit(&mut self, proc: usize) -> Checked {
        let dropped = self.dropped(proc);
        let (entry, number) = self.make(proc, true);
        self.world.did(format!("{}: emit {number}", self.procs[proc].number()));
        if let Some(trail) = &self.procs[proc].trail {
            trail.emit(entry);
        }
        if self.dropped(proc) > dropped {
            self.world.model.refuse(number, true);
        }
        Ok(())
    }

    /// Emits an invalid entry: it is counted as lost, and the engine continues.
    pub(super) fn emit_invalid(&mut self, proc: usize) -> Checked {
        self.world.did("emit an invalid entry");
        let dropped = self.dropped(proc);
        if let Some(trail) = &self.procs[proc].trail {
            trail.emit(Entry::new(Category::Trail, "trail.recovered", Outcome::Success));
        }
        let counted = self.dropped(proc) - dropped;
        self.world.model.lost(self.procs[proc].number(), counted);
        Rule::Losses.unless(counted == 1, || format!("an invalid entry was counted {counted} times"))
    }

    /// Lets a caller stop waiting.
    pub(super) fn give_up(&mut self, proc: usize) -> Checked {
        self.world.did("a caller stops waiting");
        for number in self.procs[proc].waiting.pop().into_iter().flat_map(|waiting| waiting.attempts) {
            self.world.model.give_up(number);
        }
        Ok(())
    }

    /// Makes the next entry, and tells the model.
    pub(super) fn make(&mut self, proc: usize, emitted: bool) -> (Entry, usize) {
        let now = self.world.clock.now();
        let number = self.world.model.next();
        let entry = entry(number, &mut self.world.chance, now);
        let detail = entry.detail.as_ref().map_or(0, |detail| detail.as_str().len() as u64);
        let proc = &mut self.procs[proc];
        proc.queued += 1_000 + detail;
        let at_once = proc.queued <= QUEUE_BYTES;
        let by = (proc.number(), proc.engine);
        (entry.clone(), self.world.model.attempt(by, entry, now, at_once, emitted))
    }

    pub(super) fn dropped(&self, proc: usize) -> u64 {
        self.procs[proc].trail.as_ref().map_or(0, |trail| trail.counters().dropped)
    }
}

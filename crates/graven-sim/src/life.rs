//! One life of a trail: the random actions between an opening and an end.

mod reading;

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use chrono::TimeDelta;
use graven::clock::Clock;
use graven::clock::sim::SimClock;
use graven::sim::{Process, Stepped, Turn};
use graven::{Category, Entry, Error, Outcome, Receipt, Recording, RecordingBatch};

use crate::canary::Canary;
use crate::disk::FaultyDisk;
use crate::entries::entry;
use crate::plan::Ending;
use crate::rule::{Checked, Rule};
use crate::world::World;

/// The size of the queue: smaller settings are raised to it.
const QUEUE_BYTES: u64 = 128 << 10;

/// A life that has begun: the trail is open.
pub(crate) struct Life<'a> {
    world: &'a mut World,
    stepped: Stepped,
    waiting: Vec<Waiting>,
    /// An upper bound of the bytes in the queue.
    queued: u64,
    /// What the ring held at the last look, for a canary.
    ring: Vec<Entry>,
}

/// A caller that waits for an answer.
struct Waiting {
    answer: Answer,
    attempts: Vec<usize>,
    /// Whether the queue had room for all entries at once.
    at_once: bool,
}

enum Answer {
    One(Pin<Box<Recording>>),
    Batch(Pin<Box<RecordingBatch>>),
}

impl Answer {
    fn poll(&mut self) -> Poll<Result<Vec<Receipt>, Error>> {
        let mut context = Context::from_waker(Waker::noop());
        match self {
            Answer::One(recording) => recording.as_mut().poll(&mut context).map_ok(|receipt| vec![receipt]),
            Answer::Batch(batch) => batch.as_mut().poll(&mut context),
        }
    }
}

impl<'a> Life<'a> {
    pub(crate) fn new(world: &'a mut World, stepped: Stepped) -> Life<'a> {
        Life { world, stepped, waiting: Vec::new(), queued: 0, ring: Vec::new() }
    }

    /// Takes this number of random actions; fewer when the machine stops or the trail is poisoned.
    pub(crate) fn live(&mut self, actions: u64) -> Checked {
        for action in 0..actions {
            if self.world.plan.tall && action % 5 == 0 && self.world.chance.bool() {
                self.record_batch()?;
            } else {
                self.act()?;
            }
            self.collect_answers()?;
            if self.world.stopped() {
                return Ok(());
            }
            if self.stepped.trail().poisoned().is_some() {
                return self.check_poisoned();
            }
        }
        Ok(())
    }

    fn act(&mut self) -> Checked {
        match self.world.chance.u8(..100) {
            0..26 => self.record(),
            26..33 => self.record_batch(),
            33..44 => self.emit(),
            44..60 => self.write(),
            60..70 => self.publish(),
            70..75 => self.checkpoint(),
            75..79 => self.prove(),
            79..83 => self.read(),
            83..86 => self.recent(),
            86..88 => self.verify(),
            88..92 => self.let_time_pass(),
            92..94 => self.jump(),
            94 => self.second_opener(),
            95 => self.give_up(),
            96 => self.emit_invalid(),
            97 => self.time_out(),
            _ => self.look_up(),
        }
    }

    /// Collects the heads that were signed, and the answers that are ready.
    fn collect_answers(&mut self) -> Checked {
        self.world.collect_heads()?;
        let mut left = Vec::new();
        for mut waiting in std::mem::take(&mut self.waiting) {
            let dropped = self.dropped();
            match waiting.answer.poll() {
                Poll::Pending => left.push(waiting),
                Poll::Ready(answer) => self.note_answer(&waiting.attempts, answer, dropped)?,
            }
        }
        self.waiting = left;
        Ok(())
    }

    fn note_answer(
        &mut self,
        attempts: &[usize],
        answer: Result<Vec<Receipt>, Error>,
        dropped: u64,
    ) -> Checked {
        match answer {
            Ok(receipts) => {
                Rule::Answers
                    .unless(receipts.len() == attempts.len(), || "not a receipt for each entry".into())?;
                attempts
                    .iter()
                    .zip(&receipts)
                    .try_for_each(|(number, receipt)| self.world.acknowledge(*number, receipt))
            }
            Err(error) => {
                let counted = self.dropped() > dropped;
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

    fn record(&mut self) -> Checked {
        let (entry, number) = self.make(false);
        self.world.did(format!("record {number}"));
        let recording = self.stepped.trail().record(entry);
        self.wait_for(Answer::One(Box::pin(recording)), vec![number])
    }

    fn record_batch(&mut self) -> Checked {
        let most = if self.world.plan.tall { 300 } else { 12 };
        let count = match self.world.chance.u8(..3) {
            // Exactly up to the end of a segment.
            0 if self.world.plan.tall => 256 - (self.stepped.trail().len() % 256) as usize,
            _ => self.world.chance.usize(1..most),
        };
        let (entries, attempts): (Vec<Entry>, Vec<usize>) = (0..count).map(|_| self.make(false)).unzip();
        self.world.did(format!("record {count} from {}", attempts[0]));
        let batch = self.stepped.trail().record_batch(entries);
        self.wait_for(Answer::Batch(Box::pin(batch)), attempts)
    }

    /// Polls an answer for the first time, which queues as many entries as there is room for.
    fn wait_for(&mut self, mut answer: Answer, attempts: Vec<usize>) -> Checked {
        let dropped = self.dropped();
        match answer.poll() {
            Poll::Pending => {
                let at_once = self.queued <= QUEUE_BYTES;
                self.waiting.push(Waiting { answer, attempts, at_once });
                Ok(())
            }
            Poll::Ready(answer) => self.note_answer(&attempts, answer, dropped),
        }
    }

    fn emit(&mut self) -> Checked {
        let dropped = self.dropped();
        let (entry, number) = self.make(true);
        self.world.did(format!("emit {number}"));
        self.stepped.trail().emit(entry);
        if self.dropped() > dropped {
            self.world.model.refuse(number, true);
        }
        Ok(())
    }

    /// Emits an invalid entry: it is counted as lost, and the engine continues.
    fn emit_invalid(&mut self) -> Checked {
        self.world.did("emit an invalid entry");
        let dropped = self.dropped();
        self.stepped.trail().emit(Entry::new(Category::Trail, "trail.recovered", Outcome::Success));
        let counted = self.dropped() - dropped;
        self.world.model.lost(counted);
        Rule::Losses.unless(counted == 1, || format!("an invalid entry was counted {counted} times"))
    }

    fn write(&mut self) -> Checked {
        let all = self.world.chance.bool();
        self.world.did(if all { "commit all" } else { "commit a group" });
        if all {
            self.stepped.commit_all();
        }
        if all || self.stepped.write() == Turn::Idle {
            self.drained();
        }
        Ok(())
    }

    /// The queue is empty, unless a caller waits for room: its next poll queues more.
    fn drained(&mut self) {
        if self.waiting.iter().all(|waiting| waiting.at_once) {
            self.queued = 0;
        }
    }

    /// Publishes: then all durable entries are sealed, or the trail is poisoned.
    fn publish(&mut self) -> Checked {
        self.world.did("publish");
        self.stepped.publish();
        let counters = self.stepped.trail().counters();
        let poisoned = self.stepped.trail().poisoned().is_some();
        Rule::Poisoned.unless(poisoned || counters.sealed == counters.durable, || {
            format!("{} of {} entries were sealed, without an error", counters.sealed, counters.durable)
        })
    }

    fn checkpoint(&mut self) -> Checked {
        self.world.did("checkpoint");
        let durable = self.stepped.trail().len();
        match self.stepped.checkpoint() {
            Ok(note) => {
                self.drained();
                self.world.collect_heads()?;
                let head = crate::head::Head::read(note.as_bytes());
                let known = head.is_some_and(|head| {
                    head.size >= durable
                        && (!self.world.plan.honest || self.world.model.has_signed(head.size, &head.root))
                });
                Rule::Heads.unless(known || !self.world.plan.honest, || {
                    format!("this checkpoint was returned: {note}")
                })
            }
            Err(error) => self.world.check_error(&error),
        }
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

    /// Lets a caller stop waiting.
    fn give_up(&mut self) -> Checked {
        self.world.did("a caller stops waiting");
        for number in self.waiting.pop().into_iter().flat_map(|waiting| waiting.attempts) {
            self.world.model.give_up(number);
        }
        Ok(())
    }

    /// Opens the trail from a second process, which has to fail.
    fn second_opener(&mut self) -> Checked {
        self.world.did("a second process opens");
        let disk = FaultyDisk { second: true, ..self.world.disk.clone() };
        let settings = self.world.plan.settings.clone();
        let mut second = match Process::new().open(settings, self.world.machine_on(disk)) {
            Err(error) => return self.world.check_error(&error),
            Ok(second) => second,
        };
        Rule::Locked.unless(self.world.canary == Some(Canary::ReuseIndex), || {
            "a second process could open the trail".into()
        })?;
        // With the canary it opens. Both record until they give one index twice.
        for _ in 0..3 {
            for first in [false, true] {
                let (entry, number) = self.make(false);
                let stepped = if first { &mut self.stepped } else { &mut second };
                let mut answer = Answer::One(Box::pin(stepped.trail().record(entry)));
                let polled = answer.poll();
                stepped.commit_all();
                let answer = if polled.is_ready() { polled } else { answer.poll() };
                if let Poll::Ready(Ok(receipts)) = answer {
                    self.world.acknowledge(number, &receipts[0])?;
                }
            }
        }
        Ok(())
    }

    /// Checks that a trail takes no entry after a failed write or sync.
    fn check_poisoned(&mut self) -> Checked {
        let (entry, number) = self.make(false);
        let mut answer = Answer::One(Box::pin(self.stepped.trail().record(entry)));
        let told = answer.poll();
        self.world.tally.poisoned += 1;
        self.world.model.refuse(number, false);
        match told {
            Poll::Ready(Err(error)) if !error.may_be_recorded() => self.world.check_error(&error),
            other => Rule::Poisoned.broken(format!("a poisoned trail answers {other:?}")),
        }
    }

    /// Ends the life as planned, or as it already has ended. Returns whether it was closed cleanly.
    pub(crate) fn finish(self, ending: &mut Ending) -> Checked<bool> {
        if self.world.stopped() {
            self.end()?;
            return Ok(false);
        }
        if self.stepped.trail().poisoned().is_some() {
            // Either the same process opens it again, or the process or the machine ends.
            *ending = if self.world.chance.bool() { Ending::Close } else { *ending };
            self.end()?;
            return Ok(false);
        }
        if *ending == Ending::Close {
            return self.close();
        }
        self.end()?;
        Ok(false)
    }

    /// Ends the life with a close. Returns whether the close was clean.
    pub(crate) fn close(mut self) -> Checked<bool> {
        self.world.did("close");
        self.world.shared.lock().closing = true;
        let Life { world, stepped, mut waiting, .. } = {
            self.collect_answers()?;
            self
        };
        let closed = stepped.close();
        world.shared.lock().closing = false;
        world.collect_heads()?;
        for waiting in &mut waiting {
            let answer = match waiting.answer.poll() {
                Poll::Ready(answer) => answer,
                Poll::Pending => {
                    return Rule::Answers.broken("the trail is closed, and a caller still waits");
                }
            };
            match answer {
                Ok(receipts) => {
                    for (number, receipt) in waiting.attempts.iter().zip(&receipts) {
                        world.acknowledge(*number, receipt)?;
                    }
                }
                Err(error) => {
                    for number in &waiting.attempts {
                        if error.may_be_recorded() {
                            world.model.give_up(*number);
                        } else {
                            world.model.refuse(*number, false);
                        }
                    }
                    world.check_error(&error)?;
                }
            }
        }
        match closed {
            Ok(()) => Ok(true),
            Err(error) => world.check_error(&error).map(|()| false),
        }
    }

    /// Ends the life without a close: the process or the machine ends.
    pub(crate) fn end(self) -> Checked {
        for waiting in &self.waiting {
            for number in &waiting.attempts {
                self.world.model.give_up(*number);
            }
        }
        self.world.collect_heads()
    }

    /// Makes the next entry, and tells the model.
    fn make(&mut self, emitted: bool) -> (Entry, usize) {
        let now = self.world.clock.now();
        let number = self.world.model.next();
        let entry = entry(number, &mut self.world.chance, now);
        let detail = entry.detail.as_ref().map_or(0, |detail| detail.as_str().len() as u64);
        self.queued += 1_000 + detail;
        let at_once = self.queued <= QUEUE_BYTES;
        (entry.clone(), self.world.model.attempt(entry, now, at_once, emitted))
    }

    fn dropped(&self) -> u64 {
        self.stepped.trail().counters().dropped
    }
}

//! One life of a trail: what the driver does between an opening and an end, and what it looks at meanwhile.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use chrono::TimeDelta;
use graven::clock::Clock;
use graven::fsck;
use graven::sim::{Process, Stepped, Turn};
use graven::{Category, Entry, Error, ErrorKind, Outcome, Receipt, Recording, RecordingBatch};

use crate::canary::Canary;
use crate::disk::FaultyDisk;
use crate::entries::entry;
use crate::look::Stored;
use crate::plan::Ending;
use crate::rule::{Checked, Rule};
use crate::run::Run;

/// As many bytes fit the queue, whatever the settings say.
const QUEUE_BYTES: u64 = 128 << 10;

/// A life, from the moment at which the trail is open.
pub(crate) struct Life<'a> {
    run: &'a mut Run,
    stepped: Stepped,
    waiting: Vec<Waiting>,
    /// At most so many bytes are queued.
    queued: u64,
    /// What the ring held the last time, for a canary.
    ring: Vec<Entry>,
}

/// Somebody who waits for an answer.
struct Waiting {
    answer: Answer,
    attempts: Vec<usize>,
    /// Whether there was room for all of it at once.
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
    pub(crate) fn new(run: &'a mut Run, stepped: Stepped) -> Life<'a> {
        Life { run, stepped, waiting: Vec::new(), queued: 0, ring: Vec::new() }
    }

    /// Does so many random things; fewer when the machine stops or the trail is poisoned.
    pub(crate) fn live(&mut self, things: u64) -> Checked {
        for thing in 0..things {
            if self.run.plan.tall && thing % 5 == 0 && self.run.chance.bool() {
                self.record_batch()?;
            } else {
                self.do_something()?;
            }
            self.hear()?;
            if self.run.stopped() {
                return Ok(());
            }
            if self.stepped.trail().poisoned().is_some() {
                return self.check_poisoned();
            }
        }
        Ok(())
    }

    fn do_something(&mut self) -> Checked {
        match self.run.chance.u8(..100) {
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

    /// Hears what was signed, and every answer that is there.
    fn hear(&mut self) -> Checked {
        self.run.hear_heads()?;
        let mut left = Vec::new();
        for mut waiting in std::mem::take(&mut self.waiting) {
            let dropped = self.dropped();
            match waiting.answer.poll() {
                Poll::Pending => left.push(waiting),
                Poll::Ready(answer) => self.hear_one(&waiting.attempts, answer, dropped)?,
            }
        }
        self.waiting = left;
        Ok(())
    }

    fn hear_one(&mut self, attempts: &[usize], answer: Result<Vec<Receipt>, Error>, dropped: u64) -> Checked {
        match answer {
            Ok(receipts) => {
                Rule::Answers
                    .unless(receipts.len() == attempts.len(), || "not a receipt for each entry".into())?;
                attempts
                    .iter()
                    .zip(&receipts)
                    .try_for_each(|(number, receipt)| self.run.acknowledge(*number, receipt))
            }
            Err(error) => {
                let counted = self.dropped() > dropped;
                for number in attempts {
                    if error.may_be_recorded() {
                        self.run.model.give_up(*number);
                    } else {
                        self.run.model.refuse(*number, counted);
                    }
                }
                self.run.fits(&error)
            }
        }
    }

    fn record(&mut self) -> Checked {
        let (entry, number) = self.make(false);
        self.run.sky.did(format!("record {number}"));
        let recording = self.stepped.trail().record(entry);
        self.wait_for(Answer::One(Box::pin(recording)), vec![number])
    }

    fn record_batch(&mut self) -> Checked {
        let most = if self.run.plan.tall { 300 } else { 12 };
        let count = match self.run.chance.u8(..3) {
            // Exactly to where a segment may end.
            0 if self.run.plan.tall => 256 - (self.stepped.trail().len() % 256) as usize,
            _ => self.run.chance.usize(1..most),
        };
        let (entries, attempts): (Vec<Entry>, Vec<usize>) = (0..count).map(|_| self.make(false)).unzip();
        self.run.sky.did(format!("record {count} from {}", attempts[0]));
        let batch = self.stepped.trail().record_batch(entries);
        self.wait_for(Answer::Batch(Box::pin(batch)), attempts)
    }

    /// The first poll, which queues what there is room for.
    fn wait_for(&mut self, mut answer: Answer, attempts: Vec<usize>) -> Checked {
        let dropped = self.dropped();
        match answer.poll() {
            Poll::Pending => {
                let at_once = self.queued <= QUEUE_BYTES;
                self.waiting.push(Waiting { answer, attempts, at_once });
                Ok(())
            }
            Poll::Ready(answer) => self.hear_one(&attempts, answer, dropped),
        }
    }

    fn emit(&mut self) -> Checked {
        let dropped = self.dropped();
        let (entry, number) = self.make(true);
        self.run.sky.did(format!("emit {number}"));
        self.stepped.trail().emit(entry);
        if self.dropped() > dropped {
            self.run.model.refuse(number, true);
        }
        Ok(())
    }

    /// One that cannot be recorded is counted, and the engine goes on.
    fn emit_invalid(&mut self) -> Checked {
        self.run.sky.did("emit what is reserved");
        let dropped = self.dropped();
        self.stepped.trail().emit(Entry::new(Category::Trail, "trail.recovered", Outcome::Success));
        let counted = self.dropped() - dropped;
        self.run.model.lost(counted);
        Rule::Losses.unless(counted == 1, || format!("an invalid entry was counted {counted} times"))
    }

    fn write(&mut self) -> Checked {
        let all = self.run.chance.bool();
        self.run.sky.did(if all { "commit all" } else { "commit a group" });
        if all {
            self.stepped.commit_all();
        }
        if all || self.stepped.write() == Turn::Idle {
            self.drained();
        }
        Ok(())
    }

    /// Nothing is queued; unless somebody who waits for room queues more when he is asked the next time.
    fn drained(&mut self) {
        if self.waiting.iter().all(|waiting| waiting.at_once) {
            self.queued = 0;
        }
    }

    /// What is durable is sealed by it, or the trail is poisoned.
    fn publish(&mut self) -> Checked {
        self.run.sky.did("publish");
        self.stepped.publish();
        let counters = self.stepped.trail().counters();
        let poisoned = self.stepped.trail().poisoned().is_some();
        Rule::Poisoned.unless(poisoned || counters.sealed == counters.durable, || {
            format!("{} of {} entries were sealed, and nobody says why", counters.sealed, counters.durable)
        })
    }

    fn checkpoint(&mut self) -> Checked {
        self.run.sky.did("checkpoint");
        let durable = self.stepped.trail().len();
        match self.stepped.checkpoint() {
            Ok(note) => {
                self.drained();
                self.run.hear_heads()?;
                let head = crate::head::Head::read(note.as_bytes());
                let known = head.is_some_and(|head| {
                    head.size >= durable
                        && (!self.run.plan.honest || self.run.model.has_signed(head.size, &head.root))
                });
                Rule::Heads.unless(known || !self.run.plan.honest, || {
                    format!("this checkpoint was given out: {note}")
                })
            }
            Err(error) => self.run.fits(&error),
        }
    }

    fn prove(&mut self) -> Checked {
        let trail = self.stepped.trail().clone();
        if trail.is_empty() {
            return Ok(());
        }
        let index = self.run.chance.u64(..trail.len());
        self.run.sky.did(format!("prove {index}"));
        // Nobody else would: a proof waits for its checkpoint.
        self.publish()?;
        self.run.hear_heads()?;
        let asked =
            if self.run.canary == Some(Canary::ProveAnother) { index.saturating_sub(1) } else { index };
        let proof = match trail.prove_blocking(asked) {
            Ok(proof) => proof,
            Err(error) => return self.run.fits(&error),
        };
        if !self.run.plan.honest {
            return Ok(());
        }
        let known = self.run.model.known_line(index);
        Rule::Proof.unless(proof.index == index && known.is_none_or(|line| line == proof.line), || {
            format!("of entry {index} was asked, entry {} was proved", proof.index)
        })?;
        let file = proof.tlog_proof.to_string();
        match fsck::verify_proof(file.as_bytes(), &proof.line, &trail.verifier_key()) {
            Ok(head) => Rule::Proof.unless(self.run.model.has_signed(head.size, &head.root), || {
                format!("entry {index} is proved under a head that was never signed")
            }),
            Err(error) => Rule::Proof.broken(format!("the proof of entry {index} does not hold: {error}")),
        }
    }

    /// Reads entries through the engine's disk, with its faults.
    fn read(&mut self) -> Checked {
        let durable = self.stepped.trail().len();
        let first = self.run.chance.u64(..=durable);
        self.run.sky.did(format!("read from {first}"));
        let entries = match self.stepped.trail().entries(first..) {
            Ok(entries) => entries,
            Err(error) => return self.run.fits(&error),
        };
        for (record, index) in entries.zip(first..) {
            match record {
                Err(error) => return self.run.fits(&error),
                Ok(record) if self.run.plan.honest => {
                    let known = self.run.model.known_line(index);
                    Rule::Acknowledged.unless(known.is_none_or(|line| line == record.line), || {
                        format!("entry {index} is read as something else")
                    })?;
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }

    fn look_up(&mut self) -> Checked {
        let durable = self.stepped.trail().len();
        if durable == 0 {
            return Ok(());
        }
        let index = self.run.chance.u64(..durable);
        self.run.sky.did(format!("receipt of {index}"));
        match self.stepped.trail().receipt_blocking(index) {
            Err(error) => self.run.fits(&error),
            Ok(receipt) => {
                let known = self.run.model.known_line(index).map(graven_core::hash::leaf_hash);
                let right = receipt.index == index && known.is_none_or(|hash| hash == receipt.leaf_hash);
                Rule::LeafHash
                    .unless(right || !self.run.plan.honest, || format!("the receipt of entry {index}"))
            }
        }
    }

    /// The newest entries in memory are the newest durable ones on the disk.
    fn recent(&mut self) -> Checked {
        self.run.sky.did("recent");
        let trail = self.stepped.trail();
        let mut recent = trail.recent(5);
        if self.run.canary == Some(Canary::StaleRing) {
            std::mem::swap(&mut recent, &mut self.ring);
            if recent.is_empty() {
                return Ok(());
            }
        }
        if !self.run.plan.honest {
            return Ok(());
        }
        let stored = Stored::look(&self.run.disk.inner, &self.run.plan.layout);
        let newest = (0..trail.len() as usize).rev().take(5.min(trail.count()));
        let newest: Vec<Entry> =
            newest.filter_map(|index| Entry::from_line(stored.line(index)?).ok()).collect();
        Rule::Ring.unless(newest == recent, || format!("the ring says {recent:?}, the files {newest:?}"))
    }

    /// Verifies beside the writer.
    fn verify(&mut self) -> Checked {
        self.run.sky.did("verify beside the writer");
        self.run.check_verdict("beside the writer", false)
    }

    fn let_time_pass(&mut self) -> Checked {
        let by = Duration::from_millis(self.run.chance.u64(..4_000));
        self.run.clock.inner.advance(by);
        Ok(())
    }

    /// The time of day jumps, also backwards and before 1970.
    fn jump(&mut self) -> Checked {
        let by = TimeDelta::days(self.run.chance.i64(-36_500..36_500));
        let start = graven::clock::sim::SimClock::new(0).now();
        self.run.sky.did(format!("the clock jumps to {by} from its beginning"));
        self.run.clock.inner.set_now(start + by);
        Ok(())
    }

    /// More time passes than anybody waits.
    fn time_out(&mut self) -> Checked {
        self.run.sky.did("nobody waits any longer");
        self.run.clock.inner.advance(Duration::from_secs(6));
        self.hear()
    }

    /// Somebody stops waiting.
    fn give_up(&mut self) -> Checked {
        self.run.sky.did("somebody stops waiting");
        for number in self.waiting.pop().into_iter().flat_map(|waiting| waiting.attempts) {
            self.run.model.give_up(number);
        }
        Ok(())
    }

    /// A second process wants to write.
    fn second_opener(&mut self) -> Checked {
        self.run.sky.did("a second process opens");
        let disk = FaultyDisk { second: true, ..self.run.disk.clone() };
        let settings = self.run.plan.settings.clone();
        let mut second = match Process::new().open(settings, self.run.machine_on(disk)) {
            Err(error) => return self.run.fits(&error),
            Ok(second) => second,
        };
        Rule::Locked.unless(self.run.canary == Some(Canary::ReuseIndex), || "it could".into())?;
        // Both record until one of them gives an index that the other has given.
        for _ in 0..3 {
            for first in [false, true] {
                let (entry, number) = self.make(false);
                let stepped = if first { &mut self.stepped } else { &mut second };
                let mut answer = Answer::One(Box::pin(stepped.trail().record(entry)));
                let polled = answer.poll();
                stepped.commit_all();
                let answer = if polled.is_ready() { polled } else { answer.poll() };
                if let Poll::Ready(Ok(receipts)) = answer {
                    self.run.acknowledge(number, &receipts[0])?;
                }
            }
        }
        Ok(())
    }

    /// After a failed write or sync nothing is taken.
    fn check_poisoned(&mut self) -> Checked {
        let (entry, number) = self.make(false);
        let mut answer = Answer::One(Box::pin(self.stepped.trail().record(entry)));
        let told = answer.poll();
        self.run.tally.poisoned += 1;
        self.run.model.refuse(number, false);
        match told {
            Poll::Ready(Err(error)) if !error.may_be_recorded() => self.run.fits(&error),
            other => Rule::Poisoned.broken(format!("a poisoned trail answers {other:?}")),
        }
    }

    /// Ends the life as it was to end, or as it has: whether with a clean close.
    pub(crate) fn finish(self, ending: &mut Ending) -> Checked<bool> {
        if self.run.stopped() {
            self.end()?;
            return Ok(false);
        }
        if self.stepped.trail().poisoned().is_some() {
            // It is opened again by the same process, or the process or the machine ends.
            *ending = if self.run.chance.bool() { Ending::Close } else { *ending };
            self.end()?;
            return Ok(false);
        }
        if *ending == Ending::Close {
            return self.close();
        }
        self.end()?;
        Ok(false)
    }

    /// Ends the life with a close; whether it was a clean one.
    pub(crate) fn close(mut self) -> Checked<bool> {
        self.run.sky.did("close");
        self.run.sky.above().closing = true;
        let Life { run, stepped, mut waiting, .. } = {
            self.hear()?;
            self
        };
        let closed = stepped.close();
        run.sky.above().closing = false;
        run.hear_heads()?;
        for waiting in &mut waiting {
            let answer = match waiting.answer.poll() {
                Poll::Ready(answer) => answer,
                Poll::Pending => {
                    return Rule::Answers.broken("the trail was closed, and somebody still waits");
                }
            };
            match answer {
                Ok(receipts) => {
                    for (number, receipt) in waiting.attempts.iter().zip(&receipts) {
                        run.acknowledge(*number, receipt)?;
                    }
                }
                Err(error) => {
                    for number in &waiting.attempts {
                        if error.may_be_recorded() {
                            run.model.give_up(*number);
                        } else {
                            run.model.refuse(*number, false);
                        }
                    }
                    run.fits(&error)?;
                }
            }
        }
        match closed {
            Ok(()) => Ok(true),
            Err(error) => run.fits(&error).map(|()| false),
        }
    }

    /// Ends the life without a close: the process is gone, or the machine.
    pub(crate) fn end(self) -> Checked {
        for waiting in &self.waiting {
            for number in &waiting.attempts {
                self.run.model.give_up(*number);
            }
        }
        self.run.hear_heads()
    }

    /// The next entry, known to the model.
    fn make(&mut self, emitted: bool) -> (Entry, usize) {
        let now = self.run.clock.now();
        let number = self.run.model.next();
        let entry = entry(number, &mut self.run.chance, now);
        let detail = entry.detail.as_ref().map_or(0, |detail| detail.as_str().len() as u64);
        self.queued += 1_000 + detail;
        let at_once = self.queued <= QUEUE_BYTES;
        (entry.clone(), self.run.model.attempt(entry, now, at_once, emitted))
    }

    fn dropped(&self) -> u64 {
        self.stepped.trail().counters().dropped
    }
}

impl Run {
    /// The caller was told that it is recorded.
    fn acknowledge(&mut self, number: usize, receipt: &Receipt) -> Checked {
        self.tally.acknowledged += 1;
        // What a disk that lies has lost it may be given again.
        if self.plan.honest { self.model.acknowledge(number, receipt) } else { Ok(()) }
    }

    /// An error of a kind that fits: never an accusation on an honest disk.
    pub(crate) fn fits(&self, error: &Error) -> Checked {
        let what = || format!("{:?}: {}", error.kind(), error.chain());
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::Closed => Ok(()),
            ErrorKind::Data | ErrorKind::NotFound if !self.plan.honest => Ok(()),
            ErrorKind::Data => Rule::Accused.broken(what()),
            _ => Rule::Answers.broken(what()),
        }
    }
}

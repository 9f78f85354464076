//! A simulated machine with a trail, the callers that use it, and the checks of what they see.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use graven::clock::Clock;
use graven::clock::sim::SimClock;
use graven::disk::Disk;
use graven::disk::sim::{Effect, FailBut, Fault, SimDisk};
use graven::fsck::{VerifyOptions, verify, verify_proof};
use graven::layout::Layout;
use graven::prove::prove;
use graven::reader::Reader;
use graven::sim::{Process, Stepped};
use graven::{Category, Entry, Error, ErrorKind, Machine, Outcome, Receipt, Settings};
use graven_core::hash::leaf_hash;
use graven_core::tree::Tree;
use graven_core::verdict::Verdict;

use crate::model::Model;
use crate::operation::Operation;

const DIR: &str = "/trail";

/// The machine, the trail and its callers.
pub(crate) struct World {
    disk: SimDisk,
    clock: SimClock,
    settings: Settings,
    process: Process,
    trail: Option<Stepped>,
    waiting: Vec<Waiting>,
    model: Model,
    /// Whether the disk has been told to fail since the trail was opened.
    faulty: bool,
    /// Whether the space on the disk is limited.
    full: bool,
    /// The attempts emitted since the trail was opened, and the losses counted before that.
    emitted: Vec<usize>,
    dropped_before: u64,
}

/// A caller that waits for entries to be recorded.
struct Waiting {
    recording: Pin<Box<dyn Future<Output = Result<Vec<Receipt>, Error>>>>,
    attempts: Vec<usize>,
}

impl World {
    /// A machine with a new trail.
    pub(crate) fn new(how: u8) -> World {
        let settings = Settings::new(DIR)
            .origin("fuzz.example/log")
            .segment_bytes([1, 1 << 14, 1 << 15, 1 << 20][usize::from(how % 4)])
            .ring_entries([0, 5, 300, 10_000][usize::from(how / 4 % 4)])
            .queue_bytes(0);
        let settings = if how & 16 == 0 { settings } else { settings.segment_age(Duration::from_secs(1)) };
        let mut world = World {
            disk: SimDisk::new(),
            clock: SimClock::new(1),
            settings,
            process: Process::new(),
            trail: None,
            waiting: Vec::new(),
            model: Model::default(),
            faulty: false,
            full: false,
            emitted: Vec::new(),
            dropped_before: 0,
        };
        world.open();
        world
    }

    /// Does an operation, and checks the result.
    pub(crate) fn act(&mut self, operation: Operation) {
        match operation {
            Operation::Record { detail } => {
                let (entry, attempt) = self.entry(detail);
                let recording = self.trail().trail().record(entry);
                self.wait(Box::pin(async { recording.await.map(|receipt| vec![receipt]) }), vec![attempt]);
            }
            Operation::Batch { entries } => {
                let (entries, attempts) = (0..entries).map(|n| self.entry(n % 50)).unzip();
                let recording = self.trail().trail().record_batch(entries);
                self.wait(Box::pin(recording), attempts);
            }
            Operation::Emit { entries } => {
                for n in 0..entries {
                    let (entry, attempt) = self.entry(n);
                    self.emitted.push(attempt);
                    self.trail().trail().emit(entry);
                }
            }
            Operation::Write => drop(self.trail().write()),
            Operation::Publish => drop(self.trail().publish()),
            Operation::Ask => self.ask(),
            Operation::GiveUp { who } => {
                if !self.waiting.is_empty() {
                    drop(self.waiting.swap_remove(who % self.waiting.len()));
                }
            }
            Operation::Checkpoint => self.checkpoint(),
            Operation::Close => self.close(),
            Operation::Kill => self.restart(self.disk.restart()),
            Operation::PowerCut { seed } => {
                let moment = self.disk.snapshot();
                let choices = moment.crash_choices(8, seed);
                let disk = moment.crash(&choices[seed as usize % choices.len()]);
                self.full = false;
                self.restart(disk);
            }
            Operation::Prove { back } => self.prove(back),
            Operation::Verify => self.verify(|verdict| !verdict.accuses()),
            Operation::Read => self.read(),
            Operation::Pass { milliseconds } => self.clock.advance(Duration::from_millis(milliseconds)),
            Operation::Jump { seconds } => {
                let now = self.clock.now();
                self.clock.set_now(now + chrono::TimeDelta::seconds(seconds));
            }
            Operation::Fail { after, how } => {
                self.faulty = true;
                self.disk.inject(Fault::nth_change(after).effect(failure(how)));
            }
            Operation::Fill { bytes } => {
                (self.faulty, self.full) = (true, true);
                self.disk.set_space(Some(self.disk.used() + bytes));
            }
            Operation::Heal => self.heal(),
        }
    }

    /// Ends the run. On a working disk the trail opens, records an entry, closes, and verifies to the last hash.
    pub(crate) fn end(&mut self) {
        self.heal();
        if self.faulty {
            self.leave();
            self.open();
        }
        self.act(Operation::Record { detail: 1 });
        self.close();
        self.verify(|verdict| verdict == Verdict::Intact);
        let (checkpoint, _) = self.reader().checkpoint().expect("there is one after a close");
        let tree: Tree = self.lines().iter().map(|line| leaf_hash(line)).collect();
        assert_eq!((checkpoint.size, checkpoint.root), (tree.size(), tree.root()));
    }

    /// A new entry with a unique id, and its attempt.
    fn entry(&mut self, detail: usize) -> (Entry, usize) {
        let n = self.model.next();
        let entry = Entry::new(Category::ToolExecution, format!("tool:{n}"), Outcome::Success)
            .id(format!("entry-{n}"))
            .timestamp(self.clock.now());
        let entry = if detail == 0 { entry } else { entry.detail("x".repeat(detail)) };
        let attempt = self.model.attempt(&entry);
        (entry, attempt)
    }

    fn trail(&mut self) -> &mut Stepped {
        self.trail.as_mut().expect("it is open between operations")
    }

    /// Adds a waiting caller. The first poll queues the entries, or finds the queue full.
    fn wait(
        &mut self,
        recording: Pin<Box<dyn Future<Output = Result<Vec<Receipt>, Error>>>>,
        attempts: Vec<usize>,
    ) {
        self.waiting.push(Waiting { recording, attempts });
        self.ask();
    }

    fn ask(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let model = &mut self.model;
        self.waiting.retain_mut(|waiting| {
            match waiting.recording.as_mut().poll(&mut context) {
                Poll::Pending => return true,
                Poll::Ready(Ok(receipts)) => model.recorded(&waiting.attempts, &receipts),
                Poll::Ready(Err(error)) => {
                    assert_ne!(error.kind(), ErrorKind::Internal, "{error:?}");
                    if !error.may_be_recorded() {
                        model.refused(&waiting.attempts);
                    }
                }
            }
            false
        });
    }

    fn checkpoint(&mut self) {
        let sealed = self.trail().checkpoint();
        self.ask();
        match sealed {
            Ok(_) => {
                let (checkpoint, _) = self.reader().checkpoint().expect("it was just given");
                assert_eq!(checkpoint.size, self.trail().trail().len());
                assert_eq!(self.trail().trail().counters().sealed, checkpoint.size);
            }
            Err(error) => self.excused(&error),
        }
    }

    /// Closes the trail and opens it again.
    fn close(&mut self) {
        let trail = self.trail.take().expect("it is open between operations");
        let handle = trail.trail().clone();
        let closed = trail.close();
        // Callers that waited for space in the queue were refused. All others have a result.
        self.ask();
        assert!(self.waiting.is_empty(), "the trail is closed and a caller still waits");
        match closed {
            Ok(()) => {
                let lost = self.model.missing(&self.emitted, &self.lines());
                assert_eq!(lost, handle.counters().dropped - self.dropped_before, "each loss is counted");
                self.verify(|verdict| verdict == Verdict::Intact);
            }
            Err(error) => self.excused(&error),
        }
        drop(handle);
        self.leave();
        self.open();
    }

    /// The process is killed, and a new one starts with this disk.
    fn restart(&mut self, disk: SimDisk) {
        self.disk.halt();
        self.leave();
        self.process = Process::new();
        self.disk = disk;
        self.open();
    }

    /// Drops the trail and all callers. The results that they had not got stay unknown.
    fn leave(&mut self) {
        self.waiting.clear();
        self.trail = None;
    }

    /// Opens the trail. If that fails, the disk has failed, and opening must work after the disk is repaired.
    fn open(&mut self) {
        let opened = match self.process.open(self.settings.clone(), self.machine()) {
            Ok(trail) => trail,
            Err(error) => {
                self.excused(&error);
                self.heal();
                let opened = self.process.open(self.settings.clone(), self.machine());
                opened.unwrap_or_else(|error| panic!("does not open on a working disk: {error:?}"))
            }
        };
        self.faulty = self.full || self.disk.has_faults();
        self.dropped_before = opened.trail().counters().dropped;
        self.emitted.clear();
        self.trail = Some(opened);
        let lines = self.lines();
        self.model.opened(lines);
        self.verify(|verdict| !verdict.accuses());
    }

    fn heal(&mut self) {
        self.disk.heal();
        self.disk.set_space(None);
        self.full = false;
    }

    /// Checks that an error came from a disk that was told to fail, and that its kind says so.
    fn excused(&self, error: &Error) {
        assert!(self.faulty && error.kind() == ErrorKind::Unavailable, "on a working disk: {error:?}");
    }

    fn prove(&mut self, back: u64) {
        let reader = self.reader();
        let (checkpoint, signed) = reader.checkpoint().expect("there is always one");
        let Some(index) = checkpoint.size.checked_sub(back + 1) else { return };
        let proof = prove(&reader, index, &signed).expect("a sealed entry can be proved");
        let file = proof.tlog_proof.to_string();
        verify_proof(file.as_bytes(), &proof.line, &reader.meta().key).expect("the proof verifies");
        assert_eq!(self.lines()[index as usize], proof.line);
    }

    fn verify(&self, good: impl Fn(Verdict) -> bool) {
        let layout = Layout::in_dir(DIR);
        let report = verify(&self.machine(), &layout, &VerifyOptions::default(), &|_, _| {})
            .expect("the trail can be read");
        assert!(good(report.verdict), "{}: {:#?}", report.verdict, report.findings);
    }

    /// Checks that the newest entries in memory are the newest durable ones on the disk.
    fn read(&mut self) {
        let lines = self.lines();
        self.model.check(&lines);
        let trail = self.trail().trail();
        let durable = trail.len() as usize;
        let newest = lines[..durable].iter().rev().take(trail.count());
        let newest: Vec<Entry> = newest.map(|line| Entry::from_line(line).expect("checked")).collect();
        assert_eq!(trail.recent(usize::MAX), newest);
    }

    fn reader(&self) -> Reader {
        Reader::open_on(&self.machine(), Layout::in_dir(DIR)).expect("there is a trail")
    }

    /// Every line of the trail.
    fn lines(&self) -> Vec<Vec<u8>> {
        let entries = self.reader().entries(..).expect("the disk can be read");
        entries.map(|record| record.expect("the disk can be read").line).collect()
    }

    fn machine(&self) -> Machine {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        Machine { disk, clock: Arc::new(self.clock.clone()) }
    }
}

/// The ways in which an honest disk fails.
fn failure(how: u8) -> Effect {
    match how % 8 {
        0 => Effect::Fail(std::io::ErrorKind::Other, FailBut::NotDone),
        1 => Effect::Fail(std::io::ErrorKind::Other, FailBut::Done),
        2 => Effect::Fail(std::io::ErrorKind::Other, FailBut::Partly(7)),
        3 => Effect::Fail(std::io::ErrorKind::Other, FailBut::Forgotten),
        4 => Effect::Fail(std::io::ErrorKind::Interrupted, FailBut::NotDone),
        5 => Effect::Fail(std::io::ErrorKind::StorageFull, FailBut::NotDone),
        6 => Effect::Short(5),
        _ => Effect::Short(0),
    }
}

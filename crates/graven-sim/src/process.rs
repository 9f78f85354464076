//! One process of a life: its engine, the step that it is in, and its callers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use graven::prove::Proof;
use graven::sim::{Process, Stepped, Turn};
use graven::{Entry, Error, Machine, Receipt, Recording, RecordingBatch, Settings, Trail};

use crate::baton::{Ran, Task};
use crate::disk::Caller;

/// A process, and what it does with the trail.
pub(crate) struct Proc {
    pub(crate) caller: Arc<Caller>,
    /// What outlives its engines.
    pub(crate) process: Arc<Process>,
    /// The trail while it is open, and the number of its engine in the model.
    pub(crate) trail: Option<Trail>,
    pub(crate) engine: u64,
    /// The engine. A step that has not ended has it.
    stepped: Option<Box<Stepped>>,
    step: Option<Task<Ended>>,
    /// For which step of the others it waits before it tries to get a lock again.
    waits_since: Option<u64>,
    pub(crate) waiting: Vec<Waiting>,
    /// An upper bound of the bytes in the queue.
    pub(crate) queued: u64,
    /// What the ring held at the last look, for a canary.
    pub(crate) ring: Vec<Entry>,
    /// Whether its last close was without an error.
    pub(crate) closed: bool,
}

/// What of a process goes on in the next life.
pub(crate) struct Survivor {
    caller: Arc<Caller>,
    process: Arc<Process>,
}

/// A caller that waits for an answer.
pub(crate) struct Waiting {
    pub(crate) answer: Answer,
    pub(crate) attempts: Vec<usize>,
    /// Whether the queue had room for all entries at once.
    pub(crate) at_once: bool,
}

pub(crate) enum Answer {
    One(Pin<Box<Recording>>),
    Batch(Pin<Box<RecordingBatch>>),
}

/// A step that an engine takes.
pub(crate) enum Step {
    Open { repair: bool, settings: Settings, machine: Machine },
    Write,
    CommitAll,
    Publish,
    Checkpoint,
    Refresh,
    Prove { asked: u64, index: u64 },
    Receipt(u64),
    Read(u64),
    Close,
}

/// The result of a step.
pub(crate) enum Done {
    Opened(Result<(), Error>),
    Wrote { idle: bool },
    Published,
    Checkpoint { durable: u64, note: Result<String, Error> },
    Refreshed(Result<(), Error>),
    Proved { index: u64, proof: Result<Proof, Error> },
    Receipt { index: u64, receipt: Result<Receipt, Error> },
    Read { first: u64, lines: Result<Vec<Vec<u8>>, Error> },
    Closed(Result<(), Error>),
}

/// A step that has ended, and the engine after it.
pub(crate) type Ended = (Option<Box<Stepped>>, Done);

impl Survivor {
    /// For a canary: the process goes on, and has forgotten what it has lost.
    pub(crate) fn without_losses(self) -> Survivor {
        Survivor { process: Arc::new(Process::new()), ..self }
    }
}

impl Proc {
    pub(crate) fn new(number: u32) -> Proc {
        Proc::of(Survivor { caller: Caller::new(number), process: Arc::new(Process::new()) })
    }

    pub(crate) fn of(Survivor { caller, process }: Survivor) -> Proc {
        Proc {
            caller,
            process,
            trail: None,
            engine: 0,
            stepped: None,
            step: None,
            waits_since: None,
            waiting: Vec::new(),
            queued: 0,
            ring: Vec::new(),
            closed: false,
        }
    }

    /// What goes on in the next life.
    pub(crate) fn survivor(&self) -> Survivor {
        Survivor { caller: Arc::clone(&self.caller), process: Arc::clone(&self.process) }
    }

    pub(crate) fn number(&self) -> u32 {
        self.caller.number
    }

    /// Whether it is in the middle of a step.
    pub(crate) fn is_busy(&self) -> bool {
        self.step.is_some()
    }

    /// Takes a step as a whole, on this thread.
    pub(crate) fn take(&mut self, step: Step) -> Done {
        let (stepped, done) = perform(step, &self.process, self.stepped.take());
        self.stepped = stepped;
        done
    }

    /// Begins a step, in the middle of which others may take theirs.
    pub(crate) fn begin(&mut self, step: Step) {
        let (process, stepped) = (Arc::clone(&self.process), self.stepped.take());
        self.waits_since = None;
        self.step = Some(Task::new(move || perform(step, &process, stepped)));
    }

    /// Goes on with the step that it is in. `progress` is the number of steps that all have made.
    pub(crate) fn go_on(&mut self, progress: u64) -> Option<Done> {
        match self.step.as_mut()?.run() {
            Ran::Paused => self.waits_since = None,
            Ran::Waits => self.waits_since = Some(progress),
            Ran::Over((stepped, done)) => {
                self.step = None;
                self.waits_since = None;
                self.stepped = stepped;
                return Some(done);
            }
        }
        None
    }

    /// Whether it waits for a lock.
    pub(crate) fn waits(&self) -> bool {
        self.waits_since.is_some()
    }

    /// If it waits, then since this step of all.
    pub(crate) fn has_waited(&mut self, progress: u64) {
        self.waits_since = self.waits_since.map(|_| progress);
    }

    /// Whether it can go on with its step.
    pub(crate) fn can_go_on(&self, progress: u64) -> bool {
        self.is_busy() && self.waits_since.is_none_or(|since| since < progress)
    }

    /// Ends the engine. A step that it is in comes to its end first: kill the process before, or it is done.
    pub(crate) fn drop_engine(&mut self) {
        self.step = None;
        self.stepped = None;
        self.trail = None;
    }

    /// The trail of the engine that it has at hand.
    pub(crate) fn opened_trail(&self) -> Option<Trail> {
        self.stepped.as_ref().map(|stepped| stepped.trail().clone())
    }

    /// The queue is empty, unless a caller waits for room: its next poll queues more.
    pub(crate) fn drained(&mut self) {
        if self.waiting.iter().all(|waiting| waiting.at_once) {
            self.queued = 0;
        }
    }
}

/// Takes a step. Returns the engine that there is afterwards.
fn perform(step: Step, process: &Process, stepped: Option<Box<Stepped>>) -> Ended {
    if let Step::Open { repair, settings, machine } = step {
        let opened = if repair { process.repair(settings, machine) } else { process.open(settings, machine) };
        return match opened {
            Ok(stepped) => (Some(Box::new(stepped)), Done::Opened(Ok(()))),
            Err(error) => (None, Done::Opened(Err(error))),
        };
    }
    let mut stepped = stepped.expect("a process with an open trail has an engine");
    let trail = stepped.trail().clone();
    let done = match step {
        Step::Open { .. } => unreachable!("handled above"),
        Step::Write => Done::Wrote { idle: stepped.write() == Turn::Idle },
        Step::CommitAll => {
            stepped.commit_all();
            Done::Wrote { idle: true }
        }
        Step::Publish => {
            stepped.publish();
            Done::Published
        }
        Step::Checkpoint => Done::Checkpoint { durable: trail.len(), note: stepped.checkpoint() },
        Step::Refresh => Done::Refreshed(stepped.refresh()),
        Step::Prove { asked, index } => {
            // A proof waits for its checkpoint, and no thread publishes one here.
            stepped.publish();
            Done::Proved { index, proof: trail.prove_blocking(asked) }
        }
        Step::Receipt(index) => Done::Receipt { index, receipt: trail.receipt_blocking(index) },
        Step::Read(first) => {
            let lines = trail
                .entries(first..)
                .and_then(|records| records.map(|record| record.map(|record| record.line)).collect());
            Done::Read { first, lines }
        }
        Step::Close => {
            // Before the engine is gone: the handle of this function is not the last one.
            drop(trail);
            return (None, Done::Closed(stepped.close()));
        }
    };
    (Some(stepped), done)
}

impl Answer {
    pub(crate) fn poll(&mut self) -> Poll<Result<Vec<Receipt>, Error>> {
        let mut context = Context::from_waker(Waker::noop());
        match self {
            Answer::One(recording) => recording.as_mut().poll(&mut context).map_ok(|receipt| vec![receipt]),
            Answer::Batch(batch) => batch.as_mut().poll(&mut context),
        }
    }
}

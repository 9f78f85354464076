//! One open trail without threads: a driver takes the engine's steps, one by one (feature `sim`).
//!
//! The threads of an open trail are loops around plain steps: the writer commits a group, the publisher seals what is
//! new. Here the driver decides which step comes next, so that a run on the simulated disk and clock is the same each
//! time. What a step does, and how it fails, is the code of the engine itself.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::engine::commit::Writer;
use crate::engine::held::Held;
use crate::engine::publish::Publisher;
use crate::engine::shared::Engine;
use crate::engine::threads::Parts;
use crate::error::{Error, ErrorKind};
use crate::files::tail::Mode;
use crate::open::registry::{self, Slot};
use crate::record::handle::Handle;
use crate::seam::machine::Machine;
use crate::settings::Settings;
use crate::trail::Trail;

/// What outlives the engines of one trail in one process: the losses that are still to be recorded, and whether there
/// is an engine. To simulate a new process, make a new one.
#[derive(Debug, Default)]
pub struct Process(Arc<Slot>);

/// An open trail whose steps a driver takes. Dropping it simulates the end of its process.
///
/// Nothing runs in the background. A call that waits for a step must not be made before that step was taken: poll
/// [`Trail::record`] and similar futures with a waker of your own, and use the blocking forms for reading only.
pub struct Stepped {
    trail: Trail,
    /// `None` once it has ended.
    writer: Option<Writer>,
    publisher: Arc<Mutex<Publisher>>,
    held: Option<Arc<Held>>,
}

/// What the writer did in its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// There was nothing to do.
    Idle,
    /// A group was committed, or the trail was poisoned by it.
    Group,
    /// The queue has ended and is empty: the trail was closed, unless it is poisoned. There is no writer any more.
    Ended,
}

impl Process {
    /// A process that has not opened the trail yet.
    pub fn new() -> Process {
        Process::default()
    }

    /// [`Trail::open_on`], without threads: when this returns, what a crash left is repaired, recorded and sealed.
    ///
    /// # Errors
    /// As [`Trail::open_on`].
    pub fn open(&self, settings: Settings, machine: Machine) -> Result<Stepped, Error> {
        self.start(settings, machine, Mode::Open)
    }

    /// [`Trail::repair_on`], without threads.
    ///
    /// # Errors
    /// As [`Trail::repair_on`].
    pub fn repair(&self, settings: Settings, machine: Machine) -> Result<Stepped, Error> {
        self.start(settings.must_exist(), machine, Mode::Repair)
    }

    /// For a canary: from now on, what is in doubt after a failure counts as recorded when the log has reached its index.
    pub fn settle_by_index(&self) {
        self.0.settle_by_index();
    }

    fn start(&self, settings: Settings, machine: Machine, mode: Mode) -> Result<Stepped, Error> {
        let ready = registry::ready_in(&self.0, settings, machine, mode)?;
        let (told, size) = (ready.told, ready.recovered.size());
        let Parts { engine, writer, publisher, held } = Engine::assemble(ready);
        let trail = Trail(Arc::new(Handle::new(Arc::clone(&engine), None)));
        let mut stepped = Stepped { trail, writer: Some(writer), publisher, held: Some(held) };
        engine.announce_losses();
        if told {
            stepped.commit_all();
            stepped.publish();
            stepped.trail.seal_to(size)?;
        }
        Ok(stepped)
    }
}

impl Stepped {
    /// The trail, to record in and to ask.
    pub fn trail(&self) -> &Trail {
        &self.trail
    }

    /// The writer's turn: commits a group, or closes the trail when its queue has ended.
    pub fn write(&mut self) -> Turn {
        let Some(writer) = &mut self.writer else {
            return Turn::Ended;
        };
        if !self.trail.0.engine.queue.has_work() {
            return Turn::Idle;
        }
        if writer.turn() {
            return Turn::Group;
        }
        self.writer = None;
        self.held = None;
        Turn::Ended
    }

    /// Turns of the writer until it has nothing to do.
    pub fn commit_all(&mut self) {
        while self.write() == Turn::Group {}
    }

    /// The publisher's turn: seals what is durable. `false` when there was nothing to do. If it leaves that to another
    /// process, it takes its next turn too, which finds nothing newer.
    pub fn publish(&mut self) -> bool {
        let seal = &self.trail.0.engine.seal;
        let has_work = seal.has_work();
        for _ in 0..2 {
            if seal.has_work() {
                self.trail.0.engine.publish_new(&self.publisher);
            }
        }
        has_work
    }

    /// [`Trail::refresh`]. Takes the turns that it waits for.
    ///
    /// # Errors
    /// As [`Trail::refresh`].
    pub fn refresh(&mut self) -> Result<(), Error> {
        let mut refresh = pin!(self.trail.refresh());
        let mut context = Context::from_waker(Waker::noop());
        let early = refresh.as_mut().poll(&mut context);
        self.commit_all();
        match early {
            Poll::Ready(refreshed) => refreshed,
            Poll::Pending => match refresh.poll(&mut context) {
                Poll::Ready(refreshed) => refreshed,
                Poll::Pending => Err(left_undone()),
            },
        }
    }

    /// [`Trail::checkpoint`]. Takes the turns that it waits for.
    ///
    /// # Errors
    /// As [`Trail::checkpoint`].
    pub fn checkpoint(&mut self) -> Result<String, Error> {
        let mut flush = pin!(self.trail.flush());
        // The first poll announces the losses and finds the youngest group.
        let mut context = Context::from_waker(Waker::noop());
        let early = flush.as_mut().poll(&mut context);
        self.commit_all();
        match early {
            Poll::Ready(flushed) => flushed?,
            Poll::Pending => match flush.poll(&mut context) {
                Poll::Ready(flushed) => flushed?,
                Poll::Pending => return Err(left_undone()),
            },
        }
        self.publish();
        self.trail.seal_to(self.trail.len())?;
        self.trail.read_checkpoint()
    }

    /// [`Trail::close`]. Takes the turns that it waits for.
    ///
    /// # Errors
    /// As [`Trail::close`].
    pub fn close(mut self) -> Result<(), Error> {
        let closed = self.trail.close_blocking();
        self.commit_all();
        // Only now is it known whether one of these turns poisoned the trail.
        closed.and_then(|()| self.trail.close_blocking())
    }
}

/// The error for a wait that would never end: the engine had no step left, and there was no answer.
fn left_undone() -> Error {
    Error::new(
        ErrorKind::Internal,
        "the engine has no step left to take, and has not answered: please report it",
    )
}

impl fmt::Debug for Stepped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stepped").field("trail", &self.trail).finish_non_exhaustive()
    }
}

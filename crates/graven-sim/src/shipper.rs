//! A process that ships a trail: its two parts take their steps beside each other, each on a thread of its own.

use std::sync::Arc;

use graven::Machine;
use graven::layout::Layout;
use graven::reader::Reader;
use graven_archive::sim::{Back, Front, Mistake, start};
use graven_archive::{ArchiveError, Store};

use crate::baton::{Ran, Task};
use crate::disk::Caller;

/// A process that ships.
pub(crate) struct Shipper {
    pub(crate) caller: Arc<Caller>,
    name: String,
    pub(crate) take_over: bool,
    /// What its disk remembered of the bucket when it began to take an epoch.
    pub(crate) remembered: String,
    /// Ships heads, once there is an epoch. A step that has not ended has it.
    front: Part<Front>,
    /// Finishes closed segments.
    back: Part<Back>,
    /// Up to here its heads have acknowledged.
    pub(crate) acknowledged: u64,
    /// The epoch that it holds.
    pub(crate) epoch: Option<u64>,
    /// Whether its last step found nothing new.
    pub(crate) idle: bool,
    /// Whether it was stopped, and ends as soon as it has shipped the note of a clean close.
    pub(crate) stopping: bool,
    /// Whether it was told that another writer has the trail.
    pub(crate) fenced: bool,
}

/// A part at hand, or the step that has it.
struct Part<P> {
    at_hand: Option<P>,
    task: Option<Task<(Option<P>, Done)>>,
}

/// What a shipper needs to start.
pub(crate) struct Means {
    pub(crate) machine: Machine,
    pub(crate) layout: Layout,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) mistake: Option<Mistake>,
}

/// A step of one of the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    Step,
    Finish,
    Back,
    Close,
}

/// The result of a step.
pub(crate) enum Done {
    /// The epoch that it has taken.
    Started(Result<u64, ArchiveError>),
    /// A head over this many entries was shipped; `None` when there was nothing new.
    Stepped(Result<Option<u64>, ArchiveError>),
    Finished(Result<(), ArchiveError>),
    /// Whether a closed segment was finished.
    Backed(Result<bool, ArchiveError>),
    Closed(Result<(), ArchiveError>),
}

impl Shipper {
    pub(crate) fn new(number: u32, name: String, take_over: bool) -> Shipper {
        Shipper {
            caller: Caller::new(number),
            name,
            take_over,
            remembered: String::new(),
            front: Part::default(),
            back: Part::default(),
            acknowledged: 0,
            epoch: None,
            idle: false,
            stopping: false,
            fenced: false,
        }
    }

    pub(crate) fn number(&self) -> u32 {
        self.caller.number
    }

    pub(crate) fn front_is_busy(&self) -> bool {
        self.front.task.is_some()
    }

    pub(crate) fn back_is_busy(&self) -> bool {
        self.back.task.is_some()
    }

    /// Whether the second part is there.
    pub(crate) fn has_back(&self) -> bool {
        self.back_is_busy() || self.back.at_hand.is_some()
    }

    /// How many entries are under its newest head; `None` in a step, and before it has an epoch.
    pub(crate) fn size(&self) -> Option<u64> {
        self.front.at_hand.as_ref().map(Front::size)
    }

    /// Begins to take an epoch.
    pub(crate) fn begin_start(&mut self, means: Means) {
        let (name, take_over) = (self.name.clone(), self.take_over);
        self.front.task = Some(Task::new(move || {
            let Means { machine, layout, store, mistake } = means;
            let front = Reader::open_on(&machine, layout)
                .map_err(ArchiveError::from)
                .and_then(|reader| start(machine, reader, store, (&name, take_over), mistake));
            match front {
                Ok(front) => {
                    let epoch = front.epoch();
                    (Some(front), Done::Started(Ok(epoch)))
                }
                Err(error) => (None, Done::Started(Err(error))),
            }
        }));
    }

    /// Makes the second part, if the first is at hand.
    pub(crate) fn start_back(&mut self) -> Result<(), ArchiveError> {
        if let Some(front) = &self.front.at_hand {
            self.back.at_hand = Some(front.back()?);
        }
        Ok(())
    }

    /// Begins a step, in the middle of which others may take theirs. The part must be at hand.
    pub(crate) fn begin(&mut self, errand: Errand) {
        let size = self.acknowledged;
        match errand {
            Errand::Step => self.front.begin(|front| Done::Stepped(front.step())),
            Errand::Finish => self.front.begin(|front| Done::Finished(front.finish_head())),
            Errand::Close => self.front.begin(|front| Done::Closed(front.close())),
            Errand::Back => self.back.begin(move |back| Done::Backed(back.step(size))),
        }
    }

    /// Goes on with the step of the first part, or of the second.
    pub(crate) fn go_on(&mut self, front: bool) -> Option<Done> {
        if front { self.front.go_on() } else { self.back.go_on() }
    }
}

impl Drop for Shipper {
    /// It is killed: a step that it is in comes to nothing.
    fn drop(&mut self) {
        self.caller.kill();
    }
}

impl<P> Default for Part<P> {
    fn default() -> Part<P> {
        Part { at_hand: None, task: None }
    }
}

impl<P: Send + 'static> Part<P> {
    fn begin(&mut self, step: impl FnOnce(&mut P) -> Done + Send + 'static) {
        let Some(mut part) = self.at_hand.take() else { return };
        self.task = Some(Task::new(move || {
            let done = step(&mut part);
            (Some(part), done)
        }));
    }

    fn go_on(&mut self) -> Option<Done> {
        let Ran::Over((part, done)) = self.task.as_mut()?.run() else { return None };
        self.task = None;
        self.at_hand = part;
        Some(done)
    }
}

//! A process beside those that record: it follows the trail, and makes the index of its searches.
//!
//! It sees the same disk with the same faults, and may be killed in the middle of a step like the others. Its shelves have
//! 256 entries. It holds no lock that others need: what it does never keeps them waiting.

use std::sync::Arc;

use graven::Machine;
use graven::layout::Layout;
use graven::reader::Reader;
use graven_search::{
    Answer, Ask, Checked, IndexError, Keeper, Query, Search, SearchError, SearchOptions, Where,
};

use crate::baton::{Ran, Task};
use crate::canary::Canary;
use crate::disk::Caller;
use crate::index_files::MEMORY;

/// The follower, and what it does.
pub(crate) struct Follower {
    pub(crate) caller: Arc<Caller>,
    /// The trail while it is open. A step that has not ended has it.
    watch: Option<Box<Watch>>,
    step: Option<Task<Ended>>,
}

/// A trail that is followed.
struct Watch {
    search: Search,
    keeper: Keeper,
}

/// A step of a follower.
pub(crate) enum Errand {
    Open {
        machine: Machine,
        layout: Layout,
        canary: Option<Canary>,
    },
    /// Takes up new entries, and writes the shelves that are ready.
    Poll,
    /// Makes all shelves that are missing; all of them again if `anew`.
    Build {
        anew: bool,
    },
    /// Compares the index with the log.
    Check,
    Ask(Box<(Query, Ask)>),
}

/// The result of a step.
pub(crate) enum Told {
    Opened(Result<(), SearchError>),
    /// How many shelves were made.
    Made(Result<u64, IndexError>),
    Checked(Result<Checked, IndexError>),
    Answered(Result<Answer, SearchError>),
}

type Ended = (Option<Box<Watch>>, Told);

impl Errand {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Errand::Open { .. } => "open",
            Errand::Poll => "poll",
            Errand::Build { anew: false } => "build",
            Errand::Build { anew: true } => "build anew",
            Errand::Check => "check",
            Errand::Ask(_) => "ask",
        }
    }
}

impl Follower {
    pub(crate) fn new(number: u32) -> Follower {
        Follower { caller: Caller::new(number), watch: None, step: None }
    }

    pub(crate) fn number(&self) -> u32 {
        self.caller.number
    }

    /// Whether it is in the middle of a step.
    pub(crate) fn is_busy(&self) -> bool {
        self.step.is_some()
    }

    /// The search of the trail that it follows, if it is at hand.
    pub(crate) fn search(&self) -> Option<&Search> {
        self.watch.as_ref().map(|watch| &watch.search)
    }

    /// Takes a step as a whole, on this thread.
    pub(crate) fn take(&mut self, errand: Errand) -> Told {
        let (watch, told) = perform(errand, self.watch.take());
        self.watch = watch;
        told
    }

    /// Begins a step, in the middle of which others may take theirs.
    pub(crate) fn begin(&mut self, errand: Errand) {
        let watch = self.watch.take();
        self.step = Some(Task::new(move || perform(errand, watch)));
    }

    /// Goes on with the step that it is in.
    pub(crate) fn go_on(&mut self) -> Option<Told> {
        let Ran::Over((watch, told)) = self.step.as_mut()?.run() else { return None };
        self.step = None;
        self.watch = watch;
        Some(told)
    }
}

impl Drop for Follower {
    /// It is killed: a step that it is in comes to nothing.
    fn drop(&mut self) {
        self.caller.kill();
        self.step = None;
    }
}

/// Opens a trail for searches with small shelves.
pub(crate) fn search(
    machine: &Machine,
    layout: &Layout,
    mut options: SearchOptions,
) -> Result<Search, SearchError> {
    options.testing_only_small_shelves = true;
    let reader = Reader::open_on(machine, layout.clone())?;
    Search::on(machine.clone(), reader, layout.dir(), options)
}

/// How a follower opens a trail.
pub(crate) fn options(canary: Option<Canary>) -> SearchOptions {
    let mut options = SearchOptions::default();
    options.state = Some(MEMORY.into());
    options.testing_only_canary = canary.map(Canary::in_index).unwrap_or_default();
    options
}

/// Takes a step. Returns what is open afterwards.
fn perform(errand: Errand, watch: Option<Box<Watch>>) -> Ended {
    if let Errand::Open { machine, layout, canary } = errand {
        return match search(&machine, &layout, options(canary)) {
            Ok(search) => {
                let keeper = search.keeper(Where::Trail).expect("it uses an index");
                (Some(Box::new(Watch { search, keeper })), Told::Opened(Ok(())))
            }
            Err(error) => (None, Told::Opened(Err(error))),
        };
    }
    let mut watch = watch.expect("a follower without a trail only opens one");
    let Watch { search, keeper } = &mut *watch;
    let told = match errand {
        Errand::Open { .. } => unreachable!("handled above"),
        Errand::Poll => Told::Made(keeper.poll().map(|kept| kept.shelves)),
        Errand::Build { anew } => {
            let cleared = if anew { keeper.clear() } else { Ok(()) };
            Told::Made(cleared.and_then(|()| keeper.build(&mut |_, _| ())).map(|built| built.made))
        }
        Errand::Check => Told::Checked(search.check_index(&mut |_, _| ())),
        Errand::Ask(question) => Told::Answered(search.query(&question.0, &question.1)),
    };
    (Some(watch), told)
}

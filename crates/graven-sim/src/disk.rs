//! The disk that one process sees: the simulated disk behind the faults of a life, or behind a canary.

mod canary_effect;
mod handles;
mod outgoing;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use graven::disk::sim::{Effect, Fault, Op, SimDisk};
use graven::disk::{File, Lock};
use graven::layout::Layout;
use graven_core::hash::Hash;

use crate::baton;
use crate::canary::Canary;
use crate::fault_plan::{Fate, FaultPlan};
use crate::head::Head;
use crate::rule::{Broken, Rule};
use crate::trace::Trace;

use canary_effect::CanaryEffect;

/// More calls than a step needs that comes to an end.
const STEP_CALLS_MAX: u64 = 100_000;

/// The disk of one machine, as one process sees it.
#[derive(Clone)]
pub(crate) struct FaultyDisk {
    /// The disk without faults.
    inner: SimDisk,
    shared: Shared,
    caller: Arc<Caller>,
}

/// The process that makes the calls.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) number: u32,
    /// Whether it was killed: then none of its calls is made any more.
    gone: AtomicBool,
    /// How many calls it has made in its present step.
    pub(crate) calls: AtomicU64,
    /// Whether it is closing the trail.
    pub(crate) closing: AtomicBool,
    /// Whether the trail was lost to it before its present step began: then it may not write.
    pub(crate) lost: AtomicBool,
    /// Whether it pauses at no call: two of its threads share a lock that they hold while they read.
    pub(crate) pauses_not: AtomicBool,
    /// What it has written into `LOCK` last, with the number of the simulated process.
    lock_line: Mutex<Vec<u8>>,
    /// For a canary: the live file that it has open, and the commit lock that it holds.
    live: Mutex<Option<Arc<dyn File>>>,
    committing: Mutex<Option<Arc<dyn Lock>>>,
}

/// What all disks and machines of a run share.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<State>>);

/// The shared state: the faults to come, and what has happened.
pub(crate) struct State {
    pub(crate) faults: FaultPlan,
    pub(crate) trace: Trace,
    /// The heads that were signed and not yet collected.
    pub(crate) heads: Vec<Head>,
    /// Which process has written which `trail.gap`, by the leaf hash of the entry.
    pub(crate) gaps: BTreeMap<Hash, u32>,
    /// Whether the trail's directory was moved away.
    pub(crate) moved: bool,
    /// The last note `closed` that was signed.
    pub(crate) closed: Option<Vec<u8>>,
    /// A rule that a call has broken.
    pub(crate) broken: Option<Broken>,
    /// Whether the machine has stopped in a call.
    pub(crate) stopped: bool,
    /// Whether torn bytes must be kept: on an honest disk.
    pub(crate) keeps_torn: bool,
    /// The chance that a process pauses before a call, as a number among 256.
    pub(crate) pauses: u32,
    canary: Option<Canary>,
    chance: Rng,
    layout: Layout,
}

impl Caller {
    pub(crate) fn new(number: u32) -> Arc<Caller> {
        Arc::new(Caller {
            number,
            gone: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            pauses_not: AtomicBool::new(false),
            lock_line: Mutex::default(),
            live: Mutex::default(),
            committing: Mutex::default(),
        })
    }

    /// Kills the process: no call that it has not made yet is made.
    pub(crate) fn kill(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// Whether it was killed.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

impl Shared {
    pub(crate) fn new(seed: u64, layout: Layout, canary: Option<Canary>, steps_kept: usize) -> Shared {
        Shared(Arc::new(Mutex::new(State {
            faults: FaultPlan::default(),
            trace: Trace::new(steps_kept),
            heads: Vec::new(),
            gaps: BTreeMap::new(),
            moved: false,
            closed: None,
            broken: None,
            stopped: false,
            keeps_torn: false,
            pauses: 0,
            canary,
            chance: Rng::with_seed(seed),
            layout,
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes in the trace what the driver does.
    pub(crate) fn did(&self, what: impl Into<String>) {
        self.lock().trace.did(what.into());
    }

    /// This disk with the faults of the run, for one process.
    pub(crate) fn disk(&self, inner: SimDisk, caller: Arc<Caller>) -> FaultyDisk {
        FaultyDisk { inner, shared: self.clone(), caller }
    }
}

impl FaultyDisk {
    /// Makes one call: draws its fate, does it or not, and adds it to the trace. `claimed` is the answer of a call that
    /// only claims to be done.
    fn call<T>(
        &self,
        (op, path): (Op, &Path),
        (offset, bytes): (u64, u64),
        act: impl Fn() -> io::Result<T>,
        claimed: Option<T>,
        count: impl Fn(&T) -> u64,
    ) -> io::Result<T> {
        if self.pauses() {
            // Others take steps meanwhile.
            baton::pause();
        }
        let (canary, fate) = {
            let state = &mut *self.shared.lock();
            if state.stopped || self.caller.is_gone() || self.goes_on_for_ever(state) {
                return Err(off());
            }
            let fate = state.faults.fate(op, path, offset, bytes, &mut state.chance);
            // A stop comes before the canary.
            (if fate.stops() { None } else { state.canary_effect(op, path, bytes, &self.caller) }, fate)
        };
        let with = |effect| {
            self.inner.inject(Fault::on(op).effect(effect));
            let result = act();
            self.inner.heal();
            result
        };
        let fate = match canary {
            Some(CanaryEffect::Fate(fate)) => fate,
            _ => fate,
        };
        let result = match (canary, fate) {
            (Some(CanaryEffect::ShortTakenForWhole(most)), _) => {
                with(Effect::Short(most)).and_then(|_| claimed.ok_or_else(off))
            }
            (Some(CanaryEffect::Untold(but)), _) => {
                drop(with(Effect::Fail(io::ErrorKind::Other, but)));
                claimed.ok_or_else(off)
            }
            (_, Fate::Fail(kind, but)) => with(Effect::Fail(kind, but)),
            (_, Fate::Short(most)) => with(Effect::Short(most)),
            (_, Fate::RottenRead(place, mask)) => with(Effect::Rot(place, mask)),
            (_, Fate::Lie) => claimed.map_or_else(&act, Ok),
            (_, Fate::Misdirect) => {
                self.misdirect(path, bytes);
                claimed.map_or_else(&act, Ok)
            }
            (_, Fate::Rot) => {
                self.rot();
                act()
            }
            (_, Fate::StopBefore) => Err(off()),
            (_, Fate::StopAfter) => act().and(Err(off())),
            (_, Fate::StopAt(most)) => with(Effect::Short(most)).and(Err(off())),
            (_, Fate::Done) => act(),
        };
        let state = &mut *self.shared.lock();
        if fate.stops() {
            self.stop(state);
        }
        self.check_lost(state, op, path, result.is_ok());
        let outcome = result.as_ref().map(count).map_err(io::Error::kind);
        state.trace.call(self.caller.number, (op, path), (offset, bytes), outcome, fate.name());
        result
    }

    /// Checks that a process to which the trail is lost writes nothing. As long as the directory is still that of the
    /// trail, it may write details beside the log, which nobody reads, and sign what it had made durable before.
    fn check_lost(&self, state: &mut State, op: Op, path: &Path, done: bool) {
        let writes = op.changes() && !op.syncs() && op != Op::Lock && done;
        if !writes || !self.caller.lost.load(Ordering::Relaxed) {
            return;
        }
        let layout = &state.layout;
        let in_trail = path == layout.live() || path.starts_with(layout.dir());
        let may = !state.moved
            && (path.starts_with(layout.blobs())
                || path.starts_with(layout.tiles())
                || is_temporary_of(path, &layout.checkpoint()));
        if in_trail && !may {
            let how =
                format!("process {} makes {op:?} {} after a change", self.caller.number, path.display());
            state.broken.get_or_insert(Broken { rule: Rule::Lost, how });
        }
    }

    /// Notes that a step makes more calls than any that comes to an end.
    fn goes_on_for_ever(&self, state: &mut State) -> bool {
        let is_too_much = self.caller.calls.fetch_add(1, Ordering::Relaxed) > STEP_CALLS_MAX;
        if is_too_much {
            let how = format!("a step of process {} goes on for ever", self.caller.number);
            state.broken.get_or_insert(Broken { rule: Rule::Waits, how });
        }
        is_too_much
    }

    fn pauses(&self) -> bool {
        let state = &mut *self.shared.lock();
        let may = !state.stopped && !self.caller.is_gone() && !self.caller.pauses_not.load(Ordering::Relaxed);
        state.pauses > 0 && state.chance.u32(..256) < state.pauses && may
    }

    /// The power fails, or only this process is killed.
    fn stop(&self, state: &mut State) {
        if state.chance.bool() {
            state.stopped = true;
        } else {
            self.caller.kill();
        }
    }
}

fn off() -> io::Error {
    io::Error::other("the simulated machine is off")
}

impl fmt::Debug for FaultyDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyDisk")
    }
}

/// Whether a path is a temporary name of another.
fn is_temporary_of(path: &Path, lasting: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(graven::durable::temporary_of);
    path.parent() == lasting.parent()
        && lasting.file_name().is_some_and(|last| name.is_some_and(|name| last == name))
}

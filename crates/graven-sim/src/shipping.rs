//! One run of shipping: one trail, the machines that have it or a copy of its disk, and the bucket into which they ship.
//!
//! The engine records on each machine, and a shipper follows it. Both are killed, lose power and start again. A disk is
//! copied, and its copy started beside the original; somebody takes a trail over. Requests fail, get lost, arrive late or
//! twice. At every change of the bucket the audit looks at it; at the end exactly one writer goes on.

mod acts;
mod ending;
mod results;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use fastrand::Rng;
use graven::Machine;
use graven::clock::sim::SimClock;
use graven::disk::Disk;
use graven::disk::sim::SimDisk;
use graven_core::hash::Hash;

use crate::bucket::connection::Connection;
use crate::bucket::{Bucket, Weather};
use crate::canary::Canary;
use crate::clock::FaultyClock;
use crate::disk::{Caller, Shared};
use crate::ended::Ended;
use crate::fault_plan::FaultPlan;
use crate::plan::Plan;
use crate::process::Proc;
use crate::rule::{Broken, Checked, Rule};
use crate::shipper::Shipper;
use crate::tally::Tally;

/// The most machines of a run.
const MACHINES_MAX: usize = 3;

/// A run in progress.
struct Shipping {
    plan: Plan,
    chance: Rng,
    shared: Shared,
    bucket: Bucket,
    canary: Option<Canary>,
    nodes: Vec<Node>,
    /// How many machines there may be.
    nodes_max: usize,
    /// Whether somebody may take the trail over.
    may_take_over: bool,
    /// How many processes there were, and how many entries were made.
    processes: u32,
    entries: usize,
    /// What was acknowledged in the bucket.
    acknowledged: Vec<(u64, Hash)>,
    tally: Tally,
}

/// A machine with the trail, or with a copy of it.
struct Node {
    disk: SimDisk,
    clock: FaultyClock,
    /// The process that records.
    proc: Proc,
    /// Whether an opening has succeeded: before, there may be no trail.
    opened: bool,
    /// Whether its last shipper was fenced.
    fenced: bool,
    /// The process that ships.
    shipper: Option<Shipper>,
}

/// Simulates a run of shipping.
pub(crate) fn run(seed: u64, lives_max: u64, canary: Option<Canary>, steps_kept: usize) -> Ended {
    let mut run = Shipping::new(seed, canary, steps_kept);
    let lived = catch_unwind(AssertUnwindSafe(|| run.live(lives_max)));
    let outcome = lived.unwrap_or_else(|panic| Rule::Panic.broken(crate::ended::message(&*panic)));
    run.ended(outcome)
}

impl Shipping {
    fn new(seed: u64, canary: Option<Canary>, steps_kept: usize) -> Shipping {
        let mut plan = Plan::of(seed);
        (plan.honest, plan.foreign) = (true, None);
        let mut chance = Rng::with_seed(seed ^ 0x7368_6970);
        // Tiles and segments need entries.
        plan.tall = chance.u8(..3) > 0;
        plan.settings = plan.settings.segment_bytes(chance.u64(1..60_000));
        let shared = Shared::new(chance.u64(..), plan.layout.clone(), canary, steps_kept);
        let bucket = Bucket::new(chance.u64(..), canary);
        let nodes_max = [1, 2, 2, MACHINES_MAX][chance.usize(..4)];
        let mut run = Shipping {
            may_take_over: nodes_max > 1 && chance.bool(),
            plan,
            shared,
            bucket,
            canary,
            nodes: Vec::new(),
            nodes_max,
            processes: 0,
            entries: 0,
            acknowledged: Vec::new(),
            tally: Tally::default(),
            chance,
        };
        let disk = SimDisk::new();
        disk.create_dir("/srv".as_ref())
            .and_then(|()| disk.sync_dir("/".as_ref()))
            .expect("a new disk works");
        run.add_node(disk, false);
        run
    }

    fn live(&mut self, lives_max: u64) -> Checked {
        for _ in 0..self.plan.lives.min(lives_max) {
            self.tally.lives += 1;
            self.tally.lives_that_ship += 1;
            self.did(format!("life {} of shipping", self.tally.lives));
            self.begin_life();
            let actions = self.chance.u64(10..90);
            for _ in 0..actions {
                self.act()?;
                self.check()?;
            }
            self.end_life();
            self.check()?;
            self.check_restorable()?;
        }
        self.last_shipping()
    }

    /// Draws how disks and the bucket behave in a life.
    fn begin_life(&mut self) {
        let chance = &mut self.chance;
        {
            let shared = &mut *self.shared.lock();
            shared.pauses = [0, 4, 24][chance.usize(..3)];
            let failures = if chance.u8(..4) == 0 { chance.u32(..600) } else { 0 };
            shared.faults = FaultPlan { failures, ..FaultPlan::default() };
        }
        let state = &mut *self.bucket.lock();
        state.pauses = [4, 30, 100][chance.usize(..3)];
        state.weather = Weather::draw(chance);
    }

    /// Notes in the trace what the driver does.
    fn did(&self, what: impl Into<String>) {
        self.shared.did(what);
    }

    /// What the bucket has seen must be right.
    fn check(&mut self) -> Checked {
        self.shared.lock().heads.clear();
        self.bucket.lock().audit.result()
    }

    fn add_node(&mut self, disk: SimDisk, opened: bool) {
        self.processes += 1;
        let clock = FaultyClock { inner: SimClock::new(self.chance.u64(..)), repeats: false };
        let proc = Proc::new(self.processes);
        self.nodes.push(Node { disk, clock, proc, opened, fenced: false, shipper: None });
    }

    fn new_process(&mut self) -> u32 {
        self.processes += 1;
        self.processes
    }

    /// A machine as one of its processes sees it.
    fn machine_of(&self, node: usize, caller: &Arc<Caller>) -> Machine {
        let node = &self.nodes[node];
        let disk = self.shared.disk(node.disk.clone(), Arc::clone(caller));
        Machine { disk: Arc::new(disk), clock: Arc::new(node.clock.clone()) }
    }

    fn connection(&self, caller: &Arc<Caller>) -> Arc<Connection> {
        let (bucket, shared) = (self.bucket.clone(), self.shared.clone());
        Arc::new(Connection { bucket, shared, caller: Arc::clone(caller) })
    }

    fn ended(mut self, outcome: Checked) -> Ended {
        let counts = self.bucket.lock().audit.counts();
        (self.tally.heads, self.tally.segments_shipped) = (counts.heads, counts.segments);
        // Processes end before the trace is read.
        self.nodes.clear();
        let shared = self.shared.lock();
        let tally = Tally { calls: shared.trace.calls(), ..self.tally };
        let broken =
            outcome.err().map(|Broken { rule, how }| (rule, tally.lives, how, shared.trace.last_steps()));
        Ended { trace: shared.trace.hash(), tally, broken }
    }
}

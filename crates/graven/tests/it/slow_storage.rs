//! Storage that hangs: everybody gets an answer, memory stays bounded, and nothing is lost or doubled when it goes on.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use graven::clock::sim::SimClock;
use graven::disk::Disk;
use graven::disk::sim::{FailBut, Fault, Gate, Op, SimDisk, Step};
use graven::{Category, Entry, Error, ErrorKind, Machine, Outcome, Recording, Settings, Trail, WhenFull};

use crate::support::patience::{Deadline, must_end, until};
use crate::support::plain::block_on;

/// How long callers wait, by the simulated clock.
const DEADLINE: Duration = Duration::from_millis(20);

/// Lines of which two fill a queue of 128 KiB.
const LARGE: usize = 60_000;

/// A trail on a disk that can hang.
struct World {
    disk: SimDisk,
    clock: SimClock,
    trail: Trail,
}

impl World {
    fn new() -> World {
        World::with(|settings| settings)
    }

    /// The smallest queue there is.
    fn with(change: impl Fn(Settings) -> Settings) -> World {
        must_end();
        let (disk, clock) = (SimDisk::new(), SimClock::new(3));
        let settings = change(settings());
        let trail = Trail::open_on(settings, machine(&disk, &clock)).unwrap();
        World { disk, clock, trail }
    }

    /// Hangs from the next sync of the live file on.
    fn hang(&self) -> Gate {
        self.disk.hold(syncs_live)
    }

    /// Lets every deadline pass.
    fn run_out(&self) {
        self.clock.advance(DEADLINE);
    }

    /// Queues an entry, or has it wait for room.
    fn start(&self, entry: Entry) -> Pin<Box<Recording>> {
        let mut recording = Box::pin(self.trail.record(entry));
        let polled = recording.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending), "{polled:?}");
        recording
    }

    /// Hangs with one entry in the writer's hand and a queue without room for another large one.
    fn hang_with_a_full_queue(&self) -> (Gate, Vec<Pin<Box<Recording>>>) {
        let gate = self.hang();
        let mut recordings = vec![self.start(large("in hand"))];
        gate.reached();
        recordings.extend(["queued 1", "queued 2"].map(|id| self.start(large(id))));
        (gate, recordings)
    }

    /// The ids of all entries but the trail's own, in their order.
    fn ids(&self) -> Vec<String> {
        self.stored()
            .into_iter()
            .filter(|entry| entry.category != Category::Trail)
            .filter_map(|e| e.id)
            .collect()
    }

    fn stored(&self) -> Vec<Entry> {
        let records = self.trail.entries(..).unwrap();
        records.map(|record| record.unwrap().entry().unwrap()).collect()
    }

    /// What the gap entries say, added up.
    fn gaps(&self) -> serde_json::Map<String, serde_json::Value> {
        // Losses that are counted while a gap entry is on its way are in the next one.
        self.trail.flush_blocking().unwrap();
        self.trail.flush_blocking().unwrap();
        let mut sums = serde_json::Map::new();
        for entry in self.stored().into_iter().filter(|entry| entry.action == "trail.gap") {
            let detail: serde_json::Value = serde_json::from_str(entry.detail.unwrap().as_str()).unwrap();
            let categories = detail["categories"].as_object().unwrap();
            let sum: u64 = categories.values().map(|count| count.as_u64().unwrap()).sum();
            assert_eq!(detail["dropped"], sum);
            for (category, count) in categories {
                let before = sums.get(category).and_then(serde_json::Value::as_u64).unwrap_or(0);
                sums.insert(category.clone(), (before + count.as_u64().unwrap()).into());
            }
        }
        sums
    }
}

fn settings() -> Settings {
    Settings::new("/trail").queue_bytes(0).when_full(WhenFull::Wait(DEADLINE))
}

fn machine(disk: &SimDisk, clock: &SimClock) -> Machine {
    Machine { disk: Arc::new(disk.clone()), clock: Arc::new(clock.clone()) }
}

fn syncs_live(step: &Step) -> bool {
    step.op == Op::SyncData && step.is_named("audit.jsonl")
}

fn writes_tiles(step: &Step) -> bool {
    step.op == Op::Write && step.path.starts_with("/trail/tiles")
}

fn entry(id: &str) -> Entry {
    Entry::new(Category::Api, "GET /", Outcome::Success).id(id)
}

fn of(category: Category, mut entry: Entry) -> Entry {
    entry.category = category;
    entry
}

fn large(id: &str) -> Entry {
    entry(id).detail("x".repeat(LARGE))
}

/// The answer of a call whose short deadline goes by the system's clock: asked again until it comes in time, as a busy
/// machine may need longer than that.
#[track_caller]
fn when_there_is_time<T>(call: impl Fn() -> Result<T, Error>) -> T {
    let deadline = Deadline::new("storage no longer hangs, and there is an answer");
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::TimedOut => deadline.check(),
            answer => return answer.unwrap(),
        }
    }
}

/// No answer in time, about this entry.
#[track_caller]
fn assert_timed_out(error: &Error, id: &str, may_be_recorded: bool) {
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
    assert_eq!(error.entry_id(), Some(id), "{error:?}");
    assert_eq!(error.may_be_recorded(), may_be_recorded, "{error}");
}

#[test]
fn a_hanging_sync_is_answered_within_the_deadline_and_the_entries_are_there_once() {
    let world = World::new();
    let gate = world.hang();
    let first = world.start(entry("0"));
    gate.reached();
    // Behind the hanging group: futures on plain threads and under an executor, a blocking call and a batch.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let recordings: Vec<_> = (1..20).map(|n| world.start(entry(&n.to_string()))).collect();
    let tasks: Vec<_> = (20..40).map(|n| runtime.spawn(world.start(entry(&n.to_string())))).collect();
    let mut batch = Box::pin(world.trail.record_batch((40..60).map(|n| entry(&n.to_string())).collect()));
    assert!(batch.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    thread::scope(|scope| {
        let blocking = scope.spawn(|| world.trail.record_blocking(entry("60")));
        let threads: Vec<_> =
            recordings.into_iter().map(|recording| scope.spawn(|| block_on(recording))).collect();
        let batch = scope.spawn(|| block_on(batch));
        world.run_out();
        assert_timed_out(&block_on(first).unwrap_err(), "0", true);
        for (n, thread) in (1..).zip(threads) {
            assert_timed_out(&thread.join().unwrap().unwrap_err(), &n.to_string(), true);
        }
        for (n, task) in (20..).zip(tasks) {
            assert_timed_out(&runtime.block_on(task).unwrap().unwrap_err(), &n.to_string(), true);
        }
        let error = batch.join().unwrap().unwrap_err();
        assert!(error.kind() == ErrorKind::TimedOut && error.may_be_recorded(), "{error:?}");
        // Begun after the clock moved, perhaps: then its own deadline is still to come.
        world.run_out();
        until("the blocking call has its answer", || {
            world.run_out();
            blocking.is_finished()
        });
        assert_timed_out(&blocking.join().unwrap().unwrap_err(), "60", true);
    });
    assert_eq!(world.trail.len(), 0);
    gate.open();
    world.trail.flush_blocking().unwrap();
    let mut ids: Vec<u64> = world.ids().iter().map(|id| id.parse().unwrap()).collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..=60));
    assert_eq!(world.trail.record_blocking(entry("after")).unwrap().index, 61);
}

#[test]
fn it_is_known_how_long_the_writer_hangs() {
    let world = World::new();
    world.trail.record_blocking(entry("before")).unwrap();
    until("nothing is in hand", || world.trail.writing_for().is_none());
    let gate = world.hang();
    let recording = world.start(entry("hangs"));
    gate.reached();
    assert_eq!(world.trail.writing_for(), Some(Duration::ZERO));
    world.clock.advance(Duration::from_secs(7));
    assert_eq!(world.trail.writing_for(), Some(Duration::from_secs(7)));
    gate.open();
    drop(block_on(recording));
    world.trail.flush_blocking().unwrap();
    until("nothing is in hand", || world.trail.writing_for().is_none());
}

#[test]
fn a_caller_that_finds_no_room_waits_for_it() {
    let world = World::new();
    let (gate, recordings) = world.hang_with_a_full_queue();
    let waiting = world.start(large("waiting"));
    let mut batch = Box::pin(world.trail.record_batch(vec![large("batch 1"), large("batch 2")]));
    assert!(batch.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| block_on(waiting));
        let batch = scope.spawn(|| block_on(batch));
        gate.open();
        waiting.join().unwrap().unwrap();
        assert_eq!(batch.join().unwrap().unwrap().len(), 2);
    });
    for (index, recording) in (0..).zip(recordings) {
        assert_eq!(block_on(recording).unwrap().index, index);
    }
    let mut ids = world.ids();
    assert_eq!(ids[..3], ["in hand", "queued 1", "queued 2"]);
    ids.sort_unstable();
    assert_eq!(ids, ["batch 1", "batch 2", "in hand", "queued 1", "queued 2", "waiting"]);
}

#[test]
fn a_caller_that_finds_no_room_in_time_knows_that_nothing_was_recorded() {
    let world = World::new();
    let (gate, recordings) = world.hang_with_a_full_queue();
    let waiting = world.start(large("waiting"));
    let mut batch = Box::pin(world.trail.record_batch(vec![large("batch")]));
    assert!(batch.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    world.run_out();
    assert_timed_out(&block_on(waiting).unwrap_err(), "waiting", false);
    let error = block_on(batch).unwrap_err();
    assert!(error.kind() == ErrorKind::TimedOut && !error.may_be_recorded(), "{error:?}");
    for (id, recording) in ["in hand", "queued 1", "queued 2"].into_iter().zip(recordings) {
        assert_timed_out(&block_on(recording).unwrap_err(), id, true);
    }
    gate.open();
    world.trail.flush_blocking().unwrap();
    assert_eq!(world.ids(), ["in hand", "queued 1", "queued 2"]);
    assert_eq!(world.trail.counters().dropped, 0, "its caller knows");
}

#[test]
fn a_category_that_does_not_wait_is_refused_at_once_and_counted() {
    let world = World::with(|settings| {
        let billing = Category::custom("billing").unwrap();
        settings.when_full_for(Category::Session, WhenFull::Drop).when_full_for(billing, WhenFull::Drop)
    });
    let (gate, recordings) = world.hang_with_a_full_queue();
    let waiting = world.start(large("waiting"));
    let categories = ["session", "billing", "session"].map(|name| name.parse::<Category>().unwrap());
    for category in categories {
        // The clock stands still: if this waited, it would wait for ever.
        let error = world.trail.record_blocking(of(category, large("dropped"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert_eq!((error.entry_id(), error.may_be_recorded()), (Some("dropped"), false));
    }
    assert_eq!(world.trail.counters().dropped, 3);
    gate.open();
    block_on(waiting).unwrap();
    recordings.into_iter().for_each(|recording| drop(block_on(recording).unwrap()));
    assert_eq!(serde_json::Value::from(world.gaps()), serde_json::json!({"session": 2, "billing": 1}));
    assert_eq!(world.ids(), ["in hand", "queued 1", "queued 2", "waiting"]);
}

#[test]
fn emit_never_waits_and_its_overflow_is_counted_and_written() {
    const EACH: u64 = 3_000;
    let world = World::new();
    let gate = world.hang();
    let _first = world.start(entry("first"));
    gate.reached();
    for n in 0..EACH {
        // On this thread, which opens the gate: if one waited, it would wait for ever.
        world.trail.emit(of(Category::Auth, entry(&n.to_string())));
        world.trail.emit(of(Category::Session, entry(&n.to_string())));
    }
    let dropped = world.trail.counters().dropped;
    assert!((1..2 * EACH).contains(&dropped), "{dropped} dropped");
    gate.open();
    let gaps = world.gaps();
    let stored = world.stored();
    let count = |category| stored.iter().filter(|entry| entry.category == category).count() as u64;
    for (name, category) in [("auth", Category::Auth), ("session", Category::Session)] {
        assert_eq!(gaps[name].as_u64().unwrap() + count(category), EACH, "{name}");
    }
    assert_eq!(gaps.values().map(|count| count.as_u64().unwrap()).sum::<u64>(), dropped);
}

/// Records until the writer waits for the publisher, which hangs. `check` is called again and again with the number of
/// unsealed entries and bytes, and says whether one more group would be too much.
fn record_up_to_the_bound(some: impl Fn() -> Vec<Entry>, check: impl Fn(u64, u64) -> bool) {
    let world = World::with(|settings| settings.queue_bytes(8 << 20).ring_entries(10));
    let gate = world.disk.hold(writes_tiles);
    world.trail.record_blocking(entry("first")).unwrap();
    gate.reached();
    let unsealed = || {
        let bytes = world.disk.metadata("/trail/audit.jsonl".as_ref()).unwrap().bytes;
        (world.trail.len() - world.trail.counters().sealed, bytes)
    };
    let error = loop {
        let mut batch = Box::pin(world.trail.record_batch(some()));
        let (mut seen, mut idle) = (unsealed(), 0);
        let mut deadline = Deadline::new("a batch is recorded, or its deadline passes");
        let recorded = loop {
            if let Poll::Ready(result) = batch.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                break result;
            }
            let now = unsealed();
            idle = if now == seen { idle + 1 } else { 0 };
            if idle == 0 {
                deadline.renew();
            }
            deadline.check();
            seen = now;
            // Time runs only while the writer does nothing.
            if check(now.0, now.1) && idle > 1_000 {
                world.run_out();
            }
            thread::yield_now();
        };
        if let Err(error) = recorded {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
    gate.open();
    world.trail.flush_blocking().unwrap();
    let note = when_there_is_time(|| world.trail.checkpoint_blocking());
    assert_eq!(note.lines().nth(1).unwrap(), world.trail.len().to_string());
}

#[test]
fn the_writer_waits_rather_than_leave_too_many_bytes_unsealed() {
    const BOUND: u64 = 64 << 20;
    let check = |_, bytes| {
        assert!(bytes <= BOUND, "{bytes}");
        bytes > BOUND - (1 << 20)
    };
    record_up_to_the_bound(|| (0..10).map(|_| large("x")).collect(), check);
}

#[test]
fn the_writer_waits_rather_than_leave_too_many_entries_unsealed() {
    const BOUND: u64 = 262_144;
    let check = |entries, _| {
        assert!(entries <= BOUND, "{entries}");
        // A group of 1 MiB holds no more than 10,000 of these.
        entries > BOUND - 10_000
    };
    record_up_to_the_bound(|| vec![entry("x"); 5_000], check);
}

#[test]
fn flush_checkpoint_and_close_answer_while_storage_hangs() {
    must_end();
    // With the system's clock: a checkpoint and a close wait by it.
    let disk = SimDisk::new();
    let open =
        || Trail::open_on(settings(), Machine { disk: Arc::new(disk.clone()), ..Machine::os() }).unwrap();
    let trail = open();
    let gate = disk.hold(syncs_live);
    trail.emit(entry("0"));
    gate.reached();
    let timed_out =
        |what: &str, error: Error| assert_eq!(error.kind(), ErrorKind::TimedOut, "{what}: {error:?}");
    timed_out("flush", trail.flush_blocking().unwrap_err());
    timed_out("flush", block_on(trail.flush()).unwrap_err());
    timed_out("checkpoint", trail.checkpoint_blocking().unwrap_err());
    timed_out("checkpoint", block_on(trail.checkpoint()).unwrap_err());
    timed_out("close", trail.close_blocking().unwrap_err());
    timed_out("close", block_on(trail.close()).unwrap_err());
    assert_eq!(trail.record_blocking(entry("1")).unwrap_err().kind(), ErrorKind::Closed);
    gate.open();
    // It closes by itself; an opening waits for that.
    let again = open();
    assert!(was_closed(&disk));
    trail.close_blocking().unwrap();
    let ids: Vec<_> = again.recent(10).into_iter().filter_map(|entry| entry.id).collect();
    assert_eq!(ids, ["0"], "nothing but the entry: no crash was mended");
}

#[test]
fn a_checkpoint_and_a_close_answer_while_the_publisher_hangs() {
    let world = World::new();
    let gate = world.disk.hold(writes_tiles);
    world.trail.record_blocking(entry("0")).unwrap();
    gate.reached();
    assert_eq!(world.trail.checkpoint_blocking().unwrap_err().kind(), ErrorKind::TimedOut);
    // Callers that need no checkpoint are served.
    world.trail.record_blocking(entry("1")).unwrap();
    world.trail.flush_blocking().unwrap();
    assert_eq!(world.trail.receipt_blocking(1).unwrap().id, "1");
    assert_eq!(world.trail.prove_blocking(1).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(world.trail.close_blocking().unwrap_err().kind(), ErrorKind::TimedOut);
    gate.open();
    when_there_is_time(|| world.trail.close_blocking());
    assert!(was_closed(&world.disk));
}

#[test]
fn dropping_the_last_handle_gives_up_on_storage_that_hangs() {
    let world = World::new();
    let gate = world.hang();
    let recording = world.start(entry("0"));
    gate.reached();
    let World { disk, clock, trail } = world;
    trail.emit(entry("1"));
    drop(recording);
    drop(trail);
    assert!(!was_closed(&disk));
    gate.open();
    let trail = Trail::open_on(settings(), machine(&disk, &clock)).unwrap();
    assert!(was_closed(&disk));
    assert_eq!(World { disk, clock, trail }.ids(), ["0", "1"]);
}

fn was_closed(disk: &SimDisk) -> bool {
    let calls = disk.calls();
    calls.iter().any(|call| call.step.op == Op::Rename && call.step.is_new("closed"))
}

#[test]
fn callers_are_answered_when_the_publisher_fails_while_a_sync_hangs() {
    let world = World::new();
    let tiles = world.disk.hold(writes_tiles);
    world.trail.record_blocking(entry("0")).unwrap();
    tiles.reached();
    let sync = world.hang();
    let recording = world.start(entry("1"));
    sync.reached();
    world.disk.inject(Fault::when(writes_tiles).fail(std::io::ErrorKind::Other, FailBut::NotDone));
    tiles.open();
    until("the publisher has failed", || world.trail.poisoned().is_some());
    world.run_out();
    assert_timed_out(&block_on(recording).unwrap_err(), "1", true);
    sync.open();
    let World { disk, clock, trail: _old } = world;
    let trail = Trail::open_on(settings(), machine(&disk, &clock)).unwrap();
    assert_eq!(World { disk, clock, trail }.ids(), ["0", "1"]);
}

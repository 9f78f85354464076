//! After a failed write or sync: what callers are told, that nothing more is written, and that opening the trail again
//! puts all in order, in the same process.

use std::io::ErrorKind as IoErrorKind;
use std::pin::Pin;
use std::sync::{Arc, Once};
use std::task::{Context, Poll, Waker};
use std::thread;

use graven::clock::sim::SimClock;
use graven::disk::sim::{Call, FailBut, Fault, Gate, Op, SimDisk, Step};
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;
use graven::{Category, Entry, Error, ErrorKind, Machine, Outcome, Recording, Settings, Trail};
use graven_core::verdict::Verdict;
use serde_json::{Value, json};

use crate::support::locking::hold;
use crate::support::patience::{must_end, until};
use crate::support::plain::block_on;

/// A trail on a disk that can fail.
struct World {
    disk: SimDisk,
    clock: SimClock,
    trail: Trail,
}

impl World {
    /// With one sealed entry, and a publisher that has nothing to do.
    fn new() -> World {
        must_end();
        let (disk, clock) = (SimDisk::new(), SimClock::new(4));
        let trail = open(&disk, &clock).unwrap();
        trail.record_blocking(entry("sealed")).unwrap();
        trail.checkpoint_blocking().unwrap();
        World { disk, clock, trail }
    }

    fn fail(&self, which: impl Fn(&Step) -> bool + Send + Sync + 'static, but: FailBut) {
        self.disk.inject(Fault::when(which).fail(IoErrorKind::Other, but));
    }

    fn start(&self, id: &str) -> Pin<Box<Recording>> {
        let mut recording = Box::pin(self.trail.record(entry(id)));
        assert!(recording.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        recording
    }

    /// A group of an emitted and a recorded entry in the writer's hand, held back before `which`, and two like them
    /// behind.
    fn held_back(
        &self,
        which: impl Fn(&Step) -> bool + Send + Sync + 'static,
    ) -> (Gate, Pin<Box<Recording>>, Pin<Box<Recording>>) {
        // An entry ahead of them keeps the writer away while the group gathers.
        let sync = self.disk.hold(|step: &Step| step.op == Op::SyncData && step.is_named("audit.jsonl"));
        let ahead = self.start("ahead");
        sync.reached();
        self.trail.emit(of(Category::Session, "emitted in hand"));
        let in_hand = self.start("in hand");
        // Only now, so that the entry ahead is not held.
        let gate = self.disk.hold(which);
        sync.open();
        block_on(ahead).unwrap();
        gate.reached();
        self.trail.emit(of(Category::Auth, "emitted behind"));
        let behind = self.start("behind");
        (gate, in_hand, behind)
    }

    /// Opens the trail again, with the old handle still there; returns the ids in it, and what it says is lost.
    fn reopened(&self) -> (Vec<String>, Value) {
        let trail = open(&self.disk, &self.clock).unwrap();
        trail.flush_blocking().unwrap();
        let (mut ids, mut gaps) = (Vec::new(), json!({}));
        for record in trail.entries(..).unwrap() {
            let entry = record.unwrap().entry().unwrap();
            if entry.action == "trail.gap" {
                let detail: Value = serde_json::from_str(entry.detail.unwrap().as_str()).unwrap();
                for (category, count) in detail["categories"].as_object().unwrap() {
                    let sum = gaps[category].as_u64().unwrap_or(0) + count.as_u64().unwrap();
                    gaps[category] = sum.into();
                }
            } else if entry.category != Category::Trail {
                ids.extend(entry.id);
            }
        }
        let after = trail.record_blocking(entry("after")).unwrap();
        assert_eq!(after.index + 1, trail.len());
        trail.close_blocking().unwrap();
        let report = fsck::verify(
            &machine(&self.disk, &self.clock),
            &Layout::in_dir("/trail"),
            &VerifyOptions::default(),
            &|_, _| {},
        );
        assert_eq!(report.unwrap().verdict, Verdict::Intact);
        (ids, gaps)
    }

    /// No call after the first `calls` could have changed the disk.
    #[track_caller]
    fn assert_nothing_written_since(&self, calls: usize) {
        let since = &self.disk.calls()[calls..];
        let writes: Vec<_> = since.iter().filter(|call| call.step.op.changes()).collect();
        assert!(writes.is_empty(), "{writes:?}");
    }
}

fn open(disk: &SimDisk, clock: &SimClock) -> Result<Trail, Error> {
    Trail::open_on(Settings::new("/trail"), machine(disk, clock))
}

fn machine(disk: &SimDisk, clock: &SimClock) -> Machine {
    Machine { disk: Arc::new(disk.clone()), clock: Arc::new(clock.clone()) }
}

fn entry(id: &str) -> Entry {
    of(Category::Api, id)
}

fn of(category: Category, id: &str) -> Entry {
    Entry::new(category, "an action", Outcome::Success).id(id)
}

fn on_live(op: Op) -> impl Fn(&Step) -> bool + Send + Sync + Copy + 'static {
    move |step| step.op == op && step.is_named("audit.jsonl")
}

fn writes_tiles(step: &Step) -> bool {
    step.op == Op::Write && step.path.starts_with("/trail/tiles")
}

/// The trail is not to be used before it is opened again, and the entry, if any, is or is not there.
#[track_caller]
fn assert_unavailable(error: &Error, may_be_recorded: bool) {
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_eq!(error.may_be_recorded(), may_be_recorded, "{error:?}");
}

#[test]
fn callers_are_told_which_entries_may_be_recorded_and_it_is_so() {
    let failures = [
        (Op::Write, FailBut::NotDone, false),
        (Op::Write, FailBut::Done, true),
        (Op::SyncData, FailBut::NotDone, true),
        (Op::SyncData, FailBut::Done, true),
        (Op::SyncData, FailBut::Forgotten, true),
    ];
    for (op, but, is_recorded) in failures {
        let world = World::new();
        let (gate, in_hand, behind) = world.held_back(on_live(op));
        world.fail(on_live(op), but);
        gate.open();
        let error = block_on(in_hand).unwrap_err();
        assert_unavailable(&error, true);
        assert_eq!(error.entry_id(), Some("in hand"));
        let error = block_on(behind).unwrap_err();
        assert_unavailable(&error, false);
        assert_eq!(error.entry_id(), Some("behind"));
        assert!(!world.disk.has_faults());
        let (ids, gaps) = world.reopened();
        // An emitted entry that was never written is counted: no caller knows of it. One that was written is not.
        if is_recorded {
            assert_eq!(ids, ["sealed", "ahead", "emitted in hand", "in hand"], "{op:?} {but:?}");
            assert_eq!(gaps, json!({"auth": 1}), "{op:?} {but:?}");
        } else {
            assert_eq!(ids, ["sealed", "ahead"], "{op:?} {but:?}");
            assert_eq!(gaps, json!({"auth": 1, "session": 1}), "{op:?} {but:?}");
        }
    }
}

#[test]
fn what_was_written_in_part_is_kept_in_part_and_counted_in_part() {
    let world = World::new();
    let (gate, in_hand, _behind) = world.held_back(on_live(Op::Write));
    // The first line of the group, the emitted one, and a piece of the second.
    world.fail(on_live(Op::Write), FailBut::Partly(200));
    gate.open();
    assert_unavailable(&block_on(in_hand).unwrap_err(), true);
    let (ids, gaps) = world.reopened();
    assert_eq!(ids, ["sealed", "ahead", "emitted in hand"]);
    assert_eq!(gaps, json!({"auth": 1}));
    assert_eq!(world.disk.files().iter().filter(|path| path.starts_with("/trail/torn")).count(), 1);
}

#[test]
fn a_poisoned_trail_writes_nothing_more_and_says_why() {
    for op in [Op::Write, Op::SyncData] {
        let world = World::new();
        world.fail(on_live(op), FailBut::NotDone);
        let calls = world.disk.calls_made();
        assert_unavailable(&world.trail.record_blocking(entry("failed")).unwrap_err(), true);
        // Not one that looks for a file which is not there.
        let failed = |call: &Call| call.result == Err(IoErrorKind::Other);
        let failed_at = world.disk.calls()[calls..].iter().position(failed).unwrap();
        let failed_at = calls + failed_at + 1;
        let trail = &world.trail;
        trail.emit(entry("emitted after"));
        let why = trail.poisoned().unwrap().to_string();
        assert!(why.contains("/trail/audit.jsonl") && why.contains("reopened"), "{why}");
        let errors = [
            trail.record_blocking(entry("after")).unwrap_err(),
            trail.record_batch_blocking(vec![entry("after")]).unwrap_err(),
            trail.flush_blocking().unwrap_err(),
            trail.checkpoint_blocking().unwrap_err(),
            trail.close_blocking().unwrap_err(),
            block_on(trail.record(entry("after"))).unwrap_err(),
            block_on(trail.close()).unwrap_err(),
        ];
        for error in errors {
            assert_unavailable(&error, false);
            assert!(error.to_string().starts_with(&why), "{error}");
        }
        // What is there can still be read.
        assert_eq!(trail.receipt_blocking(0).unwrap().id, "sealed");
        let (disk, clock) = (world.disk.clone(), world.clock.clone());
        let lock = Layout::in_dir("/trail").lock();
        world.assert_nothing_written_since(failed_at);
        assert!(hold(&disk, &lock).unwrap().is_some(), "the lock is free though the handle is there");
        let calls = disk.calls_made();
        let world = World { trail: world.trail.clone(), disk, clock };
        drop(world.trail);
        let since = &world.disk.calls()[calls..];
        assert!(since.iter().all(|call| !call.step.op.changes()), "not when it is dropped either: {since:?}");
        assert!(!world.disk.files().contains(&"/trail/closed".into()));
    }
}

#[test]
fn when_the_publisher_fails_what_was_acknowledged_stays() {
    let renames_checkpoint = |step: &Step| step.op == Op::Rename && step.is_new("checkpoint");
    let syncs_tiles = |step: &Step| step.op == Op::SyncData && step.path.starts_with("/trail/tiles");
    let storing_tiles: fn(&Step) -> bool = writes_tiles;
    let failures = [("tiles", storing_tiles), ("sync", syncs_tiles), ("checkpoint", renames_checkpoint)];
    for (what, which) in failures {
        for but in [FailBut::NotDone, FailBut::Done] {
            let world = World::new();
            world.fail(which, but);
            // Whether the publisher fails before or after this one is answered is open.
            let acknowledged = world.trail.record_blocking(entry("1")).is_ok();
            assert_unavailable(&world.trail.checkpoint_blocking().unwrap_err(), false);
            assert_unavailable(&world.trail.record_blocking(entry("2")).unwrap_err(), false);
            assert!(!world.disk.has_faults());
            let (ids, _) = world.reopened();
            assert!(ids == ["sealed", "1"] || !acknowledged && ids == ["sealed"], "{what} {but:?}: {ids:?}");
        }
    }
}

#[test]
fn losses_are_told_exactly_once_though_the_entry_that_tells_them_fails() {
    for (op, but) in [
        (Op::Write, FailBut::NotDone),
        (Op::Write, FailBut::Done),
        (Op::Write, FailBut::Partly(20)),
        (Op::SyncData, FailBut::NotDone),
    ] {
        let world = World::new();
        world.fail(on_live(op), but);
        // An entry that nobody may record is lost, and has a gap entry written at once.
        world.trail.emit(of(Category::Trail, "not allowed"));
        assert_unavailable(&world.trail.flush_blocking().unwrap_err(), false);
        world.trail.emit(entry("after the failure"));
        assert_eq!(world.trail.counters().dropped, 2);
        let (ids, gaps) = world.reopened();
        assert_eq!(ids, ["sealed"]);
        assert_eq!(gaps, json!({"trail": 1, "api": 1}), "{op:?} {but:?}");
    }
}

#[test]
fn a_trail_that_fails_while_it_is_closing_writes_nothing_more() {
    let world = World::new();
    let gate = world.disk.hold(on_live(Op::SyncData));
    let in_hand = world.start("in hand");
    gate.reached();
    // The first loss is announced behind the group in hand, the second must wait for the first.
    world.trail.emit(of(Category::Trail, "not allowed"));
    world.trail.emit(of(Category::Trail, "not allowed"));
    thread::scope(|scope| {
        let closing = scope.spawn(|| world.trail.close_blocking());
        // An entry that comes before the close waits behind the group in hand: poll it only once.
        let is_closed = || {
            let mut late = Box::pin(world.trail.record(entry("late")));
            let answer = late.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            matches!(answer, Poll::Ready(Err(error)) if error.kind() == ErrorKind::Closed)
        };
        until("the trail takes nothing more", is_closed);
        world.fail(on_live(Op::SyncData), FailBut::NotDone);
        let calls = world.disk.calls_made();
        gate.open();
        assert_unavailable(&block_on(in_hand).unwrap_err(), true);
        assert_unavailable(&closing.join().unwrap().unwrap_err(), false);
        // The failed sync itself was waiting at the gate.
        world.assert_nothing_written_since(calls + 1);
    });
    assert_unavailable(&world.trail.record_blocking(entry("later")).unwrap_err(), false);
    let (ids, gaps) = world.reopened();
    assert_eq!(ids, ["sealed", "in hand"]);
    assert_eq!(gaps, json!({"trail": 2}));
}

#[test]
fn however_many_categories_lose_entries_one_gap_entry_holds_them() {
    let world = World::new();
    world.fail(on_live(Op::Write), FailBut::NotDone);
    world.trail.record_blocking(entry("failed")).unwrap_err();
    for n in 0..2_000 {
        let name = format!("{}_{n}", "c".repeat(59));
        world.trail.emit(of(Category::custom(name).unwrap(), "lost"));
    }
    // A text that is no name of a category is not written as one.
    for name in ["\n\"\u{202e}", "", "UPPER", &"x".repeat(1 << 20)] {
        world.trail.emit(of(Category::Custom(name.into()), "lost"));
    }
    assert_eq!(world.trail.counters().dropped, 2_004);
    let (ids, gaps) = world.reopened();
    assert_eq!(ids, ["sealed"]);
    let gaps = gaps.as_object().unwrap();
    assert_eq!(gaps.values().map(|count| count.as_u64().unwrap()).sum::<u64>(), 2_004);
    assert_eq!((gaps.len(), &gaps["*"]), (257, &json!(2_004 - 256)));
}

/// Panics in the first call that matches, as a disk with a bug would.
fn panic_at(disk: &SimDisk, which: fn(&Step) -> bool) {
    let once = Once::new();
    let panics = move |step: &Step| {
        if which(step) && !once.is_completed() {
            once.call_once(|| {});
            panic!("as the test wants it");
        }
        false
    };
    disk.inject(Fault::when(panics));
}

#[test]
fn a_panic_in_the_publisher_poisons_the_trail_and_signs_nothing() {
    let world = World::new();
    panic_at(&world.disk, writes_tiles);
    let _either = world.trail.record_blocking(entry("1"));
    let error = world.trail.checkpoint_blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal, "{error:?}");
    assert_eq!(world.trail.close_blocking().unwrap_err().kind(), ErrorKind::Internal);
    let signed = world.disk.contents("/trail/checkpoint").unwrap();
    assert_eq!(String::from_utf8(signed).unwrap().lines().nth(1), Some("1"));
    world.disk.heal();
    let (ids, _) = world.reopened();
    assert_eq!(ids, ["sealed", "1"]);
}

#[test]
fn a_panic_in_the_writer_answers_everybody() {
    let world = World::new();
    let (gate, in_hand, behind) = world.held_back(on_live(Op::Write));
    panic_at(&world.disk, |step| step.op == Op::Write && step.is_named("audit.jsonl"));
    gate.open();
    for (recording, may_be_recorded) in [(in_hand, true), (behind, false)] {
        let error = block_on(recording).unwrap_err();
        assert_eq!(
            (error.kind(), error.may_be_recorded()),
            (ErrorKind::Internal, may_be_recorded),
            "{error:?}"
        );
    }
    world.disk.heal();
    let (ids, _) = world.reopened();
    assert_eq!(ids, ["sealed", "ahead"]);
}

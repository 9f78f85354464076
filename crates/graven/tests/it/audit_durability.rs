//! The audit log outlives its storage: it says when a failure begins and ends, loses nothing in silence, and records
//! again without a restart.

use std::future::Future;
use std::io::ErrorKind as IoErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use graven::audit::{AuditCategory, AuditEntry, AuditLog, AuditOutcome};
use graven::clock::Clock;
use graven::clock::sim::SimClock;
use graven::disk::sim::{FailBut, Fault, Op, SimDisk, Step};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Category, Entry, ErrorKind, Machine};
use tracing::Level;

use crate::support::events::Events;
use crate::support::locking::hold;
use crate::support::patience::must_end;
use crate::support::plain::block_on;

pub(crate) const PATH: &str = "/var/log/agent/audit.log";

/// The longest back-off.
pub(crate) const LONG: Duration = Duration::from_secs(5);

/// An audit log on a simulated machine.
pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) clock: SimClock,
    pub(crate) log: AuditLog,
}

impl World {
    pub(crate) fn new() -> World {
        World::on(SimDisk::new(), SimClock::new(1))
    }

    pub(crate) fn on(disk: SimDisk, clock: SimClock) -> World {
        World::of(128, disk, clock)
    }

    pub(crate) fn of(max_entries: usize, disk: SimDisk, clock: SimClock) -> World {
        must_end();
        let machine = Machine { disk: Arc::new(disk.clone()), clock: Arc::new(clock.clone()) };
        let log = AuditLog::testing_only_new_on(max_entries, Some(PATH.into()), machine);
        World { disk, clock, log }
    }

    pub(crate) fn another_log(&self) -> AuditLog {
        World::on(self.disk.clone(), self.clock.clone()).log
    }

    pub(crate) fn entry(&self, action: &str) -> AuditEntry {
        // Each entry is a little later than the one before.
        self.clock.advance(Duration::from_millis(1));
        AuditEntry {
            id: format!("id-{action}"),
            timestamp: self.clock.now(),
            category: AuditCategory::Session,
            action: action.into(),
            principal: None,
            outcome: AuditOutcome::Success,
            detail: None,
            duration_ms: None,
        }
    }

    pub(crate) fn record(&self, action: &str) {
        block_on(self.log.record(self.entry(action)));
    }

    pub(crate) fn recent(&self) -> Vec<String> {
        block_on(self.log.recent(usize::MAX)).into_iter().map(|entry| entry.action).collect()
    }

    /// The entries in the file.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        if let Some(trail) = self.log.trail() {
            // Losses that are counted while a gap entry is on its way are in the next one.
            trail.flush_blocking().unwrap();
            trail.flush_blocking().unwrap();
        }
        let machine = Machine { disk: Arc::new(self.disk.clone()), clock: Arc::new(self.clock.clone()) };
        let reader = Reader::open_on(&machine, Layout::beside_live(PATH)).unwrap();
        reader.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap()).collect()
    }

    /// The actions in the file, and how many entries its gap entries count.
    pub(crate) fn stored(&self) -> (Vec<String>, u64) {
        let (gaps, others): (Vec<Entry>, Vec<Entry>) =
            self.entries().into_iter().partition(|entry| entry.action == "trail.gap");
        let dropped = gaps.iter().map(|gap| detail(gap)["dropped"].as_u64().unwrap()).sum();
        let others = others.into_iter().filter(|entry| entry.category != Category::Trail);
        (others.map(|entry| entry.action).collect(), dropped)
    }

    /// How many late entries each gap entry announces that announces any.
    pub(crate) fn late(&self) -> Vec<u64> {
        let gaps = self.entries().into_iter().filter(|entry| entry.action == "trail.gap");
        gaps.filter_map(|gap| detail(&gap)["late"].as_u64()).collect()
    }
}

pub(crate) fn detail(entry: &Entry) -> serde_json::Value {
    serde_json::from_str(entry.detail.as_ref().unwrap().as_str()).unwrap()
}

pub(crate) fn on_live(op: Op) -> impl Fn(&Step) -> bool + Send + Sync + 'static {
    move |step| step.op == op && step.is_named("audit.log")
}

pub(crate) fn on_lock(step: &Step) -> bool {
    step.op == Op::Lock
}

/// One message of level ERROR says that the failure began, and one that it ended.
fn assert_said_once(events: &Events, missed: u64) {
    let errors = events.of(Level::ERROR);
    let messages: Vec<&str> = errors.iter().map(|heard| heard.message()).collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].starts_with("audit entries cannot be recorded"), "{messages:?}");
    assert_eq!(messages[1], "audit entries are recorded again");
    assert_eq!(errors[1].fields["missed"], missed.to_string());
    assert!(errors.iter().all(|heard| heard.fields["path"] == PATH));
    assert!(errors[0].fields["error"].contains(PATH), "{}", errors[0].fields["error"]);
}

#[test]
fn a_full_disk_does_not_end_auditing() {
    let events = Events::listen();
    let world = World::new();
    world.record("a");
    world.log.trail().unwrap().checkpoint_blocking().unwrap();

    world.disk.set_space(Some(world.disk.used()));
    for action in ["b", "c", "d"] {
        world.record(action);
    }
    assert_eq!(world.log.failures(), 3);
    assert_eq!(world.recent(), ["d", "c", "b", "a"]);
    assert_eq!(block_on(world.log.count()), 4);
    let error = block_on(world.log.try_record(world.entry("e"))).unwrap_err();
    assert_eq!((error.kind(), error.entry_id()), (ErrorKind::Unavailable, Some("id-e")));
    assert!(error.to_string().contains(PATH), "{error}");

    world.disk.set_space(None);
    world.clock.advance(LONG);
    world.record("f");
    assert_eq!(world.log.failures(), 4);
    assert_eq!(world.recent(), ["f", "e", "d", "c", "b", "a"]);
    // Three callers were not told, so their entries are written late; the fourth was.
    assert_eq!(world.stored(), (["a", "b", "c", "d", "f"].map(String::from).to_vec(), 0));
    assert_eq!(world.late(), [3]);
    assert_said_once(&events, 4);
    assert_eq!(events.audited(), ["id-a", "id-b", "id-c", "id-d", "id-e", "id-f"]);

    // After a restart there is what the file holds.
    let World { disk, clock, log } = world;
    drop(log);
    let world = World::on(disk, clock);
    assert_eq!(world.recent(), ["f", "d", "c", "b", "a"]);
}

#[test]
fn an_entry_whose_sync_failed_is_listed_once() {
    for told in [false, true] {
        let events = Events::listen();
        let world = World::new();
        world.record("a");
        world.disk.inject(Fault::when(on_live(Op::SyncData)).fail(IoErrorKind::Other, FailBut::NotDone));
        if told {
            let error = block_on(world.log.try_record(world.entry("b"))).unwrap_err();
            assert!(error.may_be_recorded());
        } else {
            world.record("b");
        }
        assert!(!world.disk.has_faults());
        assert_eq!(world.log.failures(), 1);
        assert_eq!(world.recent(), ["b", "a"]);
        // One failed sync is no outage: the next entry has the trail opened at once.
        world.record("c");
        assert_eq!(world.recent(), ["c", "b", "a"]);
        assert_eq!(block_on(world.log.count()), 3);
        assert_eq!(world.stored(), (vec!["a".into(), "b".into(), "c".into()], 0));
        assert_eq!(world.log.failures(), 1);
        assert_said_once(&events, 1);
        assert_eq!(events.audited(), ["id-a", "id-b", "id-c"]);
    }
}

#[test]
fn an_entry_that_was_never_written_is_recorded_after_all() {
    let world = World::new();
    let sync = world.disk.hold(on_live(Op::SyncData));
    world.disk.inject(Fault::when(on_live(Op::SyncData)));
    let entries = ["a", "b"].map(|action| world.entry(action));
    thread::scope(|scope| {
        let [a, b] = entries.map(|entry| {
            let log = &world.log;
            let mut recording = Box::pin(log.try_record(entry));
            // Queued by the first poll: `b` behind `a`, which is being synced.
            assert!(recording.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            sync.reached();
            scope.spawn(move || block_on(recording))
        });
        sync.open();
        assert!(a.join().unwrap().unwrap_err().may_be_recorded());
        b.join().unwrap().unwrap();
    });
    assert_eq!(world.log.failures(), 1);
    assert_eq!(world.stored(), (vec!["a".into(), "b".into()], 0));
}

#[test]
fn every_entry_is_in_the_file_or_in_a_gap() {
    const THREADS: usize = 4;
    const EACH: usize = 60;
    let world = World::of(10_000, SimDisk::new(), SimClock::new(7));
    let told = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let world = &world;
                scope.spawn(move || {
                    let mut told = Vec::new();
                    for n in 0..EACH {
                        let entry = world.entry(&format!("{thread}:{n}"));
                        match n % 20 {
                            // The disk is full for some of the others.
                            5 => world.disk.set_space(Some(world.disk.used())),
                            10 => world.disk.set_space(None),
                            15 => world.clock.advance(LONG),
                            _ => {}
                        }
                        if n % 2 == 0 {
                            block_on(world.log.record(entry));
                        } else {
                            let action = entry.action.clone();
                            told.push((action, block_on(world.log.try_record(entry))));
                        }
                    }
                    told
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    world.disk.set_space(None);
    world.clock.advance(LONG);
    world.record("last");
    let (stored, dropped) = world.stored();
    for (action, result) in &told {
        if result.is_ok() {
            assert!(stored.contains(action), "{action} was acknowledged");
        }
    }
    let mut untold: Vec<&String> =
        stored.iter().filter(|action| told.iter().all(|(told, _)| told != *action)).collect();
    untold.sort();
    untold.dedup();
    // Each once, and the last one.
    assert_eq!((untold.len(), dropped), (THREADS * EACH / 2 + 1, 0));
    let mut once = stored.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), stored.len(), "none is there twice");
    assert!(stored.last().is_some_and(|action| action == "last"));
    // In memory each entry is there once.
    assert_eq!(block_on(world.log.count()), THREADS * EACH + 1);
}

#[test]
fn a_trail_that_cannot_be_opened_is_tried_again_with_back_off() {
    let events = Events::listen();
    let disk = SimDisk::new();
    disk.inject(Fault::when(on_lock).forever());
    let world = World::on(disk, SimClock::new(1));
    assert!(world.log.trail().is_none());
    let tries = || world.disk.calls().iter().filter(|call| call.step.op == Op::Lock).count();
    assert_eq!(tries(), 1);
    world.record("a");
    assert_eq!(tries(), 2, "at once");
    world.record("b");
    assert_eq!(tries(), 2, "then not before 100 ms");
    world.clock.advance(Duration::from_millis(100));
    world.record("c");
    assert_eq!(tries(), 3);
    world.clock.advance(Duration::from_millis(150));
    world.record("d");
    assert_eq!(tries(), 3, "then not before 200 ms");
    world.clock.advance(Duration::from_secs(3600));
    for _ in 0..8 {
        world.record("e");
        world.clock.advance(LONG);
    }
    assert_eq!(tries(), 11, "but every 5 s");

    world.disk.heal();
    world.record("f");
    assert_eq!(world.log.failures(), 12);
    let (stored, dropped) = world.stored();
    assert_eq!((stored[..4].join(" "), stored.len(), dropped), ("a b c d".to_owned(), 13, 0));
    assert_eq!(world.late(), [12]);
    assert_said_once(&events, 12);
    assert_eq!(world.recent()[..2], ["f", "e"]);
    assert_eq!(block_on(world.log.count()), 13);

    // The next failure is a first one again.
    world.disk.inject(Fault::when(on_live(Op::Write)));
    world.record("g");
    world.record("h");
    assert_eq!(world.log.failures(), 13);
    let (stored, dropped) = world.stored();
    assert_eq!((stored[12..].join(" "), dropped), ("f g h".to_owned(), 0));
}

#[test]
fn another_log_on_the_path_goes_on_when_the_trail_fails() {
    let world = World::new();
    let other = world.another_log();
    world.disk.inject(Fault::when(on_live(Op::Write)).fail(IoErrorKind::Other, FailBut::NotDone));
    world.record("a");
    // The other opens the trail again; the first joins it.
    block_on(other.record(world.entry("b")));
    world.record("c");
    assert_eq!((world.log.failures(), other.failures()), (1, 0));
    // An entry that one log kept in memory is written late by that one, once.
    assert_eq!(world.stored(), (["b", "a", "c"].map(String::from).to_vec(), 0));
    assert_eq!((world.late(), world.recent()), (vec![1], ["c", "a", "b"].map(String::from).to_vec()));
    assert_eq!(block_on(other.count()), 3);
}

#[test]
fn an_entry_from_before_the_failure_does_not_end_it() {
    let events = Events::listen();
    let world = World::new();
    let mut early = Box::pin(world.log.record(world.entry("a")));
    assert!(early.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    world.log.trail().unwrap().flush_blocking().unwrap();
    world.disk.inject(Fault::when(on_live(Op::Write)));
    world.record("b");
    // Its task hears only now that it was recorded long ago.
    block_on(early);
    assert_eq!(events.of(Level::ERROR).len(), 1);
    world.record("c");
    assert_said_once(&events, 1);
}

#[test]
fn what_was_not_recorded_leaves_the_ring_in_its_turn() {
    let disk = SimDisk::new();
    disk.inject(Fault::when(on_lock).times(4));
    let world = World::on(disk, SimClock::new(1));
    for n in 0..200 {
        world.record(&n.to_string());
        world.clock.advance(LONG);
        let newest = (0..=n).rev().take(128).map(|n| n.to_string());
        assert!(world.recent().into_iter().eq(newest), "after {n}");
        assert_eq!(block_on(world.log.count()), 128.min(n + 1));
    }
    assert_eq!(world.log.failures(), 3);
}

#[test]
fn entries_wait_while_the_trail_is_opened() {
    let disk = SimDisk::new();
    disk.inject(Fault::when(on_lock));
    let world = World::on(disk, SimClock::new(1));
    let gate = world.disk.hold(on_lock);
    let entries = [world.entry("a"), world.entry("b")];
    thread::scope(|scope| {
        for entry in entries {
            let log = &world.log;
            scope.spawn(move || block_on(log.record(entry)));
        }
        gate.reached();
        gate.open();
    });
    assert_eq!(world.log.failures(), 0);
    assert_eq!(world.stored().0.len(), 2);
}

#[test]
fn a_caller_that_gives_up_while_the_trail_is_opened_leaves_the_entry() {
    let disk = SimDisk::new();
    disk.inject(Fault::when(on_lock));
    let world = World::on(disk, SimClock::new(1));
    let gate = world.disk.hold(on_lock);
    {
        let recording = pin!(world.log.record(world.entry("a")));
        let mut recording = recording;
        assert!(recording.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        gate.reached();
    }
    assert_eq!(world.log.failures(), 1);
    assert_eq!(world.recent(), ["a"]);

    // Dropping the log waits for the opening, and leaves nothing open.
    let World { disk, clock, log } = world;
    let dropped = thread::spawn(move || drop(log));
    gate.open();
    dropped.join().unwrap();
    let lock = Layout::beside_live(PATH).lock();
    assert!(hold(&disk, &lock).unwrap().is_some(), "the lock is free");
    assert!(disk.contents(Layout::beside_live(PATH).closed()).is_ok());
    let world = World::on(disk, clock);
    world.record("b");
    // At its end the log wrote what it had kept: its caller was not told.
    assert_eq!((world.log.failures(), world.recent()), (0, vec!["b".to_owned(), "a".to_owned()]));
}

#[test]
fn dropping_the_last_log_drains_and_unlocks() {
    let world = World::new();
    let trail = world.log.trail().unwrap();
    for n in 0..50 {
        trail.emit(Entry::new(Category::Api, format!("emitted:{n}"), graven::Outcome::Success));
    }
    drop(trail);
    let World { disk, clock, log } = world;
    drop(log);
    assert!(hold(&disk, &Layout::beside_live(PATH).lock()).unwrap().is_some());
    assert_eq!(disk.contents(PATH).unwrap().iter().filter(|byte| **byte == b'\n').count(), 50);
    let world = World::on(disk, clock);
    assert_eq!(block_on(world.log.count()), 50);
}

//! A handle that lasts: its trail is opened again after a failure, with back-off, and nothing that it took is lost.

use std::io::ErrorKind as IoKind;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use graven::clock::sim::SimClock;
use graven::disk::sim::{FailBut, Fault, Op, SimDisk, Step};
use graven::{Category, Entry, Error, ErrorKind, LastingTrail, Outcome, Receipt, Trail, block_on};

use crate::support::model::{DIR, Place, machine};
use crate::support::patience::must_end;

/// A lasting trail on a disk that can fail.
struct World {
    disk: SimDisk,
    clock: SimClock,
    lasting: LastingTrail,
}

impl World {
    fn new() -> World {
        must_end();
        let (disk, clock) = (Place::InDir.disk(), SimClock::new(11));
        let trail = Trail::open_on(Place::InDir.settings(), machine(&disk, &clock)).unwrap();
        World { disk, clock, lasting: trail.into() }
    }

    fn record(&self, action: &str) -> Result<Receipt, Error> {
        block_on(self.lasting.record(entry(action)))
    }

    /// The next sync of the live file fails, and with it the trail.
    fn fail_a_sync(&self) {
        let is_sync = |step: &Step| step.op == Op::SyncData && step.is_named("audit.jsonl");
        self.disk.inject(Fault::when(is_sync).fail(IoKind::Other, FailBut::NotDone));
    }

    /// How often the trail's directory was opened, to be locked: once for each opening.
    fn openings(&self) -> usize {
        let opens = |step: &Step| step.op == Op::Open && step.path == Path::new(DIR);
        self.disk.calls().iter().filter(|call| opens(&call.step)).count()
    }

    /// The actions of a program's entries, in order.
    fn stored(&self) -> Vec<String> {
        let trail = block_on(self.lasting.ready()).unwrap();
        trail.flush_blocking().unwrap();
        let entries = trail.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap());
        entries.filter(|entry| entry.category != Category::Trail).map(|entry| entry.action).collect()
    }
}

fn detail(entry: &Entry) -> serde_json::Value {
    serde_json::from_str(entry.detail.as_ref().unwrap().as_str()).unwrap()
}

fn entry(action: &str) -> Entry {
    Entry::new(Category::Api, action, Outcome::Success)
}

#[test]
fn the_entry_after_a_failure_is_recorded_in_the_trail_that_is_opened_for_it() {
    let world = World::new();
    world.record("before").unwrap();
    world.fail_a_sync();
    let failed = world.record("lost").unwrap_err();
    assert!(failed.may_be_recorded(), "its sync failed: {}", failed.chain());
    let receipt = world.record("after").unwrap();
    let stored = world.stored();
    assert_eq!((stored[0].as_str(), stored.last().unwrap().as_str()), ("before", "after"));
    let trail = world.lasting.now();
    assert!(trail.poisoned().is_none());
    assert_eq!(trail.len(), receipt.index + 1);
}

#[test]
fn an_entry_is_tried_once_more_when_the_trail_failed_under_another() {
    let world = World::new();
    world.record("before").unwrap();
    let gate = world.disk.hold(|step: &Step| step.op == Op::SyncData && step.is_named("audit.jsonl"));
    let open = world.lasting.now();
    let first = std::thread::spawn(move || open.record_blocking(entry("first")));
    gate.reached();
    // Queued behind the group whose sync is about to fail.
    let mut second = pin!(world.lasting.record(entry("second")));
    let mut context = Context::from_waker(Waker::noop());
    assert!(second.as_mut().poll(&mut context).is_pending());
    world.fail_a_sync();
    gate.open();
    first.join().unwrap().unwrap_err();
    let receipt = block_on(second).unwrap();
    let trail = world.lasting.now();
    assert_eq!(
        trail.entries(receipt.index..).unwrap().next().unwrap().unwrap().entry().unwrap().action,
        "second"
    );
    assert_eq!(world.stored().iter().filter(|action| *action == "second").count(), 1);
}

#[test]
fn one_that_cannot_be_recorded_keeps_none_of_the_others_out() {
    let world = World::new();
    let reserved = || Entry::new(Category::Trail, "not ours", Outcome::Success);
    let entries =
        vec![reserved(), entry("first"), reserved(), entry("second").id("of the client"), reserved()];
    let answers = block_on(world.lasting.record_each(entries));
    let kinds: Vec<_> = answers.iter().map(|answer| answer.as_ref().map_err(Error::kind)).collect();
    let [Err(ErrorKind::Invalid), Ok(first), Err(ErrorKind::Invalid), Ok(second), Err(ErrorKind::Invalid)] =
        kinds[..]
    else {
        panic!("{answers:?}");
    };
    assert_eq!((second.index, second.id.as_str()), (first.index + 1, "of the client"));
    assert_eq!(world.stored(), ["first", "second"]);
    let trail = world.lasting.now();
    for receipt in [first, second] {
        let stored = trail.entries(receipt.index..).unwrap().next().unwrap().unwrap();
        assert_eq!(
            (stored.entry().unwrap().id, stored.leaf_hash()),
            (Some(receipt.id.clone()), receipt.leaf_hash)
        );
    }
}

#[test]
fn entries_with_an_answer_each_are_tried_once_more_and_recorded_once() {
    let world = World::new();
    let gate = world.disk.hold(|step: &Step| step.op == Op::SyncData && step.is_named("audit.jsonl"));
    let open = world.lasting.now();
    let first = std::thread::spawn(move || open.record_blocking(entry("first")));
    gate.reached();
    // Queued behind the group whose sync is about to fail.
    let entries = vec![entry("second").id("2"), entry("third")];
    let mut others = pin!(world.lasting.record_each(entries));
    assert!(others.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    world.fail_a_sync();
    gate.open();
    first.join().unwrap().unwrap_err();
    let receipts: Vec<Receipt> = block_on(others).into_iter().map(Result::unwrap).collect();
    assert_eq!((receipts[0].id.as_str(), receipts[1].index), ("2", receipts[0].index + 1));
    let stored = world.stored();
    assert_eq!(stored.iter().filter(|action| *action == "second" || *action == "third").count(), 2);
}

#[test]
fn what_is_emitted_while_no_trail_is_open_is_kept_with_its_time() {
    let world = World::new();
    world.fail_a_sync();
    world.record("lost").unwrap_err();
    // It cannot be opened either, for now.
    world.disk.inject(Fault::when(|step: &Step| step.op == Op::Lock).forever());
    world.record("refused").unwrap_err();
    world.clock.advance(Duration::from_secs(1));
    let then = graven::clock::Clock::now(&world.clock);
    world.lasting.emit(entry("kept"));
    world.clock.advance(Duration::from_secs(60));
    world.disk.heal();
    world.record("after").unwrap();
    let trail = world.lasting.now();
    trail.flush_blocking().unwrap();
    let kept = trail.recent(10).into_iter().find(|entry| entry.action == "kept").expect("it was kept");
    assert_eq!(kept.timestamp, Some(then));
}

#[test]
fn beyond_a_thousand_entries_what_is_emitted_is_counted_as_lost() {
    let world = World::new();
    world.fail_a_sync();
    world.record("lost").unwrap_err();
    world.disk.inject(Fault::when(|step: &Step| step.op == Op::Lock).forever());
    world.record("refused").unwrap_err();
    (0..1_030).for_each(|_| world.lasting.emit(entry("emitted")));
    world.clock.advance(Duration::from_secs(60));
    world.disk.heal();
    world.record("after").unwrap();
    let trail = world.lasting.now();
    trail.flush_blocking().unwrap();
    assert_eq!(world.stored().iter().filter(|action| *action == "emitted").count(), 1_024);
    let gaps = trail.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap());
    let gaps: Vec<Entry> = gaps.filter(|entry| entry.action == "trail.gap").collect();
    let dropped: u64 = gaps.iter().map(|gap| detail(gap)["dropped"].as_u64().unwrap()).sum();
    assert_eq!(dropped, 6, "{gaps:#?}");
}

#[test]
fn each_failure_in_a_row_doubles_the_pause_and_progress_ends_the_row() {
    let world = World::new();
    world.record("a").unwrap();
    assert_eq!(world.openings(), 1);
    world.fail_a_sync();
    world.record("b").unwrap_err();
    world.disk.inject(Fault::when(|step: &Step| step.op == Op::Lock).forever());
    let refused = world.record("c").unwrap_err();
    assert_eq!((world.openings(), refused.kind()), (2, ErrorKind::Unavailable), "at once");
    world.record("c").unwrap_err();
    assert_eq!(world.openings(), 2, "then not before 100 ms");
    world.clock.advance(Duration::from_millis(100));
    world.record("c").unwrap_err();
    world.clock.advance(Duration::from_millis(199));
    world.record("c").unwrap_err();
    assert_eq!(world.openings(), 3, "then not before 200 ms");
    world.disk.heal();
    world.clock.advance(Duration::from_millis(1));
    world.record("d").unwrap();
    assert_eq!(world.openings(), 4);
    // A first failure again, since an entry was recorded: no pause before the next opening.
    world.fail_a_sync();
    world.record("e").unwrap_err();
    world.record("f").unwrap();
    assert_eq!(world.openings(), 5);
}

#[test]
fn what_is_kept_is_bounded_in_bytes_too() {
    let world = World::new();
    world.fail_a_sync();
    world.record("lost").unwrap_err();
    world.disk.inject(Fault::when(|step: &Step| step.op == Op::Lock).forever());
    world.record("refused").unwrap_err();
    let large = |action: &str| entry(action).detail("x".repeat(300 << 10));
    (0..5).for_each(|_| world.lasting.emit(large("large")));
    world.lasting.emit(entry("small"));
    world.clock.advance(Duration::from_secs(60));
    world.disk.heal();
    world.record("after").unwrap();
    let stored = world.stored();
    assert_eq!(stored.iter().filter(|action| *action == "large").count(), 3, "three are 900 KiB");
    assert!(stored.contains(&"small".to_owned()), "and there is room for a small one");
    world.lasting.now().flush_blocking().unwrap();
    let trail = world.lasting.now();
    let gaps = trail.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap());
    let gaps = gaps.filter(|entry| entry.action == "trail.gap");
    assert_eq!(gaps.map(|gap| detail(&gap)["dropped"].as_u64().unwrap()).sum::<u64>(), 2);
}

#[test]
fn a_trail_whose_files_were_changed_is_tried_again_with_back_off() {
    let world = World::new();
    world.record("a").unwrap();
    block_on(async { world.lasting.now().checkpoint().await }).unwrap();
    let live = Path::new(DIR).join("audit.jsonl");
    let held = world.disk.contents(&live).unwrap();
    world.disk.tamper(&live, Vec::clear).unwrap();
    let lost = world.record("b").unwrap_err();
    assert_eq!((lost.kind(), lost.may_be_recorded()), (ErrorKind::Data, false));
    let openings = world.openings();
    world.record("b").unwrap_err();
    world.record("b").unwrap_err();
    world.record("b").unwrap_err();
    assert!(world.openings() <= openings + 1, "it pauses");
    world.lasting.emit(entry("emitted"));
    world.disk.tamper(&live, |bytes| *bytes = held).unwrap();
    world.clock.advance(Duration::from_secs(10));
    world.record("c").unwrap();
    assert_eq!(world.stored(), ["a", "emitted", "c"]);
}

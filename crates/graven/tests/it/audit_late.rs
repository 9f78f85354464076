//! Entries that the audit log kept in memory are written once there is a file: each once, in their order, with their own
//! times, behind a `trail.gap` that says so.

use std::future::Future;
use std::io::ErrorKind as IoErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use graven::audit::{AuditCategory, AuditEntry, AuditOutcome};
use graven::clock::Clock;
use graven::clock::sim::SimClock;
use graven::disk::sim::{FailBut, Fault, Op, SimDisk, Step};
use graven::{Actor, Category, Entry, Machine, Outcome, Settings, Trail};
use serde_json::json;
use tracing::Level;

use crate::audit_durability::{LONG, PATH, World, detail, on_live, on_lock};
use crate::support::events::Events;
use crate::support::patience::Deadline;
use crate::support::plain::block_on;

/// Polls a future once, which is not ready.
fn poll_once(future: impl Future) {
    assert!(pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

/// A world whose file cannot be opened, and which has tried it at once already.
fn closed_world(max_entries: usize) -> World {
    let disk = SimDisk::new();
    disk.inject(Fault::when(on_lock).forever());
    World::of(max_entries, disk, SimClock::new(3))
}

fn heal(world: &World) {
    world.disk.heal();
    world.disk.set_space(None);
    world.clock.advance(LONG);
}

#[test]
fn a_late_entry_has_its_own_time_and_all_its_fields() {
    let disk = SimDisk::new();
    disk.inject(Fault::when(on_lock).forever());
    entry_that_the_file_misses(&World::of(128, disk, SimClock::new(3)));
}

#[test]
fn so_has_one_whose_line_could_not_be_written() {
    let world = World::new();
    world.disk.set_space(Some(world.disk.used()));
    entry_that_the_file_misses(&world);
}

fn entry_that_the_file_misses(world: &World) {
    world.clock.advance(Duration::from_secs(1));
    let then = world.clock.now();
    let secret = format!("gh{}", "p_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8");
    let correlation = ["okr", "run", "relay", "session"].map(|id| Some(id.to_owned()));
    let [okr, run, relay, session] = correlation;
    let detail_given = json!({ "token": secret, "n": 0.1, "deep": [null, {"ü": "\u{1}"}] });
    let actor = Actor::default().request_id("request").session_id("another");
    block_on(actor.scope(async {
        let (category, outcome, principal) =
            (AuditCategory::Auth, AuditOutcome::Denied, Some("alice".into()));
        let detail = Some(detail_given);
        world
            .log
            .log_with_correlation(category, "login", outcome, principal, detail, okr, run, relay, session)
            .await;
    }));
    let kept = block_on(world.log.recent(1)).remove(0);
    assert_eq!(kept.detail.as_ref().unwrap()["deep"], json!([null, {"ü": "\u{1}"}]));
    heal(world);
    world.record("next");

    let entries = world.entries();
    let entries: Vec<&Entry> = entries.iter().filter(|entry| entry.action != "trail.recovered").collect();
    let actions: Vec<&str> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["trail.gap", "login", "next"]);
    assert_eq!(detail(entries[0]), json!({"dropped": 0, "categories": {}, "late": 1}));
    let late = entries[1];
    assert_eq!((late.id.as_ref(), late.timestamp), (Some(&kept.id), Some(then)));
    assert_eq!((late.outcome, late.principal.as_deref()), (Outcome::Denied, Some("alice")));
    let ids = [&late.okr_id, &late.okr_run_id, &late.relay_id, &late.session_id, &late.request_id];
    assert_eq!(ids.map(|id| id.as_deref().unwrap()), ["okr", "run", "relay", "session", "request"]);
    assert_eq!(Some(detail(late)), kept.detail, "without the secret, in memory too");
    assert!(!detail(late).to_string().contains(&secret));
    assert!(entries[0].timestamp > late.timestamp);
    // In memory it is there once.
    assert_eq!(world.recent(), ["next", "login"]);
    assert_eq!(block_on(world.log.count()), 2);
}

#[test]
fn those_that_memory_had_no_room_for_are_counted() {
    let world = closed_world(128);
    (0..200).for_each(|n| world.record(&n.to_string()));
    heal(&world);
    world.record("next");
    let (stored, dropped) = world.stored();
    let expected = (72..200).map(|n| n.to_string()).chain(["next".to_owned()]);
    assert!(stored.into_iter().eq(expected));
    assert_eq!((dropped, world.late()), (72, vec![128]));
}

#[test]
fn callers_that_are_told_and_try_again_displace_nothing_that_is_due() {
    let world = closed_world(128);
    world.record("due");
    for n in 0..200 {
        block_on(world.log.try_record(world.entry(&n.to_string()))).unwrap_err();
    }
    assert_eq!(block_on(world.log.count()), 128);
    heal(&world);
    world.record("next");
    assert_eq!(world.stored(), (["due", "next"].map(String::from).to_vec(), 0));
}

#[test]
fn many_are_written_in_a_few_groups() {
    let world = closed_world(10_000);
    (0..5_000).for_each(|n| world.record(&n.to_string()));
    heal(&world);
    world.record("next");
    assert_eq!(world.stored().0.len(), 5_001);
    let groups = world.log.trail().unwrap().counters().groups;
    assert!(groups < 50, "{groups} groups");
}

#[test]
fn what_is_too_long_is_written_late_too() {
    let world = closed_world(128);
    world.record("a");
    block_on(world.log.record(AuditEntry { id: "i".repeat(300), ..world.entry("b") }));
    world.record("c");
    heal(&world);
    world.record("d");
    assert_eq!(world.stored(), (["a", "b", "c", "d"].map(String::from).to_vec(), 0));
    assert_eq!(world.recent(), ["d", "c", "b", "a"]);
}

/// The log holds another entry with the same id and time, recorded by another. A comparison by anything but the whole
/// line would take it for the one that was lost.
#[test]
fn what_is_in_doubt_is_settled_by_its_leaf_hash() {
    for but in [FailBut::NotDone, FailBut::Done, FailBut::Partly(10)] {
        let world = World::new();
        world.record("a");
        let entry = world.entry("b");
        let twin = Entry::new(Category::Session, "twin", Outcome::Success);
        let twin = twin.id(entry.id.as_str()).timestamp(entry.timestamp);
        world.disk.inject(Fault::when(on_live(Op::Write)).fail(IoErrorKind::Other, but));
        block_on(world.log.record(entry));
        // At the index that the entry would have had, if it was not written.
        let machine = Machine { disk: Arc::new(world.disk.clone()), clock: Arc::new(world.clock.clone()) };
        let other = Trail::open_on(Settings::live_file(PATH), machine).unwrap();
        other.record_blocking(twin).unwrap();
        world.record("c");
        let (mut stored, dropped) = world.stored();
        stored.sort();
        assert_eq!((stored.join(" "), dropped), ("a b c twin".to_owned(), 0), "{but:?}");
        assert_eq!(world.late().len(), usize::from(but != FailBut::Done), "{but:?}");
        assert_eq!(block_on(world.log.count()), 4, "{but:?}");
    }
}

#[test]
fn late_entries_whose_write_fails_are_written_once_all_the_same() {
    let faults = [Op::Write, Op::SyncData]
        .into_iter()
        .flat_map(|op| [FailBut::NotDone, FailBut::Done, FailBut::Forgotten].map(|but| (op, but)));
    for (op, but) in faults.filter(|fault| *fault != (Op::Write, FailBut::Forgotten)) {
        for times in 1..4 {
            let world = closed_world(128);
            let kept: Vec<String> = (0..40).map(|n| format!("kept:{n}")).collect();
            kept.iter().for_each(|action| world.record(action));
            heal(&world);
            world.disk.inject(Fault::when(on_live(op)).times(times).fail(IoErrorKind::Other, but));
            let mut next = Vec::new();
            for n in 0..6 {
                next.push(format!("next:{n}"));
                world.record(next.last().unwrap());
                world.clock.advance(LONG);
            }
            let expected: Vec<String> = kept.into_iter().chain(next).collect();
            assert_eq!(world.stored(), (expected, 0), "{op:?} {but:?} {times}");
            assert_eq!(block_on(world.log.count()), 46);
        }
    }
}

#[test]
fn an_entry_whose_caller_left_it_in_the_queue_is_not_lost_and_not_doubled() {
    for but in [FailBut::NotDone, FailBut::Done] {
        let world = World::new();
        let sync = world.disk.hold(on_live(Op::SyncData));
        poll_once(world.log.record(world.entry("left")));
        sync.reached();
        // Queued behind the group that is being synced.
        poll_once(world.log.record(world.entry("behind")));
        poll_once(world.log.try_record(world.entry("told")));
        world.disk.inject(Fault::when(on_live(Op::SyncData)).fail(IoErrorKind::Other, but));
        sync.open();
        world.record("c");
        world.record("d");
        let (stored, dropped) = world.stored();
        assert_eq!((stored.join(" "), dropped), ("left behind c d".to_owned(), 0), "{but:?}");
        assert!(world.log.failures() <= 1, "nobody was refused because of them");
    }
}

#[test]
fn an_entry_that_was_left_in_the_queue_of_a_healthy_trail_is_there_once() {
    let world = World::new();
    let sync = world.disk.hold(on_live(Op::SyncData));
    poll_once(world.log.record(world.entry("a")));
    sync.reached();
    poll_once(world.log.record(world.entry("b")));
    sync.open();
    for action in ["c", "d", "e"] {
        world.record(action);
    }
    assert_eq!(world.stored(), (["a", "b", "c", "d", "e"].map(String::from).to_vec(), 0));
    assert_eq!((world.log.failures(), block_on(world.log.count())), (0, 5));
    assert!(world.late().is_empty());
}

/// An entry that is recorded says nothing about those that are queued behind it.
#[test]
fn an_entry_that_is_not_written_yet_is_not_taken_for_a_lost_one() {
    let world = World::new();
    let writes = Arc::new(AtomicUsize::new(0));
    let nth = |n| {
        let writes = Arc::clone(&writes);
        let is_write = on_live(Op::Write);
        move |step: &Step| is_write(step) && writes.load(Ordering::SeqCst) == n
    };
    let (first, second) = (world.disk.hold(nth(0)), world.disk.hold(nth(1)));
    let early = world.entry("early");
    thread::scope(|scope| {
        let early = scope.spawn(|| block_on(world.log.record(early)));
        first.reached();
        writes.store(1, Ordering::SeqCst);
        poll_once(world.log.record(world.entry("left")));
        first.open();
        second.reached();
        early.join().unwrap();
    });
    second.open();
    world.record("a");
    world.record("b");
    assert_eq!(world.stored(), (["early", "left", "a", "b"].map(String::from).to_vec(), 0));
}

#[test]
fn a_log_that_ends_writes_what_it_kept() {
    let events = Events::listen();
    let world = closed_world(128);
    for action in ["a", "b", "c"] {
        world.record(action);
    }
    // Too early for another attempt, if it were not the last.
    world.disk.heal();
    let World { disk, clock, log } = world;
    drop(log);
    let world = World::on(disk, clock);
    assert_eq!(world.stored(), (["a", "b", "c"].map(String::from).to_vec(), 0));
    assert_eq!(world.late(), [3]);
    assert!(events.of(Level::ERROR).iter().all(|heard| !heard.message().contains("lost")));
}

#[test]
fn a_log_that_ends_without_its_file_says_what_is_lost() {
    let events = Events::listen();
    let world = World::new();
    world.record("a");
    world.disk.inject(Fault::when(on_live(Op::Write)).forever());
    for action in ["b", "c"] {
        world.record(action);
    }
    let World { disk, clock, log } = world;
    drop(log);
    let errors = events.of(Level::ERROR);
    let lost: Vec<&str> =
        errors.iter().filter_map(|heard| heard.fields.get("lost")).map(String::as_str).collect();
    assert_eq!(lost, ["2"]);
    // The next opening in this process records it.
    disk.heal();
    let world = World::on(disk, clock);
    assert_eq!(world.stored(), (vec!["a".to_owned()], 2));
}

#[test]
fn two_logs_on_one_path_write_what_each_has_kept() {
    let world = closed_world(128);
    let other = world.another_log();
    for n in 0..6 {
        let log = if n % 2 == 0 { &world.log } else { &other };
        block_on(log.record(world.entry(&n.to_string())));
    }
    heal(&world);
    thread::scope(|scope| {
        for (log, action) in [(&world.log, "x"), (&other, "y")] {
            let entry = world.entry(action);
            scope.spawn(move || block_on(log.record(entry)));
        }
    });
    let (stored, dropped) = world.stored();
    let of = |which: [&str; 4]| stored.iter().filter(|action| which.contains(&action.as_str())).eq(which);
    assert!(of(["0", "2", "4", "x"]) && of(["1", "3", "5", "y"]), "{stored:?}");
    assert_eq!((stored.len(), dropped), (8, 0));
    let mut late = world.late();
    late.sort_unstable();
    assert_eq!(late, [3, 3]);
}

#[test]
fn callers_that_come_while_late_entries_are_written_wait_for_their_turn() {
    let world = closed_world(128);
    for action in ["a", "b"] {
        world.record(action);
    }
    heal(&world);
    let sync = world.disk.hold(on_live(Op::SyncData));
    let entries = ["c", "d", "e"].map(|action| world.entry(action));
    let (given_up, enough) = (world.entry("gone"), AtomicBool::new(false));
    thread::scope(|scope| {
        // Has the trail opened and the writing started, and gives up.
        let leaver = scope.spawn(|| poll_until(world.log.record(given_up), &enough));
        sync.reached();
        enough.store(true, Ordering::SeqCst);
        leaver.join().unwrap();
        for entry in entries {
            let log = &world.log;
            scope.spawn(move || block_on(log.record(entry)));
        }
        sync.open();
    });
    world.record("last");
    let (stored, dropped) = world.stored();
    assert_eq!((&stored[..2], stored.len(), dropped), (&["a".to_owned(), "b".to_owned()][..], 7, 0));
    let mut rest = stored[2..].to_vec();
    rest.sort();
    assert_eq!(rest, ["c", "d", "e", "gone", "last"]);
}

/// Polls a future until this is enough, then drops it.
fn poll_until(future: impl Future, enough: &AtomicBool) {
    let mut future = pin!(future);
    let deadline = Deadline::new("the future is dropped");
    while !enough.load(Ordering::SeqCst) {
        deadline.check();
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        thread::yield_now();
    }
}

//! Of two busy processes neither gets less than a third of the commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use graven::disk::sim::{Op, Step};
use graven::{Category, Entry, Machine, Outcome, Settings, Trail};

use super::another_disk::AnotherDisk;
use super::{World, log, syncs_live};
use crate::support::model::{DIR, Place, machine};
use crate::support::patience::{must_end, until};

/// How many commits are counted.
const COMMITS: u64 = 90;

#[test]
fn neither_of_two_busy_processes_gets_less_than_a_third() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let open = |number| {
        let disk = AnotherDisk { number, before_sync: Arc::new(|_| ()) };
        let machine = Machine { disk: Arc::new(disk), clock: Machine::os().clock };
        Trail::open_on(Settings::new(folder.path()).ring_entries(10), machine).unwrap()
    };
    let trails = [open(u64::MAX), open(u64::MAX - 1)];
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        for trail in &trails {
            // A queue that is always full: groups of a mebibyte.
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let dropped = trail.counters().dropped;
                    trail
                        .emit(Entry::new(Category::Api, "busy", Outcome::Success).detail("x".repeat(60_000)));
                    if trail.counters().dropped > dropped {
                        thread::yield_now();
                    }
                }
            });
        }
        let groups = || trails.each_ref().map(|trail| trail.counters().groups);
        until("both are busy", || groups().iter().all(|groups| *groups >= 5));
        let before = groups();
        let since = || {
            let now = groups();
            [now[0] - before[0], now[1] - before[1]]
        };
        until("commits", || since().iter().sum::<u64>() >= COMMITS);
        let commits = since();
        done.store(true, Ordering::Relaxed);
        assert!(commits.iter().all(|one| one * 3 >= commits.iter().sum()), "{commits:?}");
    });
    for trail in trails {
        trail.close_blocking().unwrap();
    }
}

/// The kernel wakes the one that waits for a lock, and does not give it the lock: here it takes as long as it likes to
/// wake up. The one that has just committed has more to write, and must not be faster.
#[test]
fn who_waits_for_the_commit_lock_gets_it_before_one_that_has_just_had_it() {
    let mut world = World::new();
    let busy = Trail::open_on(Place::InDir.settings(), machine(&world.disk, &world.clock)).unwrap();
    let mut waiting = world.open();
    let disk = world.disk.clone();
    let is_waiting = || thread::current().name() == Some("waiting");
    let locks = |names: &[&str]| {
        let locked = |step: &Step| step.op == Op::Lock && names.iter().any(|name| step.is_named(name));
        disk.calls().iter().filter(|call| locked(&call.step)).count()
    };
    let in_commit = disk.hold(move |step: &Step| syncs_live(step) && !is_waiting());
    busy.emit(world.next());
    in_commit.reached();
    // Behind the group in hand.
    let second = world.next();
    busy.emit(second.clone());
    let index = thread::scope(|threads| {
        let before = locks(&["trail"]);
        let thread = thread::Builder::new().name("waiting".into());
        let recording = thread.spawn_scoped(threads, || world.record(&mut waiting).unwrap()).unwrap();
        until("it asks for the lock", || locks(&["trail"]) > before);
        let asleep = disk.hold(move |step: &Step| is_waiting() && step.op == Op::Lock);
        let before = locks(&["segments", "trail"]);
        in_commit.open();
        until("the busy one comes back", || locks(&["segments", "trail"]) > before);
        asleep.open();
        recording.join().unwrap()
    });
    busy.flush_blocking().unwrap();
    let ids: Vec<_> = log(&disk, DIR).iter().map(|record| record.entry().unwrap().id).collect();
    assert_eq!((index, &ids[2]), (1, &second.id), "{ids:?}");
    waiting.close().unwrap();
    busy.close_blocking().unwrap();
    world.assert_intact();
}

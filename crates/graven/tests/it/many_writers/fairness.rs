//! Of two busy processes neither is kept waiting: one that waits for the commit lock comes before the one that had it.

use std::thread;

use graven::Trail;
use graven::disk::sim::{Op, Step};

use super::{World, log, syncs_live};
use crate::support::model::{DIR, Place, machine};
use crate::support::patience::until;

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

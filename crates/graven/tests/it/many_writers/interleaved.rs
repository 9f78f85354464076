//! Processes that take turns, and one that is far behind.

use std::task::{Context, Poll, Waker};

use graven::Trail;
use graven::disk::Disk;
use graven::disk::sim::{Op, SimDisk, Step};
use graven::sim::{Process, Stepped};
use graven_core::verdict::Verdict;

use super::{World, assert_in_order, verdict};
use crate::support::model::{DIR, Place, entry, machine};

#[test]
fn entries_of_three_processes_get_one_index_each_and_keep_their_order() {
    let mut world = World::new();
    let mut processes = [world.open(), world.open(), world.open()];
    let mut indexes = [Vec::new(), Vec::new(), Vec::new()];
    // Over several rotations.
    for turn in 0..1_000 {
        let who = (turn * turn + turn / 7) % 3;
        indexes[who].push(world.record(&mut processes[who]).unwrap());
        match turn % 11 {
            0 => drop(processes[(who + 1) % 3].publish()),
            3 => drop(processes[who].publish()),
            5 => {
                let emitted = world.next();
                processes[who].trail().emit(emitted);
            }
            7 => {
                let batch = vec![world.next(), world.next()];
                let one = &mut processes[who];
                let mut recording = Box::pin(one.trail().record_batch(batch));
                let mut context = Context::from_waker(Waker::noop());
                assert!(recording.as_mut().poll(&mut context).is_pending());
                one.commit_all();
                let Poll::Ready(receipts) = recording.as_mut().poll(&mut context) else {
                    panic!("committed and not answered");
                };
                let receipts = receipts.unwrap();
                indexes[who].extend(receipts.iter().map(|receipt| receipt.index));
                world.acknowledged.extend(receipts);
            }
            _ => {}
        }
    }
    indexes.iter().for_each(|indexes| assert_in_order(indexes));
    for one in &mut processes {
        refresh(one);
        let len = one.trail().len();
        assert_eq!(len, world.check(DIR).len() as u64);
        let newest: Vec<String> = one.trail().recent(50).into_iter().filter_map(|entry| entry.id).collect();
        let stored = world.check(DIR).split_off(len as usize - 50);
        let stored: Vec<String> =
            stored.iter().rev().filter_map(|record| record.entry().unwrap().id).collect();
        assert_eq!(newest, stored);
    }
    assert!(
        world.disk.files().iter().filter(|path| path.starts_with(format!("{DIR}/segments"))).count() >= 4
    );
    for one in processes {
        one.close().unwrap();
    }
    world.check(DIR);
    world.assert_intact();
}

fn refresh(process: &mut Stepped) {
    let mut refresh = Box::pin(process.trail().refresh());
    let mut context = Context::from_waker(Waker::noop());
    assert!(refresh.as_mut().poll(&mut context).is_pending());
    process.commit_all();
    assert!(matches!(refresh.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
}

#[test]
fn without_a_refresh_a_process_knows_what_it_has_seen_up_to_its_last_commit() {
    let mut world = World::new();
    let (mut one, mut other) = (world.open(), world.open());
    world.record(&mut one).unwrap();
    assert_eq!((one.trail().len(), other.trail().len()), (1, 0));
    world.record(&mut other).unwrap();
    assert_eq!((one.trail().len(), other.trail().len()), (1, 2));
    let groups = one.trail().counters().groups;
    refresh(&mut one);
    assert_eq!(one.trail().len(), 2);
    assert_eq!(one.trail().counters().groups, groups, "what is read is no group");
}

#[test]
fn a_process_catches_up_over_any_number_of_rotations_with_and_without_tiles() {
    for rotations in [0, 1, 2, 4] {
        for sealed in [true, false] {
            for tiles_deleted in [false, true] {
                let mut world = World::new();
                let (mut one, mut other) = (world.open(), world.open());
                world.record_many(&mut other, 3);
                other.publish();
                world.record_many(&mut one, 2 + 256 * rotations);
                if sealed {
                    one.publish();
                }
                if tiles_deleted {
                    delete_tiles(&world);
                }
                let index = world.record(&mut other).unwrap();
                assert_eq!(index, 5 + 256 * rotations, "{rotations} {sealed} {tiles_deleted}");
                other.publish();
                world.record_many(&mut one, 2);
                one.close().unwrap();
                other.close().unwrap();
                world.check(DIR);
                world.assert_intact();
            }
        }
    }
}

fn delete_tiles(world: &World) {
    for path in world.disk.files().into_iter().filter(|path| path.starts_with(format!("{DIR}/tiles"))) {
        world.disk.remove_file(&path).unwrap();
    }
}

#[test]
fn a_process_that_is_more_than_a_mebibyte_behind_reads_without_the_lock() {
    let mut world = World::on(SimDisk::new());
    let settings = || graven::Settings::new("/trail").origin("graven.local/test");
    let open = |world: &World| {
        let machine = machine(&world.disk, &world.clock);
        Process::new().open(settings(), machine).unwrap()
    };
    let (mut one, mut other) = (open(&world), open(&world));
    for n in 0..60 {
        one.trail().emit(entry(&world.clock, 10_000 + n).detail("x".repeat(60_000)));
    }
    one.commit_all();
    let before = world.disk.calls_made();
    assert_eq!(world.record(&mut other).unwrap(), 60);
    let calls = world.disk.calls().split_off(before);
    let locked = calls.iter().filter(|call| call.step.op == Op::Lock && call.step.path.ends_with("trail"));
    assert_eq!(locked.count(), 2, "it took the lock, gave it back to read, and took it again");
    one.close().unwrap();
    other.close().unwrap();
    world.check("/trail");
    assert_eq!(verdict(&world.disk, "/trail").0, Verdict::Intact);
}

/// The publisher of one process finds a checkpoint that covers more than its writer has read; while it reads the
/// hashes, the writer catches up and goes on.
#[test]
fn a_writer_may_catch_up_while_the_publisher_adopts_what_it_did_not_know() {
    let mut world = World::new();
    let trail = Trail::open_on(Place::InDir.settings(), machine(&world.disk, &world.clock)).unwrap();
    let mut other = world.open();
    let is_publisher = || std::thread::current().name() == Some("graven-publish");
    let before_it_adopts = world
        .disk
        .hold(move |step: &Step| is_publisher() && step.op == Op::Lock && step.path.ends_with("checkpoints"));
    for n in 0..3 {
        let entry = world.next();
        world.acknowledged.push(trail.record_blocking(entry).unwrap());
        assert_eq!(world.acknowledged.last().unwrap().index, n);
    }
    before_it_adopts.reached();
    world.record_many(&mut other, 5);
    other.publish();
    let while_it_reads = world
        .disk
        .hold(move |step: &Step| is_publisher() && step.op == Op::Open && step.path.ends_with("tiles/0"));
    before_it_adopts.open();
    while_it_reads.reached();
    let entry = world.next();
    world.acknowledged.push(trail.record_blocking(entry).unwrap());
    assert_eq!(world.acknowledged.last().unwrap().index, 8);
    while_it_reads.open();
    let entry = world.next();
    world.acknowledged.push(trail.record_blocking(entry).unwrap());
    let signed = trail.checkpoint_blocking().unwrap();
    assert_eq!(signed.lines().nth(1), Some("10"));
    world.record_many(&mut other, 2);
    other.close().unwrap();
    trail.close_blocking().unwrap();
    world.check(DIR);
    world.assert_intact();
}

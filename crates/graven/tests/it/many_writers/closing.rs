//! The last process that closes writes where the trail ends.

use graven::sim::Stepped;

use super::{World, said};
use crate::support::model::DIR;

fn is_closed(world: &World) -> bool {
    world.disk.files().iter().any(|path| path.ends_with("closed"))
}

#[test]
fn the_last_of_three_writes_closed_and_the_first_two_do_not() {
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let mut world = World::new();
        let mut processes: Vec<Option<Stepped>> = (0..3).map(|_| Some(world.open())).collect();
        for process in processes.iter_mut().flatten() {
            world.record_many(process, 2);
        }
        for (n, who) in order.into_iter().enumerate() {
            processes[who].take().unwrap().close().unwrap();
            assert_eq!(is_closed(&world), n == 2);
        }
        assert!(said(&world.check(DIR), "trail.recovered").is_empty());
        world.assert_intact();
        // One that opens finds a trail that was closed.
        let mut again = world.open();
        assert!(!is_closed(&world));
        world.record(&mut again).unwrap();
        again.close().unwrap();
        assert!(said(&world.check(DIR), "trail.recovered").is_empty());
        world.assert_intact();
    }
}

#[test]
fn one_dies_and_the_other_closes_for_both() {
    let mut world = World::new();
    let (mut one, mut other) = (world.open(), world.open());
    world.record_many(&mut one, 3);
    // As by SIGKILL: nothing is closed, and the kernel releases its locks.
    drop(one);
    other.close().unwrap();
    assert!(is_closed(&world));
    // What it had made durable is sealed, and nothing was left to mend.
    assert!(said(&world.check(DIR), "trail.recovered").is_empty());
    world.assert_intact();
    other = world.open();
    world.record(&mut other).unwrap();
    drop(other);
    assert!(!is_closed(&world));
    // Nobody is there, and it is not closed: now this is a recovery.
    let again = world.open();
    assert_eq!(said(&world.check(DIR), "trail.recovered").len(), 1);
    again.close().unwrap();
    world.assert_intact();
}

#[test]
fn an_opening_beside_another_process_recovers_nothing() {
    let mut world = World::new();
    let mut one = world.open();
    world.record_many(&mut one, 5);
    let mut other = world.open();
    assert_eq!(world.record(&mut other).unwrap(), 5);
    assert_eq!(world.record(&mut one).unwrap(), 6);
    one.close().unwrap();
    assert!(!is_closed(&world));
    let mut third = world.open();
    world.record(&mut third).unwrap();
    other.close().unwrap();
    third.close().unwrap();
    assert!(said(&world.check(DIR), "trail.recovered").is_empty());
    assert!(is_closed(&world));
    world.assert_intact();
}

/// Without `LOCK` the first does not see the second. What it writes is taken back by the next commit.
#[test]
fn a_lock_that_was_deleted_costs_at_most_a_closed_that_the_next_commit_removes() {
    let mut world = World::new();
    let (mut one, mut other) = (world.open(), world.open());
    world.record_many(&mut one, 2);
    world.record_many(&mut other, 2);
    graven::disk::Disk::remove_file(&world.disk, format!("{DIR}/LOCK").as_ref()).unwrap();
    one.close().unwrap();
    assert!(is_closed(&world));
    world.record(&mut other).unwrap();
    assert!(!is_closed(&world));
    other.close().unwrap();
    assert!(is_closed(&world));
    world.check(DIR);
    world.assert_intact();
}

//! A process takes the number of other processes' entries from `LOCK`, and reads their lines when it has released the
//! lock.

use graven::ErrorKind;
use graven::disk::sim::{Op, Step};
use graven_core::verdict::Verdict;

use super::{World, verdict};
use crate::support::files::lock_line;
use crate::support::model::DIR;

#[test]
fn the_lines_of_others_are_read_when_the_lock_is_released() {
    let mut world = World::new();
    let (mut one, mut other) = (world.open(), world.open());
    world.record_many(&mut one, 3);
    let before = world.disk.calls_made();
    assert_eq!(world.record(&mut other).unwrap(), 3);
    let steps: Vec<Step> = world.disk.calls()[before..].iter().map(|call| call.step.clone()).collect();
    let last = |op, name| steps.iter().rposition(|step| step.op == op && step.is_named(name));
    let said = last(Op::Write, "LOCK").expect("it says how much is durable");
    let read = last(Op::Read, "audit.jsonl").expect("it reads the lines of the other");
    let reads = steps.iter().filter(|step| step.op == Op::Read && step.is_named("audit.jsonl"));
    assert!(said < read && reads.count() == 1, "{steps:#?}");
    assert_eq!(other.trail().recent(10).len(), 4, "and it has them in memory, in order");
    one.close().unwrap();
    other.close().unwrap();
    world.check(DIR);
    world.assert_intact();
}

/// The hashes of others are read in `tiles/`, which is derived: what stands there wrongly accuses nobody.
#[test]
fn damaged_tiles_are_no_contradiction_between_processes() {
    let mut world = World::new();
    let (mut one, mut other) = (world.open(), world.open());
    world.record_many(&mut one, 3);
    world.record_many(&mut other, 2);
    one.publish();
    world.record(&mut one).unwrap();
    one.publish();
    world.disk.tamper(format!("{DIR}/tiles/0"), |bytes| bytes[40] ^= 1).unwrap();
    world.record(&mut other).unwrap();
    other.publish();
    assert!(other.trail().poisoned().is_none(), "{:?}", other.trail().poisoned());
    world.record_many(&mut other, 2);
    one.close().unwrap();
    other.close().unwrap();
    world.check(DIR);
    world.assert_intact();
}

/// Nobody but Graven writes `LOCK`. If somebody does, no index is acknowledged that is not that of the entry.
#[test]
fn a_wrong_number_in_lock_acknowledges_nothing() {
    for (wrong, what) in [(4, "`LOCK` counted 4"), (2, "`LOCK` counted 2"), (0, "and there are more")] {
        let mut world = World::new();
        let (mut one, mut other) = (world.open(), world.open());
        world.record_many(&mut one, 3);
        let live = world.disk.contents(format!("{DIR}/audit.jsonl")).unwrap();
        let line = lock_line("durable", 77, 0, live.len() as u64, wrong);
        world.disk.tamper(format!("{DIR}/LOCK"), |bytes| *bytes = line.into_bytes()).unwrap();
        let error = world.record(&mut other).unwrap_err();
        assert!(error.kind() == ErrorKind::Data && error.chain().contains(what), "{}", error.chain());
        // Whether the first process sees that number too depends on whether it was written again.
        drop((one, other));
        // An opening counts for itself.
        let mut again = world.open();
        world.record_many(&mut again, 2);
        again.close().unwrap();
        world.check(DIR);
        let (verdict, findings) = verdict(&world.disk, DIR);
        assert!(verdict == Verdict::Intact, "{wrong}: {findings}");
    }
}

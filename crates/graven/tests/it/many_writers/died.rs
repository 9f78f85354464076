//! A process dies at each call of its commit, and another that has the trail open goes on.

use std::io::ErrorKind;
use std::path::Path;

use graven::disk::Disk;
use graven::disk::sim::{FailBut, Fault, Op, Step};
use graven::sim::{Process, Stepped};

use super::{World, said};
use crate::support::model::{DIR, Place, machine};

/// The ways in which the last call can end.
fn ways(op: Op) -> Vec<FailBut> {
    let mut ways = vec![FailBut::NotDone, FailBut::Done];
    if op == Op::Write {
        ways.extend([FailBut::Partly(1), FailBut::Partly(60)]);
    }
    if op.syncs() {
        ways.push(FailBut::Forgotten);
    }
    ways
}

/// Two processes, and how many entries the first has recorded.
fn scene(entries: u64) -> (World, Stepped, Stepped) {
    let mut world = World::new();
    let (mut one, mut other) = (world.open(), world.open());
    world.record_many(&mut other, 2);
    other.publish();
    world.record_many(&mut one, entries);
    (world, one, other)
}

/// Every call of the commit of one process fails from the `nth` on, and then its process is gone: as if it had been
/// killed there.
fn die_at(nth: u64, but: FailBut, entries: u64) -> (World, Stepped) {
    let (mut world, mut one, other) = scene(entries);
    world.disk.inject(Fault::when(|_| true).skip(nth).fail(ErrorKind::Other, but));
    world.disk.inject(Fault::when(|_| true).skip(nth).forever());
    let told = world.record(&mut one);
    assert!(told.is_err(), "it dies before it can answer");
    drop(one);
    world.disk.heal();
    (world, other)
}

/// The other process goes on, the power fails, and the trail is opened again.
fn go_on(mut world: World, mut other: Stepped, at: &str) {
    let before = super::log(&world.disk, DIR).len();
    world.record(&mut other).unwrap_or_else(|error| panic!("{at}: {}", error.chain()));
    let records = world.check(DIR);
    let recovered = said(&records, "trail.recovered").len();
    assert!(recovered <= 1, "{at}: recovered {recovered} times");
    // One entry more than there was, and one if something was to be mended.
    assert_eq!(records.len(), before + 1 + recovered, "{at}");
    world.record(&mut other).unwrap();
    assert_eq!(said(&world.check(DIR), "trail.recovered").len(), recovered, "{at}: once is enough");
    // All that was acknowledged is durable, also what the other found written and not synced.
    let cut = world.disk.crash(&world.disk.snapshot().crash_choice_nothing());
    let after =
        World { disk: cut, clock: world.clock.clone(), n: 500, acknowledged: world.acknowledged.clone() };
    after.check(DIR);
    after.open().close().unwrap_or_else(|error| panic!("{at}, after a power cut: {}", error.chain()));
    after.check(DIR);
    after.assert_intact();
    // And without a power cut the dead process comes back.
    let mut again = world.open();
    world.record(&mut again).unwrap();
    other.close().unwrap();
    again.close().unwrap();
    assert_eq!(said(&world.check(DIR), "trail.recovered").len(), recovered, "{at}");
    world.assert_intact();
}

/// The calls of a commit: their kinds.
fn calls(entries: u64) -> Vec<Op> {
    let (mut world, mut one, _other) = scene(entries);
    let before = world.disk.calls_made();
    world.record(&mut one).unwrap();
    world.disk.calls()[before..].iter().map(|call| call.step.op).collect()
}

fn die_at_each_call(entries: u64) -> usize {
    let calls = calls(entries);
    for (nth, op) in (0..).zip(&calls) {
        for but in ways(*op) {
            let at = format!("after {entries} entries, call {nth} ({op:?}, {but:?})");
            let (world, other) = die_at(nth, but, entries);
            go_on(world, other, &at);
        }
    }
    calls.len()
}

#[test]
fn wherever_a_process_dies_in_a_commit_another_finishes_it() {
    let calls = die_at_each_call(3);
    assert!(calls >= 10, "{calls}");
}

#[test]
fn wherever_a_process_dies_in_a_rotation_another_finishes_it() {
    // With two of the other process, the next entry begins a segment.
    let calls = die_at_each_call(254);
    assert!(calls >= 30, "{calls}");
}

/// The one that dies closes its segments earlier than the one that goes on would.
#[test]
fn a_rotation_that_another_began_is_finished_before_its_mending_is_recorded() {
    for nth in 0.. {
        let mut world = World::new();
        let mut one = world.open();
        let patient = Place::InDir.settings().segment_bytes(1 << 20);
        let mut other = Process::new().open(patient, machine(&world.disk, &world.clock)).unwrap();
        while other.trail().len() < 255 {
            world.record(&mut other).unwrap();
        }
        // One group over the boundary: its first entry ends the segment.
        world.disk.inject(Fault::when(|_| true).skip(nth).forever());
        for _ in 0..2 {
            let entry = world.next();
            one.trail().emit(entry);
        }
        one.commit_all();
        let died = one.trail().poisoned().is_some();
        drop(one);
        world.disk.heal();
        go_on(world, other, &format!("call {nth}"));
        if !died {
            assert!(nth > 20, "{nth}");
            break;
        }
    }
}

/// A writer whose `LOCK` was deleted asks the checkpoint how much there must be.
#[test]
fn without_a_word_in_lock_a_file_that_is_shorter_than_what_was_signed_is_not_written_to() {
    let (mut world, mut one, mut other) = scene(4);
    one.publish();
    let live = format!("{DIR}/audit.jsonl");
    let bytes = world.disk.contents(&live).unwrap();
    let known: usize = bytes.split_inclusive(|byte| *byte == b'\n').take(2).map(<[u8]>::len).sum();
    world.disk.tamper(&live, |bytes| bytes.truncate(known)).unwrap();
    world.disk.remove_file(format!("{DIR}/LOCK").as_ref()).unwrap();
    let error = world.record(&mut other).unwrap_err();
    assert_eq!(
        (error.kind(), error.may_be_recorded()),
        (graven::ErrorKind::Data, false),
        "{}",
        error.chain()
    );
    assert_eq!(world.disk.contents(&live).unwrap().len(), known);
}

/// The other rotated and recorded more, and somebody deleted its live file: that is no rotation cut short.
#[test]
fn a_live_file_that_was_deleted_after_a_rotation_is_not_made_anew() {
    for sealed in [true, false] {
        let (mut world, mut one, mut other) = scene(258);
        if sealed {
            one.publish();
        }
        let live = format!("{DIR}/audit.jsonl");
        world.disk.remove_file(live.as_ref()).unwrap();
        let error = world.record(&mut other).unwrap_err();
        assert_eq!(error.kind(), graven::ErrorKind::Unavailable, "{}", error.chain());
        assert!(error.to_string().contains("deleted"), "{error}");
        assert!(world.disk.contents(&live).is_err());
        drop(one);
    }
}

/// A process dies after it replaced the checkpoint and before that was durable; another closes a segment under it.
#[test]
fn a_segment_is_closed_only_under_a_checkpoint_that_is_durable_whichever_process_signed_it() {
    let (mut world, mut one, mut other) = scene(254);
    let syncs_dir = |step: &Step| step.op == Op::SyncDir && step.path == Path::new(DIR);
    world.disk.inject(Fault::when(syncs_dir));
    one.publish();
    assert!(one.trail().poisoned().is_some() && !world.disk.has_faults());
    drop(one);
    world.disk.record_history();
    world.record(&mut other).unwrap();
    let history = world.disk.history();
    assert!(history.len() > 10);
    for moment in history {
        for choice in moment.crash_choices(8, moment.calls_made() as u64) {
            let after = World { disk: moment.crash(&choice), ..World::new() };
            after.open().close().unwrap();
            after.assert_intact();
        }
    }
}

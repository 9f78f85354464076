//! What nobody waited for and is in doubt after a failure is settled by its leaf hash, whatever others have recorded
//! meanwhile.

use std::io::ErrorKind;

use graven::disk::sim::{FailBut, Fault, Op, Step};
use graven::sim::Process;

use super::{World, said};
use crate::support::model::DIR;

#[test]
fn what_was_emitted_is_counted_as_lost_exactly_if_it_is_not_in_the_log() {
    for (op, but, kept) in [
        (Op::Write, FailBut::NotDone, 0),
        (Op::Write, FailBut::Done, 3),
        // One whole line and a part of the next.
        (Op::Write, FailBut::Partly(300), 1),
        (Op::SyncData, FailBut::NotDone, 3),
        (Op::SyncData, FailBut::Forgotten, 3),
    ] {
        for others in [0, 1, 5, 600] {
            let mut world = World::new();
            let process = Process::new();
            let (mut one, mut other) = (world.open_in(&process).unwrap(), world.open());
            world.record_many(&mut one, 2);
            let strikes = move |step: &Step| step.op == op && step.is_named("audit.jsonl");
            world.disk.inject(Fault::when(strikes).fail(ErrorKind::Other, but));
            let emitted: Vec<String> = (0..3)
                .map(|_| {
                    let entry = world.next();
                    let id = entry.id.clone().unwrap();
                    one.trail().emit(entry);
                    id
                })
                .collect();
            one.commit_all();
            assert!(one.trail().poisoned().is_some() && !world.disk.has_faults());
            drop(one);
            // Others record at the same places of the log.
            world.record_many(&mut other, others);
            let mut again = world.open_in(&process).unwrap();
            again.commit_all();
            world.record(&mut again).unwrap();
            let records = world.check(DIR);
            let there = records
                .iter()
                .filter(|record| record.entry().unwrap().id.is_some_and(|id| emitted.contains(&id)));
            assert_eq!(there.count() as u64, kept);
            let gaps = said(&records, "trail.gap");
            let dropped: u64 = gaps.iter().map(|gap| gap["dropped"].as_u64().unwrap()).sum();
            assert_eq!((dropped, gaps.len()), (3 - kept, usize::from(kept < 3)), "{others} others: {gaps:?}");
            assert_eq!(again.trail().counters().dropped, 3 - kept);
            again.close().unwrap();
            other.close().unwrap();
            world.assert_intact();
        }
    }
}

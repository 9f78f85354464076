//! Writes what an audit log kept in memory, once a trail is open: behind an entry `trail.gap` that says so, in its
//! order, with its own ids and times.
//!
//! Runs on a thread that may wait. Nobody else writes the kept entries of the same log meanwhile.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use graven_core::hash::Hash;

use super::kept::{Forgotten, Kept};
use super::unwritten::Doubt;
use crate::error::{Error, ErrorKind};
use crate::record::batch::RecordingBatch;
use crate::record::block_on::block_on;
use crate::record::event::without_events;
use crate::record::recording::hash_of;
use crate::seam::machine::Machine;
use crate::settings::DEADLINE;
use crate::trail::Trail;

/// What is done with entries that are not written after all.
pub(super) type Forget<'a> = &'a dyn Fn(Vec<Forgotten>);

/// Writes what waits in memory. After an error the rest waits on.
pub(super) fn write(kept: &Kept, machine: &Machine, trail: &Trail, forget: Forget<'_>) -> Result<(), Error> {
    settle(kept, machine, trail, forget)?;
    loop {
        let hashes = hashes(kept, trail, forget);
        if hashes.is_empty() {
            return Ok(());
        }
        trail.0.engine.announce_late(hashes.len())?;
        loop {
            // Those that came meanwhile are announced by themselves.
            let batch = kept.batch(None).into_iter().map_while(|late| {
                let hash = hashes.get(&late.number)?;
                Some((late, *hash))
            });
            let (lates, hashes): (Vec<_>, Vec<Hash>) = batch.unzip();
            if lates.is_empty() {
                break;
            }
            let numbers: Vec<u64> = lates.iter().map(|late| late.number).collect();
            let from = trail.len();
            let engine = Arc::downgrade(&trail.0.engine);
            let doubts = hashes.into_iter().map(|hash| Doubt { hash, from, engine: engine.clone() });
            kept.begin(&numbers.iter().copied().zip(doubts).collect::<Vec<_>>());
            let natives = lates.into_iter().map(|late| late.native).collect();
            // They had their events when they came.
            let recorded = without_events(|| block_on(RecordingBatch::new(Arc::clone(&trail.0), natives)));
            let numbers = HashSet::from_iter(numbers);
            match recorded {
                Ok(_receipts) => kept.written(&numbers),
                // Nothing keeps such an entry out, so this is not expected, and must not stand in the way of all others.
                Err(error) if error.kind() == ErrorKind::Invalid => {
                    kept.unwritten(&numbers, false);
                    say_refused(&error);
                    forget(kept.give_up(|number| numbers.contains(&number)));
                }
                Err(error) => {
                    kept.unwritten(&numbers, error.may_be_recorded());
                    return Err(error);
                }
            }
        }
    }
}

fn say_refused(error: &Error) {
    tracing::error!(error = error.chain(), "an audit entry that was kept in memory was refused");
}

/// Settles what is in doubt of engines that are over. If the log cannot be read, the next opening of the trail tells
/// whether those entries are lost.
fn settle(kept: &Kept, machine: &Machine, trail: &Trail, forget: Forget<'_>) -> Result<(), Error> {
    let over = kept.in_doubt(|doubt, _mark| doubt.is_over(DEADLINE));
    // Only now: an open trail was opened after those engines had ended, and its opening has made the log durable.
    if let Some(error) = trail.poisoned() {
        return Err(error);
    }
    if let Err(error) = kept.settle(machine, trail.layout(), &over) {
        tracing::warn!(error = error.chain(), "cannot tell which audit entries were recorded");
        forget(kept.give_up(|number| over.contains(&number)));
    }
    Ok(())
}

/// The leaf hashes of all that waits. What the trail would refuse does not wait any more.
fn hashes(kept: &Kept, trail: &Trail, forget: Forget<'_>) -> HashMap<u64, Hash> {
    let (mut hashes, mut after) = (HashMap::new(), None);
    loop {
        let batch = kept.batch(after);
        let Some(last) = batch.last() else {
            return hashes;
        };
        after = Some(last.number);
        for late in batch {
            match hash_of(&trail.0, late.native) {
                Ok(hash) => {
                    hashes.insert(late.number, hash);
                }
                Err(error) => {
                    say_refused(&error);
                    forget(kept.give_up(|number| number == late.number));
                }
            }
        }
    }
}

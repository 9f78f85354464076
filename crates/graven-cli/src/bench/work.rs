//! The work that no trail can avoid: an entry is redacted, becomes a line, and is hashed into a tree.
//!
//! What Graven spends on an entry is compared with the CPU time of exactly this.

use std::hint::black_box;
use std::time::Duration;

use graven::{Entry, Hash, Redaction, Redactor};
use graven_core::hash::{leaf_hash, node_hash};

use super::entries;
use super::stopwatch::{Stopwatch, cpu_seconds};
use crate::shared::failure::Failure;

/// How many entries are measured at once: reading the clock for each would cost as much as the entry.
const AT_ONCE: u64 = 256;

/// Does this work on one thread.
#[derive(Debug)]
pub(crate) struct Work {
    redactor: Redactor,
    line: Vec<u8>,
    last: Hash,
}

impl Work {
    pub(crate) fn new() -> Result<Work, Failure> {
        let redactor = Redactor::new(Redaction::default())?;
        Ok(Work { redactor, line: Vec::new(), last: Hash::EMPTY_TREE })
    }

    /// Redaction, line and leaf hash of an entry that has its id and time. This is what `emit` does on the caller.
    pub(crate) fn leaf(&mut self, mut entry: Entry) -> Hash {
        self.redactor.testing_only_entry(&mut entry);
        self.line.clear();
        let _blob = entry.append_line(u64::MAX, &mut self.line).expect("a valid entry");
        leaf_hash(&self.line)
    }

    /// The CPU time of one leaf and one node per entry, in seconds. A tree has one node fewer than leaves.
    pub(crate) fn cpu_seconds_per_entry(&mut self, time: Duration) -> f64 {
        let template = entries::with_id_and_time(entries::template());
        let mut used = 0.0;
        let mut count = 0;
        let watch = Stopwatch::start();
        while watch.elapsed() < time {
            let batch: Vec<Entry> = (0..AT_ONCE).map(|n| entries::entry(&template, n)).collect();
            let before = cpu_seconds();
            for entry in batch {
                let leaf = self.leaf(entry);
                self.last = node_hash(&self.last, &leaf);
            }
            used += cpu_seconds() - before;
            count += AT_ONCE;
        }
        black_box(&self.last);
        used / count as f64
    }
}

/// The CPU time in which a caller makes an entry, in seconds. It is the caller's, not the trail's.
pub(crate) fn cpu_seconds_of_the_caller(time: Duration) -> f64 {
    let template = entries::template();
    let mut batch = Vec::new();
    let mut used = 0.0;
    let mut count = 0;
    let watch = Stopwatch::start();
    while watch.elapsed() < time {
        batch.clear();
        let before = cpu_seconds();
        batch.extend((0..AT_ONCE).map(|n| entries::entry(&template, n)));
        used += cpu_seconds() - before;
        count += AT_ONCE;
        black_box(&batch);
    }
    used / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_ends_in_the_leaf_of_the_stored_line() {
        let entry = entries::entry(&entries::with_id_and_time(entries::template()), 12_345);
        let mut work = Work::new().expect("the default redaction is valid");
        assert_eq!(work.leaf(entry), leaf_hash(&entries::stored_line()));
    }
}

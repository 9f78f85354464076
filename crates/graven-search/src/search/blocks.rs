//! Reads the entries of a range in blocks, the newest or the oldest block first. What cannot be read is a finding.

use std::ops::Range;

use graven::reader::{Picks, Record};
use graven::{Error, ErrorKind};
use graven_core::verdict::{Finding, Verdict};

use crate::order::Order;

/// The entries of the first block; each is larger than the one before.
const BLOCK_FIRST: u64 = 64;

/// The most entries of a block: 64 MiB at the most, and mostly less than one.
const BLOCK_MAX: u64 = 1_024;

/// The blocks of a range.
#[derive(Debug)]
pub(super) struct Blocks {
    /// What is left.
    left: Range<u64>,
    order: Order,
    size: u64,
}

impl Blocks {
    pub(super) fn new(range: Range<u64>, order: Order) -> Blocks {
        let left = range.start..range.end.max(range.start);
        Blocks { left, order, size: BLOCK_FIRST }
    }

    /// The entries of the next block, in the order that was asked for; `None` at the end.
    pub(super) fn next(
        &mut self,
        picks: &Picks,
        findings: &mut dyn FnMut(Finding),
    ) -> Result<Option<Vec<Record>>, Error> {
        if self.left.is_empty() {
            return Ok(None);
        }
        // Blocks begin at multiples of 64, also the first one of a page.
        let block = match self.order {
            Order::NewestFirst => {
                let start = self.left.end.saturating_sub(self.size).next_multiple_of(BLOCK_FIRST);
                start.max(self.left.start)..self.left.end
            }
            Order::OldestFirst => {
                let end = self.left.start.saturating_add(self.size);
                self.left.start..(end - end % BLOCK_FIRST).clamp(self.left.start + 1, self.left.end)
            }
        };
        match self.order {
            Order::NewestFirst => self.left.end = block.start,
            Order::OldestFirst => self.left.start = block.end,
        }
        self.size = (self.size * 2).min(BLOCK_MAX);
        let mut records = Vec::new();
        read(picks, block, &mut records, findings)?;
        if self.order == Order::NewestFirst {
            records.reverse();
        }
        Ok(Some(records))
    }
}

/// Reads a range. Where that fails because of the data, each half is tried by itself.
pub(super) fn read(
    picks: &Picks,
    range: Range<u64>,
    records: &mut Vec<Record>,
    findings: &mut dyn FnMut(Finding),
) -> Result<(), Error> {
    let problem = match attempt(picks, range.clone())? {
        Ok(found) => {
            records.extend(found);
            return Ok(());
        }
        Err(problem) => problem,
    };
    let last = range.end - 1;
    let fails_alike =
        |index| attempt(picks, index..index + 1).map(|read| read.as_ref().err() == Some(&problem));
    // A segment that is gone: the same is wrong with its first and with its last entry.
    if range.start == last || (fails_alike(range.start)? && fails_alike(last)?) {
        findings(Finding::new(Verdict::Missing, problem).range(range.start, last));
        return Ok(());
    }
    let middle = range.start + (range.end - range.start) / 2;
    read(picks, range.start..middle, records, findings)?;
    read(picks, middle..range.end, records, findings)
}

/// The entries of a range, or what is wrong with them.
fn attempt(picks: &Picks, range: Range<u64>) -> Result<Result<Vec<Record>, String>, Error> {
    let wanted = range.end - range.start;
    let found: Result<Vec<Record>, Error> = picks.entries(range).and_then(|entries| entries.collect());
    match found {
        Ok(found) if found.len() as u64 == wanted => Ok(Ok(found)),
        Ok(_) => Ok(Err("it is missing".to_owned())),
        Err(error) if error.kind() == ErrorKind::Data => {
            Ok(Err(format!("it cannot be read: {}", error.chain())))
        }
        Err(error) => Err(error),
    }
}

//! Reads and judges every entry of a range, on all cores: rounds of a few thousand entries each, so that the first hits come
//! soon and little is in memory.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::panic::resume_unwind;
use std::thread;

use graven::reader::Picks;
use graven::{Error, ErrorKind};
use graven_core::verdict::Finding;

use super::blocks::read;
use super::judge::{Judge, Judged, Look};
use crate::order::Order;

/// The entries that a thread judges in the first round, and at most in a later one. Proofs are made for 256 at a time.
const PART_FIRST: u64 = 256;
const PART_MAX: u64 = 2_048;

/// More threads than this read no faster.
const THREADS_MAX: usize = 16;

/// How many threads judge.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(2, usize::from).min(THREADS_MAX)
}

/// A sweep.
pub(super) struct Sweep<'a> {
    /// One for each thread.
    judges: Vec<Judge<'a>>,
    /// What is left.
    left: Range<u64>,
    order: Order,
    /// A power of two.
    part: u64,
}

/// Some entries in a row that were judged.
pub(super) struct Swept<'a> {
    pub(super) range: Range<u64>,
    /// Hits and what is wrong, in the order that was asked for, each with how many entries were judged up to it.
    pub(super) looked: VecDeque<(u64, Judged<'a>)>,
    /// How many were judged.
    pub(super) judged: u64,
    /// Entries that cannot be read.
    pub(super) findings: Vec<Finding>,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(judges: Vec<Judge<'a>>, range: Range<u64>, order: Order) -> Sweep<'a> {
        let left = range.start..range.end.max(range.start);
        Sweep { judges, left, order, part: PART_FIRST }
    }

    /// Judges the next entries; none at the end.
    pub(super) fn next(&mut self, picks: &Picks) -> Result<Vec<Swept<'a>>, Error> {
        let ranges: Vec<Range<u64>> = (0..self.judges.len()).map_while(|_| self.next_part()).collect();
        self.part = (self.part * 2).min(PART_MAX);
        let order = self.order;
        let mut work = self.judges.iter_mut().zip(ranges);
        let Some((own, own_range)) = work.next() else { return Ok(Vec::new()) };
        thread::scope(|scope| {
            let others: Vec<_> =
                work.map(|(judge, range)| scope.spawn(move || sweep(judge, picks, range, order))).collect();
            let mut swept = vec![sweep(own, picks, own_range, order)?];
            for other in others {
                swept.push(other.join().unwrap_or_else(|panic| resume_unwind(panic))?);
            }
            Ok(swept)
        })
    }

    /// The next entries for one thread; `None` when nothing is left.
    fn next_part(&mut self) -> Option<Range<u64>> {
        let Range { start, end } = self.left;
        if start == end {
            return None;
        }
        let next = match self.order {
            Order::NewestFirst => ((end - 1) / self.part * self.part).max(start)..end,
            Order::OldestFirst => start..((start / self.part + 1).saturating_mul(self.part)).min(end),
        };
        match self.order {
            Order::NewestFirst => self.left.end = next.start,
            Order::OldestFirst => self.left.start = next.end,
        }
        Some(next)
    }
}

/// Judges the entries of a range.
fn sweep<'a>(
    judge: &mut Judge<'a>,
    picks: &Picks,
    range: Range<u64>,
    order: Order,
) -> Result<Swept<'a>, Error> {
    let mut swept = Swept::new(range.clone());
    let whole = stream(judge, picks, &mut swept);
    match whole {
        Ok(true) => {}
        Err(error) if error.kind() != ErrorKind::Data => return Err(error),
        // Something there cannot be read: what it is, and what else there is.
        _ => {
            swept = Swept::new(range.clone());
            let mut records = Vec::new();
            read(picks, range, &mut records, &mut |finding| swept.findings.push(finding))?;
            for record in records {
                let judged = judge.judge(record.index, Cow::Owned(record.line), false)?;
                swept.add(judged);
            }
        }
    }
    if order == Order::NewestFirst {
        let all = swept.judged + 1;
        swept.looked.iter_mut().for_each(|(number, _)| *number = all - *number);
        swept.looked.make_contiguous().reverse();
    }
    Ok(swept)
}

/// Judges the entries while they are read; whether all of them were there.
fn stream<'a>(judge: &mut Judge<'a>, picks: &Picks, swept: &mut Swept<'a>) -> Result<bool, Error> {
    let mut entries = picks.entries(swept.range.clone())?;
    while let Some((index, line)) = entries.next_line()? {
        swept.add(judge.judge(index, Cow::Borrowed(line), false)?);
    }
    Ok(swept.judged == swept.range.end - swept.range.start)
}

impl<'a> Swept<'a> {
    fn new(range: Range<u64>) -> Swept<'a> {
        Swept { range, looked: VecDeque::new(), judged: 0, findings: Vec::new() }
    }

    fn add(&mut self, judged: Judged<'a>) {
        self.judged += 1;
        if !matches!(judged, Judged { look: Look::Miss, finding: None }) {
            self.looked.push_back((self.judged, judged));
        }
    }
}

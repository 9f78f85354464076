//! Reads and judges every entry of a range, on all cores: in rounds, so that the first hits come soon and little is in memory.
//!
//! All entries of a round may be hits, which are kept until they are asked for. So its size is bounded in bytes of the log.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use graven::reader::Picks;
use graven::{Error, ErrorKind};
use graven_core::tile::ENTRY_BYTES_MAX;
use graven_core::verdict::Finding;

use super::blocks::read;
use super::judge::{Judge, Judged, Look};
use crate::order::Order;

/// How many entries a thread takes at once, and how many bytes they have at most: many parts make a round, so that no thread
/// waits long for the others at its end. Proofs are made for 256 entries at a time.
const PART_ENTRIES_MAX: u64 = 1_024;
const PART_BYTES_MAX: u64 = 512 << 10;

/// The fewest entries of a part of which it is not known how many bytes they have.
const PART_ENTRIES_UNKNOWN: u64 = 64;

/// How many bytes the entries of the first round have, and at most those of a later one, apart from its last part.
const ROUND_BYTES_FIRST: u64 = 256 << 10;
const ROUND_BYTES_MAX: u64 = 4 << 20;

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
    left: Left,
    order: Order,
    round_bytes: u64,
}

/// What is left, and how it is parted.
struct Left {
    range: Range<u64>,
    order: Order,
    /// Where in the log the last part ended: the byte before which, or from which on, the rest lies.
    edge: Option<u64>,
    /// How many entries the last part could have. A power of two, so that parts begin where groups of proofs do.
    part_entries: u64,
    /// How many parts were taken in this round, and how many bytes of it are left.
    parts: usize,
    bytes: u64,
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
        let range = range.start..range.end.max(range.start);
        let left = Left { range, order, edge: None, part_entries: PART_ENTRIES_MAX, parts: 0, bytes: 0 };
        Sweep { judges, left, order, round_bytes: ROUND_BYTES_FIRST }
    }

    /// Judges the next entries; none at the end.
    pub(super) fn next(&mut self, picks: &Picks) -> Result<Vec<Swept<'a>>, Error> {
        (self.left.parts, self.left.bytes) = (0, self.round_bytes);
        self.round_bytes = (self.round_bytes * 2).min(ROUND_BYTES_MAX);
        let (order, left) = (self.order, Mutex::new(&mut self.left));
        // Each thread takes the next part when it is done with one, so that all of them end at about the same time.
        let work = |judge: &mut Judge<'a>| {
            let mut swept = Vec::new();
            loop {
                let part = left.lock().unwrap_or_else(PoisonError::into_inner).take_part(picks);
                let Some((number, range)) = part else { return Ok(swept) };
                swept.push((number, sweep(judge, picks, range, order)?));
            }
        };
        let Some((own, others)) = self.judges.split_first_mut() else { return Ok(Vec::new()) };
        let mut swept = thread::scope(|scope| {
            let work = &work;
            let others: Vec<_> = others.iter_mut().map(|judge| scope.spawn(move || work(judge))).collect();
            let mut swept = work(own)?;
            for other in others {
                swept.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic))?);
            }
            Ok::<_, Error>(swept)
        })?;
        swept.sort_unstable_by_key(|(number, _)| *number);
        Ok(swept.into_iter().map(|(_, swept)| swept).collect())
    }
}

impl Left {
    /// Takes the next entries for one thread, with the number of the part in the order that was asked for; `None` at the end
    /// of the round.
    fn take_part(&mut self, picks: &Picks) -> Option<(usize, Range<u64>)> {
        if self.range.is_empty() || self.bytes == 0 {
            return None;
        }
        let (part, bytes) = self.next_part(picks);
        match self.order {
            Order::NewestFirst => self.range.end = part.start,
            Order::OldestFirst => self.range.start = part.end,
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        self.parts += 1;
        Some((self.parts, part))
    }

    /// The next entries for one thread, and how many bytes they have at most. Some must be left.
    fn next_part(&mut self, picks: &Picks) -> (Range<u64>, u64) {
        let Range { start, end } = self.range;
        // Lines are about as long as those before.
        let mut entries = (self.part_entries * 2).min(PART_ENTRIES_MAX);
        loop {
            self.part_entries = entries;
            let part = match self.order {
                Order::NewestFirst => ((end - 1) / entries * entries).max(start)..end,
                Order::OldestFirst => start..((start / entries + 1).saturating_mul(entries)).min(end),
            };
            match self.extent(picks, &part) {
                Some(bytes) if bytes.end - bytes.start <= PART_BYTES_MAX || entries == 1 => {
                    self.edge = Some(match self.order {
                        Order::NewestFirst => bytes.start,
                        Order::OldestFirst => bytes.end,
                    });
                    return (part, bytes.end - bytes.start);
                }
                None if entries <= PART_ENTRIES_UNKNOWN => {
                    self.edge = None;
                    let bytes = (part.end - part.start) * ENTRY_BYTES_MAX as u64;
                    return (part, bytes);
                }
                _ => entries /= 2,
            }
        }
    }

    /// Where in the log the next entries lie; `None` when it cannot be told. What cannot be read is found where it is read.
    fn extent(&self, picks: &Picks, part: &Range<u64>) -> Option<Range<u64>> {
        let offset = |index| picks.offset(index).ok().flatten();
        // Behind the last entry of all there is none.
        let end = || offset(part.end).or_else(|| Some(offset(part.end - 1)? + ENTRY_BYTES_MAX as u64));
        let (start, end) = match (self.order, self.edge) {
            (Order::NewestFirst, Some(edge)) => (offset(part.start)?, edge),
            (Order::OldestFirst, Some(edge)) => (edge, end()?),
            (_, None) => (offset(part.start)?, end()?),
        };
        (start <= end).then_some(start..end)
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

    fn add(&mut self, mut judged: Judged<'a>) {
        self.judged += 1;
        if let Look::Hit(found) = &mut judged.look {
            // Until it is asked for, it takes little more than its line.
            found.line.forget_details();
        }
        if !matches!(judged, Judged { look: Look::Miss, finding: None }) {
            self.looked.push_back((self.judged, judged));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use graven::reader::Reader;
    use graven::{Category, Entry, Outcome, Settings, Trail};

    use super::*;
    use crate::query::{Moment, Query};

    /// How long the details of the entries are; no two of these are equal, so that parts have to find their sizes.
    fn detail_bytes(number: u64) -> usize {
        match number {
            0..2_000 => 10,
            2_000..2_300 => 60_000 - number as usize,
            _ => number as usize % 3_000,
        }
    }

    #[test]
    fn what_is_kept_of_a_round_is_bounded_in_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let trail = Trail::open(Settings::new(dir.path())).unwrap();
        let entry = |number| {
            let detail = "x".repeat(detail_bytes(number));
            Entry::new(Category::Api, "all are hits", Outcome::Success).detail_json(&format!("\"{detail}\""))
        };
        let entries = 12_000;
        trail.record_batch_blocking((0..entries).map(entry).collect()).unwrap();
        trail.close_blocking().unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        let query = Query::parse("has:action", &Moment::utc(chrono::DateTime::UNIX_EPOCH)).unwrap();
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let judges = (0..2).map(|_| Judge::new(&reader, &query, None, &Arc::default(), true)).collect();
            let mut sweep = Sweep::new(judges, 0..entries, order);
            let picks = reader.picks().unwrap();
            let (mut found, mut most, mut rounds) = (Vec::new(), 0, 0);
            loop {
                let round = sweep.next(&picks).unwrap();
                if round.is_empty() {
                    break;
                }
                rounds += 1;
                let mut bytes = 0;
                for (_, judged) in round.into_iter().flat_map(|part| part.looked) {
                    let Look::Hit(hit) = judged.look else { panic!("all are hits") };
                    bytes += hit.record.line.len() as u64;
                    found.push(hit.record.index);
                }
                most = most.max(bytes);
            }
            if order == Order::NewestFirst {
                found.reverse();
            }
            assert!(found.into_iter().eq(0..entries), "{order:?}");
            assert!(most <= ROUND_BYTES_MAX + PART_BYTES_MAX, "{most} bytes, {order:?}");
            // A round is not as small as it has to be for the longest lines.
            assert!(most >= ROUND_BYTES_MAX / 2 && rounds < 60, "{most} bytes, {rounds} rounds, {order:?}");
        }
    }
}

//! Walks over the entries of a snapshot: reads, decodes, matches and proves them one after the other.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use graven::Error;
use graven::clock::Clock;
use graven::prove::{Proved, SealedHead};
use graven::reader::{Picks, Reader, Record};
use graven_core::verdict::Finding;

use super::blocks::{Blocks, read};
use super::counts::Counts;
use super::findings::Findings;
use super::hidden::Hidden;
use super::judge::{Found, Judge, Judged, Look};
use super::sieve::Sieve;
use super::stretches::{Pick, Stretch, Stretches, Used, Wanted};
use super::sweep::{Sweep, Swept, threads};
use crate::index::Index;
use crate::order::Order;
use crate::query::Query;

/// How many entries are looked at between two looks at the clock.
const LOOK_AT_CLOCK: u64 = 64;

/// A walk.
pub(super) struct Walk<'a> {
    judge: Judge<'a>,
    /// Which candidates need no look.
    sieve: Option<Sieve>,
    order: Order,
    stretches: Stretches<'a>,
    /// What is left of the stretch that is read.
    scan: Option<Blocks>,
    /// The candidates of the shelf that is read, and whether those were counted that can be without reading.
    pick: Option<(Box<Pick>, bool)>,
    picks: Picks,
    /// The entries of the block that are left, the next one last.
    block: Vec<Record>,
    /// Whether the index said where they are.
    hinted: bool,
    /// Where every entry is read: what is left to read, by its judges until it begins, and what was judged.
    judges: Vec<Judge<'a>>,
    sweep: Option<Sweep<'a>>,
    swept: VecDeque<Swept<'a>>,
    /// How many entries of the first of these are counted.
    told: u64,
    /// What the index does not name although it is a hit; only where every entry is read.
    hidden: Option<Hidden<'a>>,
    /// When it ends, by the clock of the machine.
    until: Option<Duration>,
    clock: Arc<dyn Clock>,
    pub(super) findings: Findings,
    /// How many entries were decoded.
    pub(super) scanned: u64,
    /// The entry that was looked at last, or the last one that need not be looked at.
    pub(super) at: Option<u64>,
}

/// What a walk comes to.
pub(super) enum Step<'a> {
    /// A hit.
    Hit(Found<'a>),
    /// The end of the range.
    End,
    /// The end of the time.
    OutOfTime,
}

/// What a walk goes over, and how.
pub(super) struct Way {
    pub(super) range: Range<u64>,
    pub(super) order: Order,
    pub(super) exhaustive: bool,
    pub(super) until: Option<Duration>,
    /// How many entries the snapshot has.
    pub(super) entries: u64,
    pub(super) head: Option<SealedHead>,
    pub(super) picks: Picks,
    /// What was proved for earlier questions.
    pub(super) proved: Arc<Proved>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        reader: &'a Reader,
        query: &'a Query,
        index: Option<&'a Index>,
        findings: Vec<Finding>,
        clock: Arc<dyn Clock>,
        way: Way,
    ) -> Walk<'a> {
        let Way { range, order, exhaustive, until, entries, head, picks, proved } = way;
        let asked = index.filter(|_| !exhaustive);
        let hidden = index.filter(|_| exhaustive).map(|index| Hidden::new(index, query, head, entries));
        let judge = || Judge::new(reader, query, head, &proved, exhaustive);
        Walk {
            judge: judge(),
            sieve: Sieve::of(query),
            order,
            stretches: Stretches::new(asked, query, head, entries, (range, order)),
            scan: None,
            pick: None,
            picks,
            block: Vec::new(),
            hinted: false,
            judges: if exhaustive { (0..threads()).map(|_| judge()).collect() } else { Vec::new() },
            sweep: None,
            swept: VecDeque::new(),
            told: 0,
            hidden,
            until,
            clock,
            findings: Findings::of(findings),
            scanned: 0,
            at: None,
        }
    }

    /// What was used of the index.
    pub(super) fn used(&self) -> Used {
        self.stretches.used
    }

    /// How many hits the index does not name, where every entry was read.
    pub(super) fn hidden(&self) -> u64 {
        self.hidden.as_ref().map_or(0, Hidden::count)
    }

    /// Goes to the next hit.
    pub(super) fn next(&mut self) -> Result<Step<'a>, Error> {
        loop {
            if self.scanned.is_multiple_of(LOOK_AT_CLOCK) && self.is_out_of_time() {
                return Ok(Step::OutOfTime);
            }
            if let Some(found) = self.next_swept() {
                return Ok(Step::Hit(found));
            }
            let Some(record) = self.block.pop() else {
                if self.is_out_of_time() {
                    return Ok(Step::OutOfTime);
                }
                if !self.refill()? {
                    return Ok(Step::End);
                }
                continue;
            };
            self.scanned += 1;
            self.at = Some(record.index);
            if let Some(found) = self.look_at(record)? {
                return Ok(Step::Hit(found));
            }
        }
    }

    /// The next hit of those entries that were judged already.
    fn next_swept(&mut self) -> Option<Found<'a>> {
        while let Some(part) = self.swept.front_mut() {
            part.findings.drain(..).for_each(|finding| self.findings.add(finding));
            let Some((number, Judged { look, finding })) = part.looked.pop_front() else {
                self.scanned += part.judged - std::mem::take(&mut self.told);
                let range = part.range.clone();
                self.swept.pop_front();
                self.pass(&range);
                continue;
            };
            self.scanned += number - std::mem::replace(&mut self.told, number);
            finding.into_iter().for_each(|finding| self.findings.add(finding));
            match look {
                Look::Hit(found) => {
                    self.at = Some(found.record.index);
                    if let Some(hidden) = &mut self.hidden {
                        hidden.look(found.record.index, &self.picks);
                    }
                    return Some(*found);
                }
                Look::Wrong(finding) => self.findings.add(finding),
                Look::Miss => {}
            }
        }
        None
    }

    /// Counts hits that lie ahead, as far as that goes without reading them. They are no steps any more.
    pub(super) fn count_ahead(&mut self, counts: &mut Counts) -> Result<(), Error> {
        let reads_every_entry = self.sweep.is_some() || !self.judges.is_empty();
        while !reads_every_entry && self.block.is_empty() && self.scan.is_none() && !self.is_out_of_time() {
            match &mut self.pick {
                Some((pick, is_counted)) if !*is_counted => {
                    self.stretches.count(pick, counts);
                    *is_counted = true;
                }
                Some((pick, _)) if pick.is_over() => {}
                Some(_) => return Ok(()),
                None => {}
            }
            if !self.refill()? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn is_out_of_time(&self) -> bool {
        self.until.is_some_and(|until| self.clock.elapsed() >= until)
    }

    /// Reads the next entries; `false` at the end. There may be none although it is not the end.
    fn refill(&mut self) -> Result<bool, Error> {
        let findings = &mut self.findings;
        if let Some(sweep) = &mut self.sweep {
            self.swept = sweep.next(&self.picks)?.into();
            return Ok(!self.swept.is_empty());
        }
        if let Some(scan) = &mut self.scan {
            match scan.next(&self.picks, &mut |finding| findings.add(finding))? {
                Some(block) => self.block = block,
                None => self.scan = None,
            }
            self.hinted = false;
        } else if let Some((pick, _)) = &mut self.pick {
            match pick.next() {
                Some(wanted) => self.block = self.read_wanted(&wanted)?,
                None => {
                    let range = pick.range();
                    self.pick = None;
                    self.pass(&range);
                }
            }
        } else {
            match self.stretches.next(&self.picks) {
                None => return Ok(false),
                // All of it is one stretch: no index is asked.
                Some(Stretch::Scan(range)) if !self.judges.is_empty() => {
                    self.sweep = Some(Sweep::new(std::mem::take(&mut self.judges), range, self.order));
                }
                Some(Stretch::Scan(range)) => self.scan = Some(Blocks::new(range, self.order)),
                Some(Stretch::Pick(pick)) => self.pick = Some((pick, false)),
            }
        }
        self.block.reverse();
        Ok(true)
    }

    /// The entries of a range need no further look.
    fn pass(&mut self, range: &Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.at = Some(match self.order {
            Order::NewestFirst => range.start,
            Order::OldestFirst => range.end - 1,
        });
    }

    /// Reads candidates, in the order that was asked for.
    fn read_wanted(&mut self, wanted: &Wanted) -> Result<Vec<Record>, Error> {
        let (picks, pick, sieve) = (&mut self.picks, &self.pick, &mut self.sieve);
        let mut keep = |index, line: &[u8]| {
            pick.as_ref().is_some_and(|(pick, _)| pick.is_sure(index))
                || sieve.as_mut().is_none_or(|sieve| sieve.passes(line))
        };
        let bytes = wanted.bytes.clone();
        let hinted =
            bytes.and_then(|bytes| picks.lines(wanted.block.clone(), bytes, &wanted.entries, &mut keep));
        self.hinted = hinted.is_some();
        let mut records = match hinted {
            Some(records) => records,
            None => self.search_wanted(&wanted.entries)?,
        };
        if self.order == Order::NewestFirst {
            records.reverse();
        }
        Ok(records)
    }

    /// Reads entries of which nobody knows where they are. What cannot be read is a finding.
    fn search_wanted(&mut self, entries: &[u64]) -> Result<Vec<Record>, Error> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(Vec::new()) };
        let (mut records, findings) = (Vec::new(), &mut self.findings);
        read(&self.picks, *first..last + 1, &mut records, &mut |finding| findings.add(finding))?;
        records.retain(|record: &Record| entries.binary_search(&record.index).is_ok());
        Ok(records)
    }

    /// Looks at one entry. One that does not fit is no hit.
    fn look_at(&mut self, record: Record) -> Result<Option<Found<'a>>, Error> {
        let index = record.index;
        let mut look = self.judge(record)?;
        if self.hinted && matches!(look, Look::Wrong(_)) {
            // Before anything is said of the entry: is it the one that is stored?
            let records = self.search_wanted(&[index])?;
            let Some(record) = records.into_iter().next() else { return Ok(None) };
            look = self.judge(record)?;
        }
        match look {
            Look::Hit(found) => Ok(Some(*found)),
            Look::Miss => Ok(None),
            Look::Wrong(finding) => {
                self.findings.add(finding);
                Ok(None)
            }
        }
    }

    fn judge(&mut self, record: Record) -> Result<Look<'a>, Error> {
        let was_hit = self.pick.as_ref().is_some_and(|(pick, _)| pick.is_sure(record.index));
        let Judged { look, finding } = self.judge.judge(record.index, Cow::Owned(record.line), was_hit)?;
        finding.into_iter().for_each(|finding| self.findings.add(finding));
        Ok(look)
    }
}

//! Walks over the entries of a snapshot: reads, decodes, matches and proves them one after the other.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use graven::Error;
use graven::clock::Clock;
use graven::prove::{Prover, Seal, SealedHead};
use graven::reader::{Reader, Record};
use graven_core::verdict::Finding;

use super::answer::{Hit, State};
use super::blocks::Blocks;
use super::findings::Findings;
use crate::line::{Line, unreadable};
use crate::matches::matches;
use crate::order::Order;
use crate::query::Query;

/// How many entries are looked at between two looks at the clock.
const LOOK_AT_CLOCK: u64 = 64;

/// A walk.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    reader: &'a Reader,
    query: &'a Query,
    blocks: Blocks<'a>,
    /// The entries of the block that are left, the next one last.
    block: Vec<Record>,
    prover: Option<Prover>,
    /// Whether entries are proved that are no hits.
    exhaustive: bool,
    /// When it ends, by the clock of the machine.
    until: Option<Duration>,
    clock: Arc<dyn Clock>,
    pub(super) findings: Findings,
    /// How many entries were decoded.
    pub(super) scanned: u64,
    /// The entry that was looked at last.
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

/// A hit.
pub(super) struct Found<'a> {
    pub(super) record: Record,
    pub(super) line: Line<'a>,
    pub(super) state: State,
}

/// What a walk goes over, and how.
pub(super) struct Way {
    pub(super) range: Range<u64>,
    pub(super) order: Order,
    pub(super) exhaustive: bool,
    pub(super) until: Option<Duration>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        reader: &'a Reader,
        query: &'a Query,
        head: Option<SealedHead>,
        findings: Vec<Finding>,
        clock: Arc<dyn Clock>,
        way: Way,
    ) -> Walk<'a> {
        Walk {
            reader,
            query,
            blocks: Blocks::new(reader, way.range, way.order),
            block: Vec::new(),
            prover: head.map(|head| Prover::new(reader, head)),
            exhaustive: way.exhaustive,
            until: way.until,
            clock,
            findings: Findings::of(findings),
            scanned: 0,
            at: None,
        }
    }

    /// Goes to the next hit.
    pub(super) fn next(&mut self) -> Result<Step<'a>, Error> {
        loop {
            if self.is_out_of_time() {
                return Ok(Step::OutOfTime);
            }
            let Some(record) = self.block.pop() else {
                let findings = &mut self.findings;
                let Some(mut block) = self.blocks.next(&mut |finding| findings.add(finding))? else {
                    return Ok(Step::End);
                };
                block.reverse();
                self.block = block;
                continue;
            };
            self.scanned += 1;
            self.at = Some(record.index);
            if let Some(found) = self.look_at(record)? {
                return Ok(Step::Hit(found));
            }
        }
    }

    fn is_out_of_time(&self) -> bool {
        let look = self.scanned.is_multiple_of(LOOK_AT_CLOCK);
        look && self.until.is_some_and(|until| self.clock.elapsed() >= until)
    }

    /// Looks at one entry. One that does not fit is no hit.
    fn look_at(&mut self, record: Record) -> Result<Option<Found<'a>>, Error> {
        let line = match Line::read(self.reader, &record) {
            Ok(line) => line,
            Err(error) => {
                self.findings.add(unreadable(record.index, &error));
                return Ok(None);
            }
        };
        let is_hit = matches(self.query, &line);
        if let Some(finding) = line.finding() {
            self.findings.add(finding);
        }
        if !is_hit && !self.exhaustive {
            return Ok(None);
        }
        let seal = self.prover.as_mut().map_or(Ok(Seal::Unsealed), |prover| prover.judge(&record))?;
        let state = match seal {
            Seal::Proved => State::Proved,
            Seal::Unsealed => State::Unsealed,
            Seal::DoesNotFit(finding) => {
                self.findings.add(*finding);
                return Ok(None);
            }
        };
        Ok(is_hit.then_some(Found { record, line, state }))
    }
}

impl Found<'_> {
    /// The hit as it is answered.
    pub(super) fn into_hit(self) -> Hit {
        let leaf_hash = self.record.leaf_hash();
        let entry = self.line.entry().clone();
        let line = String::from_utf8(self.record.line).expect("what was read as an entry is text");
        Hit { index: self.record.index, state: self.state, leaf_hash, line, entry }
    }
}

//! Judges one entry: decodes it, matches it and proves it.

use std::borrow::Cow;
use std::sync::Arc;

use graven::Error;
use graven::prove::{Proved, Prover, Seal, SealedHead};
use graven::reader::{Reader, Record};
use graven_core::hash::{Hash, leaf_hash};
use graven_core::verdict::Finding;

use super::answer::{Hit, State};
use super::sieve::Sieve;
use crate::line::{Line, unreadable};
use crate::matches::matches;
use crate::query::Query;

/// Judges entries, one after the other.
pub(super) struct Judge<'a> {
    reader: &'a Reader,
    query: &'a Query,
    prover: Option<Prover>,
    /// Whether entries are proved that are no hits.
    exhaustive: bool,
    /// Where every line is read: spares most of them a look at their texts.
    sieve: Option<Sieve>,
}

/// What was found out about one entry.
pub(super) struct Judged<'a> {
    pub(super) look: Look<'a>,
    /// What is wrong beside its line.
    pub(super) finding: Option<Finding>,
}

/// What to do with an entry.
pub(super) enum Look<'a> {
    Hit(Box<Found<'a>>),
    Miss,
    /// It is not what is stored there, or the index has a wrong place for it.
    Wrong(Finding),
}

/// A hit.
pub(super) struct Found<'a> {
    pub(super) record: Record,
    pub(super) line: Line<'a>,
    leaf: Hash,
    state: State,
}

impl<'a> Judge<'a> {
    /// `proved` is what was proved for earlier questions.
    pub(super) fn new(
        reader: &'a Reader,
        query: &'a Query,
        head: Option<SealedHead>,
        proved: &Arc<Proved>,
        exhaustive: bool,
    ) -> Judge<'a> {
        let prover = head.map(|head| Prover::with(reader, head, Arc::clone(proved)));
        let sieve = if exhaustive { Sieve::of(query) } else { None };
        Judge { reader, query, prover, exhaustive, sieve }
    }

    /// Judges the entry of this index by its stored line. `was_hit`: the index says that it surely was a hit. If it is none
    /// now, it was changed.
    pub(super) fn judge(
        &mut self,
        index: u64,
        stored: Cow<'_, [u8]>,
        was_hit: bool,
    ) -> Result<Judged<'a>, Error> {
        let line = match Line::of_stored(self.reader, index, &stored) {
            Ok(line) => line,
            Err(error) => return Ok(Look::Wrong(unreadable(index, &error)).into()),
        };
        let may_be_hit = self.sieve.as_mut().is_none_or(|sieve| sieve.passes(&stored));
        let is_hit = may_be_hit && matches(self.query, &line);
        let finding = line.finding();
        if !is_hit && !was_hit && !self.exhaustive {
            return Ok(Judged { look: Look::Miss, finding });
        }
        let leaf = leaf_hash(&stored);
        let prover = self.prover.as_mut();
        let state = match prover.map_or(Ok(Seal::Unsealed), |prover| prover.judge_leaf(index, leaf))? {
            Seal::Proved => State::Proved,
            Seal::Unsealed => State::Unsealed,
            Seal::DoesNotFit(wrong) => return Ok(Judged { look: Look::Wrong(*wrong), finding }),
        };
        if !is_hit {
            return Ok(Judged { look: Look::Miss, finding });
        }
        let record = Record { index, line: stored.into_owned() };
        Ok(Judged { look: Look::Hit(Box::new(Found { record, line, leaf, state })), finding })
    }
}

impl<'a> From<Look<'a>> for Judged<'a> {
    fn from(look: Look<'a>) -> Judged<'a> {
        Judged { look, finding: None }
    }
}

impl Found<'_> {
    /// The hit as it is answered; with all of its entry, or only what its line says.
    pub(super) fn into_hit(self, whole: bool) -> Hit {
        let Found { record, line, leaf, state } = self;
        let entry = if whole { line.into_entry() } else { line.stored().clone() };
        let line = String::from_utf8(record.line).expect("what was read as an entry is text");
        Hit { origin: None, index: record.index, state, leaf_hash: leaf, line, entry }
    }
}

//! What a shelf says of a query: which entries may be hits, and which of them are.
//!
//! Each part of a query has two answers: the entries that may meet it, of which none is missing, and the entries that
//! surely meet it. That is enough to turn a `NOT` around: what surely meets it cannot be a hit, and what cannot meet it is
//! one. The two are equal where the columns have every value. Words only lead to blocks of lines.

mod text;
mod value;

use chrono::{DateTime, Timelike, Utc};
use roaring::RoaringBitmap;

use super::entries::all;
use super::events::Tally;
use super::facts::{Column, Facts};
use super::value::Key;
use super::{Candidates, ShelfError, tokens};
use crate::line::Scalar;
use crate::query::{EntryField, Expr, Field, Query, Term, Value};

/// Entries that may meet a part of a query, and those of them that do.
#[derive(Debug, Clone, Default)]
struct Found {
    maybe: RoaringBitmap,
    /// `None` when it is all of them.
    sure: Option<RoaringBitmap>,
}

impl Found {
    fn exactly(entries: RoaringBitmap) -> Found {
        Found { maybe: entries, sure: None }
    }

    fn perhaps(entries: RoaringBitmap) -> Found {
        Found { maybe: entries, sure: Some(RoaringBitmap::new()) }
    }

    fn sure(&self) -> &RoaringBitmap {
        self.sure.as_ref().unwrap_or(&self.maybe)
    }

    fn and(self, other: Found) -> Found {
        let sure = match (&self.sure, &other.sure) {
            (None, None) => None,
            _ => Some(self.sure() & other.sure()),
        };
        Found { maybe: self.maybe & other.maybe, sure }
    }

    fn or(self, other: Found) -> Found {
        let sure = match (&self.sure, &other.sure) {
            (None, None) => None,
            _ => Some(self.sure() | other.sure()),
        };
        Found { maybe: self.maybe | other.maybe, sure }
    }

    /// Everything else.
    fn not(self, all: &RoaringBitmap) -> Found {
        let sure = self.sure.is_some().then(|| all - &self.maybe);
        Found { maybe: all - self.sure(), sure }
    }
}

/// A question to one shelf.
struct Asking<'a, F> {
    facts: &'a F,
    all: RoaringBitmap,
    unsure: RoaringBitmap,
}

/// Which entries of a shelf may be hits of a query.
pub(super) fn candidates<F: Facts>(facts: &F, query: &Query) -> Result<Candidates, ShelfError> {
    let all = all(facts.len());
    let asking = Asking { facts, unsure: facts.unsure()?, all };
    let found = match query.expression() {
        Some(expression) => asking.expression(expression)?,
        None => asking.known(Found::exactly(asking.all.clone())),
    };
    let sure = found.sure().clone();
    Ok(Candidates { entries: found.maybe, sure })
}

impl<F: Facts> Asking<'_, F> {
    fn expression(&self, expression: &Expr) -> Result<Found, ShelfError> {
        match expression {
            Expr::And(parts) => {
                let mut found: Option<Found> = None;
                // Where the entries lie costs least, and mostly excludes all of a shelf.
                let (first, then): (Vec<&Expr>, Vec<&Expr>) = parts.iter().partition(|part| is_place(part));
                for part in first.into_iter().chain(then) {
                    let next = self.expression(part)?;
                    let both = match found {
                        Some(found) => found.and(next),
                        None => next,
                    };
                    if both.maybe.is_empty() {
                        return Ok(both);
                    }
                    found = Some(both);
                }
                Ok(found.unwrap_or_else(|| Found::exactly(self.all.clone())))
            }
            Expr::Or(parts) => {
                parts.iter().try_fold(Found::default(), |found, part| Ok(found.or(self.expression(part)?)))
            }
            Expr::Not(inner) => Ok(self.expression(inner)?.not(&self.all)),
            Expr::Term(term) => Ok(self.known(self.term(term)?)),
        }
    }

    /// What is found, with those entries of which too little is known.
    fn known(&self, mut found: Found) -> Found {
        if !self.unsure.is_empty() {
            found.sure = Some(found.sure() - &self.unsure);
            found.maybe |= &self.unsure;
        }
        found
    }

    fn term(&self, term: &Term) -> Result<Found, ShelfError> {
        match term {
            Term::Text(text) => Ok(Found::perhaps(self.text(text)?)),
            Term::Field(field, values) => self.field(field, values),
            Term::Has(field) => self.has(field),
            Term::Any(values) => self.any(values),
            Term::Index(ranges) => Ok(Found::exactly(self.positions(ranges))),
            Term::Since(time) => {
                let (maybe_from, sure_from) = bounds(time);
                let from = |micros| self.facts.at((micros, i64::MAX));
                let sure = (sure_from != maybe_from).then(|| from(sure_from)).transpose()?;
                Ok(Found { maybe: from(maybe_from)?, sure })
            }
            Term::Until(time) => {
                let (sure_until, maybe_until) = bounds(time);
                let until = |micros: i64| self.facts.at((i64::MIN, micros - 1));
                let sure = (sure_until != maybe_until).then(|| until(sure_until)).transpose()?;
                Ok(Found { maybe: until(maybe_until)?, sure })
            }
        }
    }

    fn positions(&self, ranges: &[(u64, u64)]) -> RoaringBitmap {
        let mut entries = RoaringBitmap::new();
        let (first, len) = (self.facts.first(), u64::from(self.facts.len()));
        for (low, high) in ranges {
            let low = low.saturating_sub(first).min(len) as u32;
            let end = high.saturating_add(1).saturating_sub(first).min(len) as u32;
            entries.insert_range(low..end.max(low));
        }
        entries
    }

    fn field(&self, field: &Field, values: &[Value]) -> Result<Found, ShelfError> {
        match field {
            Field::Entry(EntryField::Tool) => self
                .with_column(&Field::Entry(EntryField::Action), |column, of| {
                    self.each(values, |value| self.tool(column, of, value))
                }),
            // As texts, they are in no dictionary.
            Field::Entry(EntryField::Timestamp | EntryField::ReceivedAt) => {
                self.with_column(field, |column, _| Ok(Found::perhaps(column.present()?)))
            }
            _ => {
                self.with_column(field, |column, of| self.each(values, |value| self.value(column, of, value)))
            }
        }
    }

    fn has(&self, field: &Field) -> Result<Found, ShelfError> {
        if *field == Field::Entry(EntryField::Tool) {
            return self.with_column(&Field::Entry(EntryField::Action), |column, _| self.any_tool(column));
        }
        if let Some(column) = self.facts.column(field)? {
            return Ok(Found::exactly(column.present()?));
        }
        let elsewhere = self.elsewhere(field)?;
        if elsewhere.is_empty() {
            return Ok(Found::default());
        }
        let seed = self.facts.seed();
        let blocks = self.facts.blocks(tokens::of_presence(seed, tokens::of_field(seed, field)))?;
        Ok(Found::perhaps(blocks.of(&elsewhere, self.facts.len())))
    }

    /// What a field's column says. Without one, no entry has the field, but at a path those whose paths have no columns.
    fn with_column(
        &self,
        field: &Field,
        ask: impl FnOnce(&dyn Column, u64) -> Result<Found, ShelfError>,
    ) -> Result<Found, ShelfError> {
        let of = tokens::of_field(self.facts.seed(), field);
        match self.facts.column(field)? {
            Some(column) => ask(&column, of),
            None => ask(&Elsewhere(self.elsewhere(field)?), of),
        }
    }

    fn elsewhere(&self, field: &Field) -> Result<RoaringBitmap, ShelfError> {
        match field {
            Field::Detail(_) => self.facts.elsewhere(),
            Field::Entry(_) => Ok(RoaringBitmap::new()),
        }
    }

    /// Any of these values.
    fn each(
        &self,
        values: &[Value],
        ask: impl Fn(&Value) -> Result<Found, ShelfError>,
    ) -> Result<Found, ShelfError> {
        values.iter().try_fold(Found::default(), |found, value| Ok(found.or(ask(value)?)))
    }
}

/// The path of a detail without a column: nothing is known but in which entries it can be.
struct Elsewhere(RoaringBitmap);

impl Column for Elsewhere {
    fn present(&self) -> Result<RoaringBitmap, ShelfError> {
        Ok(self.0.clone())
    }

    fn loose(&self) -> Result<RoaringBitmap, ShelfError> {
        Ok(self.0.clone())
    }

    fn is_multiple(&self) -> bool {
        true
    }

    fn find(&self, _key: &Key<'_>) -> Result<RoaringBitmap, ShelfError> {
        Ok(RoaringBitmap::new())
    }

    fn each_like(
        &self,
        _prefix: &[u8],
        _is: &mut dyn FnMut(Scalar<'_>, Tally) -> bool,
        _f: &mut dyn FnMut(Scalar<'_>, RoaringBitmap),
    ) -> Result<(), ShelfError> {
        Ok(())
    }

    fn each_code(&self, _: &RoaringBitmap, _: &mut dyn FnMut(u32, usize)) -> Result<bool, ShelfError> {
        Ok(false)
    }

    fn numbers(&self, _range: (i64, i64)) -> Result<RoaringBitmap, ShelfError> {
        Ok(RoaringBitmap::new())
    }

    fn each_number(&self, _f: &mut dyn FnMut(u32, i64)) -> Result<(), ShelfError> {
        Ok(())
    }
}

/// Whether a part asks when or where.
fn is_place(part: &Expr) -> bool {
    matches!(part, Expr::Term(Term::Since(_) | Term::Until(_) | Term::Index(_)))
}

/// From which microsecond on an entry may be of this time or later, and from which on it surely is.
fn bounds(time: &DateTime<Utc>) -> (i64, i64) {
    const SECOND: i64 = 1_000_000;
    let micros = time.timestamp_micros();
    match time.nanosecond() {
        // A leap second: in microseconds, it is that of the next one.
        1_000_000_000.. => (time.timestamp() * SECOND, (time.timestamp() + 2) * SECOND),
        nanos if nanos.is_multiple_of(1_000) => (micros, micros),
        _ => (micros, micros + 1),
    }
}

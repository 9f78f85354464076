//! The query language: from a text to what it asks, and back to one canonical text.
//!
//! `docs/SEARCH.md` has the grammar. A query is read once, with the clock and the time zone of that moment, so that what it
//! asks does not change while it runs. Printed, it has absolute times and full names, and reads as the same query.

mod error;
mod explain;
mod field;
mod net;
mod number;
mod parse;
mod pattern;
mod print;
mod text;
mod time;

use std::ops::Range;

use chrono::{DateTime, Utc};

pub use error::QueryError;
pub use field::{EntryField, Field};
pub use net::Net;
pub use number::Decimal;
pub use pattern::Pattern;
pub use text::Text;
pub use time::{Moment, Zone, ZoneError};

pub(crate) use text::each_word;
pub(crate) use time::written;

/// The most bytes that a query may have, as it is given and as it is printed.
pub const QUERY_BYTES_MAX: usize = 16_384;

/// The most terms and values that a query may have.
pub const TERMS_MAX: usize = 256;

/// How deep groups may nest.
pub const DEPTH_MAX: usize = 32;

/// The most bytes of one word or phrase.
pub const TEXT_BYTES_MAX: usize = 2_048;

/// A question to a trail.
///
/// ```
/// use graven_search::{Moment, Query};
///
/// let moment = Moment::utc("2026-11-29T12:00:00Z".parse()?);
/// let query = Query::parse("session:s-1 -outcome:success since:24h", &moment)?;
/// assert_eq!(query.to_string(), "session_id:s-1 -outcome:success since:2026-11-28T12:00:00Z");
/// assert_eq!(Query::parse(&query.to_string(), &moment)?, query);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// `None` asks for every entry.
    expression: Option<Expr>,
}

/// What a query asks of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expr {
    /// All of these: two or more, none of them an `And`.
    And(Vec<Expr>),
    /// At least one of these: two or more, none of them an `Or`.
    Or(Vec<Expr>),
    /// Not this, which is no `Not`.
    Not(Box<Expr>),
    /// This term.
    Term(Term),
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Term {
    /// A word or a phrase, anywhere.
    Text(Text),
    /// One of these values in a field.
    Field(Field, Vec<Value>),
    /// Any value in a field.
    Has(Field),
    /// One of these values in any field.
    Any(Vec<Value>),
    /// A position in one of these ranges, with both ends.
    Index(Vec<(u64, u64)>),
    /// This time or a later one.
    Since(DateTime<Utc>),
    /// An earlier time than this.
    Until(DateTime<Utc>),
}

/// What the value of a field has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// This text, or this number if the text is one.
    Is(Pattern, Option<Decimal>),
    /// A number that compares like this.
    Compare(Comparison, Decimal),
    /// A number in this range, with both ends.
    Between(Decimal, Decimal),
    /// An address in this network.
    In(Net),
}

/// How numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Query {
    /// Reads a query. An empty one asks for every entry.
    ///
    /// # Errors
    ///
    /// [`QueryError`] points at the character that is wrong, and says what was expected.
    pub fn parse(text: &str, moment: &Moment) -> Result<Query, QueryError> {
        Ok(Query { expression: parse::parse(text, moment)? })
    }

    /// The query for all entries of a session.
    pub(crate) fn of_session(id: &str) -> Query {
        Query::of_value(EntryField::SessionId, id)
    }

    /// The query for the results, behind an entry, of the act whose intent has this id.
    pub fn of_result(intent_id: &str, behind: u64) -> Query {
        let field = |field, value| {
            Expr::Term(Term::Field(Field::Entry(field), vec![Value::Is(Pattern::literal(value), None)]))
        };
        let behind = Expr::Term(Term::Index(vec![(behind.saturating_add(1), u64::MAX)]));
        let result = field(EntryField::Phase, graven::Phase::Result.as_str());
        Query { expression: Some(Expr::And(vec![field(EntryField::IntentId, intent_id), result, behind])) }
    }

    /// The query for all entries that begin or end an act.
    pub(crate) fn of_acts() -> Query {
        Query { expression: Some(Expr::Term(Term::Has(Field::Entry(EntryField::Phase)))) }
    }

    /// The query for the entries of the trail itself.
    pub(crate) fn of_the_trail() -> Query {
        Query::of_value(EntryField::Category, graven::Category::Trail.as_str())
    }

    /// The query for the entries with this value in a field.
    pub(crate) fn of_value(field: EntryField, value: &str) -> Query {
        let values = vec![Value::Is(Pattern::literal(value), None)];
        Query { expression: Some(Expr::Term(Term::Field(Field::Entry(field), values))) }
    }

    /// This query, limited to entries of some categories. Limiting it again in the same way changes nothing, so a query
    /// that was printed and read again can be limited anew.
    #[must_use]
    pub fn within(self, categories: &[graven::Category]) -> Query {
        let field = Field::Entry(EntryField::Category);
        let values = categories.iter().map(|name| Value::Is(Pattern::literal(name.as_str()), None)).collect();
        let limit = match categories.is_empty() {
            // Every entry has a category.
            true => Expr::Not(Box::new(Expr::Term(Term::Has(field)))),
            false => Expr::Term(Term::Field(field, values)),
        };
        let all = match self.expression {
            None => vec![limit],
            Some(Expr::And(all)) if all.first() == Some(&limit) => all,
            Some(Expr::And(all)) => [vec![limit], all].concat(),
            Some(one) if one == limit => vec![limit],
            Some(one) => vec![limit, one],
        };
        let expression = if all.len() == 1 { all.into_iter().next() } else { Some(Expr::And(all)) };
        Query { expression }
    }

    pub(crate) fn expression(&self) -> Option<&Expr> {
        self.expression.as_ref()
    }

    /// The terms that each hit must meet by itself: those side by side at the top.
    fn required(&self) -> &[Expr] {
        match &self.expression {
            Some(Expr::And(all)) => all,
            Some(one) => std::slice::from_ref(one),
            None => &[],
        }
    }

    /// The times between which every hit lies: from the first, included, to the second, excluded.
    pub fn times(&self) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let (mut since, mut until): (Option<DateTime<Utc>>, Option<DateTime<Utc>>) = (None, None);
        for term in self.required() {
            match term {
                Expr::Term(Term::Since(time)) => since = Some(since.map_or(*time, |since| since.max(*time))),
                Expr::Term(Term::Until(time)) => until = Some(until.map_or(*time, |until| until.min(*time))),
                _ => {}
            }
        }
        (since, until)
    }

    /// The positions between which every hit lies.
    pub(crate) fn positions(&self) -> Range<u64> {
        let mut positions = 0..u64::MAX;
        for term in self.required() {
            if let Expr::Term(Term::Index(ranges)) = term {
                let first = ranges.iter().map(|(first, _)| *first).min().unwrap_or(0);
                let last = ranges.iter().map(|(_, last)| *last).max().unwrap_or(u64::MAX);
                positions.start = positions.start.max(first);
                positions.end = positions.end.min(last.saturating_add(1));
            }
        }
        positions
    }

    /// The words and phrases that hits have, for marking them: not those that a hit must not have.
    pub(crate) fn wanted_texts(&self) -> Vec<&Text> {
        let mut wanted = Vec::new();
        let mut left: Vec<&Expr> = self.expression.iter().collect();
        while let Some(next) = left.pop() {
            match next {
                Expr::And(all) | Expr::Or(all) => left.extend(all),
                Expr::Term(Term::Text(text)) => wanted.push(text),
                Expr::Not(_) | Expr::Term(_) => {}
            }
        }
        wanted
    }

    /// Texts that each hit has in its strings, its numbers or its words, all of them ASCII, with small letters for capitals.
    pub(crate) fn texts_of_hits(&self) -> Vec<String> {
        let text = |part: &Expr| match part {
            Expr::Term(Term::Text(text)) => Some(text.folded().to_owned()),
            Expr::Term(Term::Field(_, values) | Term::Any(values)) => match &values[..] {
                // A number can be written in another way.
                [Value::Is(pattern, None)] => pattern.as_literal().map(str::to_owned),
                _ => None,
            },
            _ => None,
        };
        let texts =
            self.required().iter().filter_map(text).filter(|text| text.is_ascii() && !text.is_empty());
        texts.map(|text| text.to_ascii_lowercase()).collect()
    }

    /// Where a text has the words and phrases that the query asks for, in bytes: in order, and without overlaps.
    pub fn places(&self, text: &str) -> Vec<Range<usize>> {
        let wanted = self.wanted_texts();
        let mut places: Vec<Range<usize>> = wanted.iter().flat_map(|wanted| wanted.places(text)).collect();
        places.sort_unstable_by_key(|place| place.start);
        let mut apart: Vec<Range<usize>> = Vec::new();
        for place in places {
            match apart.last_mut() {
                Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
                _ => apart.push(place),
            }
        }
        apart
    }
}

impl Field {
    /// Reads a field's name, full or short, or the path of a detail, such as `detail.exit`.
    ///
    /// # Errors
    ///
    /// [`QueryError`] names the nearest field.
    pub fn parse(name: &str) -> Result<Field, QueryError> {
        parse::parse_field(name)
    }
}

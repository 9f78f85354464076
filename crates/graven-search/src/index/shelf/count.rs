//! Counts entries and events from the columns, as the search counts them from the lines.
//!
//! They are asked about entries that surely are hits. Where a column does not have every value, its answer is of the other
//! entries, and it names those whose lines have to be read.

use std::collections::{BTreeMap, HashMap};

use graven::Outcome;
use roaring::RoaringBitmap;

use super::ShelfError;
use super::events::{Events, Tally};
use super::facts::{Column, Facts};
use super::value::{Key, TOOL};
use crate::line::Scalar;
use crate::query::{EntryField, Field};

/// How many entries and events there are of these.
pub(crate) fn tally<F: Facts>(facts: &F, entries: &RoaringBitmap) -> Result<Tally, ShelfError> {
    Ok(Events::new(facts.counts()?).tally(entries))
}

/// How a value is shown.
fn shown(scalar: Scalar<'_>) -> &str {
    match scalar {
        Scalar::Text(text) | Scalar::Number(text) => text,
        Scalar::Bool(true) => "true",
        Scalar::Bool(false) => "false",
        Scalar::Null => "null",
    }
}

/// Shows the values that some entries have in a field, each with how many have it; a value can come several times. Returns
/// the entries that are not counted: their lines have to be read.
///
/// # Errors
/// When a piece is damaged: then what was shown does not count.
pub(crate) fn facet<F: Facts>(
    facts: &F,
    field: &Field,
    entries: &RoaringBitmap,
    f: &mut dyn FnMut(&str, Tally),
) -> Result<RoaringBitmap, ShelfError> {
    let (column, cut) = match field {
        Field::Entry(EntryField::Tool) => (facts.column(&Field::Entry(EntryField::Action))?, TOOL),
        _ => (facts.column(field)?, ""),
    };
    let Some(column) = column else {
        return Ok(match field {
            Field::Detail(_) => facts.elsewhere()? & entries,
            Field::Entry(_) => RoaringBitmap::new(),
        });
    };
    if let Field::Entry(EntryField::Timestamp | EntryField::ReceivedAt) = field {
        return Ok(column.present()? & entries);
    }
    let rest = column.loose()? & entries;
    let (counted, is_all) = (entries - &rest, entries.len() == u64::from(facts.len()) && rest.is_empty());
    let events = Events::new(facts.counts()?);
    if column.is_multiple() {
        several(&column, &counted, &mut |value, entries| f(value, events.tally(entries)))?;
        return Ok(rest);
    }
    match is_all {
        true => each_value(&column, &mut |_, tally| tally, cut, f)?,
        false => of_some(&column, &counted, &events, cut, f)?,
    }
    if cut.is_empty() {
        let mut numbers: HashMap<i64, Tally> = HashMap::new();
        column.each_number(&mut |entry, number| {
            if counted.contains(entry) {
                numbers.entry(number).or_default().add(Tally { entries: 1, events: events.of(entry) });
            }
        })?;
        numbers.iter().for_each(|(number, tally)| f(&number.to_string(), *tally));
    }
    Ok(rest)
}

/// Shows the values of the dictionary with what `tally` makes of each, by its place.
fn each_value(
    column: &dyn Column,
    tally: &mut dyn FnMut(usize, Tally) -> Tally,
    cut: &str,
    f: &mut dyn FnMut(&str, Tally),
) -> Result<(), ShelfError> {
    let mut place = 0;
    let mut show = |scalar: Scalar<'_>, whole: Tally| {
        let tally = tally(place, whole);
        place += 1;
        if let Some(value) = shown(scalar).strip_prefix(cut).filter(|_| tally.entries > 0) {
            f(value, tally);
        }
        false
    };
    column.each_like(&[], &mut show, &mut |_, _| {})
}

/// Shows the values of the dictionary that some entries have: by their codes, or by the sets of the values.
fn of_some(
    column: &dyn Column,
    entries: &RoaringBitmap,
    events: &Events,
    cut: &str,
    f: &mut dyn FnMut(&str, Tally),
) -> Result<(), ShelfError> {
    let mut by_code: Vec<Tally> = Vec::new();
    let has_codes = column.each_code(entries, &mut |entry, code| {
        if by_code.len() <= code {
            by_code.resize(code + 1, Tally::default());
        }
        by_code[code].add(Tally { entries: 1, events: events.of(entry) });
    })?;
    if has_codes {
        let mut of_code = |place, _| by_code.get(place).copied().unwrap_or_default();
        return each_value(column, &mut of_code, cut, f);
    }
    column.each_like(&[], &mut |scalar, _| shown(scalar).starts_with(cut), &mut |scalar, found| {
        let tally = events.tally(&(found & entries));
        if let Some(value) = shown(scalar).strip_prefix(cut).filter(|_| tally.entries > 0) {
            f(value, tally);
        }
    })
}

/// Shows the values of a column of which an entry can have several: one that it has twice, as a text and as a number, counts
/// once.
fn several(
    column: &dyn Column,
    counted: &RoaringBitmap,
    f: &mut dyn FnMut(&str, &RoaringBitmap),
) -> Result<(), ShelfError> {
    let mut values: BTreeMap<String, RoaringBitmap> = BTreeMap::new();
    column.each_like(&[], &mut |_, _| true, &mut |scalar, found| {
        *values.entry(shown(scalar).to_owned()).or_default() |= found & counted;
    })?;
    column.each_number(&mut |entry, number| {
        if counted.contains(entry) {
            values.entry(number.to_string()).or_default().insert(entry);
        }
    })?;
    values.iter().filter(|(_, entries)| !entries.is_empty()).for_each(|(value, entries)| f(value, entries));
    Ok(())
}

/// Shows how many of some entries are in each row of this width in seconds, counted from 1970, by their outcome; a row can come
/// several times. Returns the entries that are not counted: their lines have to be read.
///
/// # Errors
/// When a piece is damaged: then what was shown does not count.
pub(crate) fn histogram<F: Facts>(
    facts: &F,
    width_s: i64,
    entries: &RoaringBitmap,
    f: &mut dyn FnMut(i64, Outcome, Tally),
) -> Result<RoaringBitmap, ShelfError> {
    let width = width_s.saturating_mul(1_000_000).max(1);
    let mut rest = entries.clone();
    let Some(column) = facts.column(&Field::Entry(EntryField::Outcome))? else { return Ok(rest) };
    let events = Events::new(facts.counts()?);
    let mut rows = Vec::new();
    facts.each_row(width, &mut |row, places| rows.push((row, places)))?;
    for outcome in [Outcome::Success, Outcome::Failure, Outcome::Denied, Outcome::Pending] {
        let found = column.find(&Key::of(Scalar::Text(outcome.as_str())))? & entries;
        rest -= &found;
        for (row, places) in &rows {
            let tally = events.tally_in(&found, places.clone());
            if tally.entries > 0 {
                f(*row, outcome, tally);
            }
        }
    }
    Ok(rest)
}

//! The values of a field: exact in its dictionary and its numbers, and by tokens where it has none.

use roaring::RoaringBitmap;

use super::super::blocks::Blocks;
use super::super::facts::{Column, Facts};
use super::super::value::{FALSE, Key, NULL, NUMBER, TEXT, TOOL, TRUE};
use super::super::{ShelfError, tokens};
use super::{Asking, Found};
use crate::line::Scalar;
use crate::matches::is_like;
use crate::query::{Comparison, Decimal, Pattern, Value};

/// The words of JSON that are values.
const WORDS: [(&str, Scalar<'static>); 3] =
    [("true", Scalar::Bool(true)), ("false", Scalar::Bool(false)), ("null", Scalar::Null)];

impl<F: Facts> Asking<'_, F> {
    /// One value of a column, whose field has this hash.
    pub(super) fn value(&self, column: &dyn Column, of: u64, value: &Value) -> Result<Found, ShelfError> {
        let sure = match value {
            Value::Is(pattern, number) => match pattern.as_literal() {
                Some(text) => self.literal(column, text, number.as_ref())?,
                None => wildcard(column, pattern, value)?,
            },
            Value::Compare(comparison, number) => {
                let range = range(*comparison, number);
                numbers(column, range, value)?
            }
            Value::Between(first, last) => {
                let least = range(Comparison::AtLeast, first);
                let most = range(Comparison::AtMost, last);
                numbers(column, least.zip(most).map(|(least, most)| (least.0, most.1)), value)?
            }
            Value::In(_) => dictionary(column, &[TEXT], value)?,
        };
        let loose = column.loose()?;
        if loose.is_empty() {
            return Ok(Found::exactly(sure));
        }
        let blocks = match value {
            Value::Is(pattern, number) => self.blocks_of_value(of, pattern, number.as_ref())?,
            _ => Blocks::ALL,
        };
        Ok(Found { maybe: &sure | blocks.of(&loose, self.facts.len()), sure: Some(sure) })
    }

    /// The entries whose column has this text, or what is written like it.
    fn literal(
        &self,
        column: &dyn Column,
        text: &str,
        number: Option<&Decimal>,
    ) -> Result<RoaringBitmap, ShelfError> {
        let mut entries = column.find(&Key::of(Scalar::Text(text)))?;
        if let Some((_, scalar)) = WORDS.iter().find(|(word, _)| *word == text) {
            entries |= column.find(&Key::of(*scalar))?;
        }
        if let Some(number) = number {
            entries |= equal(column, number)?;
        }
        Ok(entries)
    }

    /// The blocks where a value may be that no dictionary has.
    fn blocks_of_value(
        &self,
        of: u64,
        pattern: &Pattern,
        number: Option<&Decimal>,
    ) -> Result<Blocks, ShelfError> {
        let Some(text) = pattern.as_literal() else {
            return self.blocks_of_pattern(pattern);
        };
        let seed = self.facts.seed();
        let mut blocks = self.blocks_of_scalar(of, Scalar::Text(text))?;
        if let Some((_, scalar)) = WORDS.iter().find(|(word, _)| *word == text) {
            blocks = blocks.or(&self.blocks_of_scalar(of, *scalar)?);
        }
        if let Some(number) = number {
            blocks = blocks.or(&self.facts.blocks(tokens::of_number(seed, of, number))?);
        }
        Ok(blocks)
    }

    fn blocks_of_scalar(&self, of: u64, scalar: Scalar<'_>) -> Result<Blocks, ShelfError> {
        match (tokens::of_scalar(self.facts.seed(), of, scalar), scalar) {
            (Some(token), _) => self.facts.blocks(token),
            (None, Scalar::Text(text)) => self.blocks_of_words(text),
            (None, _) => Ok(Blocks::ALL),
        }
    }

    fn blocks_of_words(&self, text: &str) -> Result<Blocks, ShelfError> {
        let mut wanted = Vec::new();
        tokens::of_text(self.facts.seed(), text, &mut |token| wanted.push(token));
        self.all_of(&wanted)
    }

    fn blocks_of_pattern(&self, pattern: &Pattern) -> Result<Blocks, ShelfError> {
        if may_be_no_text(pattern) {
            return Ok(Blocks::ALL);
        }
        let mut wanted = Vec::new();
        tokens::of_pattern(self.facts.seed(), pattern, &mut |token| wanted.push(token));
        self.all_of(&wanted)
    }

    /// One value of what follows `tool:` in the action.
    pub(super) fn tool(&self, column: &dyn Column, of: u64, value: &Value) -> Result<Found, ShelfError> {
        let Value::Is(pattern, _) = value else {
            return Ok(Found::default());
        };
        let Some(text) = pattern.as_literal() else {
            let found = self.any_tool_like(column, &mut |scalar| is_like(value, scalar))?;
            let blocks = self.blocks_of_pattern(pattern)?;
            return Ok(Found { maybe: found.sure() | blocks.of(&found.maybe, self.facts.len()), ..found });
        };
        let action = Pattern::literal(&format!("{TOOL}{text}"));
        self.value(column, of, &Value::Is(action, None))
    }

    /// Every action that is one of a tool.
    pub(super) fn any_tool(&self, column: &dyn Column) -> Result<Found, ShelfError> {
        self.any_tool_like(column, &mut |_| true)
    }

    fn any_tool_like(
        &self,
        column: &dyn Column,
        is: &mut dyn FnMut(Scalar<'_>) -> bool,
    ) -> Result<Found, ShelfError> {
        let mut sure = RoaringBitmap::new();
        let mut is_tool = |scalar: Scalar<'_>, _| match scalar {
            Scalar::Text(action) => action.strip_prefix(TOOL).is_some_and(|tool| is(Scalar::Text(tool))),
            _ => false,
        };
        let prefix = Key::of(Scalar::Text(TOOL));
        column.each_like(prefix.as_bytes(), &mut is_tool, &mut |_, entries| sure |= entries)?;
        Ok(Found { maybe: &sure | column.loose()?, sure: Some(sure) })
    }

    /// One of these values in any field.
    pub(super) fn any(&self, values: &[Value]) -> Result<Found, ShelfError> {
        let mut maybe = RoaringBitmap::new();
        for value in values {
            maybe |= match value {
                Value::Is(pattern, number) => self.anywhere(pattern, number.as_ref())?,
                _ => self.all.clone(),
            };
        }
        Ok(Found::perhaps(maybe))
    }

    fn anywhere(&self, pattern: &Pattern, number: Option<&Decimal>) -> Result<RoaringBitmap, ShelfError> {
        let Some(text) = pattern.as_literal() else {
            let blocks = match may_be_a_time(pattern) {
                true => Blocks::ALL,
                false => self.blocks_of_pattern(pattern)?,
            };
            return Ok(blocks.entries(self.facts.len()));
        };
        if graven_core::time::parse(text).is_ok() {
            return Ok(self.all.clone());
        }
        let mut wanted = Vec::new();
        tokens::of_text(self.facts.seed(), text, &mut |token| wanted.push(token));
        let is_word_of_json = WORDS.iter().any(|(word, _)| *word == text);
        let mut entries = match wanted.is_empty() {
            true => RoaringBitmap::new(),
            false => self.all_of(&wanted)?.entries(self.facts.len()),
        };
        // What is no text has no words, and a text can be without one.
        if wanted.is_empty() || is_word_of_json || number.is_some() {
            let value = Value::Is(pattern.clone(), number.cloned());
            entries |= self.facts.elsewhere()?;
            for (of, column) in self.facts.columns()? {
                entries |= self.value(&column, of, &value)?.maybe;
            }
        }
        Ok(entries)
    }
}

/// The entries whose column has a text, number or word of JSON that is like a pattern.
fn wildcard(column: &dyn Column, pattern: &Pattern, value: &Value) -> Result<RoaringBitmap, ShelfError> {
    let mut entries = RoaringBitmap::new();
    for kind in [TEXT, NUMBER] {
        let prefix = [&[kind], pattern.beginning().as_bytes()].concat();
        entries |= dictionary(column, &prefix, value)?;
    }
    for kind in [TRUE, FALSE, NULL] {
        entries |= dictionary(column, &[kind], value)?;
    }
    if may_be_no_text(pattern) {
        column.each_number(&mut |entry, number| {
            if pattern.matches(&number.to_string()) {
                entries.insert(entry);
            }
        })?;
    }
    Ok(entries)
}

/// The entries whose dictionary has a value that begins with these bytes and is like this.
fn dictionary(column: &dyn Column, prefix: &[u8], value: &Value) -> Result<RoaringBitmap, ShelfError> {
    let mut entries = RoaringBitmap::new();
    column.each_like(prefix, &mut |scalar, _| is_like(value, scalar), &mut |_, found| entries |= found)?;
    Ok(entries)
}

fn equal(column: &dyn Column, number: &Decimal) -> Result<RoaringBitmap, ShelfError> {
    let range = range(Comparison::Equal, number);
    numbers(column, range, &Value::Compare(Comparison::Equal, number.clone()))
}

/// The entries with a number in this range; those that are no whole ones are compared one by one.
fn numbers(
    column: &dyn Column,
    range: Option<(i64, i64)>,
    value: &Value,
) -> Result<RoaringBitmap, ShelfError> {
    let entries = dictionary(column, &[NUMBER], value)?;
    match range {
        Some(range) => Ok(entries | column.numbers(range)?),
        None => Ok(entries),
    }
}

/// The whole numbers that compare like this, with both ends; `None` when there are none.
fn range(comparison: Comparison, number: &Decimal) -> Option<(i64, i64)> {
    let (floor, is_whole) = match number.floor() {
        Ok(floor) => floor,
        // Smaller than every one of them, or larger.
        Err(side) => {
            let is_all = match comparison {
                Comparison::Equal => false,
                Comparison::Less | Comparison::AtMost => side.is_gt(),
                Comparison::More | Comparison::AtLeast => side.is_lt(),
            };
            return is_all.then_some((i64::MIN, i64::MAX));
        }
    };
    match comparison {
        Comparison::Equal => is_whole.then_some((floor, floor)),
        Comparison::AtMost => Some((i64::MIN, floor)),
        Comparison::Less if is_whole => floor.checked_sub(1).map(|most| (i64::MIN, most)),
        Comparison::Less => Some((i64::MIN, floor)),
        Comparison::AtLeast if is_whole => Some((floor, i64::MAX)),
        Comparison::AtLeast | Comparison::More => floor.checked_add(1).map(|least| (least, i64::MAX)),
    }
}

/// Whether a number or a word of JSON may be like a pattern: these have no tokens of words.
fn may_be_no_text(pattern: &Pattern) -> bool {
    let of_number = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
    pattern.pieces().iter().all(|piece| piece.chars().all(of_number))
        || WORDS.iter().any(|(word, _)| pattern.matches(word))
}

/// Whether a time may be like a pattern: times have no tokens at all.
fn may_be_a_time(pattern: &Pattern) -> bool {
    let of_time = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | 'T' | 'Z');
    pattern.pieces().iter().all(|piece| piece.chars().all(of_time))
}

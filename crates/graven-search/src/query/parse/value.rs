//! Reads the value behind a field's name: one, or several in parentheses.

use chrono::{DateTime, Utc};
use graven_core::nearest;

use super::super::error::{QueryError, shown};
use super::super::field::Kind;
use super::super::pattern::{Part, Pattern};
use super::super::{Comparison, Decimal, EntryField, Field, Net, Value};
use super::Parser;
use super::scalar::Scalar;

/// The units of a duration, in milliseconds. The longest names first.
const UNITS: &[(&str, u32)] = &[("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];

impl<'a> Parser<'a> {
    /// A value must stand here; the term began at `start`.
    pub(super) fn expect_value(&self, start: usize) -> Result<(), QueryError> {
        if self.peek().is_some_and(|c| !c.is_whitespace() && c != ')') {
            return Ok(());
        }
        let name = &self.text[start..self.at];
        let field = name.trim_end_matches(':');
        let advice =
            format!("for entries that have it, write has:{field}; for the text, {}", self.as_text(name));
        Err(self.error(1, format!("expected a value after `{}`", shown(name))).advise(advice))
    }

    /// One value, or `(a OR b)`.
    fn list<T>(
        &mut self,
        start: usize,
        one: impl Fn(&Self, Scalar<'a>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        self.expect_value(start)?;
        if self.peek() != Some('(') {
            let scalar = self.scalar()?;
            return Ok(vec![one(self, scalar)?]);
        }
        let open = self.at;
        self.at += 1;
        let mut values = Vec::new();
        loop {
            self.skip_blanks();
            if self.is_at_end() {
                return Err(self.error_at(open..open + 1, "this `(` is never closed").advise("add a `)`"));
            }
            if matches!(self.peek(), Some('(' | ')')) || self.any_keyword(&["OR", "AND", "NOT"]) {
                return Err(self.error(1, "expected a value").advise("several values are written (a OR b)"));
            }
            let scalar = self.scalar()?;
            let place = scalar.at.clone();
            let value = one(self, scalar)?;
            if !values.is_empty() {
                self.count(place)?;
            }
            values.push(value);
            self.skip_blanks();
            if self.peek() == Some(')') {
                self.at += 1;
                self.end_of_part("a `)`")?;
                return Ok(values);
            }
            let Some(length) = self.keyword("OR") else {
                if self.is_at_end() {
                    continue;
                }
                return Err(self
                    .error(1, "expected OR or `)` after the value")
                    .advise("several values are written (a OR b)"));
            };
            self.at += length;
        }
    }

    fn scalar(&mut self) -> Result<Scalar<'a>, QueryError> {
        if self.peek() == Some('"') { self.quoted() } else { self.bare() }
    }

    /// Values of any field.
    pub(super) fn any_values(&mut self, start: usize) -> Result<Vec<Value>, QueryError> {
        self.list(start, |_, scalar| Ok(json_value(&scalar)))
    }

    /// The values of a field.
    pub(super) fn field_values(&mut self, field: &Field, start: usize) -> Result<Vec<Value>, QueryError> {
        if field.kind() == Kind::Object {
            let Field::Entry(object) = field else { unreachable!("a detail is JSON") };
            let parts: Vec<&str> = EntryField::ALL
                .iter()
                .map(|part| part.name())
                .filter(|name| name.split('.').next() == Some(object.name()) && name.contains('.'))
                .collect();
            let place = start..start + object.name().len();
            return Err(self
                .error_at(place, format!("`{field}` has parts, and a value is one of a part"))
                .advise(format!("ask for one of {}", parts.join(", "))));
        }
        self.list(start, |parser, scalar| parser.value(field, &scalar))
    }

    fn value(&self, field: &Field, given: &Scalar<'_>) -> Result<Value, QueryError> {
        let kind = field.kind();
        if !given.quoted {
            let (sign, operand) = comparison(given.raw);
            if let Some(sign) = sign {
                let number = self.operand(field, given, operand)?;
                return Ok(Value::Compare(sign, number));
            }
            if let Some((first, last)) = given.raw.split_once("..").filter(|ends| is_range(kind, *ends)) {
                let (low, high) = (self.operand(field, given, first)?, self.operand(field, given, last)?);
                if low > high {
                    let message = format!("nothing is between {} and {}", shown(first), shown(last));
                    return Err(self
                        .error_at(given.at.clone(), message)
                        .advise("write the smaller number first"));
                }
                return Ok(Value::Between(low, high));
            }
        }
        match kind {
            Kind::Number | Kind::Duration => {
                let number = self.operand(field, given, given.raw)?;
                Ok(Value::Compare(Comparison::Equal, number))
            }
            Kind::Choice(names) => self.choice(field, names, given),
            Kind::Address if !given.quoted && given.raw.contains('/') => {
                let net = Net::parse(given.raw).ok_or_else(|| {
                    self.error_at(given.at.clone(), format!("`{}` is no network", shown(given.raw)))
                        .advise("a network is an address, a slash and a number of bits, such as 10.0.0.0/8")
                })?;
                Ok(Value::In(net))
            }
            Kind::Json => Ok(json_value(given)),
            Kind::Text | Kind::Time | Kind::Address | Kind::Object => {
                Ok(Value::Is(Pattern::new(&given.parts), None))
            }
        }
    }

    /// A number to compare with.
    fn operand(&self, field: &Field, given: &Scalar<'_>, text: &str) -> Result<Decimal, QueryError> {
        let error = |message: String| self.error_at(given.at.clone(), message);
        match field.kind() {
            Kind::Number | Kind::Json => Decimal::parse(text).ok_or_else(|| {
                error(format!("expected a number for `{field}`, not `{}`", shown(text)))
                    .advise("numbers are written as in JSON, such as 0, -1.5 or 1e9, and compared by >, >=, <, <= or 1..5")
            }),
            Kind::Duration => read_duration(text).ok_or_else(|| {
                error(format!("expected a duration for `{field}`, not `{}`", shown(text)))
                    .advise("write milliseconds, or a number with ms, s, m, h or d, such as 2s or 1.5h")
            }),
            Kind::Time => Err(error(format!("`{field}` is a time, and no number"))
                .advise("write since:TIME for this time and later ones, until:TIME for earlier ones")),
            _ => Err(error(format!("`{field}` is never a number, so it cannot be compared with one"))
                .advise(format!("for the text, write {field}:{}", self.as_text(given.raw)))),
        }
    }

    fn choice(
        &self,
        field: &Field,
        names: &'static [&'static str],
        given: &Scalar<'_>,
    ) -> Result<Value, QueryError> {
        let pattern = Pattern::new(&given.parts);
        let known = |pattern: &Pattern| names.iter().any(|name| pattern.matches(name));
        if known(&pattern) {
            return Ok(Value::Is(pattern, None));
        }
        let near = nearest(&given.text(), names.iter().copied());
        let message = format!("`{field}` is never `{}`: the nearest is `{near}`", shown(&given.text()));
        Err(self.error_at(given.at.clone(), message).advise(format!("it is one of {}", names.join(", "))))
    }

    /// Positions: one, a range with both ends, or a comparison.
    pub(super) fn positions(&mut self, start: usize) -> Result<Vec<(u64, u64)>, QueryError> {
        self.list(start, |parser, given| {
            let bad = || {
                parser
                    .error_at(given.at.clone(), format!("`{}` is no position in the log", shown(given.raw)))
                    .advise("write index:5, index:100..200 with both ends included, or index:>=100")
            };
            let whole = |text: &str| match text.bytes().all(|digit| digit.is_ascii_digit()) {
                true => text.parse::<u64>().ok(),
                false => None,
            };
            let (sign, operand) = comparison(given.raw);
            let range = match (sign, given.raw.split_once("..")) {
                (None, Some((first, last))) => whole(first).zip(whole(last)),
                (None, None) => whole(given.raw).map(|at| (at, at)),
                (Some(sign), _) => whole(operand).and_then(|at| positions(sign, at)),
            };
            range.filter(|(first, last)| first <= last && !given.quoted).ok_or_else(bad)
        })
    }

    /// A moment.
    pub(super) fn time(&mut self, start: usize) -> Result<DateTime<Utc>, QueryError> {
        self.expect_value(start)?;
        let given = self.scalar()?;
        self.moment.read(&given.text()).filter(|_| no_star(&given)).ok_or_else(|| {
            self.error_at(given.at.clone(), format!("`{}` is no time", shown(given.raw)))
                .advise("write 2026-11-29, 2026-11-29T12:00:00Z, 24h, 7d, today or yesterday")
        })
    }

    /// A day: its beginning, and that of the next one.
    pub(super) fn day(&mut self, start: usize) -> Result<(DateTime<Utc>, DateTime<Utc>), QueryError> {
        self.expect_value(start)?;
        let given = self.scalar()?;
        self.moment.read_day(&given.text()).filter(|_| no_star(&given)).ok_or_else(|| {
            self.error_at(given.at.clone(), format!("`{}` is no day", shown(given.raw)))
                .advise("write 2026-11-29, today or yesterday; for a moment, since: and until:")
        })
    }
}

/// A text, and the number that it is also.
fn json_value(given: &Scalar<'_>) -> Value {
    let pattern = Pattern::new(&given.parts);
    let number = pattern.as_literal().and_then(Decimal::parse);
    Value::Is(pattern, number)
}

fn no_star(given: &Scalar<'_>) -> bool {
    !given.parts.contains(&Part::Star)
}

/// The comparison that a value begins with, and what follows it.
fn comparison(raw: &str) -> (Option<Comparison>, &str) {
    let signs = [Comparison::AtLeast, Comparison::AtMost, Comparison::More, Comparison::Less];
    let found = signs.into_iter().find_map(|sign| Some((sign, raw.strip_prefix(sign.sign())?)));
    found.map_or((None, raw), |(sign, rest)| (Some(sign), rest))
}

/// Whether the two sides of `..` are meant as numbers.
fn is_range(kind: Kind, (first, last): (&str, &str)) -> bool {
    let number = |text: &str| Decimal::parse(text).is_some();
    match kind {
        Kind::Number | Kind::Duration => true,
        // Half a range is a mistake there, `../etc` is not.
        Kind::Json => number(first) && (number(last) || last.is_empty()) || first.is_empty() && number(last),
        _ => number(first) && number(last),
    }
}

/// A number of milliseconds, or a number with a unit.
fn read_duration(text: &str) -> Option<Decimal> {
    for (unit, milliseconds) in UNITS {
        if let Some(number) = text.strip_suffix(unit).and_then(Decimal::parse) {
            return Some(number.times(*milliseconds));
        }
    }
    Decimal::parse(text)
}

/// The positions that compare like this with one; `None` when there are none.
fn positions(sign: Comparison, at: u64) -> Option<(u64, u64)> {
    match sign {
        Comparison::Equal => Some((at, at)),
        Comparison::Less => at.checked_sub(1).map(|last| (0, last)),
        Comparison::AtMost => Some((0, at)),
        Comparison::More => at.checked_add(1).map(|first| (first, u64::MAX)),
        Comparison::AtLeast => Some((at, u64::MAX)),
    }
}

//! A query as one canonical text: full names, absolute times, quotes only where they are needed.

use std::fmt;

use super::time::written;
use super::{Comparison, Expr, Pattern, Query, Term, Text, Value};

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.as_ref().map_or(Ok(()), |expression| print(expression, f))
    }
}

fn print(expression: &Expr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match expression {
        Expr::And(all) => separated(all, " ", f, part),
        Expr::Or(all) => separated(all, " OR ", f, part),
        Expr::Not(inner) => {
            f.write_str("-")?;
            part(inner, f)
        }
        Expr::Term(term) => print_term(term, f),
    }
}

/// A part of another expression: in parentheses when it has several parts itself.
fn part(expression: &Expr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match expression {
        Expr::And(_) | Expr::Or(_) => {
            f.write_str("(")?;
            print(expression, f)?;
            f.write_str(")")
        }
        Expr::Not(_) | Expr::Term(_) => print(expression, f),
    }
}

fn separated<T>(
    all: &[T],
    separator: &str,
    f: &mut fmt::Formatter<'_>,
    print: fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    all.iter().enumerate().try_for_each(|(place, one)| {
        if place > 0 {
            f.write_str(separator)?;
        }
        print(one, f)
    })
}

/// One value, or several in parentheses.
fn values<T>(
    all: &[T],
    f: &mut fmt::Formatter<'_>,
    print: fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    if let [one] = all {
        return print(one, f);
    }
    f.write_str("(")?;
    separated(all, " OR ", f, print)?;
    f.write_str(")")
}

fn print_term(term: &Term, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match term {
        Term::Text(text) => print_text(text, f),
        Term::Field(field, all) => {
            write!(f, "{field}:")?;
            values(all, f, print_value)
        }
        Term::Has(field) => write!(f, "has:{field}"),
        Term::Any(all) => {
            f.write_str("any:")?;
            values(all, f, print_value)
        }
        Term::Index(ranges) => {
            f.write_str("index:")?;
            values(ranges, f, |(first, last), f| match first == last {
                true => write!(f, "{first}"),
                false => write!(f, "{first}..{last}"),
            })
        }
        Term::Since(time) => write!(f, "since:{}", written(time)),
        Term::Until(time) => write!(f, "until:{}", written(time)),
    }
}

fn print_text(text: &Text, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if text.is_beginning() {
        // It was a word without quotes, in which only a star is written in another way.
        return write!(f, "{}*", text.as_str().replace('*', "\\*"));
    }
    let text = text.as_str();
    let is_word = text.chars().all(char::is_alphanumeric) && !matches!(text, "AND" | "OR" | "NOT");
    if is_word { f.write_str(text) } else { write!(f, "\"{}\"", escaped(text, false)) }
}

fn print_value(value: &Value, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value {
        Value::Is(pattern, _) => print_pattern(pattern, f),
        Value::Compare(comparison, number) => write!(f, "{}{number}", comparison.sign()),
        Value::Between(first, last) => write!(f, "{first}..{last}"),
        Value::In(net) => write!(f, "{net}"),
    }
}

fn print_pattern(pattern: &Pattern, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let pieces = pattern.pieces();
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '.' | ':');
    let plain = pieces.iter().all(|piece| piece.chars().all(is_plain) && !piece.contains(".."));
    let is_something = pieces.len() > 1 || !pieces[0].is_empty();
    if plain && is_something && !matches!(&*pieces[0], "AND" | "OR" | "NOT") {
        return f.write_str(&pieces.join("*"));
    }
    let pieces: Vec<String> = pieces.iter().map(|piece| escaped(piece, true)).collect();
    write!(f, "\"{}\"", pieces.join("*"))
}

/// What stands between quotes.
fn escaped(text: &str, with_stars: bool) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    if with_stars { escaped.replace('*', "\\*") } else { escaped }
}

impl Comparison {
    /// What stands before the number.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "",
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::More => ">",
            Comparison::AtLeast => ">=",
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_value(self, f)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_pattern(self, f)
    }
}

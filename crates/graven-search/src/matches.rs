//! What a hit is. Whatever finds entries, this one function says whether they are hits.

use crate::line::{Line, Scalar};
use crate::query::{Comparison, Decimal, Expr, Field, Query, Term, Value};

/// Whether an entry is a hit of a query.
///
/// ```
/// use graven::Entry;
/// use graven_search::{Line, Moment, Query, matches};
///
/// let moment = Moment::utc("2026-11-29T12:00:00Z".parse()?);
/// let line = br#"{"id":"1","timestamp":"2026-11-29T11:00:00Z","category":"api","action":"x","principal":null,"outcome":"denied","detail":{"command":"\u0072m -rf /"}}"#;
/// let line = Line::of_entry(0, Entry::from_line(line)?);
/// assert!(matches(&Query::parse("\"rm -rf\" outcome:denied", &moment)?, &line));
/// assert!(!matches(&Query::parse("has:principal", &moment)?, &line));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn matches(query: &Query, line: &Line<'_>) -> bool {
    query.expression().is_none_or(|expression| meets(expression, line))
}

fn meets(expression: &Expr, line: &Line<'_>) -> bool {
    match expression {
        Expr::And(all) => all.iter().all(|one| meets(one, line)),
        Expr::Or(all) => all.iter().any(|one| meets(one, line)),
        Expr::Not(inner) => !meets(inner, line),
        Expr::Term(term) => meets_term(term, line),
    }
}

fn meets_term(term: &Term, line: &Line<'_>) -> bool {
    let one_of = |values: &[Value], scalar: Scalar<'_>| values.iter().any(|value| is_like(value, scalar));
    match term {
        Term::Text(text) => line.any_text(&mut |string| text.is_in(string)),
        Term::Field(Field::Entry(field), values) => {
            line.any_of_field(*field, &mut |scalar| one_of(values, scalar))
        }
        Term::Field(Field::Detail(path), values) => line.any_at(path, &mut |scalar| one_of(values, scalar)),
        Term::Has(Field::Entry(field)) => line.has(*field),
        Term::Has(Field::Detail(path)) => line.has_at(path),
        Term::Any(values) => line.any_value(&mut |scalar| one_of(values, scalar)),
        Term::Index(ranges) => ranges.iter().any(|(first, last)| (*first..=*last).contains(&line.index())),
        Term::Since(time) => line.stored().timestamp.is_some_and(|at| at >= *time),
        Term::Until(time) => line.stored().timestamp.is_some_and(|at| at < *time),
    }
}

/// Whether a value of an entry is one that a query asks for.
pub(crate) fn is_like(value: &Value, scalar: Scalar<'_>) -> bool {
    match (value, scalar) {
        (Value::Is(pattern, _), Scalar::Text(text)) => pattern.matches(text),
        (Value::Is(_, Some(number)), Scalar::Number(stored)) => {
            Decimal::parse(stored).is_some_and(|stored| stored == *number)
        }
        (Value::Is(pattern, None), Scalar::Number(stored)) => pattern.matches(stored),
        (Value::Is(pattern, _), Scalar::Bool(value)) => pattern.matches(if value { "true" } else { "false" }),
        (Value::Is(pattern, _), Scalar::Null) => pattern.matches("null"),
        (Value::Compare(comparison, number), Scalar::Number(stored)) => {
            Decimal::parse(stored).is_some_and(|stored| compares(*comparison, &stored, number))
        }
        (Value::Between(first, last), Scalar::Number(stored)) => {
            Decimal::parse(stored).is_some_and(|stored| (first..=last).contains(&&stored))
        }
        (Value::In(net), Scalar::Text(address)) => net.contains(address),
        _ => false,
    }
}

fn compares(comparison: Comparison, stored: &Decimal, number: &Decimal) -> bool {
    match comparison {
        Comparison::Equal => stored == number,
        Comparison::Less => stored < number,
        Comparison::AtMost => stored <= number,
        Comparison::More => stored > number,
        Comparison::AtLeast => stored >= number,
    }
}

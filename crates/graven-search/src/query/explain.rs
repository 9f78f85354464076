//! A query in words, one condition a line, so that a person sees how it was read.

use super::time::written;
use super::{Expr, Field, Query, Term, Value};

impl Query {
    /// How the query is read: one line a condition, indented by what it belongs to.
    pub fn reading(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match &self.expression {
            None => lines.push("every entry".to_owned()),
            Some(expression) => read(expression, false, 0, &mut lines),
        }
        lines
    }
}

fn read(expression: &Expr, negated: bool, depth: usize, lines: &mut Vec<String>) {
    let mut line = |text: String| lines.push(format!("{:1$}{text}", "", 2 * depth));
    match (expression, negated) {
        (Expr::And(_), false) => line("all of:".to_owned()),
        (Expr::And(_), true) => line("not all of:".to_owned()),
        (Expr::Or(_), false) => line("at least one of:".to_owned()),
        (Expr::Or(_), true) => line("none of:".to_owned()),
        (Expr::Not(inner), _) => return read(inner, !negated, depth, lines),
        (Expr::Term(term), false) => line(words(term)),
        (Expr::Term(term), true) => line(format!("not: {}", words(term))),
    }
    if let Expr::And(all) | Expr::Or(all) = expression {
        all.iter().for_each(|one| read(one, false, depth + 1, lines));
    }
}

fn words(term: &Term) -> String {
    match term {
        Term::Text(text) if text.is_beginning() => {
            format!("some string has a word that begins with {:?}, in any case", text.as_str())
        }
        Term::Text(text) => format!("some string has {:?} as whole words, in any case", text.as_str()),
        Term::Field(field, values) => {
            let any = if matches!(field, Field::Detail(_)) { "a value of " } else { "" };
            format!("{any}{field} {}", listed(values))
        }
        Term::Has(field) => format!("{field} is there"),
        Term::Any(values) => format!("some value {}", listed(values)),
        Term::Index(ranges) => {
            let range = |(first, last): &(u64, u64)| match (first == last, *last == u64::MAX) {
                (true, _) => format!("is {first}"),
                (_, true) => format!("is {first} or more"),
                _ => format!("is from {first} to {last}"),
            };
            format!("its position {}", ranges.iter().map(range).collect::<Vec<_>>().join(" or "))
        }
        Term::Since(time) => format!("its time is {} or later", written(time)),
        Term::Until(time) => format!("its time is before {}", written(time)),
    }
}

fn listed(values: &[Value]) -> String {
    let word = |value: &Value| match value {
        Value::Is(pattern, _) if pattern.as_literal().is_none() => format!("is like {value}"),
        Value::Is(_, Some(_)) => format!("is the number or the text {value}"),
        Value::Is(..) => format!("is {value}"),
        Value::Compare(super::Comparison::Equal, _) => format!("is the number {value}"),
        Value::Compare(..) => format!("is a number {value}"),
        Value::Between(first, last) => format!("is a number from {first} to {last}"),
        Value::In(net) => format!("is an address in {net}"),
    };
    values.iter().map(word).collect::<Vec<_>>().join(" or ")
}

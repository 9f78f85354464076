//! Reads a query by recursive descent: operators and groups here, terms in `parse/term.rs`, values in `parse/value.rs`.
//!
//! ```text
//! query   = [ or ]
//! or      = and { "OR" and }            an `and` of several parts needs parentheses beside OR
//! and     = unary { [ "AND" ] unary }
//! unary   = [ "-" | "NOT" ] ( "(" or ")" | term )
//! ```

mod scalar;
mod term;
mod value;

use std::ops::Range;

use super::error::{QueryError, shown};
use super::{DEPTH_MAX, Expr, Field, Moment, QUERY_BYTES_MAX, TERMS_MAX};

/// How deep the text may nest, with groups that turn out to be needless. It bounds the parser's own recursion.
const NESTING_MAX: usize = 2 * DEPTH_MAX + 2;

/// How many characters of a part are shown in a reading.
const PART_SHOWN: usize = 24;

/// Reads a query; `None` when it asks for every entry.
pub(super) fn parse(text: &str, moment: &Moment) -> Result<Option<Expr>, QueryError> {
    check_length(text)?;
    let mut parser = Parser { text, at: 0, moment, terms: 0, nesting: 0 };
    parser.skip_blanks();
    if parser.is_at_end() {
        return Ok(None);
    }
    let expression = parser.or()?;
    if !parser.is_at_end() {
        return Err(parser
            .error(1, "this `)` closes nothing")
            .advise("take it out, or write it in quotes: \")\""));
    }
    if depth(&expression) > DEPTH_MAX {
        return Err(parser.too_deep(0));
    }
    let expression = Some(expression);
    // So that what is printed can be read again.
    check_length(&super::Query { expression: expression.clone() }.to_string())?;
    Ok(expression)
}

/// Reads the name of a field, or the path of a detail.
pub(super) fn parse_field(name: &str) -> Result<Field, QueryError> {
    check_length(name)?;
    let moment = Moment::utc(chrono::DateTime::UNIX_EPOCH);
    let mut parser = Parser { text: name, at: 0, moment: &moment, terms: 0, nesting: 0 };
    let field = parser.field_name()?;
    match parser.is_at_end() {
        true => Ok(field),
        false => Err(parser.error(1, "expected the end of the field's name")),
    }
}

fn check_length(text: &str) -> Result<(), QueryError> {
    if text.len() <= QUERY_BYTES_MAX {
        return Ok(());
    }
    let end = text.floor_char_boundary(QUERY_BYTES_MAX);
    let message = format!("a query has at most {QUERY_BYTES_MAX} bytes, this one has {}", text.len());
    Err(QueryError::new(text, end..end, message))
}

/// How deep an expression nests.
fn depth(expression: &Expr) -> usize {
    match expression {
        Expr::And(all) | Expr::Or(all) => 1 + all.iter().map(depth).max().unwrap_or(0),
        Expr::Not(inner) => 1 + depth(inner),
        Expr::Term(_) => 0,
    }
}

/// A place in a query, moving forward.
struct Parser<'a> {
    text: &'a str,
    /// Always at a character's first byte.
    at: usize,
    moment: &'a Moment,
    terms: usize,
    nesting: usize,
}

/// Terms side by side, each with its place.
struct Side {
    parts: Vec<(Expr, Range<usize>)>,
}

impl<'a> Parser<'a> {
    fn or(&mut self) -> Result<Expr, QueryError> {
        let start = self.at;
        let mut sides = vec![self.and()?];
        while let Some(length) = self.keyword("OR") {
            let operator = self.at..self.at + length;
            self.at += length;
            self.skip_blanks();
            if self.is_at_end() || self.peek() == Some(')') || self.any_keyword(&["OR", "AND"]) {
                return Err(self.lonely_operator("OR", operator, "after"));
            }
            sides.push(self.and()?);
        }
        if sides.len() > 1 && sides.iter().any(|side| side.parts.len() > 1) {
            return Err(self.mixed(start, &sides));
        }
        let ors =
            sides.into_iter().map(|side| joined(side.parts.into_iter().map(|(part, _)| part), Expr::And));
        Ok(joined(ors.collect::<Vec<_>>().into_iter(), Expr::Or))
    }

    fn and(&mut self) -> Result<Side, QueryError> {
        let mut parts = Vec::new();
        loop {
            if self.is_at_end() || self.peek() == Some(')') || self.keyword("OR").is_some() {
                break;
            }
            if let Some(length) = self.keyword("AND") {
                let operator = self.at..self.at + length;
                if parts.is_empty() {
                    return Err(self.lonely_operator("AND", operator, "before"));
                }
                self.at += length;
                self.skip_blanks();
                if self.is_at_end() || self.peek() == Some(')') || self.any_keyword(&["OR", "AND"]) {
                    return Err(self.lonely_operator("AND", operator, "after"));
                }
            }
            let start = self.at;
            let part = self.unary()?;
            parts.push((part, start..self.at));
            self.skip_blanks();
        }
        if parts.is_empty() {
            return Err(match self.keyword("OR") {
                Some(length) => self.lonely_operator("OR", self.at..self.at + length, "before"),
                None => self.error(1, "expected a word, a phrase or `field:value`"),
            });
        }
        Ok(Side { parts })
    }

    fn unary(&mut self) -> Result<Expr, QueryError> {
        self.nested(|parser| {
            let sign = parser.at;
            if let Some(length) = parser.keyword("NOT") {
                parser.at += length;
                parser.skip_blanks();
                if parser.is_at_end() || parser.peek() == Some(')') || parser.any_keyword(&["OR", "AND"]) {
                    return Err(parser.lonely_operator("NOT", sign..sign + length, "after"));
                }
                return parser.unary().map(not);
            }
            if parser.peek() != Some('-') {
                return parser.primary();
            }
            parser.at += 1;
            match parser.peek() {
                None | Some(')') => Err(parser.lonely_minus(sign)),
                Some(c) if c.is_whitespace() => Err(parser.lonely_minus(sign)),
                Some('-') => {
                    parser.at = sign;
                    let run = parser.bare_run();
                    let message = "two `-`: one negates what follows it";
                    let text = format!("\"{}\"", shown(run).replace('\\', "\\\\"));
                    Err(parser
                        .error_at(sign..sign + 2, message)
                        .advise(format!("for the text, write {text}")))
                }
                Some(_) => parser.unary().map(not),
            }
        })
    }

    fn primary(&mut self) -> Result<Expr, QueryError> {
        if self.peek() != Some('(') {
            return self.term();
        }
        let open = self.at;
        self.at += 1;
        self.skip_blanks();
        if self.peek() == Some(')') {
            return Err(self
                .error_at(open..self.at + 1, "an empty group")
                .advise("write a term in it, or \"()\" for the text"));
        }
        let inner = self.or()?;
        if self.peek() != Some(')') {
            return Err(self
                .error_at(open..open + 1, "this `(` is never closed")
                .advise("add a `)`, or write the text in quotes"));
        }
        self.at += 1;
        self.end_of_part("a `)`")?;
        Ok(inner)
    }

    /// Goes one level deeper.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, QueryError>) -> Result<T, QueryError> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(self.too_deep(self.at));
        }
        let read = read(self);
        self.nesting -= 1;
        read
    }

    /// Counts a term or a value.
    fn count(&mut self, at: Range<usize>) -> Result<(), QueryError> {
        self.terms += 1;
        if self.terms > TERMS_MAX {
            let message = format!("a query has at most {TERMS_MAX} terms and values");
            return Err(self.error_at(at, message));
        }
        Ok(())
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// The length of a word in capitals that stands here by itself.
    fn keyword(&self, word: &str) -> Option<usize> {
        let after = self.rest().strip_prefix(word)?;
        let ends = after.chars().next().is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'));
        ends.then_some(word.len())
    }

    fn any_keyword(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.keyword(word).is_some())
    }

    /// What follows without a blank, a quote or a parenthesis.
    fn bare_run(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '(' | ')'));
        &rest[..end.unwrap_or(rest.len())]
    }

    /// A term must end here: a blank, a `)` or the end follows.
    fn end_of_part(&self, after: &str) -> Result<(), QueryError> {
        match self.peek() {
            None | Some(')') => Ok(()),
            Some(c) if c.is_whitespace() => Ok(()),
            Some(_) => Err(self
                .error(1, format!("expected a blank after {after}"))
                .advise("put all of a text into one pair of quotes")),
        }
    }

    fn error_at(&self, at: Range<usize>, message: impl Into<String>) -> QueryError {
        QueryError::new(self.text, at, message)
    }

    /// An error at the next characters.
    fn error(&self, characters: usize, message: impl Into<String>) -> QueryError {
        let length = self.rest().chars().take(characters).map(char::len_utf8).sum::<usize>();
        self.error_at(self.at..self.at + length, message)
    }

    fn too_deep(&self, at: usize) -> QueryError {
        self.error_at(at..at, format!("nested too deep: groups and negations nest up to {DEPTH_MAX} levels"))
    }

    fn lonely_operator(&self, operator: &str, at: Range<usize>, side: &str) -> QueryError {
        self.error_at(at, format!("expected a term {side} {operator}"))
            .advise(format!("for the word, write \"{operator}\""))
    }

    fn lonely_minus(&self, at: usize) -> QueryError {
        self.error_at(at..at + 1, "`-` negates what follows without a blank, and nothing does")
            .advise("for the character, write \"-\"")
    }

    /// The error for OR beside AND, with both readings.
    fn mixed(&self, start: usize, sides: &[Side]) -> QueryError {
        let part = |place: &Range<usize>| {
            let text = self.text[place.clone()].trim_end();
            let cut: String = text.chars().take(PART_SHOWN).collect();
            if cut.len() < text.len() { format!("{cut}…") } else { cut }
        };
        let group = |parts: Vec<String>, operator: &str| match &parts[..] {
            [one] => one.clone(),
            _ => format!("({})", parts.join(operator)),
        };
        let texts: Vec<Vec<String>> =
            sides.iter().map(|side| side.parts.iter().map(|(_, place)| part(place)).collect()).collect();
        let and_first: Vec<String> = texts.iter().map(|side| group(side.clone(), " ")).collect();
        // The last part of a side and the first of the next one belong together.
        let mut runs: Vec<Vec<String>> = Vec::new();
        for side in texts {
            for (place, text) in side.into_iter().enumerate() {
                match runs.last_mut() {
                    Some(run) if place == 0 => run.push(text),
                    _ => runs.push(vec![text]),
                }
            }
        }
        let or_first: Vec<String> = runs.into_iter().map(|run| group(run, " OR ")).collect();
        let end = sides.iter().flat_map(|side| &side.parts).map(|(_, place)| place.end).max();
        self.error_at(start..end.unwrap_or(start), "OR beside terms that must all match needs parentheses")
            .advise(format!("write {} or {}", and_first.join(" OR "), or_first.join(" ")))
    }
}

fn not(inner: Expr) -> Expr {
    match inner {
        // What is not outside is inside: an entry meets a term or does not.
        Expr::Not(inner) => *inner,
        other => Expr::Not(Box::new(other)),
    }
}

/// Several expressions as one; those of the same kind in it become parts of it.
fn joined(all: impl Iterator<Item = Expr>, make: fn(Vec<Expr>) -> Expr) -> Expr {
    let kind = std::mem::discriminant(&make(Vec::new()));
    let mut parts = Vec::new();
    for one in all {
        match one {
            Expr::And(inner) if kind == std::mem::discriminant(&Expr::And(Vec::new())) => parts.extend(inner),
            Expr::Or(inner) if kind == std::mem::discriminant(&Expr::Or(Vec::new())) => parts.extend(inner),
            other => parts.push(other),
        }
    }
    if parts.len() == 1 { parts.remove(0) } else { make(parts) }
}

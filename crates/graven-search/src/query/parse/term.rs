//! Reads one term: free text, or a name with its value.

use super::super::error::{QueryError, shown};
use super::super::field::{EntryField, nearest_name};
use super::super::pattern::Part;
use super::super::{Expr, Field, TEXT_BYTES_MAX, Term, Text};
use super::Parser;
use super::scalar::Scalar;

/// The ports that are no small numbers: `host:8080` is an address, `exit:137` is a field's name that is wrong.
const PORTS: std::ops::RangeInclusive<u32> = 1_024..=65_535;

impl Parser<'_> {
    pub(super) fn term(&mut self) -> Result<Expr, QueryError> {
        let start = self.at;
        if self.peek() == Some('"') {
            let phrase = self.quoted()?;
            return self.free_text(&phrase);
        }
        self.check_visible(self.bare_run())?;
        if self.starts_with_detail() {
            let field = self.field_name()?;
            if self.peek() != Some(':') {
                let name = &self.text[start..self.at];
                let message = format!("expected `:` and a value after `{}`", shown(name));
                let advice = format!(
                    "for entries that have it, write has:{0}; for the text, {1}",
                    shown(name),
                    self.as_text(name)
                );
                return Err(self.error(1, message).advise(advice));
            }
            self.at += 1;
            let values = self.field_values(&field, start)?;
            return self.counted(start, Expr::Term(Term::Field(field, values)));
        }
        let run = self.bare_run();
        let Some(colon) = run.find(':') else {
            if matches!(run, "&&" | "||") {
                let operator = if run == "&&" { "AND, or nothing" } else { "OR" };
                let message = format!("`{run}` is no operator");
                return Err(self
                    .error(2, message)
                    .advise(format!("write {operator}; for the text, \"{run}\"")));
            }
            let word = self.bare()?;
            return self.free_text(&word);
        };
        let (name, value) = (&run[..colon], &run[colon + 1..]);
        if let Some(term) = self.named(name)? {
            return self.counted(start, term);
        }
        if is_literal(name, value) {
            let text = self.bare()?;
            return self.free_text(&text);
        }
        Err(self.unknown_field(name, run))
    }

    /// Reads a term whose name is known, its `:` and its value; `None` when the name is not known.
    fn named(&mut self, name: &str) -> Result<Option<Expr>, QueryError> {
        let start = self.at;
        let after = start + name.len() + 1;
        let read = |parser: &mut Self| parser.at = after;
        let term = match name {
            "has" => {
                read(self);
                self.expect_value(start)?;
                let field = self.field_name()?;
                self.end_of_part("the field's name")?;
                Term::Has(field)
            }
            "any" => {
                read(self);
                Term::Any(self.any_values(start)?)
            }
            "index" => {
                read(self);
                Term::Index(self.positions(start)?)
            }
            "since" => {
                read(self);
                Term::Since(self.time(start)?)
            }
            "until" => {
                read(self);
                Term::Until(self.time(start)?)
            }
            "at" => {
                read(self);
                let (first, next) = self.day(start)?;
                self.count(start..self.at)?;
                return Ok(Some(Expr::And(vec![
                    Expr::Term(Term::Since(first)),
                    Expr::Term(Term::Until(next)),
                ])));
            }
            _ => {
                let Some(field) = EntryField::find(name).map(Field::Entry) else {
                    return Ok(None);
                };
                read(self);
                let values = self.field_values(&field, start)?;
                Term::Field(field, values)
            }
        };
        Ok(Some(Expr::Term(term)))
    }

    fn counted(&mut self, start: usize, term: Expr) -> Result<Expr, QueryError> {
        self.count(start..self.at)?;
        Ok(term)
    }

    /// A word or a phrase.
    fn free_text(&mut self, given: &Scalar<'_>) -> Result<Expr, QueryError> {
        let stars = given.parts.iter().filter(|part| **part == Part::Star).count();
        let ends_in_star = given.parts.last() == Some(&Part::Star);
        let is_beginning = !given.quoted && stars == 1 && ends_in_star && given.parts.len() > 1;
        if !given.quoted && stars > 0 && !is_beginning {
            let message = "in free text, `*` stands only at the end of a word";
            return Err(self
                .error_at(given.at.clone(), message)
                .advise(format!("for the star itself, write {}", self.as_text(given.raw))));
        }
        let mut text = given.text();
        if is_beginning {
            text.pop();
        }
        if text.is_empty() {
            return Err(self.error_at(given.at.clone(), "an empty phrase finds nothing"));
        }
        if text.len() > TEXT_BYTES_MAX {
            let message = format!("a word or phrase has at most {TEXT_BYTES_MAX} bytes");
            return Err(self.error_at(given.at.clone(), message));
        }
        self.counted(given.at.start, Expr::Term(Term::Text(Text::new(&text, is_beginning))))
    }

    /// Whether the path of a detail stands here.
    fn starts_with_detail(&self) -> bool {
        let after = self.rest().strip_prefix("detail");
        after.is_some_and(|after| after.starts_with(['.', ':']))
    }

    /// Reads a field's name, up to its end: a full or a short name, or the path of a detail.
    pub(super) fn field_name(&mut self) -> Result<Field, QueryError> {
        if self.starts_with_detail() || self.bare_run() == "detail" {
            self.at += "detail".len();
            let mut path = Vec::new();
            while self.peek() == Some('.') {
                self.at += 1;
                path.push(self.key()?);
            }
            return Ok(Field::Detail(path));
        }
        let run = self.bare_run();
        let name = run.split(':').next().unwrap_or(run);
        let Some(field) = EntryField::find(name) else {
            return Err(self.unknown_field(name, run));
        };
        self.at += name.len();
        Ok(Field::Entry(field))
    }

    /// Reads one key of a path.
    fn key(&mut self) -> Result<String, QueryError> {
        let start = self.at;
        if self.peek() == Some('"') {
            return self.quoted_key();
        }
        let run = self.bare_run();
        let key = &run[..run.find(['.', ':']).unwrap_or(run.len())];
        self.check_visible(key)?;
        if let Some(star) = key.find('*') {
            let at = start + star..start + star + 1;
            return Err(self
                .error_at(at, "a path has no wildcards")
                .advise("name the key; for a star in a key, write the key in quotes"));
        }
        if key.is_empty() {
            return Err(self
                .error(1, "expected a key after the dot")
                .advise("a key with a dot, colon or blank is written in quotes: detail.\"a.b\":x"));
        }
        self.at += key.len();
        Ok(key.to_owned())
    }

    /// Reads a key in quotes. A star in it is a star.
    fn quoted_key(&mut self) -> Result<String, QueryError> {
        let start = self.at;
        let mut key = String::new();
        let mut characters = self.text[start + 1..].char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at = start + 1 + at + 1;
                    return Ok(key);
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('"' | '\\' | '*'))) => key.push(escaped),
                    _ => {
                        let place = start + 1 + at..start + 2 + at;
                        let message = "in quotes, `\\` stands before `\"`, `\\` or `*`";
                        return Err(self.error_at(place, message).advise("for a backslash, write \\\\"));
                    }
                },
                other => key.push(other),
            }
        }
        Err(self.error_at(start..start + 1, "this quote is never closed").advise("add a `\"` behind the key"))
    }

    fn unknown_field(&self, name: &str, run: &str) -> QueryError {
        let message = format!("unknown field `{}`: the nearest is `{}`", shown(name), nearest_name(name));
        let mut advice = format!("for the text, write {}", self.as_text(run));
        if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            let value = if run.ends_with(':') { "…" } else { "" };
            advice += &format!("; for a key of the detail, detail.{}{value}", shown(run));
        }
        self.error_at(self.at..self.at + name.len(), message).advise(advice)
    }
}

/// Whether what looks like `name:value` is a text that was pasted: an address, a URL, a path, a hash, an ARN.
fn is_literal(name: &str, value: &str) -> bool {
    let in_name = name.contains(|c: char| matches!(c, '.' | '/') || c.is_ascii_digit());
    let is_drive =
        name.len() == 1 && name.chars().all(|c| c.is_ascii_alphabetic()) && value.starts_with('\\');
    in_name || value.starts_with("//") || value.contains(':') || is_drive || is_host_and_port(name, value)
}

/// `localhost:8080`. A name that is nearly that of a field is a mistake, and no host.
fn is_host_and_port(name: &str, value: &str) -> bool {
    let is_host = name.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !name.is_empty();
    let is_port = value.len() <= 5 && value.bytes().all(|digit| digit.is_ascii_digit());
    let port = value.parse().is_ok_and(|port: u32| PORTS.contains(&port));
    is_host && is_port && port && !is_nearly(name, nearest_name(name))
}

/// Whether two names share nearly all their letters: a third of them, and two at most, may differ in one place.
fn is_nearly(name: &str, known: &str) -> bool {
    let (name, known): (Vec<char>, Vec<char>) = (name.chars().collect(), known.chars().collect());
    let same = |pairs: &mut dyn Iterator<Item = (&char, &char)>| pairs.take_while(|(a, b)| a == b).count();
    let (prefix, suffix) =
        (same(&mut name.iter().zip(&known)), same(&mut name.iter().rev().zip(known.iter().rev())));
    let shared = (prefix + suffix).min(name.len().min(known.len()));
    name.len().max(known.len()) - shared <= (name.len() / 3).clamp(1, 2)
}

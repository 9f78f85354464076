//! The smallest pieces of a query: what stands in quotes, and what stands without them.

use std::ops::Range;

use graven_core::text::is_invisible;

use super::super::error::{QueryError, shown};
use super::super::pattern::Part;
use super::Parser;

/// A text as it was given.
pub(super) struct Scalar<'a> {
    /// Where it is, with its quotes.
    pub(super) at: Range<usize>,
    /// Without its quotes, as it was given.
    pub(super) raw: &'a str,
    pub(super) quoted: bool,
    /// What it says.
    pub(super) parts: Vec<Part>,
}

impl Scalar<'_> {
    /// What it says, with each wildcard as a star.
    pub(super) fn text(&self) -> String {
        let character = |part: &Part| match part {
            Part::Char(character) => *character,
            Part::Star => '*',
        };
        self.parts.iter().map(character).collect()
    }
}

impl<'a> Parser<'a> {
    /// Reads what stands in quotes. An unescaped star is a wildcard, in a value.
    pub(super) fn quoted(&mut self) -> Result<Scalar<'a>, QueryError> {
        let start = self.at;
        let inner = start + 1;
        let mut parts = Vec::new();
        let mut characters = self.text[inner..].char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at = inner + at + 1;
                    self.end_of_part("the closing quote")?;
                    let raw = &self.text[inner..inner + at];
                    return Ok(Scalar { at: start..self.at, raw, quoted: true, parts });
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('"' | '\\' | '*'))) => parts.push(Part::Char(escaped)),
                    Some((_, other)) => {
                        let place = inner + at..inner + at + 1 + other.len_utf8();
                        let message = "in quotes, `\\` stands before `\"`, `\\` or `*`";
                        return Err(self.error_at(place, message).advise("for a backslash, write \\\\"));
                    }
                    None => break,
                },
                '*' => parts.push(Part::Star),
                other => parts.push(Part::Char(other)),
            }
        }
        Err(self
            .error_at(start..start + 1, "this quote is never closed")
            .advise("add a `\"`; for a quote in a text, write \\\""))
    }

    /// Reads what stands without quotes, up to a blank or a `)`.
    pub(super) fn bare(&mut self) -> Result<Scalar<'a>, QueryError> {
        let start = self.at;
        let raw = self.bare_run();
        self.check_visible(raw)?;
        self.at += raw.len();
        if let Some(c @ ('"' | '(')) = self.peek() {
            let message = format!("expected a blank before this `{c}`");
            return Err(self.error(1, message).advise("put all of a text into one pair of quotes"));
        }
        let mut parts = Vec::new();
        let mut characters = raw.chars().peekable();
        while let Some(character) = characters.next() {
            parts.push(match character {
                '\\' if characters.next_if_eq(&'*').is_some() => Part::Char('*'),
                '*' => Part::Star,
                other => Part::Char(other),
            });
        }
        Ok(Scalar { at: start..self.at, raw, quoted: false, parts })
    }

    /// Refuses characters that are there by mistake: quotes of word processors, and those that nobody sees.
    pub(super) fn check_visible(&self, raw: &str) -> Result<(), QueryError> {
        for (at, character) in raw.char_indices() {
            let place = self.at + at..self.at + at + character.len_utf8();
            if matches!(character, '“' | '”' | '„' | '‟') {
                let message = format!("`{character}` does not quote");
                return Err(self.error_at(place, message).advise("write straight quotes: \"…\""));
            }
            if is_invisible(character) {
                let message = format!("an invisible character, U+{:04X}", u32::from(character));
                return Err(self.error_at(place, message).advise("take it out, or put the text into quotes"));
            }
        }
        Ok(())
    }

    /// How a text is written so that it is only a text.
    pub(super) fn as_text(&self, text: &str) -> String {
        format!("\"{}\"", shown(&text.replace('\\', "\\\\")))
    }
}

//! What is wrong with a query: at which character, what was expected there, and what to write instead.

use std::ops::Range;

use graven_core::text::is_invisible;
use unicode_width::UnicodeWidthChar;

/// How many characters of a query are shown at each side of the place.
const AROUND: usize = 48;

/// How many characters of a text an error repeats.
const SHOWN: usize = 40;

/// Why a text is not a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("character {character}: {message}")]
pub struct QueryError {
    /// From 1.
    character: usize,
    /// In bytes.
    at: Range<usize>,
    message: String,
    advice: Option<String>,
}

impl QueryError {
    pub(super) fn new(query: &str, at: Range<usize>, message: impl Into<String>) -> QueryError {
        let character = query.get(..at.start).map_or(0, |before| before.chars().count()) + 1;
        QueryError { character, at, message: message.into(), advice: None }
    }

    pub(super) fn advise(mut self, advice: impl Into<String>) -> QueryError {
        self.advice = Some(advice.into());
        self
    }

    /// Where in the query it is, in bytes.
    pub fn place(&self) -> Range<usize> {
        self.at.clone()
    }

    /// What is wrong, and what was expected.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to write instead.
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// Two lines for a terminal: the query, or the part of it around the place, and a mark below the place.
    pub fn pointed(&self, query: &str) -> [String; 2] {
        let before: Vec<char> = query.get(..self.at.start).unwrap_or(query).chars().collect();
        let inside: Vec<char> = query.get(self.at.clone()).unwrap_or_default().chars().collect();
        let after = query.get(self.at.end..).unwrap_or_default();
        let mut line = String::new();
        let mut mark = String::new();
        let skipped = before.len().saturating_sub(AROUND);
        if skipped > 0 {
            add('…', ' ', &mut line, &mut mark);
        }
        before[skipped..].iter().for_each(|c| add(*c, ' ', &mut line, &mut mark));
        inside.iter().take(AROUND).for_each(|c| add(*c, '^', &mut line, &mut mark));
        // There may be nothing at the place, or only what takes no column.
        if !mark.ends_with('^') {
            mark.push('^');
        }
        after.chars().take(AROUND).for_each(|c| add(c, ' ', &mut line, &mut mark));
        if inside.len() > AROUND || after.chars().nth(AROUND).is_some() {
            line.push('…');
        }
        [line, mark.trim_end().to_owned()]
    }
}

/// Adds a character, and as many marks below it as it has columns. What cannot be seen is shown as a replacement.
fn add(character: char, mark: char, line: &mut String, marks: &mut String) {
    let shown = match character {
        c if is_invisible(c) => char::REPLACEMENT_CHARACTER,
        c if c.is_whitespace() => ' ',
        c => c,
    };
    line.push(shown);
    marks.extend(std::iter::repeat_n(mark, shown.width().unwrap_or(1)));
}

/// A part of the query as a message repeats it.
pub(super) fn shown(text: &str) -> String {
    let visible = |c| if is_invisible(c) { char::REPLACEMENT_CHARACTER } else { c };
    let mut shown: String = text.chars().take(SHOWN).map(visible).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_below_the_place() {
        let point = |query: &str, at| QueryError::new(query, at, "no").pointed(query);
        assert_eq!(point("a outcom:x", 2..8), ["a outcom:x", "  ^^^^^^"]);
        assert_eq!(point("a ", 2..2), ["a ", "  ^"]);
        // Two columns a character, and no column.
        assert_eq!(point("漢字 x:1", 7..8), ["漢字 x:1", "     ^"]);
        assert_eq!(point("a\u{1b}\n\u{202e}b", 6..7), ["a\u{fffd}\u{fffd}\u{fffd}b", "    ^"]);
        let long = "x".repeat(200);
        let [line, mark] = point(&long, 100..101);
        assert_eq!((line.chars().count(), mark.chars().count()), (2 * AROUND + 3, AROUND + 2));
    }

    #[test]
    fn the_character_is_counted_and_not_its_bytes() {
        assert_eq!(QueryError::new("é x", 3..4, "no").to_string(), "character 3: no");
    }
}

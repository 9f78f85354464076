//! Values with wildcards: `*` stands for any text, also for none.

use memchr::memmem;

/// A value: the texts between its wildcards. Without a wildcard it is one text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// Never empty. Between the first and the last one, no piece is empty.
    pieces: Vec<String>,
}

/// One character of a value as it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// This character.
    Char(char),
    /// A wildcard.
    Star,
}

impl Pattern {
    /// A value that stands for itself.
    pub(crate) fn literal(text: &str) -> Pattern {
        Pattern { pieces: vec![text.to_owned()] }
    }

    pub(super) fn new(parts: &[Part]) -> Pattern {
        let mut pieces = vec![String::new()];
        for part in parts {
            match part {
                Part::Char(character) => pieces.last_mut().expect("never empty").push(*character),
                // Two wildcards side by side are one.
                Part::Star if pieces.len() > 1 && pieces.last().is_some_and(String::is_empty) => {}
                Part::Star => pieces.push(String::new()),
            }
        }
        Pattern { pieces }
    }

    /// The text, when there is no wildcard.
    pub fn as_literal(&self) -> Option<&str> {
        match &self.pieces[..] {
            [text] => Some(text),
            _ => None,
        }
    }

    /// The texts between the wildcards.
    pub(crate) fn pieces(&self) -> &[String] {
        &self.pieces
    }

    /// What every text that is like this begins with.
    pub(crate) fn beginning(&self) -> &str {
        &self.pieces[0]
    }

    /// What every text that is like this has, cut so that no word in it goes on at a wildcard.
    pub(crate) fn whole_words_of_pieces(&self) -> impl Iterator<Item = &str> {
        let last = self.pieces.len() - 1;
        self.pieces.iter().enumerate().map(move |(place, piece)| {
            let piece = if place > 0 { piece.trim_start_matches(may_go_on) } else { piece };
            if place < last { piece.trim_end_matches(may_go_on) } else { piece }
        })
    }

    /// Whether the whole of a text is like this.
    pub fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = &self.pieces[..] else {
            return self.pieces[0] == text;
        };
        let Some(rest) = text.strip_prefix(&**first) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(&**last) else {
            return false;
        };
        // Each piece at its first place leaves the most room for the next one.
        for piece in middle {
            let Some(at) = memmem::find(rest.as_bytes(), piece.as_bytes()) else {
                return false;
            };
            rest = &rest[at + piece.len()..];
        }
        true
    }
}

/// Whether a character at a wildcard may be in the middle of a word: also those that only become a letter when folded.
fn may_go_on(character: char) -> bool {
    super::text::is_in_word(character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        let part = |c| if c == '*' { Part::Star } else { Part::Char(c) };
        Pattern::new(&text.chars().map(part).collect::<Vec<_>>())
    }

    /// The same in the plainest way: letter by letter.
    fn oracle(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => oracle(rest, text),
            (Some(('*', rest)), Some((_, after))) => oracle(rest, text) || oracle(pattern, after),
            (Some((one, rest)), Some((other, after))) => one == other && oracle(rest, after),
            _ => false,
        }
    }

    #[test]
    fn the_ends_may_not_share_a_letter() {
        assert!(!pattern("ab*ba").matches("aba"));
        assert!(pattern("ab*ba").matches("abba"));
        assert!(pattern("*").matches(""));
        assert_eq!(pattern("a**b"), pattern("a*b"));
        assert_eq!(pattern("a*").as_literal(), None);
        assert_eq!(pattern("").as_literal(), Some(""));
    }

    proptest! {
        #[test]
        fn it_matches_as_letter_by_letter(pattern_text in "[abé*]{0,8}", text in "[abé]{0,10}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(
                pattern(&pattern_text).matches(&text),
                oracle(&letters(&pattern_text), &letters(&text)),
                "{} {}", pattern_text, text
            );
        }
    }
}

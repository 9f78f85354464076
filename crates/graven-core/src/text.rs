//! Texts of any length, cut to one that an entry can hold, and the characters of texts that nobody sees.
//!
//! A cut is never within a character.

use std::fmt;

use crate::json::string::escaped_bytes;

/// What a text ends with that was cut.
pub const CUT_MARK: &str = "…[cut]";

/// As much of a text as fits into this many bytes.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// As much of a text as fits into this many bytes of a JSON string, its quotes not counted. Escapes make a text longer
/// there: a NUL takes six bytes.
pub fn cut_in_json(text: &str, bytes_max: usize) -> &str {
    let mut bytes = 0;
    for (at, character) in text.char_indices() {
        bytes += escaped_bytes(character);
        if bytes > bytes_max {
            return &text[..at];
        }
    }
    text
}

/// Whether a character can make a text look like another one: control characters, line and paragraph separators, and
/// characters that change the direction of text, hide it or take no room.
pub fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Takes text that foreign code writes, which may be endless, up to a length. After that each write fails, so that
/// the code stops.
///
/// ```
/// use std::fmt::Write;
/// use graven_core::text::Bounded;
///
/// let mut text = Bounded::new(5);
/// assert!(write!(text, "{}", "longer").is_err());
/// assert!(text.is_full());
/// assert_eq!(text.into_string(), "longe");
/// ```
#[derive(Debug)]
pub struct Bounded {
    text: String,
    bytes_max: usize,
    full: bool,
}

impl Bounded {
    /// Takes at most this many bytes.
    pub fn new(bytes_max: usize) -> Bounded {
        Bounded { text: String::new(), bytes_max, full: false }
    }

    /// Whether there was more than fits.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// What was taken.
    pub fn into_string(self) -> String {
        self.text
    }

    /// What was taken; where there was more, it ends with [`CUT_MARK`], within the same length.
    pub fn into_marked(mut self) -> String {
        if self.full {
            match self.bytes_max.checked_sub(CUT_MARK.len()) {
                Some(kept) => {
                    self.text.truncate(cut(&self.text, kept).len());
                    self.text.push_str(CUT_MARK);
                }
                None => self.text.clear(),
            }
        }
        self.text
    }
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if self.full {
            return Err(fmt::Error);
        }
        let fitting = cut(more, self.bytes_max - self.text.len());
        self.text.push_str(fitting);
        self.full = fitting.len() < more.len();
        if self.full { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn a_cut_is_never_within_a_character() {
        assert_eq!(cut("aéé", 10), "aéé");
        assert_eq!(cut("aéé", 5), "aéé");
        assert_eq!(cut("aéé", 4), "aé");
        assert_eq!(cut("aéé", 2), "a");
        assert_eq!(cut("é", 0), "");
    }

    #[test]
    fn in_json_a_text_takes_what_its_escapes_take() {
        for text in ["plain", "\0\u{1f}", "\"\\\n\r\t\u{8}\u{c}", "é\u{2028}\u{7f}😀", "a\0é\"z"] {
            let bytes = serde_json::to_string(text).unwrap().len() - 2;
            assert_eq!(cut_in_json(text, bytes), text);
            let shorter = cut_in_json(text, bytes - 1);
            assert_eq!(shorter.chars().count(), text.chars().count() - 1, "{text:?}");
        }
        assert_eq!(cut_in_json(&"\0".repeat(200), 1024).len(), 170);
    }

    #[test]
    fn what_is_written_is_taken_up_to_the_bound_and_no_further() {
        let mut text = Bounded::new(6);
        assert!(text.write_str("ab").is_ok());
        assert!(text.write_str("cd").is_ok());
        assert!(!text.is_full());
        assert!(text.write_str("eé").is_err());
        // There would be room for it, but it is not what comes next.
        assert!(text.write_str("x").is_err());
        assert!(text.is_full());
        assert_eq!(text.into_string(), "abcde");
        let mut marked = Bounded::new(13);
        assert!(write!(marked, "äää").is_ok());
        assert!(write!(marked, "ääää").is_err());
        assert_eq!(marked.into_marked(), "ää…[cut]");
        let mut whole = Bounded::new(6);
        assert!(write!(whole, "äää").is_ok());
        assert_eq!(whole.into_marked(), "äää");
        let mut none = Bounded::new(0);
        assert!(none.write_str("x").is_err());
        assert_eq!(none.into_marked(), "");
        let mut exact = Bounded::new(2);
        assert!(exact.write_str("ab").is_ok());
        assert!(exact.write_str("").is_ok());
        assert!(!exact.is_full());
    }
}

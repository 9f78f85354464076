//! A place in a JSON text, moving forward over one token at a time.

use std::borrow::Cow;

use super::string::{Raw, unescape};
use super::{JsonError, JsonFault};

/// A place in a text.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    pub(super) text: &'a str,
    /// Always at a character's first byte.
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0 }
    }

    /// Bytes from the start of the text.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Moves over the four kinds of whitespace that JSON has; says whether there was any.
    pub(crate) fn skip_whitespace(&mut self) -> bool {
        let start = self.at;
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
        self.at > start
    }

    /// Moves over this byte, if it stands here.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    /// Moves over this byte, or says what should stand here.
    pub(crate) fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(self.error(JsonFault::Expected(what))) }
    }

    /// Moves over a string and gives what it says.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        Ok(unescape(self.raw_string("a string")?))
    }

    /// Moves over a string, checking it.
    pub(crate) fn raw_string(&mut self, what: &'static str) -> Result<Raw<'a>, JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.error(JsonFault::Expected(what)));
        }
        let raw = Raw::read(self.text, self.at + 1)?;
        self.at = raw.end() + 1;
        Ok(raw)
    }

    /// Moves over a number, checking it, and gives its digits as they stand.
    pub(crate) fn number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { Err(self.error(JsonFault::Expected("a digit"))) } else { Ok(()) }
    }

    /// Moves over one of the three words that JSON has, if it stands here.
    pub(crate) fn word(&mut self, word: &'static str) -> bool {
        let here = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += if here { word.len() } else { 0 };
        here
    }

    /// Nothing but whitespace may follow.
    pub(crate) fn end(&mut self) -> Result<(), JsonError> {
        self.skip_whitespace();
        if self.at == self.text.len() { Ok(()) } else { Err(self.error(JsonFault::Trailing)) }
    }

    pub(crate) fn error(&self, fault: JsonFault) -> JsonError {
        JsonError { offset: self.at, fault }
    }
}

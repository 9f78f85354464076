//! JSON strings: written as `serde_json` writes them, byte for byte, and read with every escape that JSON has.

use std::borrow::Cow;

use super::{JsonError, JsonFault};
use crate::hash::hex_digits;

/// Appends a string with its quotes.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.push(b'"');
    loop {
        let plain = plain_bytes(rest);
        out.extend_from_slice(&rest[..plain]);
        let Some(byte) = rest.get(plain) else { break };
        write_escape(*byte, out);
        rest = &rest[plain + 1..];
    }
    out.push(b'"');
}

#[cold]
fn write_escape(byte: u8, out: &mut Vec<u8>) {
    match short_escape(byte) {
        Some(letter) => out.extend_from_slice(&[b'\\', letter]),
        None => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&hex_digits(byte));
        }
    }
}

/// The letter behind the backslash, for the bytes that have an escape of two characters.
fn short_escape(byte: u8) -> Option<u8> {
    match byte {
        b'"' | b'\\' => Some(byte),
        0x08 => Some(b'b'),
        b'\t' => Some(b't'),
        b'\n' => Some(b'n'),
        0x0c => Some(b'f'),
        b'\r' => Some(b'r'),
        _ => None,
    }
}

/// How many bytes a character takes in a string.
pub(crate) fn escaped_bytes(character: char) -> usize {
    match u8::try_from(character) {
        Ok(byte) if is_special(byte) => short_escape(byte).map_or(6, |_| 2),
        _ => character.len_utf8(),
    }
}

/// How many bytes from here on stand in a string as they are.
fn plain_bytes(bytes: &[u8]) -> usize {
    let (blocks, rest) = bytes.as_chunks::<16>();
    // Sixteen at a time: the compiler makes a few vector instructions of the inner loop.
    let whole =
        blocks.iter().take_while(|block| !block.iter().fold(false, |any, byte| any | is_special(*byte)));
    let plain = whole.count() * 16;
    let tail = blocks.get(plain / 16).map_or(rest, |block| block);
    plain + plain_bytes_of_few(tail)
}

/// The same for a few bytes: eight at a time.
fn plain_bytes_of_few(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return place * 8 + (special.trailing_zeros() / 8) as usize;
        }
    }
    bytes.len() - rest.len() + rest.iter().take_while(|byte| !is_special(**byte)).count()
}

/// The high bit of each of eight bytes that cannot stand in a string as it is. Right up to the first one; after it, a borrow
/// may mark others.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH_BITS: u64 = ONES * 0x80;
    // Taking more from a byte than it holds sets its high bit.
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | is(b'"') | is(b'\\')) & HIGH_BITS
}

/// Whether a byte cannot stand in a string as it is.
fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// What stands between the quotes of a string that was checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'a> {
    pub(crate) text: &'a str,
    /// Where it starts, behind its opening quote.
    pub(crate) start: usize,
    /// Whether it has any escape.
    pub(crate) escaped: bool,
}

impl<'a> Raw<'a> {
    /// Checks the string that starts here, behind its opening quote.
    pub(super) fn read(text: &'a str, start: usize) -> Result<Raw<'a>, JsonError> {
        let bytes = text.as_bytes();
        let mut at = start;
        let mut escaped = false;
        loop {
            at += plain_bytes(&bytes[at..]);
            match bytes.get(at) {
                Some(b'"') => return Ok(Raw { text: &text[start..at], start, escaped }),
                Some(b'\\') => {
                    let (_, length) =
                        escape(&bytes[at..]).map_err(|fault| JsonError { offset: at, fault })?;
                    escaped = true;
                    at += length;
                }
                Some(_) => return Err(JsonError { offset: at, fault: JsonFault::Control }),
                None => {
                    return Err(JsonError {
                        offset: at,
                        fault: JsonFault::Expected("the end of the string"),
                    });
                }
            }
        }
    }

    /// Where it ends, before its closing quote.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// What a checked string says.
#[inline]
pub(crate) fn unescape(raw: Raw<'_>) -> Cow<'_, str> {
    if raw.escaped { Cow::Owned(unescape_each(raw)) } else { Cow::Borrowed(raw.text) }
}

fn unescape_each(raw: Raw<'_>) -> String {
    let mut said = String::with_capacity(raw.text.len());
    let mut rest = raw.text;
    while let Some(backslash) = rest.find('\\') {
        said.push_str(&rest[..backslash]);
        let (character, length) = escape(&rest.as_bytes()[backslash..]).expect("the string was checked");
        said.push(character);
        rest = &rest[backslash + length..];
    }
    said.push_str(rest);
    said
}

/// The character that an escape stands for, and how many bytes it has.
fn escape(bytes: &[u8]) -> Result<(char, usize), JsonFault> {
    let character = match bytes.get(1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b't') => '\t',
        Some(b'n') => '\n',
        Some(b'f') => '\u{c}',
        Some(b'r') => '\r',
        Some(b'u') => return unicode_escape(bytes),
        _ => return Err(JsonFault::Escape),
    };
    Ok((character, 2))
}

/// `\uXXXX`, or two of them for a character that UTF-16 writes as a pair.
fn unicode_escape(bytes: &[u8]) -> Result<(char, usize), JsonFault> {
    let first = four_digits(bytes).ok_or(JsonFault::Escape)?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, 6));
    }
    let second = four_digits(&bytes[6..]).ok_or(JsonFault::LoneSurrogate)?;
    match (first, second) {
        (0xd800..=0xdbff, 0xdc00..=0xdfff) => {
            let point = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            Ok((char::from_u32(point).expect("a pair names a character beyond U+FFFF"), 12))
        }
        _ => Err(JsonFault::LoneSurrogate),
    }
}

/// The number in `\uXXXX`.
fn four_digits(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
}

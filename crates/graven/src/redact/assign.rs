//! Finds values assigned to names of secrets in a text: `password=x`, `"token": "x"`, `--secret x`, `Cookie: x`.
//!
//! A text may also be code or prose about passwords. So the place decides how much the value must look like a secret:
//! after a flag or in an address any value is one, in code only a value that looks like one.
//!
//! Examples are in `testdata/redaction/golden.txt`.

use super::names::{self, Kind, Named};
use super::text::Scan;
use super::{mark, value};

type Found = Option<(usize, usize, &'static str)>;

/// The bytes of a name that are read to each side.
const NAME_SEEN: usize = 64;

/// A name of a secret, with its place.
struct Name<'a> {
    text: &'a str,
    start: usize,
    named: Named,
}

/// What stands between a name and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    /// `=`, `:=`, `=>`, and whether there are blanks around it.
    Equals {
        blanks: bool,
    },
    Colon,
    /// Only blanks, or the end of a string and the start of the next one: `--password x`, `"--password", "x"`.
    Next,
}

/// The value of the name at this place, if it is a secret.
pub(super) fn find(scan: &mut Scan<'_>, at: usize) -> Found {
    if at < scan.names_from {
        return None;
    }
    let (start, end) = name_around(scan.bytes(), at);
    scan.work(end - start);
    scan.names_from = end;
    let text = &scan.text[start..end];
    let named = names::secret(text, &scan.rules.secret_keys)?;
    let name = Name { text, start, named };
    let (between, quoted, at) = between(scan, &name, end)?;
    let found = assigned(scan, &name, between, quoted, at);
    let (start, end) = found.filter(|(start, end)| !is_marked(scan, *start, *end))?;
    scan.work(end - start);
    Some((start, end, name.named.rule))
}

/// Whether a value is only a mark.
fn is_marked(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    mark::is_known(scan.rules, scan.text[start..end].trim())
}

/// Start and end of the name around a place.
fn name_around(bytes: &[u8], at: usize) -> (usize, usize) {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let start = at - bytes[..at].iter().rev().take(NAME_SEEN).take_while(is_part).count();
    // `API key`: the blank is part of the gram.
    let from = if bytes[at + 1] == b' ' { at + 2 } else { at };
    let mut end = from + bytes[from..].iter().take(NAME_SEEN).take_while(is_part).count();
    while end > from && matches!(bytes[end - 1], b'.' | b'-') {
        end -= 1;
    }
    (start, end)
}

/// What stands between name and value, whether the name is in quotes, and where the value begins.
fn between(scan: &Scan<'_>, name: &Name<'_>, end: usize) -> Option<(Between, bool, usize)> {
    let bytes = scan.bytes();
    let mut at = end;
    let close = quote_at(bytes, at);
    let quoted =
        name.start > 0 && close.is_some_and(|(_, quote)| quote != b'`' && bytes[name.start - 1] == quote);
    at = close.map_or(at, |(end, _)| end);
    at += usize::from(bytes.get(at) == Some(&b']'));
    let behind_name = at;
    at += blanks(bytes, at);
    let spaced = at > behind_name;
    let rest = &bytes[at..];
    let (between, length) = match rest {
        [b'=', b'>', ..] | [b':', b'=', ..] => (Between::Equals { blanks: true }, 2),
        [b'=', b'=', ..] => return None,
        [b'=', ..] => (Between::Equals { blanks: spaced || blanks(bytes, at + 1) > 0 }, 1),
        [b':', b':', ..] => return None,
        [b':', ..] => (Between::Colon, 1),
        [b',', ..] if close.is_some() && name.is_flag() => {
            let open = at + 1 + blanks(bytes, at + 1);
            quote_at(bytes, open)?;
            return Some((Between::Next, true, open));
        }
        _ if spaced && close.is_none() && name.is_flag() => return Some((Between::Next, false, at)),
        _ => return None,
    };
    at += length;
    Some((between, quoted, at + blanks(bytes, at)))
}

/// The number of blanks at a place.
fn blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().take(32).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// The quote at a place, after any backslashes: where it ends, and the quote character.
fn quote_at(bytes: &[u8], at: usize) -> Option<(usize, u8)> {
    let rest = bytes.get(at..)?;
    let backslashes = rest.iter().take(8).take_while(|byte| **byte == b'\\').count();
    let quote = rest.get(backslashes).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'))?;
    Some((at + backslashes + 1, *quote))
}

/// The value that begins here, if it is a secret.
fn assigned(
    scan: &mut Scan<'_>,
    name: &Name<'_>,
    between: Between,
    quoted: bool,
    at: usize,
) -> Option<(usize, usize)> {
    let (text, bytes) = (scan.text, scan.bytes());
    // Another rule finds private keys, with all their lines.
    if bytes.get(at..)?.starts_with(b"-----BEGIN ") {
        return None;
    }
    if let Some((open, quote)) = quote_at(bytes, at) {
        let end = closing(bytes, open, quote, open - at > 1);
        scan.work(end - open);
        return in_quotes(scan, name, between, quoted, open, end);
    }
    match name.named.kind {
        Kind::Authorization => return header(text, at),
        Kind::Cookie if between == Between::Colon => return cookies(text, at),
        _ => {}
    }
    let end = bare_end(scan, at);
    let value = &text[at..end];
    let flag = name.is_flag();
    let secret = match between {
        Between::Next => is_argument(value, name),
        Between::Equals { blanks: false } if flag || name.is_in_query(bytes) => name.takes_any(value),
        Between::Equals { blanks: false } => name.takes_assigned(text, value, end),
        Between::Equals { blanks: true } => name.looks_right(value) && name.named.kind != Kind::Query,
        Between::Colon if quoted => name.takes_any(value) && !value::is_code(value),
        Between::Colon => name.looks_right(value) && !matches!(name.named.kind, Kind::Query | Kind::Weak),
    };
    secret.then_some((at, end))
}

impl Name<'_> {
    /// Whether the name is written as a flag of a command.
    fn is_flag(&self) -> bool {
        let dashes = self.text.bytes().take_while(|byte| *byte == b'-').count();
        (1..=2).contains(&dashes) && self.text.len() > dashes + 2
    }

    /// Whether the name stands in the query of an address, or in a form.
    fn is_in_query(&self, bytes: &[u8]) -> bool {
        self.start > 0 && matches!(bytes[self.start - 1], b'?' | b'&' | b';')
    }

    /// Whether a value is a secret in a place where every value of this name is one.
    fn takes_any(&self, value: &str) -> bool {
        let long_enough = self.named.kind != Kind::Query || value.len() >= 16;
        long_enough && !value::is_placeholder(value, self.text)
    }

    /// Whether the value in `name=value` is a secret, in a text that may be a list of variables, or code.
    fn takes_assigned(&self, text: &str, value: &str, end: usize) -> bool {
        if self.named.kind == Kind::Query || value::is_placeholder(value, self.text) {
            return false;
        }
        let upper = !self.text.bytes().any(|byte| byte.is_ascii_lowercase());
        let alone = self.start == 0 && end == text.len();
        if alone || (upper && !value::is_constant(value)) {
            return !value::is_code(value) || value.len() > value::SEEN;
        }
        let bytes = text.as_bytes();
        let opens = self.start == 0 || matches!(bytes[self.start - 1], b' ' | b'\n' | b'\t' | b'"' | b'\'');
        let closes =
            matches!(bytes.get(end), None | Some(b' ' | b'\n' | b'\r' | b'\t' | b';' | b'"' | b'\''));
        let listed = opens && closes && self.named.kind == Kind::Password && !value::is_code(value);
        listed || self.looks_right(value)
    }

    /// Whether a value looks like a secret of this kind.
    fn looks_right(&self, value: &str) -> bool {
        let right = match self.named.kind {
            Kind::Password | Kind::Weak => value::is_strong(value),
            Kind::Token | Kind::Authorization | Kind::Cookie | Kind::Query => value::is_long(value),
        };
        right && !value::is_placeholder(value, self.text)
    }
}

/// Words that follow a flag in prose about it.
#[rustfmt::skip]
const PROSE: &[&str] = &[
    "a", "an", "and", "are", "argument", "as", "at", "be", "but", "by", "can", "cannot", "does", "file",
    "flag", "for", "from", "has", "if", "in", "is", "it", "may", "must", "need", "not", "of", "on",
    "option", "options", "or", "parameter", "reads", "takes", "that", "the", "then", "this", "to", "was",
    "when", "which", "with", "without",
];

/// Whether this is the argument of a flag, and not the next flag or a word of prose.
fn is_argument(value: &str, name: &Name<'_>) -> bool {
    let value = value.trim_end_matches(['.', ',', ':']);
    !value.is_empty()
        && !value.starts_with(['-', '[', '|', '>'])
        && !value::is_constant(value)
        && !PROSE.contains(&value)
        && !value::is_placeholder(value, name.text.trim_start_matches('-'))
}

/// The secret in a value in quotes.
fn in_quotes(
    scan: &Scan<'_>,
    name: &Name<'_>,
    between: Between,
    quoted: bool,
    start: usize,
    end: usize,
) -> Option<(usize, usize)> {
    let value = &scan.text[start..end];
    if value::is_placeholder(value, name.text) {
        return None;
    }
    let skipped = match name.named.kind {
        Kind::Authorization => value::behind_scheme(value),
        _ => 0,
    };
    let secret = match name.named.kind {
        // Values in the query of an address are never in quotes.
        Kind::Query => false,
        _ if between == Between::Next || quoted => true,
        _ if name.is_flag() => true,
        Kind::Authorization => skipped > 0 || value::is_long(value),
        Kind::Cookie => value.contains('=') && value::is_long(value),
        Kind::Password => value.len() >= 4 && !value.contains(char::is_whitespace) && !value::is_code(value),
        Kind::Token | Kind::Weak => !value.contains(char::is_whitespace) && value::is_strong(value),
    };
    secret.then_some((start + skipped, end))
}

/// The end of a value in quotes: before the same quote, at the end of the line, or at the end of the text.
fn closing(bytes: &[u8], open: usize, quote: u8, escaped: bool) -> usize {
    let mut at = open;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\n' => return at,
            b'\\' if escaped && quote_at(bytes, at).is_some_and(|(_, other)| other == quote) => return at,
            b'\\' => at += 1,
            byte if *byte == quote => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The end of a value without quotes.
fn bare_end(scan: &mut Scan<'_>, start: usize) -> usize {
    let bytes = scan.bytes();
    if let Some(end) = mark::known_at(scan.rules, scan.text, start) {
        // A mark, and anything that was added to it.
        return end + bare_length(&bytes[end..]);
    }
    let length = bare_length(&bytes[start..]);
    scan.work(length);
    start + length
}

fn bare_length(bytes: &[u8]) -> usize {
    let is_end = |byte: Option<&u8>| {
        byte.is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'\\'))
    };
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' | b'`' | b'<' | b'>' | b'&' | b';' | b'\\' | 0..=b' ' | 0x7f => break,
            b',' | b')' | b']' | b'}'
                if is_end(bytes.get(at + 1)) || matches!(bytes[at + 1], b',' | b')' | b']' | b'}' | b';') =>
            {
                break;
            }
            _ => at += 1,
        }
    }
    at
}

/// The secret in the value of an `Authorization` header without quotes: the text after the scheme.
fn header(text: &str, at: usize) -> Option<(usize, usize)> {
    let line = &text[at..];
    let skipped = value::behind_scheme(line);
    let is_end = |byte: u8| byte < b' ' || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>');
    let scheme = &line[..skipped];
    // The secret of these two schemes has several parts.
    let whole = scheme.len() > 6 && (scheme.starts_with("Digest") || scheme.starts_with("AWS4"));
    let end = |byte: u8| is_end(byte) || (!whole && matches!(byte, b' ' | b',' | b';'));
    let length = line[skipped..].bytes().position(end).unwrap_or(line.len() - skipped);
    let value = &line[skipped..skipped + length];
    let secret = if skipped > 0 { value.len() >= 4 } else { value::is_long(value) };
    let harmless =
        value::is_placeholder(value, "authorization") || (skipped > 0 && value::is_constant(value));
    (secret && !harmless && !value.starts_with("[redacted:")).then_some((at + skipped, at + skipped + length))
}

/// The value of a `Cookie` or `Set-Cookie` header: the rest of the line, if it begins with a cookie.
fn cookies(text: &str, at: usize) -> Option<(usize, usize)> {
    let line = &text[at..];
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$' | b'!');
    let name = line.bytes().take(NAME_SEEN).take_while(|byte| is_name(*byte)).count();
    let mut behind = line[name..].bytes();
    let is_cookie = name > 0
        && behind.next() == Some(b'=')
        && behind.next().is_some_and(|byte| byte > b' ' && byte != b'=');
    let is_end = |byte: u8| byte < b' ' || matches!(byte, b'"' | b'\'' | b'`' | b'<');
    let length = line.bytes().position(is_end).unwrap_or(line.len());
    is_cookie.then_some((at, at + length))
}

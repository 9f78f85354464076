//! Finds values assigned to names of secrets in a text: `password=x`, `"token": "x"`, `--secret x`, `Cookie: x`.
//!
//! A text may also be code or prose about passwords. So the place decides how much the value must look like a secret:
//! after a flag or in an address any value is one, in code only a value that looks like one.
//!
//! Examples are in `testdata/redaction/assigned.golden`.

use super::extent::{self, Quote};
use super::names::{self, Kind, Named};
use super::text::Scan;
use super::{fact, mark, pair, shapes, value};

type Found = Option<(usize, usize, &'static str)>;

/// The bytes of a name that are read to each side.
const NAME_SEEN: usize = 64;

/// A name of a secret, with its place.
struct Name<'a> {
    text: &'a str,
    start: usize,
    named: Named,
    /// Whether a program keeps what follows under any name: `gh secret set`.
    stored: bool,
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
    /// Only blanks, and then a quote: `PASSWORD 'x'` in SQL.
    Beside,
    /// `<password>x</password>`
    Element,
}

/// What follows a name.
struct Follows {
    between: Between,
    /// Whether the name is in quotes.
    quoted: bool,
    /// Where the value begins, with its quote.
    at: usize,
}

/// The value of the name at this place, if it is a secret.
pub(super) fn find(scan: &mut Scan<'_>, at: usize) -> Found {
    if at < scan.names_from || at < scan.resource_until {
        return None;
    }
    let (start, end) = name_around(scan.bytes(), at);
    scan.work(end - start);
    scan.names_from = end;
    let text = &scan.text[start..end];
    let named = names::secret(text, &scan.rules.secret_keys)?;
    let mut name = Name { text, start, named, stored: false };
    let found = match follows(scan, &mut name, end) {
        Some(follows) => assigned(scan, &name, &follows),
        None => pair::find(scan, start, end),
    };
    let (start, end) = found.filter(|(start, end)| is_secret(scan, &name, *start, *end))?;
    // More of it is not judged.
    scan.work((end - start).min(value::SEEN));
    Some((start, end, name.named.rule))
}

/// Whether a value is neither a mark nor a fact about the secret.
fn is_secret(scan: &Scan<'_>, name: &Name<'_>, start: usize, end: usize) -> bool {
    let text = scan.text[start..end].trim();
    let directory = name.text.to_ascii_lowercase().ends_with("pwd") && fact::is_directory(text);
    let right = name.named.kind != Kind::Basic || shapes::is_basic(text);
    right && !directory && !mark::is_known(scan.rules, text) && !fact::is_fact(text, name.named.kind)
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

/// What follows a name; `None` when it is no value.
fn follows(scan: &mut Scan<'_>, name: &mut Name<'_>, end: usize) -> Option<Follows> {
    let bytes = scan.bytes();
    let close = Quote::at(bytes, end);
    let before = name.start.checked_sub(1).map(|before| bytes[before]);
    let quoted =
        close.zip(before).is_some_and(|(close, before)| !close.is_backtick() && close.is_like(before));
    let mut at = close.map_or(end, |close| close.open);
    at += usize::from(bytes.get(at) == Some(&b']'));
    let behind_name = at;
    at += extent::blanks(bytes, at);
    let spaced = at > behind_name;
    let (between, length) = match &bytes[at..] {
        [b'=', b'>', ..] | [b':', b'=', ..] => (Between::Equals { blanks: true }, 2),
        [b'=', b'=', ..] | [b':', b':', ..] => return None,
        [b'=', ..] => {
            let blanks = spaced || extent::blanks(bytes, at + 1) > 0;
            scan.line_before(name.start);
            name.stored = scan.line.stores();
            (Between::Equals { blanks }, 1)
        }
        [b':', ..] => (Between::Colon, 1),
        [b'>', ..] if before == Some(b'<') && close.is_none() => {
            return Some(Follows { between: Between::Element, quoted: false, at: at + 1 });
        }
        [b',', ..] if close.is_some() && name.is_flag() => {
            let open = at + 1 + extent::blanks(bytes, at + 1);
            Quote::at(bytes, open)?;
            return Some(Follows { between: Between::Next, quoted: true, at: open });
        }
        _ if spaced => return beside(scan, name, close, at),
        _ => return None,
    };
    at += length;
    Some(Follows { between, quoted, at: at + extent::blanks(bytes, at) })
}

/// The value that only blanks divide from its name.
fn beside(scan: &mut Scan<'_>, name: &Name<'_>, close: Option<Quote<'_>>, at: usize) -> Option<Follows> {
    scan.line_before(name.start);
    // `pulumi config set --secret name value`
    let is_switch = scan.line.sets() && name.text == "--secret";
    let between = match name.is_flag() {
        true if close.is_none() && !is_switch => Between::Next,
        true => return None,
        false if scan.line.sets_name(name.text) => Between::Next,
        false if close.is_none() && name.named.kind == Kind::Password => Between::Beside,
        false => return None,
    };
    let quote = Quote::at(scan.bytes(), at);
    (between == Between::Next || quote.is_some_and(|quote| !quote.is_backtick())).then_some(Follows {
        between,
        quoted: false,
        at,
    })
}

/// The value that begins here, if it is a secret.
fn assigned(scan: &mut Scan<'_>, name: &Name<'_>, follows: &Follows) -> Option<(usize, usize)> {
    let Follows { between, quoted, at } = *follows;
    let (text, bytes) = (scan.text, scan.bytes());
    if between == Between::Element {
        let (start, end) = pair::element(bytes, at)?;
        scan.work(end - start);
        return name.takes_any(&text[start..end]).then_some((start, end));
    }
    if let Some(quote) = Quote::at(bytes, at) {
        let end = quote.close(bytes);
        scan.work(end - quote.open);
        return in_quotes(scan, name, follows, quote.open, end);
    }
    match name.named.kind {
        Kind::Authorization => return header(scan, name, at),
        Kind::Cookie if between == Between::Colon => return cookies(scan, at),
        _ => {}
    }
    // It is a part of a value that was found.
    if at < scan.values_from {
        return None;
    }
    if let Some((start, end)) = extent::block(bytes, at, name.start).filter(|_| between == Between::Colon) {
        scan.work(end - start);
        return (name.named.kind != Kind::Query).then_some((start, end));
    }
    let in_query = name.is_in_query(bytes);
    let end = bare_end(scan, at, in_query);
    let value = &text[at..end];
    let secret = match between {
        Between::Next => is_argument(value, name),
        Between::Equals { blanks: false } if name.is_flag() || in_query || name.stored => {
            name.takes_any(value)
        }
        Between::Equals { blanks: false } => name.takes_assigned(text, value, end),
        Between::Equals { blanks: true } => name.looks_right(value) && name.named.kind != Kind::Query,
        Between::Colon if quoted => name.takes_any(value) && !value::is_code(value),
        Between::Colon => name.looks_right(value) && !matches!(name.named.kind, Kind::Query | Kind::Weak),
        Between::Beside | Between::Element => false,
    };
    if secret {
        scan.values_from = end;
    }
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
        let opens = self.start == 0
            || matches!(bytes[self.start - 1], b' ' | b'\n' | b'\t' | b'"' | b'\'' | b'=' | b',');
        let closes = matches!(
            bytes.get(end),
            None | Some(b' ' | b'\n' | b'\r' | b'\t' | b';' | b'&' | b',' | b'"' | b'\'')
        );
        let listed = opens && closes && self.named.kind == Kind::Password && !value::is_code(value);
        listed || self.looks_right(value)
    }

    /// Whether a value looks like a secret of this kind.
    fn looks_right(&self, value: &str) -> bool {
        let right = match self.named.kind {
            Kind::Password | Kind::Weak | Kind::CardCode => value::is_strong(value),
            Kind::Basic => true,
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
        && !value.starts_with(['-', '[', '|', '>', '<'])
        && !value.starts_with("id=")
        && !value.starts_with("type=")
        && !value::is_constant(value)
        && !PROSE.contains(&value)
        && !value::is_placeholder(value, name.text.trim_start_matches('-'))
}

/// The secret in a value in quotes.
fn in_quotes(
    scan: &Scan<'_>,
    name: &Name<'_>,
    follows: &Follows,
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
    let upper = !name.text.bytes().any(|byte| byte.is_ascii_lowercase());
    let one_word = !value.contains(char::is_whitespace);
    let variable = follows.between == Between::Equals { blanks: false } && (upper || name.stored);
    let secret = match name.named.kind {
        // Values in the query of an address are never in quotes.
        Kind::Query => false,
        _ if follows.between == Between::Next || follows.quoted || name.is_flag() => true,
        Kind::Password if follows.between == Between::Beside => upper || value::is_strong(value),
        Kind::Authorization => skipped > 0 || value::is_long(value),
        Kind::Cookie => value.contains('=') && value::is_long(value),
        _ if variable => !value::is_code(value),
        Kind::Password if !one_word => !value::is_prose(value),
        Kind::Password | Kind::CardCode => value.len() >= 4 && !value::is_code(value),
        Kind::Basic => true,
        Kind::Token | Kind::Weak => one_word && value::is_strong(value),
    };
    secret.then_some((start + skipped, end))
}

/// The end of a value without quotes.
fn bare_end(scan: &mut Scan<'_>, start: usize, in_query: bool) -> usize {
    let bytes = scan.bytes();
    // A mark, and anything that was added to it.
    let from = mark::known_at(scan.rules, scan.text, start).unwrap_or(start);
    let end = extent::bare(bytes, from, in_query);
    scan.work(end - start);
    end
}

/// The secret in the value of an `Authorization` header without quotes: the text after the scheme.
fn header(scan: &mut Scan<'_>, name: &Name<'_>, at: usize) -> Option<(usize, usize)> {
    let (text, bytes) = (scan.text, scan.bytes());
    let line = &text[at..];
    let skipped = value::behind_scheme(line);
    let scheme = &line[..skipped];
    // The secret of these two schemes has several parts, some in quotes.
    let end = if scheme.len() > 6 && (scheme.starts_with("Digest") || scheme.starts_with("AWS4")) {
        let quote =
            name.start.checked_sub(1).map(|before| bytes[before]).filter(|byte| matches!(byte, b'"' | b'\''));
        line_end(scan, at + skipped, quote)
    } else {
        let is_end = |byte: &u8| {
            *byte <= b' ' || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b',' | b';' | b'\\')
        };
        let rest = &bytes[at + skipped..];
        let length = rest.iter().position(is_end).unwrap_or(rest.len());
        scan.work(length);
        at + skipped + length
    };
    let value = &text[at + skipped..end];
    let secret = if skipped > 0 { value.len() >= 4 } else { value::is_long(value) };
    let harmless =
        value::is_placeholder(value, "authorization") || (skipped > 0 && value::is_constant(value));
    (secret && !harmless && !value.starts_with("[redacted:")).then_some((at + skipped, end))
}

/// Where the line of a header ends: at its quote, if one stands before its name.
fn line_end(scan: &mut Scan<'_>, at: usize, quote: Option<u8>) -> usize {
    let bytes = scan.bytes();
    let (from, known) = scan.header;
    let end = if (from..known).contains(&at) && quote.is_none() {
        known
    } else {
        let is_end = |byte: &u8| *byte < b' ' || Some(*byte) == quote;
        let length = bytes[at..].iter().position(is_end).unwrap_or(bytes.len() - at);
        scan.work(length);
        at + length
    };
    if quote.is_none() {
        scan.header = (at, end);
    }
    end
}

/// The value of a `Cookie` or `Set-Cookie` header: the rest of the line, if it begins with a cookie.
fn cookies(scan: &mut Scan<'_>, at: usize) -> Option<(usize, usize)> {
    let bytes = scan.bytes();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$' | b'!');
    let name = bytes[at..].iter().take(NAME_SEEN).take_while(|byte| is_name(**byte)).count();
    let mut behind = bytes[at + name..].iter();
    let is_cookie = name > 0
        && behind.next() == Some(&b'=')
        && behind.next().is_some_and(|byte| *byte > b' ' && *byte != b'=');
    if !is_cookie {
        return None;
    }
    // A cookie in quotes ends at its quote, and one in a string of a program at the end of the string.
    let is_end = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\'' | b'`' | b'<');
    let (from, known) = scan.cookie;
    let end = if (from..known).contains(&at) {
        known
    } else {
        let length = bytes[at..].iter().position(is_end).unwrap_or(bytes.len() - at);
        scan.work(length);
        at + length
    };
    scan.cookie = (at, end);
    Some((at, end))
}

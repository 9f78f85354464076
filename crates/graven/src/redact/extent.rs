//! Finds where a value ends in a text: in quotes, without quotes, in a block of YAML, at the end of a line.
//!
//! A value is taken whole, with the backslashes, braces and escapes in it. Nothing is known of the language of the
//! text, so the signs that end a value in some language end it only when something follows that begins anew.

/// A quote: its sign, with any backslashes before it, and where the quoted text begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quote<'a> {
    sign: &'a [u8],
    pub(super) open: usize,
}

/// Quotes as HTML and JSON may write them.
const ENTITIES: &[&[u8]] =
    &[b"&quot;", b"&#34;", b"&#39;", b"&#039;", b"&#x27;", b"&apos;", b"\\u0022", b"\\u0027"];

/// The most backslashes before a quote that are looked at.
const BACKSLASHES_MAX: usize = 16;

impl<'a> Quote<'a> {
    /// The quote at a place.
    pub(super) fn at(bytes: &'a [u8], at: usize) -> Option<Quote<'a>> {
        let rest = bytes.get(at..)?;
        let entity = ENTITIES.iter().find(|entity| rest.starts_with(entity));
        let length = match entity {
            Some(entity) => entity.len(),
            None => {
                let backslashes = backslashes(rest);
                let quote = *rest.get(backslashes).filter(|byte| is_quote(**byte))?;
                // Three quotes open a text of several lines, unless they are an empty one and the start of a third.
                let triple = backslashes == 0 && quote != b'`' && rest[1..].starts_with(&[quote; 2]);
                if triple { 3 } else { backslashes + 1 }
            }
        };
        Some(Quote { sign: &rest[..length], open: at + length })
    }

    /// Whether two quotes are the same character.
    pub(super) fn is_like(&self, sign: u8) -> bool {
        self.last() == sign
    }

    /// Whether this is a plain backtick.
    pub(super) fn is_backtick(&self) -> bool {
        self.last() == b'`'
    }

    fn last(&self) -> u8 {
        self.sign[self.sign.len() - 1]
    }

    /// Where the quoted text ends: before the same quote, at the end of the line, or at the end of the text.
    pub(super) fn close(&self, bytes: &[u8]) -> usize {
        let quote = self.last();
        if self.sign.len() == 3 && self.sign[0] == quote {
            return memchr::memmem::find(&bytes[self.open..], self.sign)
                .map_or(bytes.len(), |at| self.open + at);
        }
        if !is_quote(quote) {
            let ends = |at: &usize| bytes[*at] == b'\n' || bytes[*at..].starts_with(self.sign);
            return (self.open..bytes.len()).find(ends).unwrap_or(bytes.len());
        }
        let depth = self.sign.len().ilog2();
        let mut at = self.open;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\n' => return at,
                b'\\' => {
                    let count = bytes[at..].iter().take_while(|byte| **byte == b'\\').count();
                    if bytes.get(at + count) == Some(&quote) {
                        if !is_escaped(count, depth) {
                            return at + count - count.min(self.sign.len() - 1);
                        }
                        at += 1;
                    }
                    at += count;
                }
                // SQL, YAML and CSV write a quote twice.
                byte if *byte == quote => match bytes.get(at + 1) == Some(&quote) && at > self.open {
                    true if bytes.get(at + 2).is_some_and(u8::is_ascii_alphanumeric) => at += 2,
                    _ => return at,
                },
                _ => at += 1,
            }
        }
        bytes.len()
    }
}

/// Where the quote begins that HTML or JSON writes as an entity and that ends at a place; the place when there is none.
pub(super) fn before_entity(bytes: &[u8], at: usize) -> usize {
    ENTITIES.iter().find(|entity| bytes[..at].ends_with(entity)).map_or(at, |entity| at - entity.len())
}

/// Whether a quote after `count` backslashes is part of a text whose own quotes are escaped `depth` times.
fn is_escaped(count: usize, depth: u32) -> bool {
    let inner = (0..depth).fold(count, |count, _| count.saturating_sub(1) / 2);
    inner % 2 == 1
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

fn backslashes(bytes: &[u8]) -> usize {
    bytes.iter().take(BACKSLASHES_MAX).take_while(|byte| **byte == b'\\').count()
}

/// The number of blanks at a place. The signs that colour a text in a terminal count as blanks.
pub(super) fn blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let rest = &rest[..rest.len().min(BLANKS_SEEN)];
    let mut seen = 0;
    while let Some(byte) = rest.get(seen) {
        match byte {
            b' ' | b'\t' => seen += 1,
            0x1b => match colour(&rest[seen..]) {
                0 => break,
                length => seen += length,
            },
            _ => break,
        }
    }
    seen
}

/// The most bytes that count as blanks in a row.
const BLANKS_SEEN: usize = 48;

/// The length of an escape sequence that sets a colour, such as `ESC [ 0 ; 3 2 m`; 0 when there is none.
fn colour(bytes: &[u8]) -> usize {
    if !bytes.starts_with(b"\x1b[") {
        return 0;
    }
    let parameters = bytes[2..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
    match bytes.get(2 + parameters) {
        Some(b'm' | b'K') => parameters + 3,
        _ => 0,
    }
}

/// The end of a value without quotes.
pub(super) fn bare(bytes: &[u8], start: usize, in_query: bool) -> usize {
    let mut at = start;
    let mut open = 0_usize;
    while let Some(byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        let ends = match byte {
            0..=b' ' | 0x7f => true,
            b'"' | b'\'' | b'`' => !continues(next),
            b'\\' => {
                let count = backslashes(&bytes[at..]);
                let behind = bytes.get(at + count).copied();
                match behind {
                    Some(quote) if is_quote(quote) => !continues(bytes.get(at + count + 1).copied()),
                    Some(b'n' | b'r' | b't') => begins_anew(bytes, at + count + 1),
                    Some(b' ') => {
                        at += count;
                        false
                    }
                    _ => {
                        at += count - 1;
                        false
                    }
                }
            }
            b'&' | b';' => {
                in_query
                    || next == Some(*byte)
                    || Quote::at(bytes, at).is_some()
                    || begins_anew(bytes, at + 1)
            }
            b'#' => in_query,
            b'<' => next.is_none_or(|next| matches!(next, b'/' | b'!' | b' ') || next.is_ascii_alphabetic()),
            b'>' => !next.is_some_and(|next| next.is_ascii_alphanumeric()),
            b'(' | b'[' | b'{' => {
                open += 1;
                false
            }
            b')' | b']' | b'}' if open > 0 => {
                open -= 1;
                false
            }
            b')' | b']' | b'}' => closes(bytes, at + 1),
            b',' => closes(bytes, at + 1) || is_assignment(bytes, at + 1),
            _ => false,
        };
        if ends {
            break;
        }
        at += 1;
    }
    at.min(bytes.len())
}

/// Whether a quote with this byte behind it is part of a value without quotes.
fn continues(next: Option<u8>) -> bool {
    next.is_some_and(|next| {
        next.is_ascii_alphanumeric() || matches!(next, b'!' | b'@' | b'#' | b'$' | b'%' | b'^')
    })
}

/// Whether a value that something closes or separates ends there.
fn closes(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|byte| {
        *byte <= b' '
            || is_quote(*byte)
            || matches!(byte, b'\\' | b',' | b')' | b']' | b'}' | b';' | b'<' | b'\x7f')
    })
}

/// Whether a new word or assignment begins here, so that the sign before it ended a value.
fn begins_anew(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|byte| {
        *byte <= b' '
            || is_quote(*byte)
            || matches!(byte, b'\\' | b'/' | b'.' | b')' | b']' | b'}' | b',' | b';' | b'-')
    }) || is_assignment(bytes, at)
}

/// Whether `name=` or `name:` stands here.
fn is_assignment(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let name = rest.iter().take(40).take_while(is_part).count();
    name > 0 && rest[0].is_ascii_alphabetic() && matches!(rest.get(name), Some(b'=' | b':'))
}

/// The most bytes of the text of an XML element that are looked at.
pub(super) const ELEMENT_MAX: usize = 4_096;

/// The most bytes of a block that are looked at.
const BLOCK_BYTES_MAX: usize = 64 << 10;

/// Start and end of the value `|` or `>` of YAML: the lines below that are indented more than the line of its name.
pub(super) fn block(bytes: &[u8], at: usize, name: usize) -> Option<(usize, usize)> {
    let sign = bytes.get(at)?;
    let line = at + 1 + bytes[at + 1..].iter().take(8).position(|byte| *byte == b'\n')?;
    let rest = &bytes[at + 1..line];
    if !matches!(sign, b'|' | b'>')
        || !rest.iter().all(|byte| matches!(byte, b'-' | b'+' | b'\r' | b' ' | b'0'..=b'9'))
    {
        return None;
    }
    let before = &bytes[name.saturating_sub(BLANKS_SEEN)..name];
    let outer = before.iter().rev().take_while(|byte| matches!(byte, b' ' | b'-' | b'"')).count();
    let limit = bytes.len().min(line + BLOCK_BYTES_MAX);
    let mut end = line;
    while end < limit {
        let indent = bytes[end + 1..].iter().take_while(|byte| **byte == b' ').count();
        let is_empty = matches!(bytes.get(end + 1 + indent), None | Some(b'\n' | b'\r'));
        if indent <= outer && !is_empty {
            break;
        }
        let from = end + 1 + indent;
        match bytes.get(from..).and_then(|rest| memchr::memchr(b'\n', rest)) {
            Some(length) => end = from + length,
            None => {
                end = bytes.len();
                break;
            }
        }
    }
    let start = line + 1 + bytes.get(line + 1..end)?.iter().take_while(|byte| **byte == b' ').count();
    let end = end - bytes[start..end].iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
    (start < end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_bare(text: &str, value: &str) {
        assert_eq!(&text[..bare(text.as_bytes(), 0, false)], value, "{text}");
    }

    #[test]
    fn a_bare_value_is_taken_whole() {
        for text in [
            "a\\b", "a{b}", "a(b]c", "a&b", "a;b", "a\\nb0", "a'b", "a\"b!", "a<1", "a>b", "a,b", "a\\$b",
            "{a}b", "a#b",
        ] {
            assert_bare(text, text);
            assert_bare(&format!("{text} next"), text);
        }
        assert_bare("a\\ b next", "a\\ b");
    }

    #[test]
    fn what_begins_anew_ends_a_bare_value() {
        for rest in [
            "\"", "',", "\\\"", "&b=c", "&&b", ";b=c", "; b", ";./b", "\\nb=c", "\\n", "</b>", ")", "}",
            "],", ",b=c", ", b", "&quot;",
        ] {
            assert_bare(&format!("x{rest}"), "x");
        }
        assert_eq!(bare(b"a&b", 0, true), 1);
        assert_eq!(bare(b"a#b", 0, true), 1);
    }

    #[track_caller]
    fn assert_quoted(text: &str, value: &str) {
        let quote = Quote::at(text.as_bytes(), 0).unwrap();
        assert_eq!(&text[quote.open..quote.close(text.as_bytes())], value, "{text}");
    }

    #[test]
    fn a_quoted_value_ends_at_the_quote_of_its_own_depth() {
        assert_quoted(r#""a b" c"#, "a b");
        assert_quoted(r#""a \" b" c"#, r#"a \" b"#);
        assert_quoted(r#""a \\" c"#, r"a \\");
        assert_quoted(r#"\"a b\" c"#, "a b");
        assert_quoted(r#"\"a \\\" b\" c"#, r#"a \\\" b"#);
        assert_quoted(r#"\"a \\\\\" c"#, r"a \\\\");
        assert_quoted("'a''b' c", "a''b");
        assert_quoted("\"\"\"a\nb\"\"\" c", "a\nb");
        assert_quoted("&quot;a b&quot; c", "a b");
        assert_quoted("\"a\nb\"", "a");
        assert_quoted("'' c", "");
    }

    #[test]
    fn a_block_of_yaml_ends_with_its_indentation() {
        let text = "  password: |\n    one\n    two\n  user: x\n";
        let (start, end) = block(text.as_bytes(), 12, 2).unwrap();
        assert_eq!(&text[start..end], "one\n    two");
    }
}

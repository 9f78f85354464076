//! Finds secrets whose name is itself a value: `{"name":"DB_PASSWORD","value":"x"}`, `<add key="token" value="x"/>`,
//! `- name: DB_PASSWORD` with `value: x` in the next line. In a text the two may stand in either order.

use super::extent::{self, Quote};
use super::text::Scan;
use super::words::Words;

/// Last words of the keys under which a name stands.
#[rustfmt::skip]
const NAME_KEYS: &[&str] = &[
    "name", "key", "header", "field", "param", "parameter", "variable", "var", "env", "option", "setting", "property",
    "attribute", "label", "id", "k",
];
/// Last words of the keys under which its value stands.
const VALUE_KEYS: &[&str] = &["value", "val", "v"];

/// Whether the value of a member with this key names another member's value.
pub(super) fn is_name_key(key: &str) -> bool {
    ends_with(key, NAME_KEYS)
}

/// Whether a member with this key holds the value that another member names.
pub(super) fn is_value_key(key: &str) -> bool {
    ends_with(key, VALUE_KEYS)
}

fn ends_with(key: &str, list: &[&str]) -> bool {
    key.len() <= 32 && Words::of(key).list().last().is_some_and(|last| list.contains(last))
}

/// The bytes on each side of a name in which its value must begin.
const SEEN: usize = 192;

/// The value that belongs to the name between these places, if the name is itself a value.
pub(super) fn find(scan: &mut Scan<'_>, start: usize, end: usize) -> Option<(usize, usize)> {
    let bytes = scan.bytes();
    let from = start.saturating_sub(SEEN);
    let key = key_before(bytes, from, start).filter(|(start, end)| is_name_key(&scan.text[*start..*end]))?;
    scan.work(2 * SEEN);
    let to = bytes.len().min(end + SEEN);
    let behind = end + bytes[end..to].iter().position(|byte| ends_member(*byte)).unwrap_or(to - end);
    let before =
        bytes[from..key.0].iter().rposition(|byte| ends_member(*byte)).map_or(from, |at| from + at + 1);
    let found = value_in(scan, end, behind)
        .or_else(|| content(scan, end))
        .or_else(|| value_in(scan, before, key.0).filter(|(_, end)| *end < key.0));
    let (start, end) = found?;
    scan.work(end - start);
    Some((start, end))
}

/// Whether a byte ends the object around a name and its value.
fn ends_member(byte: u8) -> bool {
    matches!(byte, b'{' | b'}')
}

/// Start and end of the key whose value begins at a place: `"name": "`, `name: `, `name="`.
fn key_before(bytes: &[u8], from: usize, value: usize) -> Option<(usize, usize)> {
    let mut at = value;
    let back = |at: usize, is: &dyn Fn(u8) -> bool| {
        bytes[from..at].iter().rev().take(16).take_while(|byte| is(**byte)).count()
    };
    let is_quote = |byte: u8| matches!(byte, b'"' | b'\'' | b'`' | b'\\');
    at = extent::before_entity(bytes, at);
    at -= back(at, &is_quote);
    at -= back(at, &|byte| matches!(byte, b' ' | b'\t'));
    let separated = back(at, &|byte| matches!(byte, b':' | b'=' | b'>'));
    at -= separated;
    at -= back(at, &|byte| matches!(byte, b' ' | b'\t'));
    at = extent::before_entity(bytes, at);
    at -= back(at, &is_quote);
    let key = back(at, &|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    (separated > 0 && key > 0).then_some((at - key, at))
}

/// The value of the first member between two places whose key is one of [`VALUE_KEYS`].
fn value_in(scan: &Scan<'_>, from: usize, to: usize) -> Option<(usize, usize)> {
    let bytes = scan.bytes();
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let mut at = from;
    while at < to {
        let length = bytes[at..to].iter().take_while(|byte| is_part(**byte)).count();
        let key = at + length;
        // The next item of a list in YAML, or the next name, belongs to another value.
        if length == 0 {
            if bytes[at..to].starts_with(b"\n\n") || is_item(&bytes[at..to]) && at > from {
                return None;
            }
            at += 1;
            continue;
        }
        if let Some(value) = separated(bytes, key) {
            let word = &scan.text[at..key];
            if is_value_key(word) {
                return value_at(bytes, value).filter(|(start, end)| start < end);
            }
            if is_name_key(word) {
                return None;
            }
        }
        at = key;
    }
    None
}

/// Whether a line begins here that is an item of a list in YAML.
fn is_item(bytes: &[u8]) -> bool {
    bytes.strip_prefix(b"\n").is_some_and(|line| {
        let indent = line.iter().take_while(|byte| **byte == b' ').count();
        line[indent..].starts_with(b"- ")
    })
}

/// Where the value begins whose key ends at a place.
fn separated(bytes: &[u8], key: usize) -> Option<usize> {
    let at = Quote::at(bytes, key).map_or(key, |quote| quote.open);
    let at = at + extent::blanks(bytes, at);
    let sign = bytes.get(at).filter(|byte| matches!(byte, b':' | b'='))?;
    let arrow = usize::from(*sign == b'=' && bytes.get(at + 1) == Some(&b'>'));
    Some(at + 1 + arrow + extent::blanks(bytes, at + 1 + arrow))
}

fn value_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    match Quote::at(bytes, at) {
        Some(quote) => Some((quote.open, quote.close(bytes))),
        None if matches!(bytes.get(at), Some(b'{' | b'[')) => None,
        None => Some((at, extent::bare(bytes, at, false))),
    }
}

/// The text of an element whose last attribute is the name: `<entry key="token">x</entry>`.
fn content(scan: &Scan<'_>, end: usize) -> Option<(usize, usize)> {
    let bytes = scan.bytes();
    let open = Quote::at(bytes, end)?.open;
    (bytes.get(open) == Some(&b'>')).then(|| element(bytes, open + 1)).flatten()
}

/// Start and end of the text of an element, which begins at a place.
pub(super) fn element(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let length =
        bytes[at..].iter().take(extent::ELEMENT_MAX).position(|byte| matches!(byte, b'<' | b'\n'))?;
    (length > 0 && bytes[at + length..].starts_with(b"</")).then_some((at, at + length))
}

//! A private key over several lines: one secret, which no line shows by itself.
//!
//! From the line where a key begins to the line where it ends, lines are held, and then their texts are redacted
//! together. What the redaction takes out is the key: here only its first and its last line are known. Lines of text
//! become one text. Lines of JSON, as a logger writes them, stay lines: each has its part of the key in a member with
//! the same name.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use crate::json::scan::{skip_blanks, string_end};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
/// The label of a private key is at most this long.
const LABEL_BYTES_MAX: usize = 48;
/// No key has more lines, or more bytes with all that stands around them.
const KEY_LINES_MAX: usize = 1_024;
pub(super) const KEY_BYTES_MAX: usize = 64 << 10;
/// How a mark begins that stands for a secret, and how it ends.
const MARK: (&str, char) = ("[redacted:", ']');

/// A line of the file, and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
}

/// Lines of which the first begins a private key.
#[derive(Debug)]
pub(super) struct Held {
    lines: Vec<Line>,
    bytes: usize,
}

/// What became of held lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Released {
    /// Lines that are one text with a key in it.
    pub(super) text: Vec<Line>,
    /// Lines that stay lines.
    pub(super) lines: Vec<Line>,
    /// Whether a key was taken out of several lines.
    pub(super) has_key: bool,
}

/// Where a private key begins in these bytes that does not end in them.
pub(super) fn open_key(bytes: &[u8]) -> Option<usize> {
    let start = memmem::rfind(bytes, BEGIN)?;
    let label = &bytes[start + BEGIN.len()..];
    let label = &label[..label.iter().take(LABEL_BYTES_MAX).position(|byte| *byte == b'-')?];
    let is_private = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
    (is_private && memmem::find(&bytes[start..], END).is_none()).then_some(start)
}

impl Held {
    /// Holds the first line of a key.
    pub(super) fn new(line: Line) -> Held {
        Held { bytes: line.bytes.len(), lines: vec![line] }
    }

    /// Whether this line can belong to the key: it does not begin another, and is not too much.
    pub(super) fn takes(&self, line: &[u8]) -> bool {
        let fits = self.lines.len() < KEY_LINES_MAX && self.bytes + line.len() <= KEY_BYTES_MAX;
        fits && open_key(line).is_none()
    }

    /// Holds a line, and tells whether the key ends in it.
    pub(super) fn push(&mut self, line: Line) -> bool {
        self.bytes += line.bytes.len();
        let ends = memmem::find(&line.bytes, END).is_some();
        self.lines.push(line);
        ends
    }

    /// Takes the key out of lines of JSON, or finds the lines of text that it reaches over.
    pub(super) fn release(self, redact: impl for<'t> Fn(&'t str) -> Cow<'t, str>) -> Released {
        let is_json = |line: &Line| line.bytes.trim_ascii_start().starts_with(b"{");
        if is_json(&self.lines[0]) {
            return in_members(self.lines, redact);
        }
        // What another program has written between them stays what it is.
        let (mut lines, mut text): (Vec<_>, Vec<_>) = self.lines.into_iter().partition(is_json);
        let texts: Vec<_> = text.iter().map(|line| String::from_utf8_lossy(&line.bytes)).collect();
        let of_key =
            redacted(&texts, redact).map_or(0, |redacted| texts.len() - same_at_end(&texts, &redacted));
        if of_key < 2 {
            lines.append(&mut text);
            lines.sort_unstable_by_key(|line| line.number);
            return Released { lines, ..Released::default() };
        }
        drop(texts);
        lines.extend(text.drain(of_key..));
        lines.sort_unstable_by_key(|line| line.number);
        Released { text, lines, has_key: true }
    }
}

/// The texts as lines of one text, redacted. `None` when the first of them has no secret: then it began no key.
fn redacted(texts: &[Cow<'_, str>], redact: impl for<'t> Fn(&'t str) -> Cow<'t, str>) -> Option<String> {
    let redacted = redact(&texts.join("\n")).into_owned();
    (redacted.split('\n').next() != Some(&*texts[0])).then_some(redacted)
}

/// How many of the last texts are the last lines of this text.
fn same_at_end(texts: &[Cow<'_, str>], text: &str) -> usize {
    let mut rest = text;
    let is_last =
        |text: &&Cow<'_, str>| match rest.strip_suffix(&***text).and_then(|rest| rest.strip_suffix('\n')) {
            Some(before) => {
                rest = before;
                true
            }
            None => false,
        };
    texts.iter().rev().take_while(is_last).count()
}

/// Takes a key out of the members of lines of JSON.
fn in_members(mut lines: Vec<Line>, redact: impl for<'t> Fn(&'t str) -> Cow<'t, str>) -> Released {
    let first = &lines[0].bytes;
    let begins = |member: &Member<'_>| open_key(&first[member.value.clone()]).is_some();
    let Some(name) = members(first).find(begins).map(|member| member.name.to_vec()) else {
        return Released { lines, ..Released::default() };
    };
    // The places in the lines, and the texts there, each as one line.
    let (mut places, mut texts) = (Vec::new(), Vec::new());
    for (at, line) in lines.iter().enumerate() {
        let named = |member: &Member<'_>| member.name == name && (at > 0 || begins(member));
        let Some(Member { value, .. }) = members(&line.bytes).find(named) else { continue };
        if let Ok(text) = serde_json::from_slice::<String>(&line.bytes[value.clone()]) {
            places.push((at, value));
            texts.push(Cow::Owned(text.trim_end_matches(['\r', '\n']).replace('\n', " ")));
        }
    }
    let new = redacted(&texts, redact).map(|redacted| new_texts(texts.len(), &redacted)).unwrap_or_default();
    let has_key = new.len() > 1;
    for ((at, value), text) in places.into_iter().zip(new) {
        let json = serde_json::to_string(&text).expect("a string is always JSON");
        lines[at].bytes.splice(value, json.into_bytes());
    }
    Released { lines, has_key, ..Released::default() }
}

/// The texts of the members that had a part of the key.
fn new_texts(count: usize, redacted: &str) -> Vec<String> {
    let mut lines = redacted.split('\n').map(str::to_owned);
    let first = lines.next().unwrap_or_default();
    let others: Vec<String> = lines.collect();
    // The key has taken this many line ends with it.
    let taken = count.saturating_sub(1 + others.len());
    let mark = first.rfind(MARK.0).map_or(&*first, |start| {
        let mark = &first[start..];
        &mark[..mark.find(MARK.1).map_or(mark.len(), |end| end + 1)]
    });
    let marks = vec![mark.to_owned(); taken];
    [first].into_iter().chain(marks).chain(others).take(count).collect()
}

/// A member of an object in a line whose value is a string, or an element of such a member.
#[derive(Debug)]
struct Member<'a> {
    /// With its quotes.
    name: &'a [u8],
    /// The place of the value, with its quotes.
    value: Range<usize>,
}

/// All members of a line of JSON, at any depth, whose value is a string.
fn members(line: &[u8]) -> impl Iterator<Item = Member<'_>> {
    let (mut at, mut name) = (0, &line[..0]);
    std::iter::from_fn(move || {
        loop {
            let start = at + memchr::memchr(b'"', &line[at..])?;
            at = string_end(line, start);
            if line.get(skip_blanks(line, at)) != Some(&b':') {
                return Some(Member { name, value: start..at });
            }
            name = &line[start..at];
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";

    /// Takes out a key as a rule does: all from its first line to its last one, or the lines of a key that was cut.
    fn redact(text: &str) -> Cow<'_, str> {
        let Some(start) = memmem::find(text.as_bytes(), BEGIN) else { return Cow::Borrowed(text) };
        let end = match text.find("-----END ") {
            Some(end) => text[end..].find('\n').map_or(text.len(), |length| end + length),
            None => text.rfind(BODY).map_or(start, |body| body + BODY.len()),
        };
        if end <= start || !text[start..end].contains(BODY) {
            return Cow::Borrowed(text);
        }
        Cow::Owned(format!("{}[redacted:k:1]{}", &text[..start], &text[end..]))
    }

    fn line(word: &str) -> String {
        format!("-----{word} PRIVATE KEY-----")
    }

    fn released(lines: &[String]) -> Released {
        let mut numbered =
            lines.iter().zip(1..).map(|(line, number)| Line { number, bytes: line.clone().into_bytes() });
        let first = numbered.next().unwrap();
        assert!(open_key(&first.bytes).is_some());
        let mut held = Held::new(first);
        numbered.for_each(|line| {
            assert!(held.takes(&line.bytes));
            held.push(line);
        });
        held.release(redact)
    }

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| str::from_utf8(&line.bytes).unwrap()).collect()
    }

    #[test]
    fn only_a_private_key_without_its_end_is_open() {
        assert_eq!(open_key(format!("a {}", line("BEGIN")).as_bytes()), Some(2));
        assert_eq!(open_key(b"-----BEGIN PGP PRIVATE KEY BLOCK-----"), Some(0));
        for closed in
            ["-----BEGIN CERTIFICATE-----", "-----BEGIN ", "", "-----BEGIN PRIVATE KEY", &line("END")]
        {
            assert_eq!(open_key(closed.as_bytes()), None, "{closed}");
        }
        assert_eq!(open_key(format!("{}{}", line("BEGIN"), line("END")).as_bytes()), None);
        assert_eq!(open_key(format!("{}{}", line("END"), line("BEGIN")).as_bytes()), Some(25));
    }

    #[test]
    fn lines_of_text_become_one_text_up_to_the_end_of_the_key() {
        let begin = format!("x {}", line("BEGIN"));
        let end = format!("{} y", line("END"));
        let whole = released(&[begin.clone(), BODY.into(), String::new(), BODY.into(), end.clone()]);
        assert_eq!((texts(&whole.text).len(), whole.lines.len(), whole.has_key), (5, 0, true));
        // An entry between them stays one, and a key that was cut ends where its lines end.
        let json = "{\"a\":1}".to_owned();
        let cut = released(&[begin.clone(), BODY.into(), json.clone(), BODY.into(), "later".into()]);
        assert_eq!(texts(&cut.text), [&begin, BODY, BODY]);
        assert_eq!((texts(&cut.lines), cut.has_key), (vec![&*json, "later"], true));
        // What only begins like a key.
        let prose = released(&[begin.clone(), json.clone(), "is a key".into()]);
        assert_eq!((texts(&prose.lines), prose.has_key), (vec![&*begin, &*json, "is a key"], false));
        assert_eq!(prose.text, []);
    }

    #[test]
    fn lines_of_json_stay_lines_without_the_key() {
        let entry = |text: &str| format!("{{\"level\": \"info\", \"m\" : [\"{text}\"],\"n\":1}}");
        let lines = [
            entry(&format!("key: {}\\n", line("BEGIN"))),
            entry(&BODY.replace('K', "\\u004b")),
            "{\"other\":\"MII\"}".into(),
            entry(BODY),
            entry(&format!("{} end", line("END"))),
        ];
        let all = released(&lines);
        let mark = entry("[redacted:k:1]");
        assert_eq!(texts(&all.lines), [&entry("key: [redacted:k:1]"), &mark, &lines[2], &mark, &mark]);
        assert_eq!((all.has_key, all.text), (true, vec![]));
        // Without the end: what comes after the lines of the key stays.
        let cut = released(&[lines[0].clone(), lines[3].clone(), entry("later"), entry("")]);
        assert_eq!(texts(&cut.lines), [&entry("key: [redacted:k:1]"), &mark, &entry("later"), &entry("")]);
        let prose = released(&[lines[0].clone(), entry("later")]);
        assert_eq!((texts(&prose.lines), prose.has_key), (vec![&*lines[0], &*entry("later")], false));
    }

    #[test]
    fn what_is_held_has_limits() {
        let first = || Line { number: 1, bytes: line("BEGIN").into_bytes() };
        let mut held = Held::new(first());
        assert!(!held.takes(&first().bytes), "another key");
        assert!(!held.takes(&[b'a'; KEY_BYTES_MAX]));
        for number in 2..=KEY_LINES_MAX as u64 {
            assert!(held.takes(b"a"));
            assert!(!held.push(Line { number, bytes: b"a".into() }));
        }
        assert!(!held.takes(b"a"));
        assert!(Held::new(first()).push(Line { number: 2, bytes: line("END").into_bytes() }));
    }
}

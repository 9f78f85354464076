//! Finds secrets in a text that a command line tells by its program: after a flag as in `curl -u`, `mysql -p`,
//! `docker login -p`.

use super::command_line::{Form, Line};
use super::extent::{self, Quote};
use super::mark;
use super::rules::COMMAND;
use super::text::Scan;

/// The secret after the flag at this place in a text.
pub(super) fn find(scan: &mut Scan<'_>, at: usize) -> Option<(usize, usize, &'static str)> {
    let bytes = scan.bytes();
    // The second byte of each gram is in the flag.
    let inside = at + 1;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let start = inside - bytes[..inside].iter().rev().take(FLAG_MAX).take_while(|byte| is_part(byte)).count();
    let opens = start.checked_sub(1).map(|before| bytes[before]);
    if bytes.get(start) != Some(&b'-')
        || !opens.is_none_or(|byte| byte <= b' ' || matches!(byte, b'"' | b'\'' | b',' | b'['))
    {
        return None;
    }
    scan.line_before(start);
    let argv = opens == Some(b'"');
    let end = start + bytes[start..].iter().take(FLAG_MAX).take_while(|byte| is_part(byte)).count();
    let (form, behind) = scan.line.flag(&scan.text[start..end])?;
    let behind = start + behind;
    let start = argument(bytes, behind, end, argv)?;
    if form == Form::Attached && start > behind {
        return None;
    }
    let quote = Quote::at(bytes, start).filter(|_| start > behind || bytes[start] != b'"' || !argv);
    let (start, end) = match quote {
        Some(quote) => (quote.open, quote.close(bytes)),
        None => (start, extent::bare(bytes, start, false)),
    };
    scan.work(end - start);
    let argument = &scan.text[start..end];
    let (skipped, length) = form.secret(argument, |at| mark::known_at(scan.rules, argument, at))?;
    Some((start + skipped, start + skipped + length, COMMAND))
}

/// The most bytes of a flag.
const FLAG_MAX: usize = 24;

/// Where the argument of a flag begins, which ends at `behind`, or with all that is attached at `end`.
fn argument(bytes: &[u8], behind: usize, end: usize, argv: bool) -> Option<usize> {
    match bytes.get(behind)? {
        b' ' => Some(behind + bytes[behind..].iter().take(8).take_while(|byte| **byte == b' ').count()),
        b'=' => Some(behind + 1),
        b'"' if argv && behind == end => {
            let rest = &bytes[behind + 1..];
            let between = rest.iter().take(4).take_while(|byte| matches!(byte, b',' | b' ')).count();
            (between > 0 && rest.get(between) == Some(&b'"')).then_some(behind + 1 + between)
        }
        _ => Some(behind),
    }
}

impl Scan<'_> {
    /// Reads the words of the command line before a place.
    pub(super) fn line_before(&mut self, at: usize) {
        let bytes = self.bytes();
        if at <= self.line_until {
            return;
        }
        let is_break = |byte: &u8| matches!(byte, b'\n' | b';' | b'|' | b'&' | b'(' | b'`');
        let unread = &bytes[self.line_until..at];
        self.work += unread.len();
        let from = match unread.iter().rposition(is_break) {
            Some(place) => {
                self.line = Line::default();
                self.line_until + place + 1
            }
            None => self.line_until,
        };
        let is_word =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':');
        for word in bytes[from..at].split(|byte| !is_word(byte)).filter(|word| word.len() <= 64) {
            self.line.push(std::str::from_utf8(word).unwrap_or_default());
        }
        self.line_until = at;
    }
}

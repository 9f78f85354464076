//! Turns the lines of an imported file into entries, and drops nothing of the file.

use std::borrow::Cow;

use serde::Serialize;

use super::keys::{Held, KEY_BYTES_MAX, Line, Released, open_key};
use super::{Piece, TimesFound, pieces_and_times};
use crate::base64;
use crate::entry::{Category, Detail, Entry, Outcome};
use crate::intake::BLOB_BYTES_MAX;
use crate::lines::{Lines, split};

/// A longer line is not read as entries: an entry whose detail fills a blob is shorter, unless it is mostly blanks.
pub const LINE_BYTES_MAX: usize = BLOB_BYTES_MAX as usize + (1 << 20);

/// A longer text is kept in parts of about this size. Each fits into one detail in base64, and also when it consists of
/// short secrets, whose marks are several times as long.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// A mark of UTF-8 at the start of a line.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// How far a secret reaches over the place where a text is cut, at most; and how many places are tried.
const SECRET_BYTES_MAX: usize = 2 << 10;
const CUTS_MAX: usize = 64;

/// Counts of what was found in a file.
#[derive(Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Found {
    /// Lines of the file.
    pub lines: u64,
    /// Lines with nothing in them.
    pub empty_lines: u64,
    /// Lines with more than one entry.
    pub merged_lines: u64,
    /// Entries with fields that moved into the detail.
    pub with_moved_fields: u64,
    /// Times that were numbers since 1970.
    pub epoch_times: u64,
    /// Times that were rounded, because a second's fraction had more than nine digits.
    pub rounded_times: u64,
    /// Texts that are not entries. Each is kept in an entry of its own.
    pub unreadable: u64,
    /// Private keys over several lines. Each is taken out as one secret.
    pub keys_over_lines: u64,
}

/// Reads one file. `R` takes secrets out of a text.
#[derive(Debug)]
pub struct Reading<R> {
    /// The counts so far.
    pub found: Found,
    file: String,
    redact: R,
    /// Lines of a private key that has not ended.
    held: Option<Held>,
    /// What is not yet kept of a line that is too long, and how many parts of it are.
    long: Option<(Vec<u8>, u64)>,
}

impl<R: for<'t> Fn(&'t str) -> Cow<'t, str>> Reading<R> {
    /// Begins to read a file with this name.
    ///
    /// `redact` is called where secrets could not be recognised later: before bytes are kept in base64, and before a text
    /// is cut. All other text is redacted when it is recorded.
    pub fn of(file: String, redact: R) -> Reading<R> {
        Reading { found: Found::default(), file, redact, held: None, long: None }
    }

    /// The entries of a chunk. Lines that can be a private key wait until it ends.
    pub fn chunk(&mut self, chunk: &[u8], lines: Lines) -> Vec<Entry> {
        let mut entries = Vec::new();
        match lines {
            Lines::Whole => split(chunk).for_each(|line| self.line(line, &mut entries)),
            Lines::Piece { last } => self.piece(chunk, last, &mut entries),
        }
        entries
    }

    /// The entries of what still waits at the end of the file.
    pub fn finish(&mut self) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.release(&mut entries);
        entries
    }

    fn line(&mut self, line: &[u8], entries: &mut Vec<Entry>) {
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        self.found.lines += 1;
        self.found.empty_lines += u64::from(line.trim_ascii().is_empty());
        let number = self.found.lines;
        let numbered = || Line { number, bytes: line.to_vec() };
        if let Some(held) = self.held.as_mut().filter(|held| held.takes(line)) {
            if held.push(numbered()) {
                self.release(entries);
            }
            return;
        }
        self.release(entries);
        if line.len() <= KEY_BYTES_MAX && open_key(line).is_some() {
            self.held = Some(Held::new(numbered()));
            return;
        }
        self.plain(number, line, entries);
    }

    /// Goes on with a line that is too long.
    fn piece(&mut self, piece: &[u8], last: bool, entries: &mut Vec<Entry>) {
        if self.long.is_none() {
            self.release(entries);
            self.found.lines += 1;
        }
        let (mut text, mut part) = self.long.take().unwrap_or_default();
        text.extend_from_slice(piece);
        self.parts(self.found.lines, &mut text, &mut part, entries);
        if !last {
            self.long = Some((text, part));
        } else if !text.is_empty() {
            entries
                .push(self.text(Place { line: self.found.lines, part: part + 1, ..Place::default() }, &text));
        }
    }

    /// Keeps whole parts of a text, until the rest fits into one.
    fn parts(&mut self, line: u64, text: &mut Vec<u8>, part: &mut u64, entries: &mut Vec<Entry>) {
        let mut from = 0;
        while text.len() - from > TEXT_BYTES_MAX {
            let end = from + self.cut(&text[from..]);
            *part += 1;
            entries.push(self.text(Place { line, part: *part, ..Place::default() }, &text[from..end]));
            from = end;
        }
        text.drain(..from);
    }

    /// Where to cut a text that is too long: behind a blank, and not within a secret.
    fn cut(&self, text: &[u8]) -> usize {
        let end = TEXT_BYTES_MAX - SECRET_BYTES_MAX;
        let near = end - KEY_BYTES_MAX;
        if let Some(key) = open_key(&text[near..end]) {
            return near + key;
        }
        let blanks = memchr::memrchr3_iter(b' ', b'\t', b',', &text[near..end]).map(|blank| near + blank + 1);
        let redact = |part: &[u8]| (self.redact)(&String::from_utf8_lossy(part)).into_owned();
        let is_safe = |cut: &usize| {
            let (before, behind) = (&text[cut - SECRET_BYTES_MAX..*cut], &text[*cut..cut + SECRET_BYTES_MAX]);
            redact(&text[cut - SECRET_BYTES_MAX..cut + SECRET_BYTES_MAX]) == redact(before) + &redact(behind)
        };
        // Without a blank, at least not within a character.
        let within = |byte: &&u8| **byte & 0xc0 == 0x80;
        let whole = || end - text[end - 3..=end].iter().rev().take_while(within).count().min(3);
        blanks.take(CUTS_MAX).find(is_safe).unwrap_or_else(whole)
    }

    /// Lets go of the lines that wait for the end of a private key.
    fn release(&mut self, entries: &mut Vec<Entry>) {
        let Some(held) = self.held.take() else { return };
        let Released { text, lines, has_key } = held.release(&self.redact);
        self.found.keys_over_lines += u64::from(has_key);
        if let Some(first) = text.first() {
            let place = Place { line: first.number, lines: text.len(), ..Place::default() };
            let joined: Vec<&[u8]> = text.iter().map(|line| &*line.bytes).collect();
            entries.push(self.text(place, &joined.join(&b'\n')));
        }
        lines.iter().for_each(|line| self.plain(line.number, &line.bytes, entries));
    }

    fn plain(&mut self, number: u64, line: &[u8], entries: &mut Vec<Entry>) {
        let mut times = TimesFound::default();
        let mut pieces = pieces_and_times(line, &mut times);
        if line.len() > TEXT_BYTES_MAX && pieces.iter().any(|piece| self.is_too_large(piece)) {
            (pieces, times) = (vec![Piece::Text(line)], TimesFound::default());
        }
        self.found.epoch_times += times.epoch;
        self.found.rounded_times += times.rounded;
        let mut whole = 0;
        for piece in pieces {
            match piece {
                Piece::Entry { entry, moved } => {
                    whole += 1;
                    self.found.with_moved_fields += u64::from(moved);
                    entries.push(*entry);
                }
                Piece::Text(text) => {
                    let (mut rest, mut part) = (Cow::Borrowed(text), 0);
                    if text.len() > TEXT_BYTES_MAX {
                        self.parts(number, rest.to_mut(), &mut part, entries);
                        part += 1;
                    }
                    entries.push(self.text(Place { line: number, part, ..Place::default() }, &rest));
                }
            }
        }
        self.found.merged_lines += u64::from(whole > 1);
    }

    /// Whether the detail of an entry does not fit into a blob any more when marks stand for its secrets.
    fn is_too_large(&self, piece: &Piece<'_>) -> bool {
        let Piece::Entry { entry, .. } = piece else { return false };
        let detail = entry.detail.as_ref().map(Detail::as_str).unwrap_or_default();
        (self.redact)(detail).len() as u64 > BLOB_BYTES_MAX
    }

    /// The bytes in base64. If they contain a secret, it is the redacted text in base64 instead.
    fn in_base64(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let redacted = (self.redact)(&text);
        base64::encode(if redacted == text { bytes } else { redacted.as_bytes() })
    }

    /// A text with zeros between its characters, without its secrets and without the zeros. `None` if it has no secret.
    ///
    /// Lines of UTF-16 in a file of UTF-8 look like that, and no rule sees a secret in them.
    fn without_zeros(&self, text: &[u8]) -> Option<String> {
        memchr::memchr(0, text)?;
        let text = (self.redact)(&String::from_utf8_lossy(text)).replace('\0', "");
        match (self.redact)(&text) {
            redacted if redacted == text => None,
            redacted => Some(redacted.into_owned()),
        }
    }

    /// An entry that keeps a text.
    fn text(&mut self, place: Place, text: &[u8]) -> Entry {
        self.found.unreadable += 1;
        let shown = self.without_zeros(text);
        let text = shown.as_ref().map_or(text, |shown| shown.as_bytes());
        let Place { line, part, lines } = place;
        let mut kept = Kept { file: &self.file, line, lines, part, text: None, base64: None };
        kept.text = std::str::from_utf8(text).ok();
        let plain = Detail::from_serialize(&kept).ok();
        // A text of control characters becomes six times as long in JSON. In base64 it always fits.
        let detail = match plain
            .filter(|detail| kept.text.is_some() && detail.as_str().len() as u64 <= BLOB_BYTES_MAX)
        {
            Some(detail) => Some(detail),
            None => {
                (kept.text, kept.base64) = (None, Some(self.in_base64(text)));
                Detail::from_serialize(&kept).ok()
            }
        };
        let category = Category::custom("imported").expect("a snake_case name that is not reserved");
        let mut entry = Entry::new(category, "import:text", Outcome::Success);
        entry.detail = detail;
        entry
    }
}

/// Where a text stands in the file.
#[derive(Debug, Default, Clone, Copy)]
struct Place {
    /// Its line, or its first one.
    line: u64,
    /// The number of this part of a text that is too long for one entry, from 1.
    part: u64,
    /// How many lines it has, if it has several.
    lines: usize,
}

/// The detail of an entry that keeps a text.
#[derive(Serialize)]
struct Kept<'a> {
    file: &'a str,
    line: u64,
    #[serde(skip_serializing_if = "is_zero")]
    lines: usize,
    #[serde(skip_serializing_if = "is_zero")]
    part: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    /// The bytes of a text that is not UTF-8 or would not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

//! Turns the bytes of an imported file into entries, and drops nothing of the file.

use std::borrow::Cow;

use serde::Serialize;

use super::{Piece, pieces};
use crate::base64;
use crate::entry::{Category, Detail, Entry, Outcome};
use crate::intake::BLOB_BYTES_MAX;
use crate::lines::{Lines, split};

/// A longer line is kept as text, in pieces of about this size. Each piece fits into one detail even in base64.
pub const LINE_BYTES_MAX: usize = 8 << 20;

/// Counts of what was found in a file.
#[derive(Debug, Default, Serialize)]
pub struct Found {
    /// Lines of the file.
    pub lines: u64,
    /// Lines with nothing in them.
    pub empty_lines: u64,
    /// Lines with more than one entry.
    pub merged_lines: u64,
    /// Entries with fields that moved into the detail.
    pub with_moved_fields: u64,
    /// Texts that are not entries. Each is kept in an entry of its own.
    pub unreadable: u64,
}

/// Reads one file. `R` takes secrets out of a text.
#[derive(Debug)]
pub struct Reading<R> {
    /// The counts so far.
    pub found: Found,
    file: String,
    redact: R,
    /// How many pieces of a line that is too long were seen.
    part: u64,
}

impl<R: for<'t> Fn(&'t str) -> Cow<'t, str>> Reading<R> {
    /// Begins to read a file with this name.
    ///
    /// `redact` is called before bytes are kept in base64, where a secret could not be recognised any more. All other
    /// text is redacted when it is recorded.
    pub fn of(file: String, redact: R) -> Reading<R> {
        Reading { found: Found::default(), file, redact, part: 0 }
    }

    /// All entries of a chunk.
    pub fn chunk(&mut self, chunk: &[u8], lines: Lines) -> Vec<Entry> {
        let mut entries = Vec::new();
        match lines {
            Lines::Whole => split(chunk).for_each(|line| self.line(line, &mut entries)),
            Lines::Piece { last } => {
                self.part += 1;
                self.found.lines += u64::from(self.part == 1);
                entries.extend(chunk.chunks(LINE_BYTES_MAX).map(|text| self.text(text)));
                if last {
                    self.part = 0;
                }
            }
        }
        entries
    }

    fn line(&mut self, line: &[u8], entries: &mut Vec<Entry>) {
        self.found.lines += 1;
        self.found.empty_lines += u64::from(line.trim_ascii().is_empty());
        let mut whole = 0;
        for piece in pieces(line) {
            match piece {
                Piece::Entry { entry, moved } => {
                    whole += 1;
                    self.found.with_moved_fields += u64::from(moved);
                    entries.push(*entry);
                }
                Piece::Text(text) => entries.push(self.text(text)),
            }
        }
        self.found.merged_lines += u64::from(whole > 1);
    }

    /// The bytes in base64. If they contain a secret, it is the redacted text in base64 instead.
    fn in_base64(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let redacted = (self.redact)(&text);
        base64::encode(if redacted == text { bytes } else { redacted.as_bytes() })
    }

    /// An entry that keeps a text of the current line.
    fn text(&mut self, text: &[u8]) -> Entry {
        self.found.unreadable += 1;
        let mut kept =
            Kept { file: &self.file, line: self.found.lines, part: self.part, text: None, base64: None };
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
        let mut entry = Entry::new(category, "import:unreadable", Outcome::Failure);
        entry.detail = detail;
        entry
    }
}

/// The detail of an entry that keeps a text.
#[derive(Serialize)]
struct Kept<'a> {
    file: &'a str,
    line: u64,
    /// The number of this part of a line that is too long for one entry, from 1.
    #[serde(skip_serializing_if = "is_zero")]
    part: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    /// The bytes of a text that is not UTF-8 or would not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

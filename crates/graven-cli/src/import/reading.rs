//! What the bytes of an imported file become: entries, nothing of the file dropped.

use graven::{Category, Detail, Entry, Outcome, Redactor};
use serde::Serialize;

use crate::accept::BLOB_BYTES_MAX;
use crate::lines::{Lines, split};
use crate::salvage::{Piece, pieces};

/// A line that is longer is kept as text, in pieces of about this size: each fits into one detail even in base64.
pub(crate) const LINE_BYTES_MAX: usize = 8 << 20;

/// What was found in a file.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Found {
    /// Lines of the file.
    pub(crate) lines: u64,
    /// Lines with nothing in them.
    pub(crate) empty_lines: u64,
    /// Lines that held more than one entry.
    pub(crate) merged_lines: u64,
    /// Entries of which some field moved into the detail.
    pub(crate) with_moved_fields: u64,
    /// Texts that are no entry, each kept in one.
    pub(crate) unreadable: u64,
}

/// The reading of one file.
#[derive(Debug)]
pub(crate) struct Reading {
    /// What was found so far.
    pub(crate) found: Found,
    file: String,
    redactor: Redactor,
    /// How many pieces of a line that is too long have been seen.
    part: u64,
}

impl Reading {
    /// The reading of the file with this name.
    pub(crate) fn of(file: String, redactor: Redactor) -> Reading {
        Reading { found: Found::default(), file, redactor, part: 0 }
    }

    /// Every entry that a chunk holds.
    pub(crate) fn chunk(&mut self, chunk: &[u8], lines: Lines) -> Vec<Entry> {
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
                Piece::Entry(entry, moved) => {
                    whole += 1;
                    self.found.with_moved_fields += u64::from(moved);
                    entries.push(*entry);
                }
                Piece::Text(text) => entries.push(self.text(text)),
            }
        }
        self.found.merged_lines += u64::from(whole > 1);
    }

    /// Bytes in base64, where no rule would know a secret: with one in them, it is the text without it.
    fn in_base64(&self, text: &[u8]) -> String {
        let said = String::from_utf8_lossy(text);
        let redacted = self.redactor.text(&said);
        graven_core::base64::encode(if redacted == said { text } else { redacted.as_bytes() })
    }

    /// An entry that keeps a text of the line that is being read.
    fn text(&mut self, text: &[u8]) -> Entry {
        self.found.unreadable += 1;
        let mut kept =
            Kept { file: &self.file, line: self.found.lines, part: self.part, text: None, base64: None };
        kept.text = std::str::from_utf8(text).ok();
        let plain = Detail::from_serialize(&kept).ok();
        // A text full of control characters grows sixfold as JSON; in base64 it fits for certain.
        let detail = match plain
            .filter(|detail| kept.text.is_some() && detail.as_str().len() as u64 <= BLOB_BYTES_MAX)
        {
            Some(detail) => Some(detail),
            None => {
                (kept.text, kept.base64) = (None, Some(self.in_base64(text)));
                Detail::from_serialize(&kept).ok()
            }
        };
        let category = Category::custom("imported").expect("a snake_case name that is nobody else's");
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
    /// Which part of a line that is longer than an entry can be, from 1.
    #[serde(skip_serializing_if = "is_zero")]
    part: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    /// The bytes of a text that is not UTF-8, or would not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

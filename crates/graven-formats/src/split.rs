//! Cuts a text into events, in bounded memory and wherever the reads end.
//!
//! A text of JSON is a row of values: one a line, over several lines, in an array, or in the list that an object holds.
//! What is no JSON is handed over as text, in whole lines, and reading goes on behind it: where a value was torn, the next
//! line that begins with `{` is a new one. What is handed over after some bytes depends on those bytes alone.

mod json;

use graven_core::salvage::LINE_BYTES_MAX;

use json::Scan;

/// A longer event is handed over as text, in pieces: with marks in the place of its secrets it could not be kept whole in
/// one detail any more.
pub const EVENT_BYTES_MAX: usize = 8 << 20;

/// How events stand in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Each line is handed over as text.
    Lines,
    /// JSON. An object at the top that has an array under one of these names is taken apart: the elements are events. What
    /// else it says is left out.
    Json {
        /// The names.
        list: &'static [&'static str],
    },
}

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit<'a> {
    /// A JSON object, by its brackets.
    Event {
        /// Its text.
        json: &'a [u8],
        /// The line on which it begins, from 1.
        line: u64,
    },
    /// Lines of text.
    Lines {
        /// One or more. The last one may lack its newline.
        text: &'a [u8],
        /// The number of the first, from 1.
        line: u64,
    },
    /// A piece of a line or an event that is too long.
    Piece {
        /// The piece.
        text: &'a [u8],
        /// The line on which it began, from 1.
        line: u64,
        /// Whether it ends here.
        last: bool,
    },
}

/// Cuts one text.
#[derive(Debug)]
pub struct Splitter {
    form: Form,
    /// What was read of the line or event that has not ended.
    buffer: Vec<u8>,
    /// The line that is being read, from 1.
    line: u64,
    /// The line on which the buffer begins.
    from_line: u64,
    /// Whether pieces of what is being read were handed over.
    in_pieces: bool,
    /// Whether the last byte was no line end.
    in_line: bool,
    scan: Scan,
}

impl Splitter {
    /// At the beginning of a text.
    pub fn new(form: Form) -> Splitter {
        Splitter {
            form,
            buffer: Vec::new(),
            line: 1,
            from_line: 1,
            in_pieces: false,
            in_line: false,
            scan: Scan::default(),
        }
    }

    /// How many lines were read; one that has not ended counts.
    pub fn lines(&self) -> u64 {
        self.line - 1 + u64::from(self.in_line)
    }

    /// How long a line or an event may be that is handed over as a whole.
    fn bytes_max(&self) -> usize {
        match self.form {
            Form::Lines => LINE_BYTES_MAX,
            Form::Json { .. } => EVENT_BYTES_MAX,
        }
    }

    /// Goes on with these bytes.
    pub fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Unit<'_>)) {
        match self.form {
            Form::Lines => self.push_lines(bytes, each),
            Form::Json { list } => self.push_json(bytes, list, each),
        }
        self.in_line = bytes.last().map_or(self.in_line, |last| *last != b'\n');
        if self.buffer.len() > self.bytes_max() || self.in_pieces && !self.buffer.is_empty() {
            self.hand_over_piece(&[], false, each);
        }
    }

    /// The text has ended: hands over what is left.
    pub fn finish(&mut self, each: &mut dyn FnMut(Unit<'_>)) {
        let scan = std::mem::take(&mut self.scan);
        self.line += u64::from(std::mem::take(&mut self.in_line));
        let is_blank = self.form != Form::Lines && self.buffer.trim_ascii().is_empty();
        if self.in_pieces {
            self.hand_over_piece(&[], true, each);
        } else if !scan.is_around_events() && !is_blank && !self.buffer.is_empty() {
            each(Unit::Lines { text: &self.buffer, line: self.from_line });
        }
        self.buffer.clear();
    }

    /// Hands over the buffer and what follows it as a piece.
    fn hand_over_piece(&mut self, rest: &[u8], last: bool, each: &mut dyn FnMut(Unit<'_>)) {
        self.buffer.extend_from_slice(rest);
        each(Unit::Piece { text: &self.buffer, line: self.from_line, last });
        self.buffer.clear();
        self.in_pieces = !last;
    }

    fn push_lines(&mut self, mut bytes: &[u8], each: &mut dyn FnMut(Unit<'_>)) {
        if self.buffer.is_empty() && !self.in_pieces {
            self.from_line = self.line;
        }
        let first = memchr::memchr(b'\n', bytes);
        if let Some(end) = first.filter(|end| self.in_pieces || self.buffer.len() + end > LINE_BYTES_MAX) {
            self.hand_over_piece(&bytes[..end], true, each);
            self.line += 1;
            self.from_line = self.line;
            bytes = &bytes[end + 1..];
        }
        let Some(last) = memchr::memrchr(b'\n', bytes) else {
            return self.buffer.extend_from_slice(bytes);
        };
        let (lines, rest) = bytes.split_at(last + 1);
        let line = self.from_line;
        if self.buffer.is_empty() {
            each(Unit::Lines { text: lines, line });
        } else {
            self.buffer.extend_from_slice(lines);
            each(Unit::Lines { text: &self.buffer, line });
            self.buffer.clear();
        }
        self.line += memchr::memchr_iter(b'\n', lines).count() as u64;
        self.from_line = self.line;
        self.buffer.extend_from_slice(rest);
    }
}

#[cfg(test)]
mod tests;

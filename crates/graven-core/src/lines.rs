//! Cuts a stream into chunks of whole lines, as soon as they arrive and with bounded memory.

use std::io::{self, ErrorKind, Read};

/// How many bytes are read at once.
pub const CHUNK_BYTES: usize = 128 << 10;

/// What a chunk contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// Whole lines. Only the last line of the stream may have no newline.
    Whole,
    /// A piece of one line that is longer than allowed, without its newline.
    Piece {
        /// Whether the line ends with this piece.
        last: bool,
    },
}

/// Reads a stream in chunks of lines.
#[derive(Debug)]
pub struct LineChunks<R> {
    input: R,
    /// What was read after the end of the last chunk.
    rest: Vec<u8>,
    line_bytes_max: usize,
    /// Whether the next bytes continue a line that is too long.
    inside: bool,
}

impl<R: Read> LineChunks<R> {
    /// Reads from `input`. A line longer than `line_bytes_max` bytes comes in pieces.
    pub fn new(input: R, line_bytes_max: usize) -> LineChunks<R> {
        LineChunks { input, rest: Vec::new(), line_bytes_max, inside: false }
    }

    /// Puts the next lines into `buffer`; `None` at the end of the stream. Whole lines are returned after each read,
    /// so a slow sender never waits for a full buffer.
    ///
    /// # Errors
    ///
    /// The error of the stream, except an interruption: then the read is done again.
    pub fn next(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<Lines>> {
        buffer.clear();
        std::mem::swap(buffer, &mut self.rest);
        if self.inside {
            return self.next_piece(buffer).map(Some);
        }
        let mut searched = 0;
        loop {
            if let Some(newline) = buffer[searched..].iter().rposition(is_newline) {
                let end = searched + newline + 1;
                self.rest.extend_from_slice(&buffer[end..]);
                buffer.truncate(end);
                return Ok(Some(Lines::Whole));
            }
            if buffer.len() > self.line_bytes_max {
                self.inside = true;
                return Ok(Some(Lines::Piece { last: false }));
            }
            searched = buffer.len();
            if self.fill(buffer)? == 0 {
                return Ok((!buffer.is_empty()).then_some(Lines::Whole));
            }
        }
    }

    /// Continues a line that is too long.
    fn next_piece(&mut self, buffer: &mut Vec<u8>) -> io::Result<Lines> {
        if buffer.is_empty() && self.fill(buffer)? == 0 {
            self.inside = false;
            return Ok(Lines::Piece { last: true });
        }
        let Some(newline) = buffer.iter().position(is_newline) else {
            return Ok(Lines::Piece { last: false });
        };
        self.inside = false;
        self.rest.extend_from_slice(&buffer[newline + 1..]);
        buffer.truncate(newline);
        Ok(Lines::Piece { last: true })
    }

    fn fill(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let filled = buffer.len();
        buffer.resize(filled + CHUNK_BYTES, 0);
        let read = loop {
            match self.input.read(&mut buffer[filled..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
        read
    }
}

/// The lines of a chunk, without their newlines.
pub fn split(chunk: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = chunk;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, behind) = match rest.iter().position(is_newline) {
            Some(newline) => (&rest[..newline], &rest[newline + 1..]),
            None => (rest, &[][..]),
        };
        rest = behind;
        Some(line)
    })
}

fn is_newline(byte: &u8) -> bool {
    *byte == b'\n'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns one of its pieces for each read.
    struct Reads(Vec<Vec<u8>>);

    impl Read for Reads {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    fn chunks(reads: &[&str], line_bytes_max: usize) -> Vec<String> {
        let reads = reads.iter().map(|piece| piece.as_bytes().to_vec()).collect();
        let mut chunks = LineChunks::new(Reads(reads), line_bytes_max);
        let mut buffer = Vec::new();
        let mut seen = Vec::new();
        while let Some(lines) = chunks.next(&mut buffer).unwrap() {
            let text = String::from_utf8(buffer.clone()).unwrap();
            seen.push(match lines {
                Lines::Whole => text,
                Lines::Piece { last: false } => format!("{text}…"),
                Lines::Piece { last: true } => format!("…{text}"),
            });
        }
        seen
    }

    #[test]
    fn lines_are_returned_as_they_arrive() {
        assert_eq!(chunks(&["a\n", "b\nc", "c\n"], 100), ["a\n", "b\n", "cc\n"]);
    }

    #[test]
    fn a_last_line_without_newline_is_a_line() {
        assert_eq!(chunks(&["a\nb"], 100), ["a\n", "b"]);
        assert_eq!(chunks(&["a"], 100), ["a"]);
        assert_eq!(chunks(&[], 100), [""; 0]);
    }

    #[test]
    fn a_line_that_is_too_long_comes_in_pieces_between_its_neighbours() {
        assert_eq!(
            chunks(&["a\n1234", "5678", "9\nb\n", "c\n"], 6),
            ["a\n", "12345678…", "…9", "b\n", "c\n"]
        );
        assert_eq!(chunks(&["123456789"], 6), ["123456789…", "…"]);
        assert_eq!(chunks(&["1234567", "\nb\n", "c"], 6), ["1234567…", "…", "b\n", "c"]);
    }

    #[test]
    fn a_chunk_is_split_into_its_lines() {
        let lines: Vec<&[u8]> = split(b"a\n\nb").collect();
        assert_eq!(lines, [&b"a"[..], b"", b"b"]);
        assert_eq!(split(b"").count(), 0);
    }
}

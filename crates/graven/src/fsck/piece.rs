//! One file of consecutive entries, for verification, and how to cut it into lines.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use graven_core::hash::{Hash, leaf_hash};
use graven_core::tile::ENTRY_BYTES_MAX;
use memchr::{memchr, memchr_iter};

use crate::files::durable;
use crate::files::lines::each_newline;
use crate::seam::disk::{Disk, File, Open};

/// A segment: closed, or the live one.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) source: Source,
    /// The file's name, relative to the trail's directory.
    pub(super) name: String,
    /// The index of its first entry.
    pub(super) first: u64,
    /// The index after its last entry; `None` for the live segment, which may still grow.
    pub(super) end: Option<u64>,
    /// The bytes to look at: its length when the look began.
    pub(super) bytes: u64,
}

/// How to read the bytes of a piece.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// The live file, opened once: later its name may belong to another file.
    Open(Arc<dyn File>),
    /// A closed segment, opened for each read: there may be more segments than files that a process may have open.
    Path(Arc<dyn Disk>, PathBuf),
}

impl Piece {
    pub(super) fn open(&self) -> io::Result<Arc<dyn File>> {
        match &self.source {
            Source::Open(file) => Ok(Arc::clone(file)),
            Source::Path(disk, path) => disk.open(path, Open::Read),
        }
    }
}

/// A part of a piece in memory, with the places of its lines. Every line that begins in the part belongs to the chunk.
///
/// The buffer begins one byte before the chunk. So there is a byte before every line that belongs to no line: the
/// newline before it. The leaf hash is computed in one run over that byte, set to 0x00, and the line.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) buffer: Vec<u8>,
    /// The file offset of `buffer[0]`, plus one, so that the chunk at the file's start needs no negative number.
    pub(super) start: u64,
    /// Where the first line begins in the buffer.
    pub(super) first_line: usize,
    /// The place of each line's newline in the buffer.
    pub(super) ends: Vec<u32>,
    /// The file offset of an unfinished line at the end of the file: bytes without a newline.
    pub(super) torn: Option<u64>,
}

/// The bytes of each further read while the last line continues past the chunk.
const MORE_BYTES: usize = 8 << 10;

impl Chunk {
    /// Reads the chunk from byte `start` to before byte `end`, and the rest of its last line.
    pub(super) fn read(&mut self, piece: &Piece, start: u64, end: u64) -> io::Result<()> {
        self.start = start;
        self.ends.clear();
        self.torn = None;
        let file = piece.open()?;
        let filled = self.fill(&*file, start, end)?;
        // A line begins after a newline. A line that begins exactly at `end` belongs to the next chunk.
        self.first_line = match memchr(b'\n', &self.buffer[..filled]) {
            Some(newline) if newline + 1 < filled => newline + 1,
            _ => return Ok(()),
        };
        let lines = &self.buffer[self.first_line..filled];
        self.ends.extend(memchr_iter(b'\n', lines).map(|end| (self.first_line + end) as u32));
        let rest = self.ends.last().map_or(self.first_line, |end| *end as usize + 1);
        if rest < filled { self.finish_last_line(&*file, piece.bytes, rest, filled, end) } else { Ok(()) }
    }

    /// The lines in order: start and end of each in the buffer.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, usize)> {
        let starts = std::iter::once(self.first_line).chain(self.ends.iter().map(|end| *end as usize + 1));
        starts.zip(self.ends.iter().map(|end| *end as usize))
    }

    /// The file offset of a place in the buffer.
    pub(super) fn offset(&self, place: usize) -> u64 {
        self.start + place as u64 - 1
    }

    /// The line at a place in the buffer: its number in the chunk, and its bytes.
    pub(super) fn line_at(&self, place: usize) -> Option<(usize, &[u8])> {
        let number = self.ends.partition_point(|end| (*end as usize) < place);
        let end = *self.ends.get(number)? as usize;
        let start = if number == 0 { self.first_line } else { self.ends[number - 1] as usize + 1 };
        (start <= place).then(|| (number, &self.buffer[start..end]))
    }

    fn fill(&mut self, file: &dyn File, start: u64, end: u64) -> io::Result<usize> {
        let want = usize::try_from(end - start).map_err(io::Error::other)? + 1;
        if self.buffer.len() < want + MORE_BYTES {
            self.buffer.resize(want + MORE_BYTES, 0);
        }
        if start == 0 {
            self.buffer[0] = b'\n';
            Ok(1 + durable::read_full_at(file, &mut self.buffer[1..want], 0)?)
        } else {
            durable::read_full_at(file, &mut self.buffer[..want], start - 1)
        }
    }

    /// Reads until the last line ends. Keeps of a line that is too long for an entry only enough to show that.
    fn finish_last_line(
        &mut self,
        file: &dyn File,
        bytes: u64,
        line: usize,
        filled: usize,
        end: u64,
    ) -> io::Result<()> {
        let (mut filled, mut at) = (filled, end);
        while at < bytes {
            if self.buffer.len() < filled + MORE_BYTES {
                self.buffer.resize(filled + MORE_BYTES, 0);
            }
            let more = MORE_BYTES.min(usize::try_from(bytes - at).unwrap_or(MORE_BYTES));
            let read = durable::read_full_at(file, &mut self.buffer[filled..filled + more], at)?;
            if read == 0 {
                break;
            }
            let newline = memchr(b'\n', &self.buffer[filled..filled + read]);
            let too_long = filled - line > ENTRY_BYTES_MAX;
            if let Some(newline) = newline {
                self.ends.push(if too_long { filled } else { filled + newline } as u32);
                return Ok(());
            }
            if !too_long {
                filled += read;
            }
            at += read as u64;
        }
        self.torn = Some(self.offset(line));
        Ok(())
    }
}

/// The offset of line number `line` of a piece; the end of its last line when it has fewer lines.
pub(super) fn offset_of_line(piece: &Piece, line: u64) -> io::Result<u64> {
    let (mut offset, mut left) = (0, line);
    each_newline(&*piece.open()?, 0..piece.bytes, |newline| {
        if left > 0 {
            offset = newline + 1;
            left -= 1;
        }
        left > 0
    })?;
    Ok(offset)
}

/// The number of whole lines of a piece.
pub(super) fn count_lines(piece: &Piece) -> io::Result<u64> {
    let mut lines = 0;
    each_newline(&*piece.open()?, 0..piece.bytes, |_| {
        lines += 1;
        true
    })?;
    Ok(lines)
}

/// The leaf hashes of the lines of a piece, one after the other.
#[derive(Debug)]
pub(super) struct HashedLines<'a> {
    piece: &'a Piece,
    chunk: Chunk,
    /// The offset after the chunk.
    end: u64,
    /// The number of the next line in the chunk.
    next: usize,
}

/// The bytes that [`HashedLines`] reads at a time.
const READ_BYTES: u64 = 256 << 10;

impl<'a> HashedLines<'a> {
    pub(super) fn new(piece: &'a Piece) -> HashedLines<'a> {
        HashedLines { piece, chunk: Chunk::default(), end: 0, next: 0 }
    }

    /// The offset and leaf hash of the next line.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Hash)>> {
        while self.next == self.chunk.ends.len() {
            if self.end == self.piece.bytes {
                return Ok(None);
            }
            let end = self.piece.bytes.min(self.end + READ_BYTES);
            self.chunk.read(self.piece, self.end, end)?;
            self.end = end;
            self.next = 0;
        }
        let start = match self.next {
            0 => self.chunk.first_line,
            next => self.chunk.ends[next - 1] as usize + 1,
        };
        let end = self.chunk.ends[self.next] as usize;
        self.next += 1;
        Ok(Some((self.chunk.offset(start), leaf_hash(&self.chunk.buffer[start..end]))))
    }
}

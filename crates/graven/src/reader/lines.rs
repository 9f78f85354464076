//! The complete lines of one file, in order, with bounded memory.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use graven_core::tile::ENTRY_BYTES_MAX;
use memchr::memchr;

use super::cannot;
use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::seam::disk::File;

/// The bytes of each further read.
const BUFFER_BYTES: usize = 1 << 20;
/// The bytes of the first read: few, so that reading one entry does not cost 1 MiB.
const FIRST_READ_BYTES: usize = 16 << 10;

/// Reads a file line by line. Bytes after the last newline are never a line.
#[derive(Debug)]
pub(super) struct Lines {
    file: Arc<dyn File>,
    path: Arc<Path>,
    buffer: Vec<u8>,
    /// The file offset of the buffer's first byte.
    buffer_offset: u64,
    /// The current line, within the buffer.
    line: Range<usize>,
    /// Where in the buffer the next line begins.
    next: usize,
    /// Up to here in the file no newline follows the unfinished line. One that follows it is searched once, however
    /// often a reader asks.
    searched: u64,
}

impl Lines {
    /// Begins at an offset, which must be the beginning of a line.
    pub(super) fn at(file: Arc<dyn File>, path: Arc<Path>, offset: u64) -> Lines {
        Lines { file, path, buffer: Vec::new(), buffer_offset: offset, line: 0..0, next: 0, searched: 0 }
    }

    pub(super) fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    pub(super) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// The current line, after [`advance`](Lines::advance) returned `true`.
    pub(super) fn line(&self) -> &[u8] {
        &self.buffer[self.line.clone()]
    }

    /// Where the current line begins.
    pub(super) fn line_offset(&self) -> u64 {
        self.buffer_offset + self.line.start as u64
    }

    /// Where the next line begins.
    pub(super) fn next_offset(&self) -> u64 {
        self.buffer_offset + self.next as u64
    }

    /// Goes to the next line; `false` when there is no further complete line. May be called again when the file has
    /// grown.
    pub(super) fn advance(&mut self) -> Result<bool, Error> {
        let mut searched = self.next;
        loop {
            if let Some(position) = memchr(b'\n', &self.buffer[searched..]) {
                self.line = self.next..searched + position;
                self.next = self.line.end + 1;
                self.searched = 0;
                return match self.line.len() {
                    0..=ENTRY_BYTES_MAX => Ok(true),
                    _ => Err(self.too_long(self.line_offset())),
                };
            }
            let begun = self.buffer.len() - self.next;
            if begun > ENTRY_BYTES_MAX && self.ends_further_on()? {
                return Err(self.too_long(self.next_offset()));
            }
            if begun > ENTRY_BYTES_MAX || self.fill().map_err(|error| cannot("read", &self.path, error))? == 0
            {
                // The next call reads these bytes again: without a newline they may be cut off and replaced.
                self.begin_at(self.next_offset());
                return Ok(false);
            }
            searched = begun;
        }
    }

    /// Moves the unfinished line to the front and reads more behind it. Returns the number of bytes read.
    fn fill(&mut self) -> io::Result<usize> {
        self.buffer.drain(..self.next);
        self.buffer_offset += self.next as u64;
        self.next = 0;
        let begun = self.buffer.len();
        let wanted = if self.buffer.capacity() == 0 { FIRST_READ_BYTES } else { BUFFER_BYTES - begun };
        self.buffer.resize(begun + wanted, 0);
        let read =
            durable::read_full_at(&*self.file, &mut self.buffer[begun..], self.buffer_offset + begun as u64);
        self.buffer.truncate(begun + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Whether there is any newline after the bytes in the buffer. After a torn tail there is none.
    fn ends_further_on(&mut self) -> Result<bool, Error> {
        let mut block = vec![0; BUFFER_BYTES];
        let mut offset = self.searched.max(self.buffer_offset + self.buffer.len() as u64);
        loop {
            let read = durable::read_full_at(&*self.file, &mut block, offset)
                .map_err(|error| cannot("read", &self.path, error))?;
            if memchr(b'\n', &block[..read]).is_some() {
                return Ok(true);
            }
            offset += read as u64;
            // What is cut off and written again begins with lines that fit the buffer, where they are found.
            self.searched = offset;
            if read < block.len() {
                return Ok(false);
            }
        }
    }

    fn begin_at(&mut self, offset: u64) {
        self.buffer.clear();
        self.buffer_offset = offset;
        self.line = 0..0;
        self.next = 0;
    }

    fn too_long(&self, offset: u64) -> Error {
        let message = format!(
            "{}, byte {offset}: this line is not an entry: it has more than {ENTRY_BYTES_MAX} bytes",
            self.path.display()
        );
        Error::new(ErrorKind::Data, message)
    }
}

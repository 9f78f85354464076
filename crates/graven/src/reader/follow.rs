//! Follows a trail like `tail -f`: over rotations, without losing an entry.

use std::io;

use super::entries::{begin, finished};
use super::lines::Lines;
use super::segments::Part;
use super::{Reader, Record, cannot};
use crate::error::{Error, ErrorKind};

/// The most entries, and about the most bytes of them, that one [`Follow::poll`] returns.
const BATCH_ENTRIES_MAX: usize = 4_096;
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Follows a trail from an index on. It never waits: the caller polls, and chooses how long to sleep in between.
#[derive(Debug)]
pub struct Follow {
    reader: Reader,
    /// The index of the next entry.
    next: u64,
    current: Option<Current>,
}

/// The segment being read. It stays open when a rotation renames it, so no entry is lost.
#[derive(Debug)]
struct Current {
    part: Part,
    lines: Lines,
}

impl Follow {
    pub(super) fn new(reader: Reader, from: u64) -> Follow {
        Follow { reader, next: from, current: None }
    }

    /// The index of the next entry.
    pub fn next_index(&self) -> u64 {
        self.next
    }

    /// The new entries since the last call: at most 4,096, and at most about 1 MiB. Empty when there are none.
    ///
    /// # Errors
    /// `Data` when a line or a segment is damaged; `Unavailable` when a file cannot be read. `Data` also when the live
    /// file became shorter: a recovery cut off entries that no checkpoint covered. After that error, call again: it
    /// goes on from the new end.
    pub fn poll(&mut self) -> Result<Vec<Record>, Error> {
        let mut batch = Vec::new();
        loop {
            let Some(mut current) = self.open()? else {
                return Ok(batch);
            };
            self.read(&mut current, &mut batch)?;
            if !batch.is_empty() {
                self.current = Some(current);
                return Ok(batch);
            }
            if current.part.end.is_some() {
                finished(&current.part, &current.lines, self.next)?;
            } else if self.is_closed_now(&mut current)? {
                // The file was closed between our last read and our look: read the rest of it.
                self.current = Some(current);
            } else {
                self.check_not_cut(&current)?;
                self.current = Some(current);
                return Ok(batch);
            }
        }
    }

    /// The segment being read, or else the one of the next entry; `None` when that entry is not there yet.
    fn open(&mut self) -> Result<Option<Current>, Error> {
        if let Some(current) = self.current.take() {
            return Ok(Some(current));
        }
        let segments = self.reader.segments()?;
        let part = segments.part_of(self.next)?;
        Ok(begin(&self.reader, part, self.next)?.map(|lines| Current { part: part.clone(), lines }))
    }

    /// Reads complete lines until the batch is full or the file ends.
    fn read(&mut self, current: &mut Current, batch: &mut Vec<Record>) -> Result<(), Error> {
        let mut bytes = 0;
        while batch.len() < BATCH_ENTRIES_MAX && bytes < BATCH_BYTES_MAX {
            if current.part.end == Some(self.next) {
                break;
            }
            match current.lines.advance() {
                Ok(true) => {}
                Ok(false) => break,
                // Return first what was read before; the next call meets the error again.
                Err(_) if !batch.is_empty() => break,
                Err(error) => return Err(error),
            }
            let line = current.lines.line().to_vec();
            bytes += line.len();
            batch.push(Record { index: self.next, line });
            self.next += 1;
        }
        Ok(())
    }

    /// Whether the live file that we read is a closed segment now. If so, notes where it ends.
    fn is_closed_now(&self, current: &mut Current) -> Result<bool, Error> {
        let path = self.reader.layout().segment(current.part.first);
        match self.reader.disk().metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(cannot("read", &path, error)),
            Ok(_) => {
                let segments = self.reader.segments()?;
                current.part = segments.part_of(current.part.first)?.clone();
                Ok(current.part.end.is_some())
            }
        }
    }

    /// Checks that the live file did not become shorter than what was read: then a recovery cut it.
    fn check_not_cut(&mut self, current: &Current) -> Result<(), Error> {
        let path = current.lines.path();
        let bytes = current.lines.file().bytes().map_err(|error| cannot("read", path, error))?;
        let read = current.lines.next_offset();
        if bytes >= read {
            return Ok(());
        }
        let message = format!(
            "{} became shorter, from {read} bytes to {bytes}: a recovery cut off unsealed entries and kept them in torn/",
            path.display()
        );
        self.next = self.reader.len()?;
        Err(Error::new(ErrorKind::Data, message))
    }
}

//! Entries as they come: what `tail -f` shows, over rotations and without losing one.

use std::io;

use super::entries::{begin, finished};
use super::lines::Lines;
use super::segments::Part;
use super::{Reader, Record, cannot};
use crate::error::{Error, ErrorKind};

/// How many entries, and about how many bytes of them, one [`Follow::poll`] hands out at most.
const BATCH_ENTRIES_MAX: usize = 4_096;
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Follows a trail from an index on. It never waits: the caller polls, and sleeps in between as it likes.
#[derive(Debug)]
pub struct Follow {
    reader: Reader,
    /// The index of the next entry.
    next: u64,
    current: Option<Current>,
}

/// The segment being read. It stays open under whatever name, so a rotation takes nothing away from us.
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

    /// The entries that have come since the last call, at most about a megabyte of them; none when nothing has.
    ///
    /// An error of kind [`Data`](ErrorKind::Data) that says the live file became shorter may be followed by further
    /// calls: they go on from its new end. Entries that no checkpoint covered yet were cut off by a recovery.
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
                // Closed between our last read and our look: read the rest of it.
                self.current = Some(current);
            } else {
                self.check_not_cut(&current)?;
                self.current = Some(current);
                return Ok(batch);
            }
        }
    }

    /// The segment being read, or the one that holds the next entry; `None` when that is not there yet.
    fn open(&mut self) -> Result<Option<Current>, Error> {
        if let Some(current) = self.current.take() {
            return Ok(Some(current));
        }
        let segments = self.reader.segments()?;
        let part = segments.part_of(self.next)?;
        Ok(begin(&self.reader, part, self.next)?.map(|lines| Current { part: part.clone(), lines }))
    }

    /// Takes complete lines until the batch is full or the file ends.
    fn read(&mut self, current: &mut Current, batch: &mut Vec<Record>) -> Result<(), Error> {
        let mut bytes = 0;
        while batch.len() < BATCH_ENTRIES_MAX && bytes < BATCH_BYTES_MAX {
            if current.part.end == Some(self.next) {
                break;
            }
            match current.lines.advance() {
                Ok(true) => {}
                Ok(false) => break,
                // What was read before is handed out first; the next call meets the error again.
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

    /// Whether the live file we read has become a closed segment; then notes where it ends.
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

    /// A live file that ends before what was read from it was cut by a recovery.
    fn check_not_cut(&mut self, current: &Current) -> Result<(), Error> {
        let path = current.lines.path();
        let bytes = current.lines.file().bytes().map_err(|error| cannot("read", path, error))?;
        let read = current.lines.next_offset();
        if bytes >= read {
            return Ok(());
        }
        let message = format!(
            "{} became shorter, from {read} bytes to {bytes}: unsealed entries were cut off, which torn/ keeps",
            path.display()
        );
        self.next = self.reader.len()?;
        Err(Error::new(ErrorKind::Data, message))
    }
}

//! The entries of a trail as they are recorded again, in order.

use std::ops::Range;

use graven::reader::{Entries, Reader};
use graven::{Category, Entry, Stored};

use crate::shared::failure::Failure;

/// How many entries are recorded at once, and how many bytes of them: less than the queue of the trail takes.
const BATCH_ENTRIES: usize = 1_000;
const BATCH_BYTES: usize = 2 << 20;

/// The category of what a trail had recorded about itself. In another trail it says nothing of that one.
const SALVAGED: &str = "salvaged";

/// The entries of a range that are still to be recorded.
pub(super) struct Again<'a> {
    old: &'a Reader,
    entries: Entries,
    end: u64,
    /// The entry that is next, and its index.
    next: Option<Stored>,
    at: u64,
}

impl<'a> Again<'a> {
    pub(super) fn new(old: &'a Reader, range: Range<u64>) -> Result<Again<'a>, Failure> {
        let entries = old.entries(range.clone())?;
        let mut again = Again { old, entries, end: range.end, next: None, at: range.start };
        again.next = again.read()?;
        Ok(again)
    }

    /// The index of the next entry, in the trail that it is from.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The next entry.
    pub(super) fn peek(&self) -> Option<&Stored> {
        self.next.as_ref()
    }

    /// Takes the next entry.
    pub(super) fn take(&mut self) -> Result<Option<Stored>, Failure> {
        let Some(taken) = self.next.take() else { return Ok(None) };
        self.at += 1;
        self.next = self.read()?;
        Ok(Some(taken))
    }

    /// The next entries to record together; `None` at the end.
    pub(super) fn next_batch(&mut self) -> Result<Option<Vec<Stored>>, Failure> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(next) = &self.next {
            bytes += next.bytes();
            if !batch.is_empty() && (batch.len() >= BATCH_ENTRIES || bytes > BATCH_BYTES) {
                break;
            }
            batch.extend(self.take()?);
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    fn read(&mut self) -> Result<Option<Stored>, Failure> {
        let Some((index, line)) = self.entries.next_line()? else { return Ok(None) };
        if index >= self.end {
            return Ok(None);
        }
        let cannot = |why: &dyn std::fmt::Display| {
            Failure::cannot(format_args!("entry {index} cannot be recorded again: {why}"))
        };
        let mut entry = Entry::from_line(line).map_err(|error| cannot(&error))?;
        if entry.category != Category::Trail {
            let named = entry.detail.as_ref().and_then(|detail| detail.blob());
            let blob = named.map(|blob| self.old.blob(&blob)).transpose()?;
            return Ok(Some(Stored::new(line, blob)?));
        }
        entry.category = Category::custom(SALVAGED).map_err(|error| cannot(&error))?;
        let mut line = Vec::new();
        // No blob: it is as long as the line that it was, but for the name of the category.
        let blob = entry.append_line(0, &mut line).map_err(|error| cannot(&error))?;
        Ok(Some(Stored::new(&line, blob.map(|blob| blob.text))?))
    }
}

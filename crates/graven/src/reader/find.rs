//! Finds an entry by its id: from the newest segment backwards, without parsing lines as JSON.
//!
//! A line with that id begins with known bytes ([`beginning_with_id`]). Every line begins after a newline, and no line
//! contains one.

use std::io;
use std::sync::Arc;

use graven_core::line::glance::beginning_with_id;
use memchr::memmem::Finder;
use memchr::memrchr;

use super::lines::Lines;
use super::segments::Part;
use super::{Reader, Record, cannot};
use crate::error::Error;
use crate::files::durable;
use crate::seam::disk::File;

/// The bytes that are searched at a time.
const CHUNK_BYTES: u64 = 1 << 20;

/// The newest entry with an id.
pub(super) fn newest(reader: &Reader, id: &str) -> Result<Option<Record>, Error> {
    let begin = [b"\n", &*beginning_with_id(id)].concat();
    let segments = reader.segments()?;
    for part in segments.parts.iter().rev() {
        let Some(file) = reader.open_part(part)? else {
            continue;
        };
        let found = last_line_beginning(&file, &begin).map_err(|error| cannot("read", &part.path, error))?;
        if let Some(offset) = found {
            return record_at(reader, part, file, offset);
        }
    }
    Ok(None)
}

/// The line at an offset, with its index.
fn record_at(
    reader: &Reader,
    part: &Part,
    file: Arc<dyn File>,
    offset: u64,
) -> Result<Option<Record>, Error> {
    let line = reader
        .indexed(part, &file, |index| index.lines_before(&*file, offset, part.settled_bytes(&file)?))?;
    let mut lines = Lines::at(file, part.path.clone(), offset);
    let complete = lines.advance()?;
    Ok(complete.then(|| Record { index: part.first + line, line: lines.line().to_vec() }))
}

/// The offset of the last complete line that begins with the bytes after `begin`'s newline.
fn last_line_beginning(file: &Arc<dyn File>, begin: &[u8]) -> io::Result<Option<u64>> {
    let finder = Finder::new(begin);
    let complete = complete_bytes(file)?;
    let mut end = complete;
    let mut chunk = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(CHUNK_BYTES);
        // A match may begin in this chunk and end in the next one.
        read_range(file, start, (end + begin.len() as u64).min(complete), &mut chunk)?;
        if let Some(position) = finder.find_iter(&chunk).last() {
            return Ok(Some(start + position as u64 + 1));
        }
        if start == 0 && chunk.starts_with(&begin[1..]) {
            return Ok(Some(0));
        }
        end = start;
    }
    Ok(None)
}

/// The length of a file up to the end of its last complete line.
fn complete_bytes(file: &Arc<dyn File>) -> io::Result<u64> {
    let mut end = file.bytes()?;
    let mut chunk = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(CHUNK_BYTES);
        read_range(file, start, end, &mut chunk)?;
        if let Some(position) = memrchr(b'\n', &chunk) {
            return Ok(start + position as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn read_range(file: &Arc<dyn File>, start: u64, end: u64, chunk: &mut Vec<u8>) -> io::Result<()> {
    chunk.resize(usize::try_from(end - start).map_err(io::Error::other)?, 0);
    let read = durable::read_full_at(&**file, chunk, start)?;
    chunk.truncate(read);
    Ok(())
}

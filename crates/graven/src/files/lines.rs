//! A file of lines, read from its start to its end.
//!
//! For files that do not change. The readers have their own code, for files that grow meanwhile, and so has the
//! verifier, which hashes in place and on all cores.

use std::io;
use std::ops::{ControlFlow, Range};

use super::durable;
use crate::seam::disk::File;

/// How much is read at a time: 1 MiB. A line is shorter.
const BLOCK_BYTES: usize = 1 << 20;

/// Calls `call` with each block of a file and the offset where it begins, until told to stop.
pub(crate) fn each_block<B>(
    file: &dyn File,
    mut call: impl FnMut(u64, &[u8]) -> ControlFlow<B>,
) -> io::Result<ControlFlow<B>> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut offset = 0;
    loop {
        let read = durable::read_full_at(file, &mut block, offset)?;
        if read == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        if let ControlFlow::Break(stop) = call(offset, &block[..read]) {
            return Ok(ControlFlow::Break(stop));
        }
        offset += read as u64;
    }
}

/// Calls `call` with each complete line of a file, without its newline, until told to stop. Ends before a line that is
/// longer than a block: no line of a trail is.
pub(crate) fn each_line<B>(
    file: &dyn File,
    mut call: impl FnMut(&[u8]) -> ControlFlow<B>,
) -> io::Result<ControlFlow<B>> {
    let mut buffer = vec![0; BLOCK_BYTES];
    // `buffer[..kept]` is the beginning of a line whose end was not read yet.
    let (mut offset, mut kept) = (0, 0);
    while kept < buffer.len() {
        let read = durable::read_full_at(file, &mut buffer[kept..], offset)?;
        if read == 0 {
            break;
        }
        offset += read as u64;
        let end = kept + read;
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', &buffer[..end]) {
            if let ControlFlow::Break(stop) = call(&buffer[start..newline]) {
                return Ok(ControlFlow::Break(stop));
            }
            start = newline + 1;
        }
        buffer.copy_within(start..end, 0);
        kept = end - start;
    }
    Ok(ControlFlow::Continue(()))
}

/// Calls `each` with the offset of every newline in a part of a file, until it returns `false`.
pub(crate) fn each_newline(
    file: &dyn File,
    range: Range<u64>,
    mut each: impl FnMut(u64) -> bool,
) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    let mut at = range.start;
    while at < range.end {
        let want = buffer.len().min(usize::try_from(range.end - at).unwrap_or(usize::MAX));
        let read = durable::read_full_at(file, &mut buffer[..want], at)?;
        if read == 0 || !memchr::memchr_iter(b'\n', &buffer[..read]).all(|newline| each(at + newline as u64))
        {
            break;
        }
        at += read as u64;
    }
    Ok(())
}

#[cfg(test)]
#[cfg(feature = "sim")]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::seam::disk::sim::SimDisk;
    use crate::seam::disk::{Disk, Open};

    /// The lines that are seen of a file with these bytes, at most `limit`.
    fn lines(bytes: &[u8], limit: usize) -> Vec<Vec<u8>> {
        let disk = SimDisk::new();
        let file = disk.open(Path::new("/f"), Open::Create).unwrap();
        durable::write_all_at(&*file, bytes, 0).unwrap();
        let mut seen = Vec::new();
        let ended = each_line(&*file, |line| {
            seen.push(line.to_vec());
            if seen.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(ended.unwrap().is_break(), seen.len() == limit);
        seen
    }

    #[test]
    fn complete_lines_are_seen_until_the_caller_stops() {
        assert_eq!(lines(b"", 9), [b""; 0]);
        assert_eq!(lines(b"a\n\nbc\nrest", 9), [&b"a"[..], b"", b"bc"]);
        assert_eq!(lines(b"a\nb\nc\n", 2), [b"a", b"b"]);
    }

    #[test]
    fn a_line_may_span_blocks_and_one_that_is_too_long_ends_it() {
        let long = vec![b'x'; BLOCK_BYTES - 2];
        let file = [b"a\n", &long[..], b"\nb\n"].concat();
        assert_eq!(lines(&file, 9), [&b"a"[..], &long[..], b"b"]);
        let file = [b"a\n", &[b'x'; BLOCK_BYTES][..], b"\nb\n"].concat();
        assert_eq!(lines(&file, 9), [b"a"]);
    }
}

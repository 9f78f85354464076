//! The last lines of a trail, read backwards: what fills the ring when a trail is opened.

use std::io;
use std::path::Path;

use super::durable;
use crate::seam::disk::{Disk, Open};

/// How much is read at a time.
const BLOCK_BYTES: u64 = 1 << 20;

/// Lines laid end to end, each with its newline.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) bytes: Vec<u8>,
    /// Where each line ends in `bytes`, newline included.
    pub(crate) ends: Vec<u32>,
}

/// The last `limit` complete lines of these files together; `files` are in the order of the log.
/// At most 4 GiB of lines, which is far more than a ring should hold.
pub(crate) fn last_lines(disk: &dyn Disk, files: &[impl AsRef<Path>], limit: usize) -> io::Result<Lines> {
    let mut tails = Vec::new();
    let mut wanted = limit;
    for path in files.iter().rev() {
        if wanted == 0 {
            break;
        }
        let tail = last_of_file(disk, path.as_ref(), wanted)?;
        wanted -= memchr::memchr_iter(b'\n', &tail).count();
        tails.push(tail);
    }
    let mut lines = Lines::default();
    for tail in tails.into_iter().rev() {
        lines.bytes.extend(tail);
    }
    lines.bytes.truncate(u32::MAX as usize);
    lines.ends = memchr::memchr_iter(b'\n', &lines.bytes)
        .map(|at| u32::try_from(at + 1).expect("cut to 4 GiB above"))
        .collect();
    Ok(lines)
}

/// The bytes of the last `limit` complete lines of a file.
fn last_of_file(disk: &dyn Disk, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let file = disk.open(path, Open::Read)?;
    let mut start = file.bytes()?;
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    // One newline more than lines: the one before the first wanted line.
    let mut newlines = 0;
    while start > 0 && newlines <= limit {
        let bytes = start.min(BLOCK_BYTES);
        start -= bytes;
        let mut block = vec![0; usize::try_from(bytes).expect("a block is 1 MiB")];
        durable::read_full_at(&*file, &mut block, start)?;
        newlines += memchr::memchr_iter(b'\n', &block).count();
        blocks.push(block);
    }
    let mut bytes: Vec<u8> = blocks.into_iter().rev().flatten().collect();
    let end = memchr::memrchr(b'\n', &bytes).map_or(0, |at| at + 1);
    bytes.truncate(end);
    // The end of the line before the first wanted one; everything is wanted when there is none.
    let cut = memchr::memrchr_iter(b'\n', &bytes).nth(limit).map_or(0, |at| at + 1);
    Ok(bytes.split_off(cut))
}

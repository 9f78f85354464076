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

/// The last complete lines of these files together, at most `limit`, and about `bytes_max` bytes of them; `files` are in
/// the order of the log. At most 4 GiB of lines, which is far more than a ring should hold.
pub(crate) fn last_lines(
    disk: &dyn Disk,
    files: &[impl AsRef<Path>],
    limit: usize,
    bytes_max: usize,
) -> io::Result<Lines> {
    let mut tails = Vec::new();
    let (mut wanted, mut bytes_left) = (limit, bytes_max.min(u32::MAX as usize));
    for path in files.iter().rev() {
        if wanted == 0 || bytes_left == 0 {
            break;
        }
        let tail = last_of_file(disk, path.as_ref(), wanted, bytes_left)?;
        wanted -= memchr::memchr_iter(b'\n', &tail.lines).count();
        bytes_left = if tail.whole { bytes_left.saturating_sub(tail.lines.len()) } else { 0 };
        tails.push(tail.lines);
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

/// The last lines of one file.
struct Tail {
    lines: Vec<u8>,
    /// Whether no line before them was left out because of its bytes.
    whole: bool,
}

/// The last complete lines of a file, at most `limit`. Stops when `bytes_max` bytes were read.
fn last_of_file(disk: &dyn Disk, path: &Path, limit: usize, bytes_max: usize) -> io::Result<Tail> {
    let file = disk.open(path, Open::Read)?;
    let mut start = file.bytes()?;
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    // One newline more than lines: the one before the first wanted line.
    let (mut newlines, mut read) = (0, 0);
    while start > 0 && newlines <= limit && read <= bytes_max {
        let bytes = start.min(BLOCK_BYTES);
        start -= bytes;
        let mut block = vec![0; usize::try_from(bytes).expect("a block is 1 MiB")];
        durable::read_full_at(&*file, &mut block, start)?;
        newlines += memchr::memchr_iter(b'\n', &block).count();
        read += block.len();
        blocks.push(block);
    }
    let whole = start == 0 || newlines > limit;
    let mut bytes: Vec<u8> = blocks.into_iter().rev().flatten().collect();
    let end = memchr::memrchr(b'\n', &bytes).map_or(0, |at| at + 1);
    bytes.truncate(end);
    // The end of the line before the first wanted one. Without one everything is wanted, but for a line that began
    // before what was read.
    let before = memchr::memrchr_iter(b'\n', &bytes).nth(limit);
    let before = before.or_else(|| if start > 0 { memchr::memchr(b'\n', &bytes) } else { None });
    let cut = before.map_or(0, |at| at + 1);
    Ok(Tail { lines: bytes.split_off(cut), whole })
}

#[cfg(test)]
#[cfg(feature = "sim")]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::seam::disk::sim::SimDisk;

    #[test]
    fn the_newest_lines_are_read_and_no_more_than_their_bytes() {
        let disk = SimDisk::new();
        let line = |number: usize| format!("{number:0>59999}\n");
        let files: Vec<PathBuf> = ["/a", "/b", "/c"].map(PathBuf::from).to_vec();
        for (place, path) in files.iter().enumerate() {
            let text: String = (0..100).map(|number| line(place * 100 + number)).collect();
            durable::write_whole(&disk, path, text.as_bytes()).unwrap();
        }
        let read = |limit, bytes_max| last_lines(&disk, &files, limit, bytes_max).unwrap();
        assert_eq!(read(2, usize::MAX).bytes, [line(298), line(299)].concat().into_bytes());
        assert_eq!(read(150, usize::MAX).ends.len(), 150);
        assert_eq!(read(1_000, usize::MAX).ends.len(), 300);
        assert!(read(0, usize::MAX).bytes.is_empty() && read(9, 0).bytes.is_empty());
        for bytes_max in [1, 60_000, 1 << 20, 5 << 20, 8 << 20] {
            let lines = read(1_000, bytes_max);
            assert!(lines.bytes.len() <= bytes_max + 2 * BLOCK_BYTES as usize, "{bytes_max}");
            assert!(lines.bytes.len() + 60_000 > bytes_max, "{bytes_max}: {}", lines.bytes.len());
            assert!(lines.bytes.ends_with(line(299).as_bytes()));
            assert!(lines.bytes.starts_with(line(300 - lines.ends.len()).as_bytes()), "whole lines");
        }
    }
}

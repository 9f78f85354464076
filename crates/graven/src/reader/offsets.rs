//! Finds the byte where a line begins: counts the newlines of each block of a file once.
//!
//! It keeps eight bytes for each 64 KiB of log. To find an index, it reads one block.

use std::io;

use memchr::memchr_iter;

use crate::files::durable;
use crate::seam::disk::File;

/// The bytes of a block.
pub(super) const BLOCK_BYTES: u64 = 64 << 10;

/// The bytes before the end of the newest block that show whether it is still the same one.
const MARK_BYTES: u64 = 1 << 10;

/// The newline counts of one file, block by block. Grows when it is asked.
///
/// Each question says how many of the file's first bytes are settled. A recovery may still cut off the blocks behind them
/// and write others, so these are remembered apart, and forgotten when their end is another one.
#[derive(Debug, Default)]
pub(super) struct LineIndex {
    /// For each settled block: the newlines from the start of the file to the end of the block.
    newlines: Vec<u64>,
    unsettled: Unsettled,
}

/// The counts of the blocks behind the settled ones.
#[derive(Debug, Default)]
struct Unsettled {
    newlines: Vec<u64>,
    /// The last bytes of the last one of them. A file that was cut differs from there on: what was written then has these
    /// bytes nowhere else than where they were.
    mark: Vec<u8>,
}

impl LineIndex {
    /// Forgets blocks past the end of the file, which may have become shorter.
    pub(super) fn forget_past(&mut self, bytes: u64) {
        let blocks = to_usize(bytes / BLOCK_BYTES);
        if self.blocks() > blocks {
            self.unsettled = Unsettled::default();
        }
        self.newlines.truncate(blocks);
    }

    /// The offset of line `line` (from 0), which begins after `line` newlines. `None` when there are fewer.
    pub(super) fn offset_of(&mut self, file: &dyn File, line: u64, settled: u64) -> io::Result<Option<u64>> {
        if line == 0 {
            return Ok(Some(0));
        }
        if let Some((known, offset)) = file.line_known(line) {
            return offset_after(file, offset, line - known);
        }
        self.settle(file, settled)?;
        // The block that holds newline number `line`: the first one at whose end the count reaches `line`.
        let is_before = |newlines: &u64| *newlines < line;
        let mut number = self.newlines.partition_point(is_before) as u64;
        if number == self.newlines.len() as u64 {
            number += self.unsettled.newlines.partition_point(is_before) as u64;
        }
        let mut newlines = self.newlines_before(number);
        let mut block = Vec::new();
        loop {
            read_block(file, number, BLOCK_BYTES, &mut block)?;
            if let Some(position) = memchr_iter(b'\n', &block).nth(to_usize(line - newlines - 1)) {
                return Ok(Some(number * BLOCK_BYTES + position as u64 + 1));
            }
            if (block.len() as u64) < BLOCK_BYTES {
                return Ok(None);
            }
            newlines += count(&block);
            self.remember(number, newlines, &block, settled);
            number += 1;
        }
    }

    /// The newlines before an offset, or in the whole file when it ends before that.
    pub(super) fn lines_before(&mut self, file: &dyn File, offset: u64, settled: u64) -> io::Result<u64> {
        self.settle(file, settled)?;
        let offset = offset.min(file.bytes()?);
        let mut number = (offset / BLOCK_BYTES).min(self.blocks() as u64);
        let mut newlines = self.newlines_before(number);
        let mut block = Vec::new();
        while number * BLOCK_BYTES < offset {
            read_block(file, number, (offset - number * BLOCK_BYTES).min(BLOCK_BYTES), &mut block)?;
            newlines += count(&block);
            if block.len() as u64 == BLOCK_BYTES {
                self.remember(number, newlines, &block, settled);
            }
            number += 1;
        }
        Ok(newlines)
    }

    /// How many blocks are remembered.
    fn blocks(&self) -> usize {
        self.newlines.len() + self.unsettled.newlines.len()
    }

    /// The newlines before a block. All blocks before it must be remembered.
    fn newlines_before(&self, block: u64) -> u64 {
        let Some(last) = block.checked_sub(1).map(to_usize) else { return 0 };
        match last.checked_sub(self.newlines.len()) {
            None => self.newlines[last],
            Some(unsettled) => self.unsettled.newlines[unsettled],
        }
    }

    /// Forgets the unsettled blocks if they are other ones now. Those that are settled now are kept for good.
    fn settle(&mut self, file: &dyn File, settled: u64) -> io::Result<()> {
        if self.unsettled.newlines.is_empty() {
            return Ok(());
        }
        let mut mark = vec![0; self.unsettled.mark.len()];
        let start = self.blocks() as u64 * BLOCK_BYTES - mark.len() as u64;
        let read = durable::read_full_at(file, &mut mark, start)?;
        if mark[..read] != self.unsettled.mark {
            self.unsettled = Unsettled::default();
            return Ok(());
        }
        let now =
            to_usize((settled / BLOCK_BYTES).min(self.blocks() as u64)).saturating_sub(self.newlines.len());
        self.newlines.extend(self.unsettled.newlines.drain(..now));
        Ok(())
    }

    fn remember(&mut self, number: u64, newlines: u64, block: &[u8], settled: u64) {
        if number != self.blocks() as u64 {
            return;
        }
        if (number + 1) * BLOCK_BYTES <= settled {
            self.newlines.push(newlines);
        } else {
            self.unsettled.newlines.push(newlines);
            self.unsettled.mark = block[block.len() - MARK_BYTES as usize..].to_vec();
        }
    }
}

/// Reads the first `bytes` of a block, or fewer when the file ends before.
fn read_block(file: &dyn File, number: u64, bytes: u64, block: &mut Vec<u8>) -> io::Result<()> {
    block.resize(to_usize(bytes), 0);
    let read = durable::read_full_at(file, block, number * BLOCK_BYTES)?;
    block.truncate(read);
    Ok(())
}

fn count(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}

/// The offset of the line that begins `lines` lines after the one at `offset`; `None` when there are fewer.
fn offset_after(file: &dyn File, offset: u64, lines: u64) -> io::Result<Option<u64>> {
    let (mut at, mut left) = (offset, lines);
    let mut block = vec![0; to_usize(BLOCK_BYTES)];
    while left > 0 {
        let read = durable::read_full_at(file, &mut block, at)?;
        match memchr_iter(b'\n', &block[..read]).nth(to_usize(left - 1)) {
            Some(position) => return Ok(Some(at + position as u64 + 1)),
            None if (read as u64) < BLOCK_BYTES => return Ok(None),
            None => left -= count(&block[..read]),
        }
        at += read as u64;
    }
    Ok(Some(at))
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).expect("blocks and lines of one file fit the address space")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seam::disk::{Disk, Open, OsDisk};

    /// Lines of many lengths, over several blocks, and where each begins.
    fn lines() -> (Vec<u8>, Vec<u64>) {
        let (mut bytes, mut begins) = (Vec::new(), Vec::new());
        for number in 0..4_000_u64 {
            begins.push(bytes.len() as u64);
            let length = if number % 97 == 0 { 9_000 } else { number % 251 };
            bytes.resize(bytes.len() + length as usize, b'x');
            bytes.push(b'\n');
        }
        (bytes, begins)
    }

    #[test]
    fn each_line_is_found_whatever_was_asked_before() {
        let folder = tempfile::tempdir().unwrap();
        let (mut bytes, begins) = lines();
        let end = bytes.len() as u64;
        bytes.extend_from_slice(b"half a line");
        let file = OsDisk.open(&folder.path().join("f"), Open::CreateNew).unwrap();
        durable::write_all_at(&*file, &bytes, 0).unwrap();
        for settled in [0, BLOCK_BYTES, BLOCK_BYTES + 7, u64::MAX] {
            let mut warm = LineIndex::default();
            for line in (0..begins.len()).rev().step_by(37).chain(0..10) {
                let expected = Some(begins[line]);
                assert_eq!(warm.offset_of(&*file, line as u64, settled).unwrap(), expected);
                assert_eq!(LineIndex::default().offset_of(&*file, line as u64, settled).unwrap(), expected);
                assert_eq!(warm.lines_before(&*file, begins[line], settled).unwrap(), line as u64);
            }
            let count = begins.len() as u64;
            assert_eq!(
                warm.offset_of(&*file, count, settled).unwrap(),
                Some(end),
                "where the next will begin"
            );
            assert_eq!(warm.offset_of(&*file, count + 1, settled).unwrap(), None);
            assert_eq!(warm.lines_before(&*file, u64::MAX, settled).unwrap(), count);
            assert!(warm.newlines.len() as u64 * BLOCK_BYTES <= settled);
        }
    }

    #[test]
    fn a_file_cut_and_written_anew_is_counted_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, _) = lines();
        let file = OsDisk.open(&folder.path().join("f"), Open::CreateNew).unwrap();
        durable::write_all_at(&*file, &bytes, 0).unwrap();
        let mut index = LineIndex::default();
        index.lines_before(&*file, u64::MAX, u64::MAX).unwrap();
        file.set_bytes(BLOCK_BYTES + 5).unwrap();
        index.forget_past(BLOCK_BYTES + 5);
        let expected = count(&bytes[..BLOCK_BYTES as usize + 5]);
        assert_eq!(index.lines_before(&*file, u64::MAX, u64::MAX).unwrap(), expected);
    }

    #[test]
    fn unsettled_blocks_are_read_once_and_counted_anew_when_others_stand_there() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, begins) = lines();
        let file = OsDisk.open(&folder.path().join("f"), Open::CreateNew).unwrap();
        durable::write_all_at(&*file, &bytes, 0).unwrap();
        let mut index = LineIndex::default();
        let count_all = |index: &mut LineIndex, settled| {
            index.forget_past(file.bytes().unwrap());
            index.lines_before(&*file, u64::MAX, settled).unwrap()
        };
        assert_eq!(count_all(&mut index, BLOCK_BYTES), count(&bytes));
        let blocks = bytes.len() / BLOCK_BYTES as usize;
        assert!(blocks >= 3 && index.newlines.len() == 1 && index.blocks() == blocks);
        assert_eq!(count_all(&mut index, 2 * BLOCK_BYTES), count(&bytes));
        assert_eq!((index.newlines.len(), index.blocks()), (2, blocks));
        // Cut, and more written than there was, before it is asked again.
        let cut = 2 * BLOCK_BYTES + 5;
        file.set_bytes(cut).unwrap();
        let other = b"another line\n".repeat(bytes.len() / 12);
        durable::write_all_at(&*file, &other, cut).unwrap();
        let now = [&bytes[..cut as usize], &other].concat();
        let line = begins.len() as u64 - 1;
        assert_eq!(index.offset_of(&*file, line, BLOCK_BYTES).unwrap(), {
            memchr_iter(b'\n', &now).nth(line as usize - 1).map(|position| position as u64 + 1)
        });
        assert_eq!(count_all(&mut index, BLOCK_BYTES), count(&now));
        assert_eq!(count_all(&mut LineIndex::default(), BLOCK_BYTES), count(&now));
    }
}

//! Finds out whether only line ends were changed, as git with `autocrlf` does it: every LF became CR LF.
//!
//! The trail is looked at once more, through a disk that reads each CR LF as LF. No file of a trail has a CR LF of its
//! own, except the hashes in `tiles/`, which are read as they are.

use std::io;
use std::sync::Arc;

use super::snapshot::if_there;
use crate::files::durable;
use crate::files::layout::Layout;
use crate::seam::disk::{Disk, File, FileId, Open};

/// How much of a file is searched for a CR LF: more than its first line.
const BEGINNING_BYTES: usize = 128 << 10;

/// Part of a file whose CR LFs are counted together.
const BLOCK_BYTES: u64 = 64 << 10;

/// Whether one of the files that every trail has begins with a line that ends in CR LF.
pub(super) fn may_be_changed(disk: &dyn Disk, layout: &Layout) -> io::Result<bool> {
    for path in [layout.meta(), layout.checkpoint(), layout.live().to_owned()] {
        if let Some(file) = if_there(disk.open(&path, Open::Read))? {
            let mut beginning = vec![0; BEGINNING_BYTES];
            let read = durable::read_full_at(&*file, &mut beginning, 0)?;
            let end = memchr::memchr(b'\n', &beginning[..read]);
            if end.is_some_and(|end| beginning[..end].ends_with(b"\r")) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// A file, read without the CR of each CR LF.
#[derive(Debug)]
pub(super) struct PlainFile {
    file: Arc<dyn File>,
    /// For each block of [`BLOCK_BYTES`]: where it begins when it is read so. One more than there are blocks.
    starts: Vec<u64>,
}

impl PlainFile {
    /// Reads the whole file once, to know where its lines are.
    pub(super) fn new(file: Arc<dyn File>) -> io::Result<PlainFile> {
        let mut starts = vec![0];
        let mut at = 0;
        let bytes = file.bytes()?;
        while at < bytes {
            let kept = block(&*file, at)?.len() as u64;
            starts.push(starts.last().expect("it begins with one") + kept);
            at += BLOCK_BYTES;
        }
        Ok(PlainFile { file, starts })
    }
}

/// The bytes of one block, without the CR of each CR LF.
fn block(file: &dyn File, start: u64) -> io::Result<Vec<u8>> {
    // With the byte after it: an LF there belongs to a CR at the end.
    let mut bytes = vec![0; BLOCK_BYTES as usize + 1];
    let read = durable::read_full_at(file, &mut bytes, start)?;
    let own = read.min(BLOCK_BYTES as usize);
    let is_kept = |place: &usize| bytes[*place] != b'\r' || bytes[..read].get(place + 1) != Some(&b'\n');
    Ok((0..own).filter(is_kept).map(|place| bytes[place]).collect())
}

impl File for PlainFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let number = self.starts.partition_point(|start| *start <= offset) - 1;
        if number + 1 == self.starts.len() {
            return Ok(0);
        }
        let bytes = block(&*self.file, number as u64 * BLOCK_BYTES)?;
        let skipped = usize::try_from(offset - self.starts[number]).map_err(io::Error::other)?;
        let bytes = bytes.get(skipped..).unwrap_or_default();
        let read = bytes.len().min(buffer.len());
        buffer[..read].copy_from_slice(&bytes[..read]);
        Ok(read)
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(*self.starts.last().expect("it begins with one"))
    }

    fn id(&self) -> io::Result<FileId> {
        self.file.id()
    }

    // A verifier writes nothing: its disk refuses these calls before.

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.file.set_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::seam::disk::sim::SimDisk;

    #[test]
    fn each_cr_before_an_lf_is_left_out_wherever_the_blocks_end() {
        let disk = SimDisk::new();
        for shift in [0, 1, 2] {
            let mut stored = vec![b'x'; BLOCK_BYTES as usize - shift];
            stored.extend_from_slice(b"\r\n\r\r\nab\rc\n\r");
            let mut plain = vec![b'x'; BLOCK_BYTES as usize - shift];
            plain.extend_from_slice(b"\n\r\nab\rc\n\r");
            let path = Path::new("/file");
            durable::write_whole(&disk, path, &stored).unwrap();
            let file = PlainFile::new(disk.open(path, Open::Read).unwrap()).unwrap();
            assert_eq!(file.bytes().unwrap(), plain.len() as u64);
            for offset in [0, 10, plain.len() - 12, plain.len() - 3, plain.len(), plain.len() + 5] {
                let mut read = vec![0; 70_000];
                let end = durable::read_full_at(&file, &mut read, offset as u64).unwrap();
                assert_eq!(&read[..end], plain.get(offset..).unwrap_or_default(), "{shift} {offset}");
            }
        }
    }
}

//! The leaf hashes of entries that are not sealed yet: known, or computed from the lines; and whether `tiles/` has them.

use std::io;
use std::ops::Range;

use graven_core::hash::{Hash, leaf_hash};

use super::shared::Engine;
use super::unsealed::{Lines, Part, Unsealed};
use crate::error::Error;
use crate::files::durable;
use crate::reader::hashes::Hashes;
use crate::seam::disk::File;

/// Lines that were read, each with its newline, and where each ends.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) lines: Vec<u8>,
    pub(super) ends: Vec<u32>,
}

impl Engine {
    /// Reads durable lines, into a buffer that may have held others. Fewer than `bytes` if the last of them ends elsewhere.
    /// There may be at most 1 MiB.
    pub(super) fn read_lines(
        &self,
        file: &dyn File,
        bytes: Range<u64>,
        buffer: Vec<u8>,
    ) -> Result<Read, Error> {
        let wanted = usize::try_from(bytes.end - bytes.start).expect("at most 1 MiB");
        let mut lines = buffer;
        lines.resize(wanted, 0);
        let read = durable::read_full_at(file, &mut lines, bytes.start)
            .map_err(|source| Error::cannot("read", self.layout.live(), source))?;
        if read < lines.len() {
            return Err(self.lost_end(bytes.start + read as u64, bytes.end));
        }
        let ends: Vec<u32> = memchr::memchr_iter(b'\n', &lines)
            .map(|at| u32::try_from(at + 1).expect("at most 1 MiB is read at a time"))
            .collect();
        let Some(&end) = ends.last() else {
            let what = format!("no line ends after byte {} of its live file", bytes.start);
            return Err(self.contradicted(&what));
        };
        lines.truncate(end as usize);
        Ok(Read { lines, ends })
    }

    /// Reads lines of other processes of which only the place was known. Refuses another number of lines than `LOCK`
    /// said.
    pub(super) fn read_passed(&self, passed: &Lines, buffer: Vec<u8>) -> Result<Read, Error> {
        let Lines { file, bytes, count, .. } = passed;
        let read = self.read_lines(&**file, bytes.clone(), buffer)?;
        if read.ends.len() as u64 != *count || read.lines.len() as u64 != bytes.end - bytes.start {
            let what = format!(
                "its live file has {} lines in the bytes {} to {}, and `LOCK` counted {count}",
                read.ends.len(),
                bytes.start,
                bytes.end
            );
            return Err(self.contradicted(&what));
        }
        Ok(read)
    }

    /// The leaf hashes. Those of other processes' lines are computed.
    pub(super) fn computed_leaves(&self, unsealed: &Unsealed) -> Result<Vec<Hash>, Error> {
        let (mut leaves, mut buffer) = (Vec::new(), Vec::new());
        for part in unsealed.parts() {
            match part {
                Part::Hashes(hashes) => leaves.extend_from_slice(hashes),
                Part::Lines(lines) => {
                    let read = self.read_passed(lines, buffer)?;
                    let meant = lines.meant.start as usize..lines.meant.end as usize;
                    leaves.extend(read.each().skip(meant.start).take(meant.len()).map(leaf_hash));
                    buffer = read.lines;
                }
            }
        }
        Ok(leaves)
    }

    /// Whether the stored hashes of a tree have, for each entry of which this process knows the leaf hash, that hash. The
    /// entries begin at the index `first`.
    pub(super) fn stored_as_known(
        &self,
        unsealed: &Unsealed,
        first: u64,
        stored: &mut Hashes,
    ) -> io::Result<bool> {
        let mut begin = first;
        for part in unsealed.parts() {
            let end = begin + part.len();
            if let Part::Hashes(known) = part
                && stored.read(0, begin, end)? != *known
            {
                return Ok(false);
            }
            begin = end;
        }
        Ok(true)
    }
}

impl Read {
    /// The lines without their newlines.
    fn each(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.lines[start as usize..end as usize - 1])
    }
}

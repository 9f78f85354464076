//! The blobs that entries name: whether they are there, with the right bytes.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use graven_core::entry::BlobRef;
use graven_core::hash::Hash;
use graven_core::line::glance::{BLOB_KEY, Glance};
use graven_core::tile::ENTRY_BYTES_MAX;
use graven_core::verdict::Verdict;
use memchr::memmem::Finder;
use sha2::{Digest, Sha256};

use super::piece::Chunk;
use crate::files::durable;
use crate::files::layout::Layout;
use crate::seam::disk::{Disk, NotAFile, Open};

/// Checks blobs, each of them once.
#[derive(Debug)]
pub(super) struct Blobs {
    disk: Arc<dyn Disk>,
    layout: Layout,
    finder: Finder<'static>,
    /// What was found of each blob that lines name. It is remembered for all of them: one that is read again for each line
    /// would make the work grow with lines times bytes.
    checked: Mutex<HashMap<BlobRef, Option<What>>>,
    /// The bytes of the lines that were looked at, for a test that they are each looked at once.
    #[cfg(test)]
    looked_at: std::sync::atomic::AtomicUsize,
}

/// What is wrong with a blob, without its name.
type What = (Verdict, &'static str);

/// What is wrong with a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) verdict: Verdict,
    pub(super) file: String,
    pub(super) message: &'static str,
}

/// A problem with a blob that an entry names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlobProblem {
    pub(super) piece: usize,
    /// The number of the line in its piece.
    pub(super) line: u64,
    pub(super) problem: Problem,
}

impl Blobs {
    pub(super) fn new(disk: Arc<dyn Disk>, layout: Layout) -> Blobs {
        Blobs {
            disk,
            layout,
            finder: Finder::new(BLOB_KEY),
            checked: Mutex::default(),
            #[cfg(test)]
            looked_at: Default::default(),
        }
    }

    /// Checks the blobs that the lines of a chunk name; `first_line` is the number of its first line in the piece.
    pub(super) fn check_chunk(
        &self,
        piece: usize,
        first_line: u64,
        chunk: &Chunk,
    ) -> io::Result<Vec<BlobProblem>> {
        let mut problems = Vec::new();
        let end = chunk.ends.last().map_or(0, |end| *end as usize);
        // A line names one blob at most, so it is looked at once, however many markers are in its texts.
        let mut looked_until = 0;
        for place in self.finder.find_iter(&chunk.buffer[..end]) {
            if place < looked_until {
                continue;
            }
            let Some((number, line)) = chunk.line_at(place) else {
                continue;
            };
            looked_until = chunk.ends[number] as usize;
            if let Some(problem) = self.check_line(line)? {
                problems.push(BlobProblem { piece, line: first_line + number as u64, problem });
            }
        }
        Ok(problems)
    }

    /// Checks the blob that a line names, if it names one.
    fn check_line(&self, line: &[u8]) -> io::Result<Option<Problem>> {
        #[cfg(test)]
        self.looked_at.fetch_add(line.len(), std::sync::atomic::Ordering::Relaxed);
        if line.len() > ENTRY_BYTES_MAX {
            return Ok(None);
        }
        match Glance::at(line).and_then(Glance::blob) {
            Some(blob) => self.check(blob),
            None => Ok(None),
        }
    }

    fn check(&self, blob: BlobRef) -> io::Result<Option<Problem>> {
        let known = self.checked().get(&blob).copied();
        let what = match known {
            Some(known) => known,
            None => {
                let found = self.look_at(&blob)?;
                self.checked().insert(blob, found);
                found
            }
        };
        Ok(what.map(|(verdict, message)| {
            let file = format!("blobs/{}", blob.sha256.to_hex());
            Problem { verdict, file, message }
        }))
    }

    fn checked(&self) -> MutexGuard<'_, HashMap<BlobRef, Option<What>>> {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_at(&self, blob: &BlobRef) -> io::Result<Option<What>> {
        let problem = |verdict, message| Ok(Some((verdict, message)));
        let file = match self.disk.open(&self.layout.blob(&blob.sha256.to_hex()), Open::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return problem(Verdict::Missing, "the large detail of this entry is not there");
            }
            Err(error) if NotAFile::of(&error).is_some() => {
                return problem(
                    Verdict::Missing,
                    "something that is not a regular file is in the place of the large detail of this entry",
                );
            }
            Err(error) => return Err(error),
        };
        if file.bytes()? != blob.bytes {
            return problem(
                Verdict::Altered,
                "the large detail of this entry has another length than was recorded",
            );
        }
        let (mut hasher, mut at) = (Sha256::new(), 0);
        let mut buffer = vec![0; 64 << 10];
        loop {
            match durable::read_full_at(&*file, &mut buffer, at)? {
                0 => break,
                read => {
                    hasher.update(&buffer[..read]);
                    at += read as u64;
                }
            }
        }
        if Hash::from_bytes(hasher.finalize().into()) == blob.sha256 {
            return Ok(None);
        }
        problem(Verdict::Altered, "the large detail of this entry is not the one that was recorded")
    }
}

#[cfg(test)]
#[cfg(feature = "sim")]
mod tests {
    use std::path::Path;
    use std::sync::atomic::Ordering;

    use super::super::piece::{Piece, Source};
    use super::*;
    use crate::seam::disk::sim::SimDisk;

    /// How many bytes of lines are looked at in a file.
    fn looked_at(text: &str) -> usize {
        let disk = SimDisk::new();
        durable::write_whole(&disk, Path::new("/f"), text.as_bytes()).unwrap();
        let file = disk.open(Path::new("/f"), Open::Read).unwrap();
        let bytes = text.len() as u64;
        let piece = Piece { source: Source::Open(file), name: "f".into(), first: 0, end: None, bytes };
        let blobs = Blobs::new(Arc::new(disk), Layout::in_dir("/"));
        let mut chunk = Chunk::default();
        chunk.read(&piece, 0, bytes).unwrap();
        assert_eq!(blobs.check_chunk(0, 0, &chunk).unwrap(), []);
        blobs.looked_at.load(Ordering::Relaxed)
    }

    #[test]
    fn a_line_full_of_markers_is_looked_at_once() {
        let marker = std::str::from_utf8(BLOB_KEY).unwrap();
        let line = |markers: usize| format!("{{\"id\":{}\n", marker.repeat(markers));
        for markers in [1, 100, 3_000] {
            assert_eq!(looked_at(&line(markers)), line(markers).len() - 1);
            let lines = line(markers).repeat(5) + "a line without\n";
            assert_eq!(looked_at(&lines), 5 * (line(markers).len() - 1));
        }
    }
}

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

impl Blobs {
    pub(super) fn new(disk: Arc<dyn Disk>, layout: Layout) -> Blobs {
        Blobs { disk, layout, finder: Finder::new(BLOB_KEY), checked: Mutex::default() }
    }

    /// Where in these bytes lines may name a blob.
    pub(super) fn markers(&self, bytes: &[u8]) -> impl Iterator<Item = usize> {
        self.finder.find_iter(bytes)
    }

    /// Checks the blob that a line names, if it names one.
    pub(super) fn check_line(&self, line: &[u8]) -> io::Result<Option<Problem>> {
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

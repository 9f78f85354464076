//! The leaf hashes that were stored when entries were sealed, to show beside an entry that it was changed since.

use graven_core::hash::Hash;

use super::{Hashes, Reader, Record};

/// The leaf hashes in `tiles/` of the entries under the checkpoint.
///
/// They prove nothing: who changes an entry can change its hash too. [`fsck::verify`](crate::fsck::verify) compares
/// both with what was signed.
#[derive(Debug)]
pub struct SealedHashes {
    hashes: Hashes,
    size: u64,
}

impl Reader {
    /// The leaf hashes of the entries that are sealed now; of none when the checkpoint cannot be read.
    pub fn sealed_hashes(&self) -> SealedHashes {
        let size = self.checkpoint().map_or(0, |(checkpoint, _)| checkpoint.size);
        SealedHashes { hashes: self.hashes(size), size }
    }
}

impl SealedHashes {
    /// The stored leaf hash of an entry, if it is not the hash of the line that is stored now: one of them was changed.
    /// `None` for an entry that is not sealed, and when no hash is stored for it.
    pub fn contradiction(&mut self, record: &Record) -> Option<Hash> {
        let index = record.index;
        if index >= self.size {
            return None;
        }
        // Hashes that are missing can be made again, and contradict nothing.
        let stored = self.hashes.read(0, index, index + 1).ok()?.pop()?;
        (stored != record.leaf_hash()).then_some(stored)
    }
}

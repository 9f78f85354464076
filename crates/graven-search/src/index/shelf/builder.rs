//! Gathers entries, one after the other.

use graven_core::hash::Hash;
use roaring::RoaringBitmap;

use super::{Candidates, SHELF_ENTRIES};
use crate::line::Line;
use crate::query::Query;

/// A shelf in the making. It also answers for the newest entries, which have no finished shelf yet.
#[derive(Debug)]
pub(crate) struct Builder {
    first: u64,
    len: u32,
}

impl Builder {
    /// Begins a shelf at a multiple of [`SHELF_ENTRIES`]. The seed is of its word hashes; it should be random.
    pub(crate) fn new(first: u64, seed: [u8; 16]) -> Builder {
        let _ = seed;
        assert!(first.is_multiple_of(SHELF_ENTRIES), "shelves are aligned");
        Builder { first, len: 0 }
    }

    /// Adds the next entry; `None` when it could not be read or decoded: it is always a candidate.
    pub(crate) fn push(&mut self, line: Option<&Line<'_>>) {
        let _ = line;
        assert!(u64::from(self.len) < SHELF_ENTRIES, "the shelf is full");
        self.len += 1;
    }

    /// The index of its first entry.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// How many entries it has.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Which of its entries may be hits: as the finished shelf will say.
    pub(crate) fn candidates(&self, query: &Query) -> Candidates {
        let _ = query;
        let mut entries = RoaringBitmap::new();
        entries.insert_range(0..self.len);
        Candidates { entries, sure: RoaringBitmap::new() }
    }

    /// The bytes of the shelf. The root is the hash of the tree over its entries.
    pub(crate) fn finish(self, root: Hash) -> Vec<u8> {
        let _ = root;
        Vec::new()
    }
}

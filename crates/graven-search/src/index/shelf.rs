//! A shelf: what 65,536 entries in a row have, so that a query can skip most of them. Bytes in, bytes out.

mod ask;
mod blocks;
mod builder;
mod bytes;
mod column;
mod entries;
mod error;
mod facts;
mod hash;
mod packed;
mod source;
#[cfg(test)]
mod tests;
mod tokens;
mod value;
mod words;
mod write;

use graven_core::hash::Hash;
use roaring::RoaringBitmap;

pub(crate) use builder::Builder;
pub(crate) use error::ShelfError;
pub(crate) use source::Source;

use crate::query::Query;

/// How many entries a shelf has: those of one hash of the tree's second level.
pub(crate) const SHELF_ENTRIES: u64 = 65_536;

/// How many entries in a row share the places of their words.
pub(crate) const BLOCK_ENTRIES: u32 = 64;

/// What a shelf says of a query. Entries are numbered from the first one of the shelf.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidates {
    /// Every entry that may be a hit: no hit is missing.
    pub(crate) entries: RoaringBitmap,
    /// Those of them that are hits without a look at their lines.
    pub(crate) sure: RoaringBitmap,
}

impl Candidates {
    /// Whether the candidates are the hits.
    pub(crate) fn is_exact(&self) -> bool {
        self.entries.len() == self.sure.len()
    }
}

/// A finished shelf. Of its file only what is needed is read, and each piece of it is checked.
#[derive(Debug)]
pub(crate) struct Shelf {
    _source: Source,
    first: u64,
    count: u32,
    root: Hash,
    digest: Hash,
}

impl Shelf {
    /// Reads the footer of a shelf's file.
    pub(crate) fn open(source: Source) -> Result<Shelf, ShelfError> {
        let _ = source;
        Err(ShelfError::NotAShelf)
    }

    /// The index of its first entry.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// How many entries it has.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The hash of the tree over its entries.
    pub(crate) fn root(&self) -> Hash {
        self.root
    }

    /// The hash of its footer, which has the hashes of all the rest.
    pub(crate) fn digest(&self) -> Hash {
        self.digest
    }

    /// Which of its entries may be hits.
    pub(crate) fn candidates(&self, query: &Query) -> Result<Candidates, ShelfError> {
        let _ = query;
        let mut entries = RoaringBitmap::new();
        entries.insert_range(0..self.count);
        Ok(Candidates { entries, sure: RoaringBitmap::new() })
    }
}

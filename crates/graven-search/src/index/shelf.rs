//! A shelf: what 65,536 entries in a row have, so that a query can skip most of them. Bytes in, bytes out.
//!
//! It has *columns*: the values of each field and of frequent paths of details, each with the entries that have it. And it
//! has *words*: hashes of the words and of pairs of neighbours in every text, each with the blocks of 64 entries that have
//! it. A shelf never lacks a hit. Where its columns know every value, they also say which entries surely are hits; words
//! only lead to lines, which are then read. docs/FORMAT.md has the bytes.

mod ask;
mod blocks;
mod builder;
mod bytes;
mod cache;
mod codes;
mod column;
mod count;
mod directory;
mod entries;
mod error;
mod events;
mod facts;
mod fuzzed;
mod hash;
mod keys;
mod packed;
mod pages;
mod read;
mod source;
#[cfg(test)]
mod tests;
mod tokens;
mod value;
mod words;
mod write;

use std::sync::{Arc, OnceLock};

use graven_core::hash::{Hash, sha256};
use roaring::RoaringBitmap;

pub(crate) use builder::Builder;
pub(crate) use cache::Cache;
pub(crate) use count::{facet, histogram, tally};
pub(crate) use error::ShelfError;
pub(crate) use events::Tally;
pub(crate) use facts::Facts;
pub use fuzzed::testing_only_ask_shelf;
pub(crate) use source::Source;

use crate::query::Query;
use bytes::Bytes;
use directory::Directory;
use hash::Seed;
use pages::{PAGE_BYTES, Pages};

/// How many entries a shelf has: those of one hash of the tree's second level.
pub const SHELF_ENTRIES: u64 = 65_536;

/// A shelf begins at a multiple of this: a full one at a multiple of [`SHELF_ENTRIES`], a small one of a test at any tile.
const ALIGNED: u64 = 256;

/// How many entries in a row share the places of their words.
pub(crate) const BLOCK_ENTRIES: u32 = 64;

/// The version of the bytes.
const VERSION: u32 = 1;

/// What every shelf ends with.
const MAGIC: &[u8; 8] = b"gr.shelf";

/// What follows the footer: its hash, its length, and [`MAGIC`].
const END_BYTES: u64 = 32 + 4 + 8;

/// What a footer has before the hashes of the pages: version, first, count, seed, root, directory, and length.
const FOOTER_HEAD_BYTES: usize = 4 + 8 + 4 + 16 + 32 + 8 + 8;

/// The most bytes of a footer: the hashes of 256 MiB.
const FOOTER_BYTES_MAX: u64 = 1 << 20;

/// What a shelf says of a query. Entries are numbered from the first one of the shelf.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidates {
    /// Every entry that may be a hit: no hit is missing.
    pub(crate) entries: RoaringBitmap,
    /// Those of them that are hits without a look at their lines.
    pub(crate) sure: RoaringBitmap,
}

/// A finished shelf. Of its file only what is needed is read, and each piece of it is checked.
#[derive(Debug)]
pub(crate) struct Shelf {
    first: u64,
    count: u32,
    seed: Seed,
    root: Hash,
    digest: Hash,
    pages: Pages,
    directory_place: std::ops::Range<u64>,
    /// Read when it is first asked for.
    directory: OnceLock<Directory>,
}

impl Shelf {
    /// Reads the footer of a shelf's file. Other pieces are kept in the cache once they were read.
    ///
    /// # Errors
    /// [`ShelfError`] says what is wrong: then the entries of the shelf are read one by one.
    pub(crate) fn open(source: Source, cache: &Arc<Cache>) -> Result<Shelf, ShelfError> {
        let len = source.len()?;
        let footer_end = len.checked_sub(END_BYTES).ok_or(ShelfError::NotAShelf)?;
        let mut end = [0; END_BYTES as usize];
        source.read(&mut end, footer_end)?;
        let mut end = Bytes::new(&end);
        let digest = Hash::from_bytes(end.array().ok_or(ShelfError::NotAShelf)?);
        let footer_len = end.array().map(u32::from_le_bytes).map(u64::from).ok_or(ShelfError::NotAShelf)?;
        let start = footer_end.checked_sub(footer_len);
        let start = start.filter(|_| end.rest == MAGIC && footer_len <= FOOTER_BYTES_MAX);
        let start = start.ok_or(ShelfError::NotAShelf)?;
        let mut footer = vec![0; footer_len as usize];
        source.read(&mut footer, start)?;
        if sha256(&footer) != digest {
            return Err(ShelfError::Damaged { offset: start });
        }
        Shelf::of_footer(&footer, digest, start, source, cache)
    }

    fn of_footer(
        footer: &[u8],
        digest: Hash,
        start: u64,
        source: Source,
        cache: &Arc<Cache>,
    ) -> Result<Shelf, ShelfError> {
        let mut bytes = Bytes::new(footer);
        let found = bytes.array().map(u32::from_le_bytes).ok_or(ShelfError::NotAShelf)?;
        if found != VERSION {
            return Err(ShelfError::Version { found, expected: VERSION });
        }
        let read = || {
            let first = bytes.array().map(u64::from_le_bytes)?;
            let count = bytes.array().map(u32::from_le_bytes)?;
            let seed = Seed::new(bytes.array()?);
            let root = Hash::from_bytes(bytes.array()?);
            let directory_start = bytes.array().map(u64::from_le_bytes)?;
            let payload = bytes.array().map(u64::from_le_bytes)?;
            let (hashes, rest) = bytes.rest.as_chunks::<32>();
            let hashes: Vec<Hash> = hashes.iter().map(|hash| Hash::from_bytes(*hash)).collect();
            let fits = payload == start
                && rest.is_empty()
                && hashes.len() as u64 == payload.div_ceil(PAGE_BYTES)
                && first.is_multiple_of(ALIGNED)
                && first.checked_add(SHELF_ENTRIES).is_some()
                && u64::from(count) <= SHELF_ENTRIES;
            let pages = Pages::new(source, payload, hashes, cache);
            let directory_place = directory_start..payload;
            let directory = OnceLock::new();
            fits.then_some(Shelf { first, count, seed, root, digest, pages, directory_place, directory })
        };
        read().ok_or(ShelfError::Form { what: "footer" })
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

    /// The seed of its word hashes.
    pub(crate) fn seed(&self) -> [u8; 16] {
        self.seed.bytes()
    }

    /// Which of its entries may be hits.
    ///
    /// # Errors
    /// [`ShelfError`] when a piece that is needed is damaged or cannot be read.
    pub(crate) fn candidates(&self, query: &Query) -> Result<Candidates, ShelfError> {
        ask::candidates(self, query)
    }

    fn directory(&self) -> Result<&Directory, ShelfError> {
        if let Some(directory) = self.directory.get() {
            return Ok(directory);
        }
        let piece = self.pages.piece(self.directory_place.clone())?;
        let directory = Directory::read(&piece).ok_or(ShelfError::Form { what: "directory" })?;
        Ok(self.directory.get_or_init(|| directory))
    }
}

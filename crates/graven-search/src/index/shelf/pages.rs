//! The pieces of a shelf's file: each is checked by the hashes of its pages when it is read.

use std::ops::Range;
use std::sync::Arc;

use graven_core::hash::{Hash, sha256};
use roaring::RoaringBitmap;

use super::cache::{Cache, Piece};
use super::{ShelfError, Source};

/// How many bytes have one hash.
pub(super) const PAGE_BYTES: u64 = 8_192;

/// The most bytes of a piece: more than any shelf has that was built here.
const PIECE_BYTES_MAX: u64 = 128 << 20;

/// The most bytes of a piece that is kept in memory.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// What lies before the footer.
#[derive(Debug)]
pub(super) struct Pages {
    source: Source,
    /// How long it is.
    bytes: u64,
    hashes: Vec<Hash>,
    cache: Arc<Cache>,
    /// Its number in the cache.
    number: u64,
}

impl Pages {
    /// The pages of this many bytes, with the hash of each.
    pub(super) fn new(source: Source, bytes: u64, hashes: Vec<Hash>, cache: &Arc<Cache>) -> Pages {
        Pages { source, bytes, hashes, number: cache.new_number(), cache: Arc::clone(cache) }
    }

    /// The bytes of a piece.
    pub(super) fn piece(&self, place: Range<u64>) -> Result<Arc<[u8]>, ShelfError> {
        self.check(&place)?;
        if place.is_empty() {
            return Ok(Arc::default());
        }
        if let Some(Piece::Bytes(piece)) = self.cache.get((self.number, place.start, place.end)) {
            return Ok(piece);
        }
        let piece = self.read(&place)?;
        if piece.len() <= KEPT_BYTES_MAX {
            self.cache.put((self.number, place.start, place.end), &Piece::Bytes(Arc::clone(&piece)));
        }
        Ok(piece)
    }

    /// The set that a piece says, by what reads it.
    pub(super) fn set(
        &self,
        place: &Range<u64>,
        read: impl FnOnce(&[u8]) -> Result<RoaringBitmap, ShelfError>,
    ) -> Result<RoaringBitmap, ShelfError> {
        self.check(place)?;
        if place.is_empty() {
            return read(&[]);
        }
        let key = (self.number, place.start, place.end);
        if let Some(Piece::Set(set)) = self.cache.get(key) {
            return Ok((*set).clone());
        }
        let set = read(&self.read(place)?)?;
        self.cache.put(key, &Piece::Set(Arc::new(set.clone())));
        Ok(set)
    }

    fn check(&self, place: &Range<u64>) -> Result<(), ShelfError> {
        if place.start > place.end || place.end > self.bytes || place.end - place.start > PIECE_BYTES_MAX {
            return Err(ShelfError::Form { what: "directory" });
        }
        Ok(())
    }

    /// Reads a piece, and checks its bytes.
    fn read(&self, place: &Range<u64>) -> Result<Arc<[u8]>, ShelfError> {
        let start = place.start - place.start % PAGE_BYTES;
        let end = place.end.next_multiple_of(PAGE_BYTES).min(self.bytes);
        let mut pages = vec![0; (end - start) as usize];
        self.source.read(&mut pages, start)?;
        let hashes = &self.hashes[(start / PAGE_BYTES) as usize..];
        for (at, (page, hash)) in pages.chunks(PAGE_BYTES as usize).zip(hashes).enumerate() {
            if sha256(page) != *hash && !self.cache.trusts_pages() {
                return Err(ShelfError::Damaged { offset: start + at as u64 * PAGE_BYTES });
            }
        }
        Ok(pages[(place.start - start) as usize..(place.end - start) as usize].into())
    }
}

//! Pieces of shelves that were read and checked: the same ones are asked for again and again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use roaring::RoaringBitmap;

/// The number of a shelf, and where in it a piece lies.
type Place = (u64, u64, u64);

/// What a piece costs beside its bytes.
const PIECE_COSTS: usize = 96;

/// A piece as it is used.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Bytes(Arc<[u8]>),
    /// A set of entries, read.
    Set(Arc<RoaringBitmap>),
}

impl Piece {
    fn costs(&self) -> usize {
        PIECE_COSTS
            + match self {
                Piece::Bytes(bytes) => bytes.len(),
                Piece::Set(set) => set.serialized_size(),
            }
    }
}

/// Pieces of many shelves in bounded memory: those that were not asked for lately are forgotten.
#[derive(Debug)]
pub(crate) struct Cache {
    /// How many bytes each generation may have.
    bytes_max: usize,
    next: AtomicU64,
    /// For a canary: whether pages are taken as they are.
    #[cfg(feature = "sim")]
    trusts_pages: bool,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Place, Piece>,
    young_bytes: usize,
    old: HashMap<Place, Piece>,
}

impl Cache {
    /// Keeps at most this many bytes.
    pub(crate) fn new(bytes_max: usize) -> Arc<Cache> {
        Arc::new(Cache::of(bytes_max))
    }

    fn of(bytes_max: usize) -> Cache {
        Cache {
            bytes_max: bytes_max / 2,
            next: AtomicU64::new(0),
            #[cfg(feature = "sim")]
            trusts_pages: false,
            generations: Mutex::default(),
        }
    }

    /// The same; for a canary, pages are taken as they are.
    #[cfg(feature = "sim")]
    pub(crate) fn trusting(bytes_max: usize, trusts_pages: bool) -> Arc<Cache> {
        Arc::new(Cache { trusts_pages, ..Cache::of(bytes_max) })
    }

    /// Whether it is that of the canary.
    pub(super) fn trusts_pages(&self) -> bool {
        #[cfg(feature = "sim")]
        return self.trusts_pages;
        #[cfg(not(feature = "sim"))]
        false
    }

    /// A number that no other shelf has.
    pub(super) fn new_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn get(&self, place: Place) -> Option<Piece> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(piece) = generations.young.get(&place) {
            return Some(piece.clone());
        }
        let piece = generations.old.remove(&place)?;
        self.keep(&mut generations, place, &piece);
        Some(piece)
    }

    pub(super) fn put(&self, place: Place, piece: &Piece) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        self.keep(&mut generations, place, piece);
    }

    fn keep(&self, generations: &mut Generations, place: Place, piece: &Piece) {
        let costs = piece.costs();
        if generations.young_bytes + costs > self.bytes_max {
            generations.old = std::mem::take(&mut generations.young);
            generations.young_bytes = 0;
        }
        if costs <= self.bytes_max && generations.young.insert(place, piece.clone()).is_none() {
            generations.young_bytes += costs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_lately_stays_and_the_memory_is_bounded() {
        let cache = Cache::new(20_000);
        let piece = Piece::Bytes(vec![1; 1_000].into());
        for number in 0..1_000 {
            cache.put((0, number, 0), &piece);
            assert!(cache.get((0, 0, 0)).is_some(), "asked for all the time");
            let generations = cache.generations.lock().unwrap();
            let kept = generations.young.len() + generations.old.len();
            assert!(kept * 1_096 <= 20_000, "{kept}");
        }
        assert!(cache.get((0, 500, 0)).is_none() && cache.get((0, 999, 0)).is_some());
        // Too large for all of it.
        cache.put((1, 0, 0), &Piece::Bytes(vec![0; 20_000].into()));
        assert!(cache.get((1, 0, 0)).is_none());
    }
}

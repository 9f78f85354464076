//! Counts the hits that an index does not name, while every entry is read: an index that hides entries is found.

use graven::prove::SealedHead;
use graven::reader::Picks;

use crate::index::{Index, Said};
use crate::query::Query;

/// What an index says of the shelf that is read.
#[derive(Debug)]
pub(super) struct Hidden<'a> {
    index: &'a Index,
    query: &'a Query,
    head: Option<SealedHead>,
    entries: u64,
    /// The first entry of the shelf, and what is said of it.
    said: Option<(u64, Option<Said>)>,
    count: u64,
}

impl<'a> Hidden<'a> {
    pub(super) fn new(
        index: &'a Index,
        query: &'a Query,
        head: Option<SealedHead>,
        entries: u64,
    ) -> Hidden<'a> {
        Hidden { index, query, head, entries, said: None, count: 0 }
    }

    /// How many hits are not named.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Compares a hit with what the index says.
    pub(super) fn look(&mut self, hit: u64, picks: &Picks) {
        let size = self.index.shelf_entries();
        let first = hit / size * size;
        if self.said.as_ref().is_none_or(|(of, _)| *of != first) {
            self.said = Some((first, self.index.ask(first, self.query, self.head, (self.entries, picks))));
        }
        let Some((_, Some(said))) = &self.said else { return };
        let number = u32::try_from(hit - first).unwrap_or(u32::MAX);
        if hit < said.end && !said.candidates.entries.contains(number) {
            self.count += 1;
        }
    }
}

//! Entries, and the events that they stand for.

use std::collections::HashMap;
use std::ops::Range;

use roaring::RoaringBitmap;

/// Entries, and the events that they stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) entries: u64,
    pub(crate) events: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Tally) {
        self.entries += other.entries;
        self.events = self.events.saturating_add(other.events);
    }
}

/// The entries that stand for another number of events than one.
pub(super) struct Events {
    counts: HashMap<u32, u64>,
    counted: RoaringBitmap,
}

impl Events {
    pub(super) fn new(counts: Vec<(u32, u64)>) -> Events {
        let counted = counts.iter().map(|(entry, _)| *entry).collect();
        Events { counts: counts.into_iter().collect(), counted }
    }

    pub(super) fn of(&self, entry: u32) -> u64 {
        if self.counts.is_empty() { 1 } else { self.counts.get(&entry).copied().unwrap_or(1) }
    }

    /// The events of some entries.
    pub(super) fn of_all(&self, entries: &[u16]) -> u64 {
        if self.counted.is_empty() {
            return entries.len() as u64;
        }
        entries.iter().fold(0, |events: u64, entry| events.saturating_add(self.of(u32::from(*entry))))
    }

    /// The same of those in a stretch.
    pub(super) fn tally_in(&self, entries: &RoaringBitmap, places: Range<u32>) -> Tally {
        let count = entries.range_cardinality(places.clone());
        if count == 0 || self.counted.is_empty() {
            return Tally { entries: count, events: count };
        }
        let counted = || self.counted.range(places.clone()).filter(|entry| entries.contains(*entry));
        let others = count - counted().count() as u64;
        let events = counted().fold(others, |events, entry| events.saturating_add(self.of(entry)));
        Tally { entries: count, events }
    }

    pub(super) fn tally(&self, entries: &RoaringBitmap) -> Tally {
        let mut tally = Tally { entries: entries.len(), events: entries.len() };
        if !self.counted.is_empty() {
            let counted = entries & &self.counted;
            tally.events -= counted.len();
            counted.iter().for_each(|entry| tally.events = tally.events.saturating_add(self.of(entry)));
        }
        tally
    }
}

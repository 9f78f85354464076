//! The value of each entry as its place in the dictionary: the other way round than the dictionary's sets.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::packed::Table;

/// With fewer values, their sets are as fast.
pub(super) const VALUES_MIN: usize = 8;

/// When more than one of this many codes is asked for, all are unpacked.
const ONE_OF: u64 = 16;

/// The codes of a column of which no entry has several values.
pub(super) struct Codes {
    /// The entries that have one.
    pub(super) entries: RoaringBitmap,
    pub(super) table: Table,
    pub(super) bits: Arc<[u8]>,
    /// Whether every entry of the shelf has one.
    pub(super) is_full: bool,
}

impl Codes {
    /// Shows the codes of some entries.
    pub(super) fn each(&self, wanted: &RoaringBitmap, f: &mut dyn FnMut(u32, i64)) {
        let wanted = wanted & &self.entries;
        if wanted.len() * ONE_OF < self.entries.len() {
            for entry in &wanted {
                let place = if self.is_full { entry } else { self.entries.rank(entry) as u32 - 1 };
                f(entry, self.table.one(place as usize, &self.bits));
            }
            return;
        }
        let codes = self.table.all(&self.bits);
        if self.is_full {
            for entry in &wanted {
                f(entry, codes.get(entry as usize).copied().unwrap_or(0));
            }
            return;
        }
        let mut left = wanted.iter().peekable();
        for (entry, code) in self.entries.iter().zip(codes) {
            if left.next_if_eq(&entry).is_some() {
                f(entry, code);
            }
        }
    }
}

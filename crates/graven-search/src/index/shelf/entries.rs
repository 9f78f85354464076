//! Sets of entries as bytes.

use roaring::RoaringBitmap;

use super::SHELF_ENTRIES;
use super::bytes::{Bytes, put_number};

/// A set with fewer entries is made of these, and else of bits.
const FEW: usize = 512;

/// A bit for each entry of a shelf, while it is built.
#[derive(Debug, Clone)]
pub(super) struct Bits(Box<[u64; SHELF_ENTRIES as usize / 64]>);

impl Default for Bits {
    fn default() -> Bits {
        Bits(Box::new([0; SHELF_ENTRIES as usize / 64]))
    }
}

impl Bits {
    pub(super) fn insert(&mut self, entry: u16) {
        self.0[usize::from(entry) / 64] |= 1 << (entry % 64);
    }

    pub(super) fn has(&self, entry: u16) -> bool {
        self.0[usize::from(entry) / 64] >> (entry % 64) & 1 == 1
    }

    fn of(entries: &[u16]) -> Bits {
        let mut bits = Bits::default();
        entries.iter().for_each(|entry| bits.insert(*entry));
        bits
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 8);
        self.0.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        bytes
    }

    pub(super) fn to_set(&self) -> RoaringBitmap {
        RoaringBitmap::from_lsb0_bytes(0, &self.bytes())
    }

    /// Appends the set, as [`put_entries`] does.
    pub(super) fn put(&self, out: &mut Vec<u8>, len: u32) {
        let count: u32 = self.0.iter().map(|word| word.count_ones()).sum();
        match count {
            0 => {}
            all if all == len => out.push(ALL),
            few if few < len.div_ceil(8) => {
                let is_there = |entry: &u32| self.has(*entry as u16);
                put_entries(
                    out,
                    &(0..len).filter(is_there).map(|entry| entry as u16).collect::<Vec<_>>(),
                    len,
                );
            }
            _ => {
                out.push(PLAIN);
                out.extend_from_slice(&self.bytes()[..len.div_ceil(8) as usize]);
            }
        }
    }
}

/// A set of entries that come in order.
pub(super) fn set_of(entries: &[u16]) -> RoaringBitmap {
    if entries.len() < FEW
        && let Ok(set) = RoaringBitmap::from_sorted_iter(entries.iter().map(|entry| u32::from(*entry)))
    {
        return set;
    }
    Bits::of(entries).to_set()
}

/// The forms of a set.
const GAPS: u8 = 0;
const PLAIN: u8 = 1;
const ALL: u8 = 2;

/// All entries of a shelf of this length.
pub(super) fn all(len: u32) -> RoaringBitmap {
    let mut all = RoaringBitmap::new();
    all.insert_range(0..len);
    all
}

/// Appends a set of the entries of a shelf of this length: nothing for the empty one and little for the whole one, else
/// the gaps between its entries, or a bit for each entry when that is shorter. The entries come in order.
pub(super) fn put_entries(out: &mut Vec<u8>, entries: &[u16], len: u32) {
    let plain = len.div_ceil(8) as usize;
    match entries.len() {
        0 => return,
        all if all == len as usize => return out.push(ALL),
        many if many >= plain => {}
        _ => {
            let start = out.len();
            out.push(GAPS);
            let mut next = 0;
            for entry in entries {
                put_number(out, u64::from(*entry) - next);
                next = u64::from(*entry) + 1;
            }
            if out.len() - start <= plain {
                return;
            }
            out.truncate(start);
        }
    }
    out.push(PLAIN);
    out.extend_from_slice(&Bits::of(entries).bytes()[..plain]);
}

/// Reads a set that takes all of these bytes.
pub(super) fn read_entries(bytes: &[u8], len: u32) -> Option<RoaringBitmap> {
    let Some((form, bytes)) = bytes.split_first() else { return Some(RoaringBitmap::new()) };
    match *form {
        GAPS => read_gaps(Bytes::new(bytes), len),
        PLAIN if bytes.len() == len.div_ceil(8) as usize => {
            let entries = RoaringBitmap::from_lsb0_bytes(0, bytes);
            entries.max().is_none_or(|last| last < len).then_some(entries)
        }
        ALL if bytes.is_empty() => Some(all(len)),
        _ => None,
    }
}

fn read_gaps(mut bytes: Bytes<'_>, len: u32) -> Option<RoaringBitmap> {
    let mut entries = Vec::with_capacity(bytes.rest.len().min(len as usize));
    let mut next = 0_u64;
    while !bytes.is_empty() {
        let entry = next.checked_add(bytes.number()?).filter(|entry| *entry < u64::from(len))?;
        entries.push(entry as u16);
        next = entry + 1;
    }
    Some(set_of(&entries))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_is_read_as_it_was_written(len in 1_u32..3_000, some in prop::collection::vec(any::<u32>(), 0..900)) {
            let entries: RoaringBitmap = some.into_iter().map(|entry| entry % len).collect();
            for entries in [entries, all(len), RoaringBitmap::new()] {
                let listed: Vec<u16> = entries.iter().map(|entry| entry as u16).collect();
                let (mut out, mut of_bits) = (Vec::new(), Vec::new());
                put_entries(&mut out, &listed, len);
                Bits::of(&listed).put(&mut of_bits, len);
                prop_assert!(out == of_bits && out.len() <= 1 + len.div_ceil(8) as usize);
                prop_assert_eq!(read_entries(&out, len), Some(entries));
            }
        }

        #[test]
        fn no_bytes_make_it_panic_or_name_an_entry_that_is_not_there(
            bytes in prop::collection::vec(any::<u8>(), 0..40), len in 0_u32..300,
        ) {
            if let Some(entries) = read_entries(&bytes, len) {
                prop_assert!(entries.max().is_none_or(|last| last < len));
            }
        }
    }
}

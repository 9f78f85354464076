//! Sets of blocks: 64 entries in a row share the places of their words.

use roaring::RoaringBitmap;

use super::bytes::{Bytes, put_number};
use super::{BLOCK_ENTRIES, SHELF_ENTRIES};

/// How many blocks a shelf has.
const BLOCKS: usize = (SHELF_ENTRIES / BLOCK_ENTRIES as u64) as usize;

/// How many bytes the plain form of a set takes.
const PLAIN_BYTES: usize = BLOCKS / 8;

/// A set of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocks([u64; BLOCKS / 64]);

impl Blocks {
    pub(super) const NONE: Blocks = Blocks([0; BLOCKS / 64]);
    pub(super) const ALL: Blocks = Blocks([u64::MAX; BLOCKS / 64]);

    pub(super) fn insert(&mut self, block: u16) {
        self.0[usize::from(block) / 64] |= 1 << (block % 64);
    }

    /// The set of one block; `None` when no shelf has it.
    pub(super) fn of_one(block: u16) -> Option<Blocks> {
        let mut blocks = Blocks::NONE;
        (usize::from(block) < BLOCKS).then(|| blocks.insert(block))?;
        Some(blocks)
    }

    pub(super) fn has(&self, block: u16) -> bool {
        self.0[usize::from(block) / 64] >> (block % 64) & 1 == 1
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Blocks::NONE
    }

    pub(super) fn and(mut self, other: &Blocks) -> Blocks {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= other);
        self
    }

    pub(super) fn or(mut self, other: &Blocks) -> Blocks {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
        self
    }

    /// The entries of these blocks, as far as there are entries.
    pub(super) fn entries(&self, len: u32) -> RoaringBitmap {
        let mut entries = RoaringBitmap::new();
        // Nearly all sets of rare words.
        if self.is_empty() {
            return entries;
        }
        let mut start = None;
        for block in 0..=BLOCKS as u32 {
            let has = (block as usize) < BLOCKS && self.has(block as u16);
            match (start, has) {
                (None, true) => start = Some(block),
                (Some(first), false) => {
                    entries.insert_range(first * BLOCK_ENTRIES..(block * BLOCK_ENTRIES).min(len));
                    start = None;
                }
                _ => {}
            }
        }
        entries
    }

    /// Those of some entries that are in these blocks.
    pub(super) fn of(&self, entries: &RoaringBitmap, len: u32) -> RoaringBitmap {
        if *self == Blocks::ALL {
            return entries.clone();
        }
        if self.is_empty() {
            return RoaringBitmap::new();
        }
        if entries.len() <= 64 {
            return entries.iter().filter(|entry| self.has((entry / BLOCK_ENTRIES) as u16)).collect();
        }
        self.entries(len) & entries
    }
}

/// Appends a set: the gaps between its blocks, or a bit for each block when that is shorter.
pub(super) fn put_blocks(out: &mut Vec<u8>, blocks: &[u16]) {
    let start = out.len();
    let mut next = 0;
    for block in blocks {
        put_number(out, u64::from(block - next));
        next = block + 1;
    }
    if out.len() - start >= PLAIN_BYTES {
        out.truncate(start);
        let mut set = Blocks::NONE;
        blocks.iter().for_each(|block| set.insert(*block));
        set.0.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    }
}

/// Reads a set that takes all of these bytes.
pub(super) fn read_blocks(bytes: &[u8]) -> Option<Blocks> {
    let mut blocks = Blocks::NONE;
    if let Ok(plain) = <&[u8; PLAIN_BYTES]>::try_from(bytes) {
        let (words, _) = plain.as_chunks::<8>();
        blocks.0.iter_mut().zip(words).for_each(|(word, bytes)| *word = u64::from_le_bytes(*bytes));
        return Some(blocks);
    }
    let (mut bytes, mut next) = (Bytes::new(bytes), 0_u64);
    while !bytes.is_empty() {
        let block = next.checked_add(bytes.number()?).filter(|block| *block < BLOCKS as u64)?;
        blocks.insert(block as u16);
        next = block + 1;
    }
    Some(blocks)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_is_read_as_it_was_written(
            blocks in prop::collection::btree_set(0_u16..1_024, 0..400), len in 0_u32..=65_536,
        ) {
            let listed: Vec<u16> = blocks.iter().copied().collect();
            let mut out = Vec::new();
            put_blocks(&mut out, &listed);
            let read = read_blocks(&out).unwrap();
            let has: BTreeSet<u16> = (0..1_024).filter(|block| read.has(*block)).collect();
            prop_assert_eq!(&has, &blocks);
            let entries: Vec<u32> = read.entries(len).iter().collect();
            let expected: Vec<u32> =
                (0..len).filter(|entry| blocks.contains(&((entry / BLOCK_ENTRIES) as u16))).collect();
            prop_assert_eq!(entries, expected);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            read_blocks(&bytes);
        }
    }
}

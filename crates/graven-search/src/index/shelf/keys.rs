//! The keys of a dictionary: sorted, in blocks, each with what it shares with the key before.

use std::ops::Range;
use std::sync::Arc;

use super::bytes::Bytes;
use super::directory::KEYS_BLOCK;
use super::events::Tally;

/// The keys of a dictionary.
pub(super) struct Keys {
    /// Where blocks begin.
    index: Arc<[u8]>,
    keys: Arc<[u8]>,
}

/// Looks at a key, how often it is there, and where its list is; whether to go on.
type OfKey<'a> = dyn FnMut(&[u8], Tally, Range<u64>) -> bool + 'a;

/// One block while it is read.
struct Block<'a> {
    bytes: Bytes<'a>,
    key: Vec<u8>,
    /// Where the list of the next key begins.
    list: u64,
    left: usize,
}

impl Keys {
    pub(super) fn new(index: Arc<[u8]>, keys: Arc<[u8]>) -> Keys {
        Keys { index, keys }
    }

    fn blocks(&self) -> usize {
        self.index.len() / 4
    }

    /// There are no more keys than this.
    pub(super) fn count_max(&self) -> usize {
        self.blocks() * KEYS_BLOCK
    }

    fn block(&self, at: usize) -> Option<Block<'_>> {
        let (offsets, _) = self.index.as_chunks::<4>();
        let offset = |at: usize| offsets.get(at).map(|offset| u32::from_le_bytes(*offset) as usize);
        let end = if at + 1 < offsets.len() { offset(at + 1)? } else { self.keys.len() };
        let mut bytes = Bytes::new(self.keys.get(offset(at)?..end)?);
        let list = bytes.number()?;
        Some(Block { bytes, key: Vec::new(), list, left: KEYS_BLOCK })
    }

    /// The block in which a key is, if it is anywhere.
    fn block_of(&self, key: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.blocks());
        while low < high {
            let middle = low + (high - low) / 2;
            let mut block = self.block(middle)?;
            block.next()??;
            match *block.key <= *key {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Some(low.saturating_sub(1))
    }

    /// Where the list of a key is; the outer `None` when the bytes make no sense.
    pub(super) fn find(&self, key: &[u8]) -> Option<Option<Range<u64>>> {
        let mut found = None;
        self.each(key, &mut |here, _, list| {
            // The first one that begins like this is the shortest.
            if here == key {
                found = Some(list);
            }
            false
        })?;
        Some(found)
    }

    /// Shows each key that begins like this, how often it is there and where their list is, until `f` says no. `None`
    /// when the bytes make no sense.
    pub(super) fn each(&self, prefix: &[u8], f: &mut OfKey<'_>) -> Option<()> {
        for at in self.block_of(prefix)?..self.blocks() {
            let mut block = self.block(at)?;
            while let Some((tally, list)) = block.next()? {
                if *block.key < *prefix {
                    continue;
                }
                if !block.key.starts_with(prefix) || !f(&block.key, tally, list) {
                    return Some(());
                }
            }
        }
        Some(())
    }
}

impl Block<'_> {
    /// Reads the next key; the inner `None` at the end of the block.
    fn next(&mut self) -> Option<Option<(Tally, Range<u64>)>> {
        if self.bytes.is_empty() {
            return Some(None);
        }
        self.left = self.left.checked_sub(1)?;
        let shared = self.bytes.size().filter(|shared| *shared <= self.key.len())?;
        self.key.truncate(shared);
        self.key.extend_from_slice(self.bytes.bytes()?);
        let entries = self.bytes.number()?;
        // Mostly each entry is one event.
        let events = if entries & 1 == 1 { self.bytes.number()? } else { entries >> 1 };
        let tally = Tally { entries: entries >> 1, events };
        let list = self.list;
        self.list = list.checked_add(self.bytes.number()?)?;
        Some(Some((tally, list..self.list)))
    }
}

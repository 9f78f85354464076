//! In which blocks each token stands, while a shelf is built.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::blocks::Blocks;
use super::hash::Token;

/// The most tokens of a shelf: six times those of ordinary entries.
const TOKENS_MAX: usize = 1 << 20;

/// The most places of all tokens.
const PLACES_MAX: usize = 1 << 22;

/// For keys that are hashes already.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u32(&mut self, hash: u32) {
        // Tables look at the highest and at the lowest bits.
        self.0 = u64::from(hash) << 32 | u64::from(hash);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

pub(super) type HashedMap<K, V> = HashMap<K, V, BuildHasherDefault<AsItIs>>;

/// The blocks of each token.
#[derive(Debug, Default)]
pub(super) struct Words {
    places: HashedMap<Token, u32>,
    lists: Vec<List>,
    /// The blocks behind the first one, of tokens that have several.
    more: Vec<Vec<u16>>,
    total: usize,
}

/// Most tokens stand in one block.
#[derive(Debug, Clone, Copy)]
struct List {
    first: u16,
    last: u16,
    /// Its place in `more`, plus one.
    more: u32,
}

impl Words {
    /// Adds a block; whether it is a new one for that token. `None` when there is no room.
    pub(super) fn add(&mut self, token: Token, block: u16) -> Option<bool> {
        let next = self.lists.len() as u32;
        if self.lists.len() >= TOKENS_MAX || self.total >= PLACES_MAX {
            let at = self.places.get(&token)?;
            let is_there = self.lists[*at as usize].last == block;
            return is_there.then_some(false);
        }
        let at = *self.places.entry(token).or_insert(next);
        if at == next {
            self.lists.push(List { first: block, last: block, more: 0 });
            self.total += 1;
            return Some(true);
        }
        let list = &mut self.lists[at as usize];
        if list.last == block {
            return Some(false);
        }
        list.last = block;
        self.total += 1;
        if list.more == 0 {
            self.more.push(vec![block]);
            list.more = self.more.len() as u32;
        } else {
            self.more[list.more as usize - 1].push(block);
        }
        Some(true)
    }

    /// How many tokens there are.
    pub(super) fn count(&self) -> usize {
        self.lists.len()
    }

    pub(super) fn blocks(&self, token: Token) -> Blocks {
        let mut blocks = Blocks::NONE;
        if let Some(at) = self.places.get(&token) {
            let list = self.lists[*at as usize];
            blocks.insert(list.first);
            self.behind_first(list).iter().for_each(|block| blocks.insert(*block));
        }
        blocks
    }

    fn behind_first(&self, list: List) -> &[u16] {
        list.more.checked_sub(1).map_or(&[], |at| &self.more[at as usize])
    }

    /// Shows each token, in order, with its blocks, in order.
    pub(super) fn each(&self, f: &mut dyn FnMut(Token, &[u16])) {
        let mut tokens: Vec<(Token, u32)> = self.places.iter().map(|(token, at)| (*token, *at)).collect();
        tokens.sort_unstable();
        let mut blocks = Vec::new();
        for (token, at) in tokens {
            let list = self.lists[at as usize];
            blocks.clear();
            blocks.push(list.first);
            blocks.extend_from_slice(self.behind_first(list));
            // What a column adds when it is closed comes late.
            if !blocks.is_sorted_by(|one, next| one < next) {
                blocks.sort_unstable();
                blocks.dedup();
            }
            f(token, &blocks);
        }
    }
}

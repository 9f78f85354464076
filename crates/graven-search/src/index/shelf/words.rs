//! In which blocks each token stands, while a shelf is built.

use super::blocks::Blocks;
use super::hash::Token;

/// The most tokens of a shelf: some four times those of ordinary entries.
const TOKENS_MAX: usize = 1 << 20;

/// The most places of all tokens.
const PLACES_MAX: usize = 1 << 22;

/// How many slots the table has at first. It is doubled when two thirds of them are full.
const SLOTS: usize = 1 << 12;

/// The blocks of each token: a table of its own, in which one look-up touches one place of the memory. It is nearly all
/// that building a shelf waits for.
#[derive(Debug)]
pub(super) struct Words {
    /// The slot of a token is at its highest bits, or behind: so the slots are nearly in the order of the tokens.
    slots: Vec<Slot>,
    /// How many bits of a token say its slot.
    bits: u32,
    count: usize,
    /// The blocks behind the first one, of tokens that have several.
    more: Vec<Vec<u16>>,
    total: usize,
}

/// A token and its blocks. Most stand in one.
#[derive(Debug, Clone, Copy)]
struct Slot {
    token: Token,
    first: u16,
    last: u16,
    more: More,
}

/// Where the blocks behind the first one are: a place in the list, or one of two other things.
type More = u32;

const EMPTY: More = u32::MAX;
const NONE: More = u32::MAX - 1;

impl Default for Words {
    fn default() -> Words {
        Words { slots: vec![Slot::FREE; SLOTS], bits: SLOTS.ilog2(), count: 0, more: Vec::new(), total: 0 }
    }
}

impl Slot {
    const FREE: Slot = Slot { token: 0, first: 0, last: 0, more: EMPTY };
}

impl Words {
    /// Adds a block; whether it is a new one for that token. `None` when there is no room.
    pub(super) fn add(&mut self, token: Token, block: u16) -> Option<bool> {
        let at = self.slot(token);
        let slot = self.slots[at];
        if slot.more != EMPTY && slot.last == block {
            return Some(false);
        }
        if self.count >= TOKENS_MAX || self.total >= PLACES_MAX {
            return None;
        }
        self.total += 1;
        self.slots[at].last = block;
        match slot.more {
            EMPTY => {
                self.slots[at] = Slot { token, first: block, last: block, more: NONE };
                self.count += 1;
                if self.count * 3 > self.slots.len() * 2 {
                    self.grow();
                }
            }
            NONE => {
                self.slots[at].more = self.more.len() as u32;
                self.more.push(vec![block]);
            }
            more => self.more[more as usize].push(block),
        }
        Some(true)
    }

    /// Loads the places of some tokens into the processor's cache. The loads do not wait for each other, as those of one look-up
    /// after the other do.
    pub(super) fn touch(&self, tokens: &[Token]) {
        let first_of = |token: &Token| self.slots[(token >> (Token::BITS - self.bits)) as usize].token;
        std::hint::black_box(tokens.iter().fold(0, |sum, token| sum ^ first_of(token)));
    }

    /// The slot that a token has or would get.
    fn slot(&self, token: Token) -> usize {
        let mut at = (token >> (Token::BITS - self.bits)) as usize;
        loop {
            let slot = &self.slots[at];
            if slot.more == EMPTY || slot.token == token {
                return at;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    fn grow(&mut self) {
        self.bits += 1;
        let slots = std::mem::replace(&mut self.slots, vec![Slot::FREE; 1 << self.bits]);
        for slot in slots.into_iter().filter(|slot| slot.more != EMPTY) {
            let at = self.slot(slot.token);
            self.slots[at] = slot;
        }
    }

    /// How many tokens there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn blocks(&self, token: Token) -> Blocks {
        let slot = self.slots[self.slot(token)];
        let mut blocks = Blocks::NONE;
        if slot.more != EMPTY {
            blocks.insert(slot.first);
            self.behind_first(slot).iter().for_each(|block| blocks.insert(*block));
        }
        blocks
    }

    fn behind_first(&self, slot: Slot) -> &[u16] {
        if slot.more == NONE { &[] } else { &self.more[slot.more as usize] }
    }

    /// Shows each token, in order, with its blocks, in order.
    pub(super) fn each(&self, f: &mut dyn FnMut(Token, &[u16])) {
        let mut tokens: Vec<Slot> = self.slots.iter().filter(|slot| slot.more != EMPTY).copied().collect();
        tokens.sort_by_key(|slot| slot.token);
        let mut blocks = Vec::new();
        for slot in tokens {
            blocks.clear();
            blocks.push(slot.first);
            blocks.extend_from_slice(self.behind_first(slot));
            // What a column adds when it is closed comes late.
            if !blocks.is_sorted_by(|one, next| one < next) {
                blocks.sort_unstable();
                blocks.dedup();
            }
            f(slot.token, &blocks);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn each_token_has_the_blocks_that_were_added() {
        let mut random = fastrand::Rng::with_seed(1);
        let (mut words, mut expected) = (Words::default(), BTreeMap::<Token, BTreeSet<u16>>::new());
        for step in 0..60_000_u32 {
            // Some are side by side, also at both ends of the table.
            let token = if random.bool() { random.u32(..) } else { random.u32(..3_000).wrapping_sub(1_500) };
            let block = if random.u8(..9) == 0 { random.u16(..1_024) } else { (step / 60) as u16 };
            words.add(token, block).expect("there is room");
            expected.entry(token).or_default().insert(block);
        }
        assert_eq!(words.count(), expected.len());
        let mut found = BTreeMap::new();
        words.each(&mut |token, blocks| {
            assert!(found.insert(token, blocks.iter().copied().collect()).is_none());
        });
        assert_eq!(found, expected);
        for (token, blocks) in &expected {
            let found = words.blocks(*token);
            assert!((0..1_024).all(|block| found.has(block) == blocks.contains(&block)));
        }
        assert!(words.blocks(5_000_000).is_empty());
    }
}

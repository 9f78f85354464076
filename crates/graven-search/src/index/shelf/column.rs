//! The values of one field or path, while a shelf is built.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use roaring::RoaringBitmap;

use super::entries::{Bits, set_of};
use super::events::Tally;
use super::hash::{Seed, Token};
use super::tokens;
use super::value::{Key, as_whole, read};
use super::words::Words;
use super::{BLOCK_ENTRIES, ShelfError, facts};
use crate::line::Scalar;
use crate::query::Field;

/// The most bytes of a value in a dictionary. Longer ones are loose.
const VALUE_BYTES_MAX: usize = 256;

/// The most values of a dictionary. With more of them the column is closed: all its values are loose.
const VALUES_MAX: usize = 8_192;

/// From this number of values on, a column is closed when most of its entries have a value of their own.
const VALUES_FEW: usize = 512;

/// The most bytes of all values of a shelf in dictionaries.
const VALUE_BYTES_TOTAL_MAX: usize = 8 << 20;

/// The most values and places of words that one entry adds. An entry with more is always a candidate.
const SPENT_MAX: usize = 4_096;

/// How many tokens are added at once.
const WAITING_MAX: usize = 64;

/// The most values of all entries, counted each time.
const ROWS_MAX: usize = 8 << 20;

/// For keys that are hashes already.
#[derive(Debug, Default, Clone, Copy)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("all keys are hashes");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

type HashedMap<V> = HashMap<u64, V, BuildHasherDefault<AsItIs>>;

/// What all columns of a shelf share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) seed: Seed,
    pub(super) words: Words,
    /// The block of the entry that is being added.
    pub(super) block: u16,
    /// For how many events that entry stands.
    events: u64,
    /// The entries that are always candidates.
    pub(super) unsure: Bits,
    /// What this entry has added so far.
    spent: usize,
    /// Tokens of this entry that are still to be added.
    waiting: Vec<Token>,
    /// Whether there was no room for a token. Then not all is there of what comes later.
    is_full: bool,
    rows: usize,
    value_bytes: usize,
    /// The tokens of values, by value.
    tokens: Vec<Token>,
    buffer: Vec<u8>,
}

impl Shared {
    pub(super) fn new(seed: [u8; 16]) -> Shared {
        Shared {
            seed: Seed::new(seed),
            words: Words::default(),
            block: 0,
            events: 1,
            unsure: Bits::default(),
            spent: 0,
            waiting: Vec::new(),
            is_full: false,
            rows: 0,
            value_bytes: 0,
            tokens: Vec::new(),
            buffer: Vec::new(),
        }
    }

    pub(super) fn begin(&mut self, entry: u16, events: u64) {
        self.events = events;
        self.block = entry / BLOCK_ENTRIES as u16;
        self.spent = if self.is_full { usize::MAX } else { 0 };
    }

    /// Whether the entry is more than is kept of one: then not all of it is there.
    pub(super) fn is_over(&self) -> bool {
        self.spent > SPENT_MAX
    }

    pub(super) fn spend(&mut self) {
        self.spent = self.spent.saturating_add(1);
    }

    /// Adds a token, at the latest at the end of the entry: several at once wait less for the memory.
    pub(super) fn token(&mut self, token: Token) {
        if self.is_over() {
            return;
        }
        self.waiting.push(token);
        if self.waiting.len() == WAITING_MAX {
            self.add_waiting();
        }
    }

    /// Adds the tokens that wait. Each of them is there afterwards, unless the shelf is full.
    pub(super) fn add_waiting(&mut self) {
        self.words.touch(&self.waiting);
        for token in self.waiting.drain(..) {
            match self.words.add(token, self.block) {
                Some(is_new) => self.spent = self.spent.saturating_add(usize::from(is_new)),
                None => (self.is_full, self.spent) = (true, usize::MAX),
            }
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        let seed = self.seed;
        tokens::of_text(&seed, text, &mut |token| self.token(token));
    }

    /// Adds a token of an entry that came before.
    fn token_of(&mut self, token: Token, entry: u16) {
        if self.words.add(token, entry / BLOCK_ENTRIES as u16).is_none() {
            self.unsure.insert(entry);
        }
    }

    /// Adds the tokens of a value that no dictionary has.
    pub(super) fn loose(&mut self, field: u64, scalar: Scalar<'_>) {
        let seed = self.seed;
        tokens::of_loose(&seed, field, scalar, &mut |token| self.token(token));
    }
}

/// The values of one field or path.
#[derive(Debug)]
pub(crate) struct Column {
    pub(super) field: Field,
    /// The hash of the field.
    pub(super) hash: u64,
    /// The entries that have something there.
    pub(super) present: Bits,
    /// The entries of which a value is not in the dictionary.
    pub(super) loose: Bits,
    pub(super) has_loose: bool,
    /// Whether an entry has several values.
    pub(super) is_multiple: bool,
    is_closed: bool,
    last: Option<u16>,
    pub(super) values: Vec<Kept>,
    index: HashedMap<u32>,
    /// How many entries have a value of the dictionary.
    rows: usize,
    /// The whole numbers, each with its entry.
    pub(super) numbers: Vec<(u16, i64)>,
}

/// A value of the dictionary.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) key: Box<[u8]>,
    pub(super) entries: Vec<u16>,
    /// The events of these entries.
    pub(super) events: u64,
    tokens: Range<u32>,
}

impl Column {
    pub(super) fn new(field: Field, seed: &Seed) -> Column {
        let hash = tokens::of_field(seed, &field);
        Column {
            field,
            hash,
            present: Bits::default(),
            loose: Bits::default(),
            has_loose: false,
            is_multiple: false,
            is_closed: false,
            last: None,
            values: Vec::new(),
            index: HashedMap::default(),
            rows: 0,
            numbers: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, entry: u16, scalar: Scalar<'_>, shared: &mut Shared) {
        shared.rows += 1;
        shared.spend();
        if shared.rows > ROWS_MAX {
            shared.spent = usize::MAX;
        }
        if shared.is_over() {
            return;
        }
        self.is_multiple |= self.last.replace(entry) == Some(entry);
        match scalar {
            Scalar::Number(number) if let Some(number) = as_whole(number) => {
                self.numbers.push((entry, number))
            }
            _ => self.add_value(entry, scalar, shared),
        }
    }

    fn add_value(&mut self, entry: u16, scalar: Scalar<'_>, shared: &mut Shared) {
        let mut buffer = std::mem::take(&mut shared.buffer);
        let key = Key::new(scalar, &mut buffer);
        let bytes = key.as_bytes();
        let place = match self.is_closed || bytes.len() > VALUE_BYTES_MAX {
            true => None,
            false => self.place(bytes, scalar, shared),
        };
        match place {
            Some(place) => {
                let kept = &mut self.values[place];
                let before = kept.entries.last().copied();
                let (is_new, events) = (before != Some(entry), kept.events);
                if is_new {
                    kept.entries.push(entry);
                    kept.events = events.saturating_add(shared.events);
                    self.rows += 1;
                }
                let block = entry / BLOCK_ENTRIES as u16;
                if before.is_none_or(|before| before / BLOCK_ENTRIES as u16 != block) {
                    for at in kept.tokens.clone() {
                        let token = shared.tokens[at as usize];
                        shared.token(token);
                    }
                }
                // Not all tokens are there: the next entry of this block has to add them.
                if shared.is_over() && is_new {
                    kept.entries.pop();
                    kept.events = events;
                }
            }
            None => self.add_loose(entry, scalar, shared),
        }
        shared.buffer = buffer;
    }

    fn add_loose(&mut self, entry: u16, scalar: Scalar<'_>, shared: &mut Shared) {
        self.loose.insert(entry);
        self.has_loose = true;
        shared.loose(self.hash, scalar);
    }

    /// The place of a value in the dictionary; `None` when it has none.
    fn place(&mut self, key: &[u8], scalar: Scalar<'_>, shared: &mut Shared) -> Option<usize> {
        let hash = shared.seed.hash(0, key);
        if let Some(place) = self.index.get(&hash) {
            let place = *place as usize;
            return (*self.values[place].key == *key).then_some(place);
        }
        let count = self.values.len();
        let few_share = count >= VALUES_FEW && count * 2 > self.rows;
        if few_share || count >= VALUES_MAX || shared.value_bytes > VALUE_BYTES_TOTAL_MAX {
            self.close(shared);
            return None;
        }
        let first = shared.tokens.len() as u32;
        if let Scalar::Text(text) = scalar {
            let Shared { seed, tokens, .. } = shared;
            tokens::of_text(seed, text, &mut |token| tokens.push(token));
        }
        let tokens = first..shared.tokens.len() as u32;
        shared.value_bytes += key.len();
        self.index.insert(hash, count as u32);
        self.values.push(Kept { key: key.into(), entries: Vec::new(), events: 0, tokens });
        Some(count)
    }

    /// Gives up the dictionary: all its values become loose.
    fn close(&mut self, shared: &mut Shared) {
        self.is_closed = true;
        self.index = HashedMap::default();
        for kept in std::mem::take(&mut self.values) {
            shared.value_bytes -= kept.key.len();
            // Its words are there already.
            let token = read(&kept.key).and_then(|scalar| tokens::of_scalar(&shared.seed, self.hash, scalar));
            for entry in kept.entries {
                self.loose.insert(entry);
                self.has_loose = true;
                if let Some(token) = token {
                    shared.token_of(token, entry);
                }
            }
        }
    }
}

impl facts::Column for &Column {
    fn present(&self) -> Result<RoaringBitmap, ShelfError> {
        Ok(self.present.to_set())
    }

    fn loose(&self) -> Result<RoaringBitmap, ShelfError> {
        Ok(if self.has_loose { self.loose.to_set() } else { RoaringBitmap::new() })
    }

    fn find(&self, key: &Key<'_>) -> Result<RoaringBitmap, ShelfError> {
        let kept = self.values.iter().find(|kept| *kept.key == *key.as_bytes());
        Ok(kept.map(|kept| set_of(&kept.entries)).unwrap_or_default())
    }

    fn each_like(
        &self,
        prefix: &[u8],
        is: &mut dyn FnMut(Scalar<'_>, Tally) -> bool,
        f: &mut dyn FnMut(Scalar<'_>, RoaringBitmap),
    ) -> Result<(), ShelfError> {
        for kept in &self.values {
            let tally = Tally { entries: kept.entries.len() as u64, events: kept.events };
            if let Some(scalar) = read(&kept.key).filter(|_| kept.key.starts_with(prefix))
                && is(scalar, tally)
            {
                f(scalar, set_of(&kept.entries));
            }
        }
        Ok(())
    }

    fn each_code(&self, _: &RoaringBitmap, _: &mut dyn FnMut(u32, usize)) -> Result<bool, ShelfError> {
        Ok(false)
    }

    fn numbers(&self, range: (i64, i64)) -> Result<RoaringBitmap, ShelfError> {
        let is_in = |(_, number): &&(u16, i64)| (range.0..=range.1).contains(number);
        Ok(self.numbers.iter().filter(is_in).map(|(entry, _)| u32::from(*entry)).collect())
    }

    fn each_number(&self, f: &mut dyn FnMut(u32, i64)) -> Result<(), ShelfError> {
        self.numbers.iter().for_each(|(entry, number)| f(u32::from(*entry), *number));
        Ok(())
    }

    fn is_multiple(&self) -> bool {
        self.is_multiple
    }
}

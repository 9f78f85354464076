//! Whole numbers in blocks of 64, each with the bits that its largest one needs, behind a table of each block's least and
//! largest: a range of numbers is found in the table first.

use std::ops::Range;
use std::sync::Arc;

use super::bytes::{Bytes, put_number};

/// With more blocks to look into than this, all bits are read at once.
const BLOCKS_APART: usize = 4;

/// How many numbers a block has.
const BLOCK: usize = 64;

/// Appends the table of some numbers to one buffer, and their bits to the other.
pub(super) fn pack(numbers: &[i64], table: &mut Vec<u8>, bits: &mut Vec<u8>) {
    put_number(table, numbers.len() as u64);
    for block in numbers.chunks(BLOCK) {
        let (least, largest) = block.iter().fold((i64::MAX, i64::MIN), |(least, largest), number| {
            (least.min(*number), largest.max(*number))
        });
        put_number(table, zigzag(least));
        put_number(table, largest.abs_diff(least));
        put_block(block, least, width(largest.abs_diff(least)), bits);
    }
}

/// Appends the bits of one block: the lowest first, of numbers counted from its least one.
fn put_block(block: &[i64], least: i64, width: u32, bits: &mut Vec<u8>) {
    let (mut waiting, mut filled) = (0_u128, 0);
    for number in block {
        waiting |= u128::from(number.abs_diff(least)) << filled;
        filled += width;
        while filled >= 8 {
            bits.push(waiting as u8);
            waiting >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        bits.push(waiting as u8);
    }
}

/// How many bits numbers up to this one take.
fn width(largest: u64) -> u32 {
    u64::BITS - largest.leading_zeros()
}

/// Small numbers of either sign as small numbers.
pub(super) fn zigzag(number: i64) -> u64 {
    (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned()
}

pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// The table of some numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table {
    count: usize,
    blocks: Vec<Block>,
    bits_len: usize,
}

/// What the table says of one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    least: i64,
    largest: i64,
    /// Where its bits begin.
    start: usize,
}

impl Block {
    fn width(&self) -> u32 {
        width(self.largest.abs_diff(self.least))
    }
}

impl Table {
    /// Reads a table that takes all of these bytes; there are at most `count_max` numbers, whose bits take this many bytes.
    pub(super) fn read(bytes: &[u8], count_max: usize, bits_len: usize) -> Option<Table> {
        let mut bytes = Bytes::new(bytes);
        let count = bytes.size().filter(|count| *count <= count_max)?;
        let mut blocks = Vec::with_capacity(count.div_ceil(BLOCK));
        let mut start = 0;
        for place in 0..count.div_ceil(BLOCK) {
            let least = unzigzag(bytes.number()?);
            let largest = least.checked_add_unsigned(bytes.number()?)?;
            let block = Block { least, largest, start };
            let numbers = (count - place * BLOCK).min(BLOCK);
            start += (block.width() as usize * numbers).div_ceil(8);
            blocks.push(block);
        }
        (bytes.is_empty() && start == bits_len).then_some(Table { count, blocks, bits_len })
    }

    /// How many numbers there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The places of the numbers in a range with both ends, in order. `bits` reads a stretch of the bits.
    pub(super) fn places<E>(
        &self,
        range: (i64, i64),
        mut bits: impl FnMut(usize, usize) -> Result<Arc<[u8]>, E>,
        mut found: impl FnMut(u32),
    ) -> Result<(), E> {
        let (low, high) = range;
        let is_apart = |block: &Block| block.largest < low || block.least > high;
        let is_in = |block: &Block| low <= block.least && block.largest <= high;
        let to_look_into = self.blocks.iter().filter(|block| !is_apart(block) && !is_in(block)).count();
        let all = if to_look_into > BLOCKS_APART { Some(bits(0, self.bits_len)?) } else { None };
        for (place, block) in self.blocks.iter().enumerate().filter(|(_, block)| !is_apart(block)) {
            let first = place * BLOCK;
            let numbers = (self.count - first).min(BLOCK);
            if is_in(block) {
                (first..first + numbers).for_each(|at| found(at as u32));
                continue;
            }
            let end = block.start + (block.width() as usize * numbers).div_ceil(8);
            let mut look = |bits: &[u8]| {
                each_in(block, bits, numbers, |at, number| {
                    if (low..=high).contains(&number) {
                        found((first + at) as u32);
                    }
                });
            };
            match &all {
                Some(all) => look(all.get(block.start..end).unwrap_or_default()),
                None => look(&bits(block.start, end)?),
            }
        }
        Ok(())
    }

    /// The stretches of places whose numbers are in the same row of this width, in order. The bits of a block are read only
    /// when its numbers are in several rows.
    pub(super) fn rows<E>(
        &self,
        width: i64,
        mut bits: impl FnMut(usize, usize) -> Result<Arc<[u8]>, E>,
        found: &mut dyn FnMut(i64, Range<u32>),
    ) -> Result<(), E> {
        let mut rows = Rows::new(width, found);
        for (place, block) in self.blocks.iter().enumerate() {
            let first = place * BLOCK;
            let numbers = (self.count - first).min(BLOCK);
            if block.least.div_euclid(width) == block.largest.div_euclid(width) {
                rows.add(block.least, first as u32);
                continue;
            }
            let end = block.start + (block.width() as usize * numbers).div_ceil(8);
            let bits = bits(block.start, end)?;
            each_in(block, &bits, numbers, |at, number| rows.add(number, (first + at) as u32));
        }
        rows.end(self.count as u32);
        Ok(())
    }

    /// The number at a place. The bits are all there are; past the end it is 0.
    pub(super) fn one(&self, place: usize, bits: &[u8]) -> i64 {
        let Some(block) = self.blocks.get(place / BLOCK) else { return 0 };
        let bits = bits.get(block.start..).unwrap_or_default();
        number_in(block, bits, place % BLOCK)
    }

    /// All numbers. The bits are all there are.
    pub(super) fn all(&self, bits: &[u8]) -> Vec<i64> {
        let mut all = Vec::with_capacity(self.count);
        for (place, block) in self.blocks.iter().enumerate() {
            let numbers = (self.count - place * BLOCK).min(BLOCK);
            each_in(block, bits.get(block.start..).unwrap_or_default(), numbers, |_, number| {
                all.push(number)
            });
        }
        all
    }
}

/// Joins numbers side by side that are in the same row.
pub(super) struct Rows<'a> {
    width: i64,
    /// The row of the numbers before, and the place of the first one of them.
    row: Option<(i64, u32)>,
    found: &'a mut dyn FnMut(i64, Range<u32>),
}

impl<'a> Rows<'a> {
    pub(super) fn new(width: i64, found: &'a mut dyn FnMut(i64, Range<u32>)) -> Rows<'a> {
        Rows { width, row: None, found }
    }

    /// Adds numbers of one row at a place.
    pub(super) fn add(&mut self, number: i64, place: u32) {
        let row = number.div_euclid(self.width);
        match self.row {
            Some((before, _)) if before == row => {}
            before => {
                if let Some((before, first)) = before {
                    (self.found)(before, first..place);
                }
                self.row = Some((row, place));
            }
        }
    }

    /// There are no more, up to this place.
    pub(super) fn end(self, place: u32) {
        if let Some((row, first)) = self.row {
            (self.found)(row, first..place);
        }
    }
}

/// Shows the numbers of a block. Bits that are not there are zeros.
fn each_in(block: &Block, bits: &[u8], numbers: usize, mut f: impl FnMut(usize, i64)) {
    (0..numbers).for_each(|at| f(at, number_in(block, bits, at)));
}

/// One number of a block. Bits that are not there are zeros.
#[inline]
fn number_in(block: &Block, bits: &[u8], at: usize) -> i64 {
    let width = block.width();
    let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
    let bit = at * width as usize;
    let rest = bits.get(bit / 8..).unwrap_or_default();
    let word = match rest.first_chunk::<16>() {
        Some(chunk) => u128::from_le_bytes(*chunk),
        None => {
            let mut chunk = [0; 16];
            chunk[..rest.len()].copy_from_slice(rest);
            u128::from_le_bytes(chunk)
        }
    };
    let above = (word >> (bit % 8)) as u64 & mask;
    block.least.wrapping_add_unsigned(above)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn numbers() -> impl Strategy<Value = Vec<i64>> {
        let number = prop_oneof![0_i64..4, -1_000_i64..100_000, any::<i64>(), Just(i64::MIN), Just(i64::MAX)];
        prop_oneof![prop::collection::vec(number, 0..200), prop::collection::vec(5_i64..9, 0..300)]
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written(numbers in numbers(), low in -9_i64..9, more in 0_i64..100_000) {
            let (mut table, mut bits) = (Vec::new(), Vec::new());
            pack(&numbers, &mut table, &mut bits);
            let table = Table::read(&table, numbers.len(), bits.len()).unwrap();
            prop_assert_eq!(table.all(&bits), numbers.clone());
            prop_assert!(numbers.iter().enumerate().all(|(at, number)| table.one(at, &bits) == *number));
            let range = (low, low + more);
            let mut places = Vec::new();
            let Ok(()) = table.places::<Infallible>(range, |start, end| Ok(bits[start..end].into()), |at| places.push(at));
            let expected: Vec<u32> =
                (0..numbers.len()).filter(|at| (range.0..=range.1).contains(&numbers[*at])).map(|at| at as u32).collect();
            prop_assert_eq!(places, expected);
            let mut rows = Vec::new();
            let Ok(()) = table.rows::<Infallible>(more + 1, |start, end| Ok(bits[start..end].into()), &mut |row, places| {
                rows.extend(places.map(|_| row));
            });
            prop_assert_eq!(rows, numbers.iter().map(|number| number.div_euclid(more + 1)).collect::<Vec<_>>());
        }

        #[test]
        fn no_bytes_make_it_panic(table in prop::collection::vec(any::<u8>(), 0..60), bits in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(table) = Table::read(&table, 1_000, bits.len()) {
                prop_assert_eq!(table.all(&bits).len(), table.count());
            }
        }
    }
}

//! A finished shelf answers: only the pieces that a question needs are read.

use std::ops::Range;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::blocks::{Blocks, read_blocks};
use super::bytes::Bytes;
use super::codes::Codes;
use super::directory::{ColumnPlace, NumbersPlace};
use super::entries::{all, read_entries};
use super::events::Tally;
use super::facts::{Column, Facts};
use super::hash::{Seed, Token};
use super::keys::Keys;
use super::packed::Table;
use super::pages::PAGE_BYTES;
use super::value::{Key, read};
use super::{Shelf, ShelfError, tokens};
use crate::line::Scalar;
use crate::query::Field;

/// So few entries are looked up one by one.
const FEW: usize = 64;

/// What the hashes fit, and yet makes no sense.
fn form(what: &'static str) -> impl Fn() -> ShelfError {
    move || ShelfError::Form { what }
}

impl Shelf {
    fn set(&self, place: &Range<u64>) -> Result<RoaringBitmap, ShelfError> {
        self.pages.set(place, |piece| read_entries(piece, self.count).ok_or_else(form("sets of entries")))
    }

    fn table(&self, place: &NumbersPlace, count_max: usize) -> Result<Table, ShelfError> {
        let table = self.pages.piece(place.table.clone())?;
        if table.is_empty() {
            return Ok(Table::default());
        }
        let bits = (place.bits.end - place.bits.start) as usize;
        Table::read(&table, count_max, bits).ok_or_else(form("tables of numbers"))
    }

    /// The table of the times: each entry has one.
    fn time_table(&self, place: &NumbersPlace) -> Result<Table, ShelfError> {
        let table = self.table(place, self.count as usize)?;
        if table.count() == self.count as usize { Ok(table) } else { Err(form("times")()) }
    }

    /// A stretch of the bits of some numbers.
    fn bits(&self, place: &NumbersPlace, start: usize, end: usize) -> Result<Arc<[u8]>, ShelfError> {
        self.pages.piece(place.bits.start + start as u64..place.bits.start + end as u64)
    }

    /// Where a bucket begins and ends; `None` when the index of them is too short. Only its pages are read that say it: many
    /// shelves are asked for one word.
    fn bucket(&self, index: &Range<u64>, bucket: u64) -> Result<Option<(u64, u64)>, ShelfError> {
        let at = index.start.saturating_add(bucket * 4);
        let end = at.saturating_add(8);
        if end > index.end {
            return Ok(None);
        }
        let from = (at - at % PAGE_BYTES).max(index.start);
        let to = end.checked_next_multiple_of(PAGE_BYTES).map_or(index.end, |to| to.min(index.end));
        let piece = self.pages.piece(from..to)?;
        let (offsets, _) = piece[(at - from) as usize..].as_chunks::<4>();
        let offset = |at: usize| offsets.get(at).map(|offset| u64::from(u32::from_le_bytes(*offset)));
        Ok(offset(0).zip(offset(1)))
    }

    fn all_numbers(&self, place: &NumbersPlace, count_max: usize) -> Result<Vec<i64>, ShelfError> {
        let table = self.table(place, count_max)?;
        Ok(table.all(&self.pages.piece(place.bits.clone())?))
    }
}

impl Facts for Shelf {
    type Column<'a> = OnShelf<'a>;

    fn seed(&self) -> &Seed {
        &self.seed
    }

    fn first(&self) -> u64 {
        self.first
    }

    fn len(&self) -> u32 {
        self.count
    }

    fn each_row(&self, width: i64, f: &mut dyn FnMut(i64, Range<u32>)) -> Result<(), ShelfError> {
        let place = &self.directory()?.time_numbers;
        let table = self.time_table(place)?;
        table.rows(width, |start, end| self.bits(place, start, end), f)
    }

    fn at(&self, range: (i64, i64)) -> Result<RoaringBitmap, ShelfError> {
        let directory = self.directory()?;
        match directory.times {
            Some((first, last)) if first >= range.0 && last <= range.1 => return Ok(all(self.count)),
            Some((first, last)) if first <= range.1 && last >= range.0 => {}
            _ => return Ok(RoaringBitmap::new()),
        }
        let place = &directory.time_numbers;
        let table = self.time_table(place)?;
        let mut entries = Vec::new();
        table.places(range, |start, end| self.bits(place, start, end), |entry| entries.push(entry))?;
        RoaringBitmap::from_sorted_iter(entries).map_err(|_| form("times")())
    }

    fn written_times(&self) -> Result<Option<(i64, i64)>, ShelfError> {
        Ok(self.directory()?.written_times)
    }

    fn counts(&self) -> Result<Vec<(u32, u64)>, ShelfError> {
        let piece = self.pages.piece(self.directory()?.counts.clone())?;
        let mut bytes = Bytes::new(&piece);
        let mut counts = Vec::new();
        while !bytes.is_empty() {
            let entry = bytes.number().filter(|entry| *entry < u64::from(self.count));
            let (entry, count) = entry.zip(bytes.number()).ok_or_else(form("counts"))?;
            counts.push((entry as u32, count));
        }
        Ok(counts)
    }

    fn unsure(&self) -> Result<RoaringBitmap, ShelfError> {
        self.set(&self.directory()?.unsure)
    }

    fn elsewhere(&self) -> Result<RoaringBitmap, ShelfError> {
        self.set(&self.directory()?.elsewhere)
    }

    fn blocks(&self, token: Token) -> Result<Blocks, ShelfError> {
        let directory = self.directory()?;
        let bucket = u64::from(token) >> (32 - directory.bucket_bits);
        let (start, end) = self.bucket(&directory.bucket_index, bucket)?.ok_or_else(form("words"))?;
        let buckets = &directory.buckets;
        if start > end || end > buckets.end - buckets.start {
            return Err(form("words")());
        }
        let piece = self.pages.piece(buckets.start + start..buckets.start + end)?;
        find_token(&piece, bucket << (32 - directory.bucket_bits), token).ok_or_else(form("words"))
    }

    fn column(&self, field: &Field) -> Result<Option<OnShelf<'_>>, ShelfError> {
        let place = self.directory()?.columns.iter().find(|place| place.field == *field);
        Ok(place.map(|place| OnShelf { shelf: self, place }))
    }

    fn columns(&self) -> Result<Vec<(u64, OnShelf<'_>)>, ShelfError> {
        let columns = self.directory()?.columns.iter();
        let hash = |place: &ColumnPlace| tokens::of_field(&self.seed, &place.field);
        Ok(columns.map(|place| (hash(place), OnShelf { shelf: self, place })).collect())
    }
}

/// The blocks of a token, of which the bucket begins with this one.
fn find_token(bucket: &[u8], first: u64, token: Token) -> Option<Blocks> {
    let (mut bytes, mut next) = (Bytes::new(bucket), first);
    let token = u64::from(token);
    while !bytes.is_empty() {
        let head = bytes.number()?;
        let here = next.checked_add(head >> 1)?;
        let is_one = head & 1 == 0;
        match is_one {
            true if here == token => {
                let block = u16::try_from(bytes.number()?).ok()?;
                return Blocks::of_one(block);
            }
            true => drop(bytes.number()?),
            false => {
                let list = bytes.bytes()?;
                if here == token {
                    return read_blocks(list);
                }
            }
        }
        if here > token {
            break;
        }
        next = here + 1;
    }
    Some(Blocks::NONE)
}

/// A column of a finished shelf.
pub(crate) struct OnShelf<'a> {
    shelf: &'a Shelf,
    place: &'a ColumnPlace,
}

impl OnShelf<'_> {
    fn keys(&self) -> Result<Keys, ShelfError> {
        let pages = &self.shelf.pages;
        Ok(Keys::new(pages.piece(self.place.key_index.clone())?, pages.piece(self.place.keys.clone())?))
    }

    /// The entries of a value, of which the list is here in the lists.
    fn list(&self, list: &Range<u64>) -> Result<RoaringBitmap, ShelfError> {
        let base = self.place.lists.start;
        let start = base.checked_add(list.start);
        let end = base.checked_add(list.end).filter(|end| *end <= self.place.lists.end);
        let (start, end) = start.zip(end).ok_or_else(form("dictionaries"))?;
        self.shelf.set(&(start..end))
    }

    /// The entries of this many numbers.
    fn rows(&self, count: usize) -> Result<Rows, ShelfError> {
        let rows = if self.place.is_multiple {
            let rows = self.shelf.all_numbers(&self.place.several_rows, count)?;
            let row = |row: i64| u32::try_from(row).ok().filter(|row| *row < self.shelf.count);
            Rows::Several(rows.into_iter().map(row).collect::<Option<_>>().ok_or_else(form("numbers"))?)
        } else {
            Rows::One(self.shelf.set(&self.place.rows)?)
        };
        let fits = match &rows {
            Rows::One(entries) => entries.len() == count as u64,
            Rows::Several(entries) => entries.len() == count,
        };
        fits.then_some(rows).ok_or_else(form("numbers"))
    }

    /// A column has as many numbers as its entries have together.
    fn numbers_max(&self) -> usize {
        let table = &self.place.numbers.table;
        // A block of the table takes two bytes at least.
        usize::try_from(table.end - table.start).unwrap_or(usize::MAX).saturating_mul(32)
    }
}

impl Column for OnShelf<'_> {
    fn present(&self) -> Result<RoaringBitmap, ShelfError> {
        self.shelf.set(&self.place.present)
    }

    fn loose(&self) -> Result<RoaringBitmap, ShelfError> {
        self.shelf.set(&self.place.loose)
    }

    fn is_multiple(&self) -> bool {
        self.place.is_multiple
    }

    fn find(&self, key: &Key<'_>) -> Result<RoaringBitmap, ShelfError> {
        let list = self.keys()?.find(key.as_bytes()).ok_or_else(form("dictionaries"))?;
        list.map_or(Ok(RoaringBitmap::new()), |list| self.list(&list))
    }

    fn each_like(
        &self,
        prefix: &[u8],
        is: &mut dyn FnMut(Scalar<'_>, Tally) -> bool,
        f: &mut dyn FnMut(Scalar<'_>, RoaringBitmap),
    ) -> Result<(), ShelfError> {
        let mut problem = None;
        let is_read = self.keys()?.each(prefix, &mut |key, tally, list| {
            let Some(scalar) = read(key) else {
                problem = Some(form("dictionaries")());
                return false;
            };
            if is(scalar, tally) {
                match self.list(&list) {
                    Ok(entries) => f(scalar, entries),
                    Err(error) => problem = Some(error),
                }
            }
            problem.is_none()
        });
        match (problem, is_read) {
            (Some(problem), _) => Err(problem),
            (None, Some(())) => Ok(()),
            (None, None) => Err(form("dictionaries")()),
        }
    }

    fn each_code(&self, entries: &RoaringBitmap, f: &mut dyn FnMut(u32, usize)) -> Result<bool, ShelfError> {
        if self.place.codes.table.is_empty() {
            return Ok(false);
        }
        let coded = self.shelf.set(&self.place.coded)?;
        let table = self.shelf.table(&self.place.codes, self.shelf.count as usize)?;
        let bits = self.shelf.pages.piece(self.place.codes.bits.clone())?;
        // Each has an entry.
        let values = self.keys()?.count_max().min(self.shelf.count as usize);
        if coded.len() != table.count() as u64 {
            return Err(form("codes")());
        }
        let codes =
            Codes { is_full: coded.len() == u64::from(self.shelf.count), entries: coded, table, bits };
        let mut fits = true;
        codes.each(entries, &mut |entry, code| match usize::try_from(code) {
            Ok(code) if code < values => f(entry, code),
            _ => fits = false,
        });
        fits.then_some(true).ok_or_else(form("codes"))
    }

    fn numbers(&self, range: (i64, i64)) -> Result<RoaringBitmap, ShelfError> {
        let place = &self.place.numbers;
        let table = self.shelf.table(place, self.numbers_max())?;
        let mut found = Vec::new();
        table.places(range, |start, end| self.shelf.bits(place, start, end), |at| found.push(at))?;
        if found.is_empty() {
            return Ok(RoaringBitmap::new());
        }
        self.rows(table.count())?.of(&found, self.shelf.count).ok_or_else(form("numbers"))
    }

    fn each_number(&self, f: &mut dyn FnMut(u32, i64)) -> Result<(), ShelfError> {
        let numbers = self.shelf.all_numbers(&self.place.numbers, self.numbers_max())?;
        match self.rows(numbers.len())? {
            Rows::One(entries) => entries.iter().zip(numbers).for_each(|(entry, number)| f(entry, number)),
            Rows::Several(entries) => {
                entries.into_iter().zip(numbers).for_each(|(entry, number)| f(entry, number))
            }
        }
        Ok(())
    }
}

/// The entries of the numbers of a column, in the order of the numbers.
enum Rows {
    One(RoaringBitmap),
    Several(Vec<u32>),
}

impl Rows {
    /// The entries of the numbers at these places, which come in order.
    fn of(&self, places: &[u32], len: u32) -> Option<RoaringBitmap> {
        match self {
            // Each entry has one.
            Rows::One(entries) if entries.len() == u64::from(len) => {
                RoaringBitmap::from_sorted_iter(places.iter().copied()).ok()
            }
            Rows::One(entries) if places.len() < FEW => places.iter().map(|at| entries.select(*at)).collect(),
            Rows::One(entries) => {
                let mut left = places.iter().peekable();
                let is_there = |(at, _): &(usize, u32)| left.next_if_eq(&&(*at as u32)).is_some();
                let found = entries.iter().enumerate().filter(is_there).map(|(_, entry)| entry).collect();
                Some(found)
            }
            Rows::Several(entries) => places.iter().map(|at| entries.get(*at as usize).copied()).collect(),
        }
    }
}

//! Where in a shelf its columns and words are.

use std::ops::Range;

use super::bytes::Bytes;
use super::packed::unzigzag;
use crate::query::{EntryField, Field};

/// How many keys of a dictionary are searched through one by one.
pub(super) const KEYS_BLOCK: usize = 16;

/// About how many tokens are searched through one by one.
pub(super) const TOKENS_BUCKET: usize = 128;

/// Up to this many different numbers of a column are values of its dictionary.
pub(super) const VALUES_AS_NUMBERS_MAX: usize = 256;

/// The mark of a column of which an entry has several values.
pub(super) const IS_MULTIPLE: u8 = 1;

/// A directory.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) times: Option<(i64, i64)>,
    pub(super) written_times: Option<(i64, i64)>,
    pub(super) time_numbers: NumbersPlace,
    pub(super) unsure: Range<u64>,
    pub(super) elsewhere: Range<u64>,
    pub(super) counts: Range<u64>,
    pub(super) columns: Vec<ColumnPlace>,
    /// How many bits of a token say its bucket.
    pub(super) bucket_bits: u32,
    pub(super) bucket_index: Range<u64>,
    pub(super) buckets: Range<u64>,
}

/// Where packed numbers are.
#[derive(Debug, Clone)]
pub(super) struct NumbersPlace {
    pub(super) table: Range<u64>,
    pub(super) bits: Range<u64>,
}

/// Where a column is.
#[derive(Debug)]
pub(super) struct ColumnPlace {
    pub(super) field: Field,
    pub(super) is_multiple: bool,
    pub(super) present: Range<u64>,
    pub(super) loose: Range<u64>,
    pub(super) key_index: Range<u64>,
    pub(super) keys: Range<u64>,
    pub(super) lists: Range<u64>,
    /// The entries that have a code, and the codes; nothing when the column has none.
    pub(super) coded: Range<u64>,
    pub(super) codes: NumbersPlace,
    /// The entries of the numbers, when each has one.
    pub(super) rows: Range<u64>,
    /// The entry of each number, when an entry can have several.
    pub(super) several_rows: NumbersPlace,
    pub(super) numbers: NumbersPlace,
}

impl Directory {
    /// Reads a directory that takes all of these bytes.
    pub(super) fn read(bytes: &[u8]) -> Option<Directory> {
        let mut bytes = Bytes::new(bytes);
        let bytes = &mut bytes;
        let directory = Directory {
            times: range(bytes)?,
            written_times: range(bytes)?,
            time_numbers: numbers(bytes)?,
            unsure: place(bytes)?,
            elsewhere: place(bytes)?,
            counts: place(bytes)?,
            columns: columns(bytes)?,
            bucket_bits: bytes.byte().map(u32::from).filter(|bits| *bits <= 32)?,
            bucket_index: place(bytes)?,
            buckets: place(bytes)?,
        };
        bytes.is_empty().then_some(directory)
    }
}

fn place(bytes: &mut Bytes<'_>) -> Option<Range<u64>> {
    let start = bytes.number()?;
    Some(start..start.checked_add(bytes.number()?)?)
}

fn numbers(bytes: &mut Bytes<'_>) -> Option<NumbersPlace> {
    Some(NumbersPlace { table: place(bytes)?, bits: place(bytes)? })
}

fn range(bytes: &mut Bytes<'_>) -> Option<Option<(i64, i64)>> {
    match bytes.byte()? {
        0 => Some(None),
        1 => Some(Some((unzigzag(bytes.number()?), unzigzag(bytes.number()?)))),
        _ => None,
    }
}

fn columns(bytes: &mut Bytes<'_>) -> Option<Vec<ColumnPlace>> {
    // Each takes more than a byte, so no number makes the list longer than the directory.
    let count = bytes.size().filter(|count| *count <= bytes.rest.len())?;
    (0..count).map(|_| column(bytes)).collect()
}

fn column(bytes: &mut Bytes<'_>) -> Option<ColumnPlace> {
    let field = match bytes.size()? {
        0 => {
            let name = bytes.text()?;
            Field::Entry(EntryField::ALL.iter().copied().find(|field| field.name() == name)?)
        }
        more => {
            let keys = (1..more).map(|_| bytes.text().map(str::to_owned));
            Field::Detail(keys.collect::<Option<Vec<String>>>()?)
        }
    };
    Some(ColumnPlace {
        field,
        is_multiple: bytes.byte()? & IS_MULTIPLE != 0,
        present: place(bytes)?,
        loose: place(bytes)?,
        key_index: place(bytes)?,
        keys: place(bytes)?,
        lists: place(bytes)?,
        coded: place(bytes)?,
        codes: numbers(bytes)?,
        rows: place(bytes)?,
        several_rows: numbers(bytes)?,
        numbers: numbers(bytes)?,
    })
}

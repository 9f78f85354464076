//! The bytes of a shelf: docs/FORMAT.md describes them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use graven_core::hash::{Hash, sha256};

use super::builder::Builder;
use super::bytes::{put_bytes, put_number};
use super::column::{Column, Kept};
use super::directory::{IS_MULTIPLE, KEYS_BLOCK, TOKENS_BUCKET, VALUES_AS_NUMBERS_MAX};
use super::entries::{Bits, put_entries};
use super::events::Events;
use super::pages::PAGE_BYTES;
use super::value::Key;
use super::{MAGIC, VERSION, blocks, codes, packed};
use crate::line::Scalar;
use crate::query::Field;

/// What is behind each other in the file, and where the directory finds it.
struct Pieces {
    payload: Vec<u8>,
    directory: Vec<u8>,
}

impl Pieces {
    /// Adds a piece, and its place to the directory.
    fn add(&mut self, piece: &[u8]) {
        put_number(&mut self.directory, self.payload.len() as u64);
        put_number(&mut self.directory, piece.len() as u64);
        self.payload.extend_from_slice(piece);
    }

    fn entries(&mut self, entries: &Bits, len: u32) {
        let mut piece = Vec::new();
        entries.put(&mut piece, len);
        self.add(&piece);
    }

    fn numbers(&mut self, numbers: &[i64]) {
        let (mut table, mut bits) = (Vec::new(), Vec::new());
        if !numbers.is_empty() {
            packed::pack(numbers, &mut table, &mut bits);
        }
        self.add(&table);
        self.add(&bits);
    }

    fn range(&mut self, range: Option<(i64, i64)>) {
        self.directory.push(u8::from(range.is_some()));
        if let Some((first, last)) = range {
            put_number(&mut self.directory, packed::zigzag(first));
            put_number(&mut self.directory, packed::zigzag(last));
        }
    }
}

impl Builder {
    /// The bytes of the shelf. The root is the hash of the tree over its entries.
    pub(crate) fn finish(self, root: Hash) -> Vec<u8> {
        shelf(&self, root)
    }
}

fn shelf(builder: &Builder, root: Hash) -> Vec<u8> {
    let mut pieces = Pieces { payload: Vec::new(), directory: Vec::new() };
    let len = builder.len();
    pieces.range(builder.range);
    pieces.range(builder.written_range);
    pieces.numbers(&builder.times);
    pieces.entries(&builder.shared.unsure, len);
    pieces.entries(&builder.elsewhere, len);
    let mut counts = Vec::new();
    for (entry, count) in &builder.counts {
        put_number(&mut counts, u64::from(*entry));
        put_number(&mut counts, *count);
    }
    pieces.add(&counts);
    let fields = builder.fields.iter().flatten();
    let columns: Vec<&Column> = fields.chain(builder.paths.iter().map(|path| &path.column)).collect();
    put_number(&mut pieces.directory, columns.len() as u64);
    let events = Events::new(builder.counts.clone());
    columns.iter().for_each(|one| column(one, &events, len, &mut pieces));
    words(builder, &mut pieces);
    finish(builder, root, pieces)
}

fn column(column: &Column, events: &Events, len: u32, pieces: &mut Pieces) {
    match &column.field {
        Field::Entry(field) => {
            put_number(&mut pieces.directory, 0);
            put_bytes(&mut pieces.directory, field.name().as_bytes());
        }
        Field::Detail(keys) => {
            put_number(&mut pieces.directory, 1 + keys.len() as u64);
            keys.iter().for_each(|key| put_bytes(&mut pieces.directory, key.as_bytes()));
        }
    }
    pieces.directory.push(if column.is_multiple { IS_MULTIPLE } else { 0 });
    pieces.entries(&column.present, len);
    pieces.entries(&column.loose, len);
    let (values, numbers) = arranged(column, events);
    dictionary(&values, len, pieces);
    let is_coded = !column.is_multiple && values.len() >= codes::VALUES_MIN;
    coded(if is_coded { &values } else { &[] }, len, pieces);
    let (mut rows, mut several_rows) = (Bits::default(), Vec::new());
    for (entry, _) in numbers {
        match column.is_multiple {
            true => several_rows.push(i64::from(*entry)),
            false => rows.insert(*entry),
        }
    }
    pieces.entries(&rows, len);
    pieces.numbers(&several_rows);
    pieces.numbers(&numbers.iter().map(|(_, number)| *number).collect::<Vec<_>>());
}

/// A value of the dictionary.
struct Value<'a> {
    key: Cow<'a, [u8]>,
    entries: Cow<'a, [u16]>,
    events: u64,
}

/// The values of the dictionary, sorted, and the other numbers: few different ones are values of the dictionary.
fn arranged<'a>(column: &'a Column, events: &Events) -> (Vec<Value<'a>>, &'a [(u16, i64)]) {
    let value = |kept: &'a Kept| {
        let (key, entries) = (Cow::Borrowed(&*kept.key), Cow::Borrowed(&kept.entries[..]));
        Value { key, entries, events: kept.events }
    };
    let mut values: Vec<Value<'_>> = column.values.iter().map(value).collect();
    let mut distinct = BTreeMap::<i64, Vec<u16>>::new();
    let mut numbers = &column.numbers[..];
    for (entry, number) in numbers {
        let entries = distinct.entry(*number).or_default();
        if entries.last() != Some(entry) {
            entries.push(*entry);
        }
        if distinct.len() > VALUES_AS_NUMBERS_MAX {
            break;
        }
    }
    if distinct.len() <= VALUES_AS_NUMBERS_MAX {
        numbers = &[];
        values.extend(distinct.into_iter().map(|(number, entries)| {
            let key = Key::of(Scalar::Number(&number.to_string())).as_bytes().to_vec();
            let events = events.of_all(&entries);
            Value { key: Cow::Owned(key), entries: Cow::Owned(entries), events }
        }));
    }
    values.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    (values, numbers)
}

/// The values in blocks, in which each key says how much of it is that of the key before; and their entries.
fn dictionary(values: &[Value<'_>], len: u32, pieces: &mut Pieces) {
    let (mut index, mut keys, mut lists) = (Vec::new(), Vec::new(), Vec::new());
    for block in values.chunks(KEYS_BLOCK) {
        index.extend_from_slice(&(keys.len() as u32).to_le_bytes());
        put_number(&mut keys, lists.len() as u64);
        let mut before: &[u8] = &[];
        for Value { key, entries, events } in block {
            let shared = key.iter().zip(before).take_while(|(one, other)| one == other).count();
            put_number(&mut keys, shared as u64);
            put_bytes(&mut keys, &key[shared..]);
            let start = lists.len();
            put_entries(&mut lists, entries, len);
            let count = entries.len() as u64;
            put_number(&mut keys, count << 1 | u64::from(*events != count));
            if *events != count {
                put_number(&mut keys, *events);
            }
            put_number(&mut keys, (lists.len() - start) as u64);
            before = key;
        }
    }
    pieces.add(&index);
    pieces.add(&keys);
    pieces.add(&lists);
}

/// The place in the dictionary of each entry's value.
fn coded(values: &[Value<'_>], len: u32, pieces: &mut Pieces) {
    const NONE: u32 = u32::MAX;
    let (mut codes, mut entries) = (vec![NONE; len as usize], Bits::default());
    for (code, value) in values.iter().enumerate() {
        for entry in &*value.entries {
            codes[usize::from(*entry)] = code as u32;
            entries.insert(*entry);
        }
    }
    let codes: Vec<i64> = codes.into_iter().filter(|code| *code != NONE).map(i64::from).collect();
    pieces.entries(&entries, len);
    pieces.numbers(&codes);
}

/// The tokens in buckets by their highest bits, each with its blocks.
fn words(builder: &Builder, pieces: &mut Pieces) {
    let count = builder.shared.words.count();
    let bits = (count / TOKENS_BUCKET).next_power_of_two().ilog2();
    let (mut index, mut buckets, mut list): (Vec<u8>, Vec<u8>, Vec<u8>) = Default::default();
    let (mut bucket, mut next) = (0, 0);
    let bucket_of = |token: u32| u64::from(token) >> (32 - bits);
    builder.shared.words.each(&mut |token, places| {
        while bucket <= bucket_of(token) {
            index.extend_from_slice(&(buckets.len() as u32).to_le_bytes());
            next = bucket << (32 - bits);
            bucket += 1;
        }
        let gap = u64::from(token) - next;
        next = u64::from(token) + 1;
        match places {
            [block] => {
                put_number(&mut buckets, gap << 1);
                put_number(&mut buckets, u64::from(*block));
            }
            _ => {
                put_number(&mut buckets, gap << 1 | 1);
                list.clear();
                blocks::put_blocks(&mut list, places);
                put_bytes(&mut buckets, &list);
            }
        }
    });
    while bucket <= 1 << bits {
        index.extend_from_slice(&(buckets.len() as u32).to_le_bytes());
        bucket += 1;
    }
    pieces.directory.push(bits as u8);
    pieces.add(&index);
    pieces.add(&buckets);
}

/// Puts the pieces, the directory and the footer together.
fn finish(builder: &Builder, root: Hash, pieces: Pieces) -> Vec<u8> {
    let Pieces { payload: mut shelf, directory } = pieces;
    let start = shelf.len() as u64;
    shelf.extend_from_slice(&directory);
    let mut footer = Vec::new();
    footer.extend_from_slice(&VERSION.to_le_bytes());
    footer.extend_from_slice(&builder.first.to_le_bytes());
    footer.extend_from_slice(&builder.len().to_le_bytes());
    footer.extend_from_slice(&builder.seed);
    footer.extend_from_slice(root.as_bytes());
    footer.extend_from_slice(&start.to_le_bytes());
    footer.extend_from_slice(&(shelf.len() as u64).to_le_bytes());
    for page in shelf.chunks(PAGE_BYTES as usize) {
        footer.extend_from_slice(sha256(page).as_bytes());
    }
    shelf.extend_from_slice(&footer);
    shelf.extend_from_slice(sha256(&footer).as_bytes());
    shelf.extend_from_slice(&(footer.len() as u32).to_le_bytes());
    shelf.extend_from_slice(MAGIC);
    shelf
}

//! Gathers entries, one after the other.

use std::collections::HashMap;
use std::ops::Range;

use chrono::{DateTime, Timelike, Utc};
use graven_core::json::tree::Tree;
use graven_core::time::is_in_range;
use roaring::RoaringBitmap;

use super::blocks::Blocks;
use super::column::{Column, Shared};
use super::entries::Bits;
use super::facts::Facts;
use super::hash::{Seed, Token};
use super::packed::Rows;
use super::{ALIGNED, Candidates, SHELF_ENTRIES, ShelfError, ask, tokens};
use crate::line::{Line, Scalar};
use crate::query::{EntryField, Field, Query};

/// The most paths of details that have a column.
const PATHS_MAX: usize = 256;

/// The most bytes of the keys of such a path.
const PATH_BYTES_MAX: usize = 512;

/// Larger blobs are not read: they nearly always have more words than are kept of an entry.
const BLOB_BYTES_MAX: u64 = 1 << 20;

/// A shelf in the making. It also answers for the newest entries, which have no finished shelf yet.
///
/// Its memory is bounded, whatever the entries are: of one with more than some thousand words or values, and of those that
/// come when a shelf is full of other words, not all is kept. They are always candidates.
#[derive(Debug)]
pub(crate) struct Builder {
    pub(super) first: u64,
    pub(crate) seed: [u8; 16],
    pub(super) shared: Shared,
    /// The columns of fields, by their place among all fields.
    pub(super) fields: Vec<Option<Column>>,
    pub(super) paths: Vec<Path>,
    /// The entries with something at a path that has no column.
    pub(super) elsewhere: Bits,
    has_elsewhere: bool,
    /// In microseconds, one an entry.
    pub(super) times: Vec<i64>,
    pub(super) range: Option<(i64, i64)>,
    pub(super) written_range: Option<(i64, i64)>,
    pub(super) counts: Vec<(u32, u64)>,
}

/// A path of details. The first one is that of the whole detail.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) column: Column,
    bytes: usize,
    children: HashMap<Box<str>, u32>,
    /// The tokens of its last key.
    tokens: Vec<Token>,
    /// The block in which they were added last.
    block: Option<u16>,
}

/// Where in a detail something stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// At the path with this number.
    Path(u32),
    /// At a path without a column, which has this hash.
    Elsewhere(u64),
}

impl Builder {
    /// Begins a shelf at a multiple of [`SHELF_ENTRIES`]; small ones of tests begin at any multiple of 256. The seed is of its word hashes; it should be random.
    pub(crate) fn new(first: u64, seed: [u8; 16]) -> Builder {
        assert!(first.is_multiple_of(ALIGNED), "shelves are aligned");
        let shared = Shared::new(seed);
        let root = Path::new(Field::Detail(Vec::new()), &shared.seed, 0);
        Builder {
            first,
            seed,
            shared,
            fields: EntryField::ALL.iter().map(|_| None).collect(),
            paths: vec![root],
            elsewhere: Bits::default(),
            has_elsewhere: false,
            times: Vec::new(),
            range: None,
            written_range: None,
            counts: Vec::new(),
        }
    }

    /// Adds the next entry; `None` when it could not be read or decoded: it is always a candidate.
    pub(crate) fn push(&mut self, line: Option<&Line<'_>>) {
        assert!(u64::from(self.len()) < SHELF_ENTRIES, "the shelf is full");
        let entry = self.len() as u16;
        self.shared.begin(entry, line.map_or(1, Line::events));
        let time = line.and_then(|line| line.stored().timestamp);
        // An unknown time is that of the entry before: it costs nothing.
        let micros = time.map_or(self.times.last().copied().unwrap_or(0), |time| time.timestamp_micros());
        self.times.push(micros);
        let is_all = line.is_some_and(|line| self.gather(entry, line));
        // Also of an entry of which not all is there: the next one of this block counts on them.
        self.shared.add_waiting();
        if !is_all || self.shared.is_over() {
            self.shared.unsure.insert(entry);
        }
    }

    /// How many entries it has.
    pub(crate) fn len(&self) -> u32 {
        self.times.len() as u32
    }

    /// Which of its entries may be hits: as the finished shelf will say.
    pub(crate) fn candidates(&self, query: &Query) -> Candidates {
        ask::candidates(self, query).expect("nothing is read from a file")
    }

    /// Adds what an entry has; whether that was all.
    fn gather(&mut self, entry: u16, line: &Line<'_>) -> bool {
        let stored = line.stored();
        let blob = stored.detail.as_ref().and_then(|detail| detail.blob());
        let full = match blob {
            Some(blob) if blob.bytes > BLOB_BYTES_MAX => return false,
            _ => line.entry(),
        };
        if line.problem().is_some() || !self.gather_times(entry, line) {
            return false;
        }
        if let Some(count) = stored.count {
            self.counts.push((u32::from(entry), count));
        }
        for (place, field) in EntryField::ALL.iter().enumerate() {
            match field {
                EntryField::Timestamp | EntryField::ReceivedAt | EntryField::Tool => {}
                EntryField::Source | EntryField::Approval => {
                    if line.has(*field) {
                        self.field(place).present.insert(entry);
                    }
                }
                _ => {
                    line.any_of_field(*field, &mut |scalar| {
                        self.field(place).present.insert(entry);
                        let column = self.fields[place].as_mut().expect("it was just made");
                        column.add(entry, scalar, &mut self.shared);
                        self.shared.is_over()
                    });
                }
            }
        }
        if let Some(blob) = blob {
            self.shared.text(&blob.sha256.to_hex());
        }
        // A marker that still stands there would be no detail.
        let is_known = full.detail.as_ref().is_none_or(|detail| detail.blob().is_none());
        if is_known && full.detail.is_some() {
            let Some(detail) = line.detail() else { return false };
            self.walk(entry, detail, Place::Path(0));
        }
        is_known
    }

    /// Adds its times; whether they are such that microseconds have their order and four digits their year.
    fn gather_times(&mut self, entry: u16, line: &Line<'_>) -> bool {
        let stored = line.stored();
        let is_plain = |time: &DateTime<Utc>| time.nanosecond() < 1_000_000_000 && is_in_range(time);
        let Some(time) = stored.timestamp.filter(is_plain) else { return false };
        if stored.received_at.is_some_and(|time| !is_plain(&time)) {
            return false;
        }
        let widen = |range: &mut Option<(i64, i64)>, micros: i64| {
            *range =
                Some(range.map_or((micros, micros), |(first, last)| (first.min(micros), last.max(micros))));
        };
        widen(&mut self.range, time.timestamp_micros());
        widen(&mut self.written_range, time.timestamp_micros());
        self.field(EntryField::Timestamp as usize).present.insert(entry);
        if let Some(received) = stored.received_at {
            widen(&mut self.written_range, received.timestamp_micros());
            self.field(EntryField::ReceivedAt as usize).present.insert(entry);
        }
        true
    }

    fn field(&mut self, place: usize) -> &mut Column {
        let seed = &self.shared.seed;
        self.fields[place].get_or_insert_with(|| Column::new(Field::Entry(EntryField::ALL[place]), seed))
    }

    fn walk(&mut self, entry: u16, tree: &Tree, place: Place) {
        if self.shared.is_over() {
            return;
        }
        self.shared.spend();
        if *tree != Tree::Null {
            self.mark(entry, place);
        }
        match tree {
            Tree::Null => self.scalar(entry, Scalar::Null, place),
            Tree::Bool(value) => self.scalar(entry, Scalar::Bool(*value), place),
            Tree::Number(number) => self.scalar(entry, Scalar::Number(number), place),
            Tree::String(text) => self.scalar(entry, Scalar::Text(text), place),
            Tree::Array(elements) => elements.iter().for_each(|element| self.walk(entry, element, place)),
            Tree::Object(members) => {
                for (key, value) in members {
                    let place = self.child(place, key);
                    self.walk(entry, value, place);
                }
            }
        }
    }

    /// Something stands there.
    fn mark(&mut self, entry: u16, place: Place) {
        match place {
            Place::Path(path) => self.paths[path as usize].column.present.insert(entry),
            Place::Elsewhere(hash) => {
                self.elsewhere.insert(entry);
                self.has_elsewhere = true;
                let token = tokens::of_presence(&self.shared.seed, hash);
                self.shared.token(token);
            }
        }
    }

    fn scalar(&mut self, entry: u16, scalar: Scalar<'_>, place: Place) {
        match place {
            Place::Path(path) => self.paths[path as usize].column.add(entry, scalar, &mut self.shared),
            Place::Elsewhere(hash) => {
                self.elsewhere.insert(entry);
                self.has_elsewhere = true;
                self.shared.loose(hash, scalar);
            }
        }
    }

    /// The place of a member; the words of its key are added.
    fn child(&mut self, place: Place, key: &str) -> Place {
        let path = match place {
            Place::Path(path) => path as usize,
            Place::Elsewhere(hash) => {
                self.shared.text(key);
                return Place::Elsewhere(self.shared.seed.hash(hash, key.as_bytes()));
            }
        };
        let child = match self.paths[path].children.get(key) {
            Some(child) => *child,
            None => match self.new_path(path, key) {
                Some(child) => child,
                None => {
                    self.shared.text(key);
                    let hash = self.paths[path].column.hash;
                    return Place::Elsewhere(self.shared.seed.hash(hash, key.as_bytes()));
                }
            },
        };
        let found = &mut self.paths[child as usize];
        if found.block != Some(self.shared.block) {
            found.tokens.iter().for_each(|token| self.shared.token(*token));
            found.block = (!self.shared.is_over()).then_some(self.shared.block);
        }
        Place::Path(child)
    }

    fn new_path(&mut self, parent: usize, key: &str) -> Option<u32> {
        let bytes = self.paths[parent].bytes + key.len();
        if self.paths.len() >= PATHS_MAX || bytes > PATH_BYTES_MAX {
            return None;
        }
        let Field::Detail(keys) = &self.paths[parent].column.field else {
            unreachable!("paths are of details")
        };
        let field = Field::Detail([&keys[..], &[key.to_owned()]].concat());
        let mut path = Path::new(field, &self.shared.seed, bytes);
        tokens::of_text(&self.shared.seed, key, &mut |token| path.tokens.push(token));
        let child = self.paths.len() as u32;
        self.paths.push(path);
        self.paths[parent].children.insert(key.into(), child);
        Some(child)
    }

    fn find_path(&self, keys: &[String]) -> Option<&Column> {
        let step = |at: usize, key: &String| self.paths[at].children.get(&**key).map(|child| *child as usize);
        Some(&self.paths[keys.iter().try_fold(0, step)?].column)
    }
}

impl Path {
    fn new(field: Field, seed: &Seed, bytes: usize) -> Path {
        let column = Column::new(field, seed);
        Path { column, bytes, children: HashMap::new(), tokens: Vec::new(), block: None }
    }
}

impl Facts for Builder {
    type Column<'a> = &'a Column;

    fn seed(&self) -> &Seed {
        &self.shared.seed
    }

    fn first(&self) -> u64 {
        self.first
    }

    fn len(&self) -> u32 {
        self.times.len() as u32
    }

    fn each_row(&self, width: i64, f: &mut dyn FnMut(i64, Range<u32>)) -> Result<(), ShelfError> {
        let mut rows = Rows::new(width, f);
        self.times.iter().enumerate().for_each(|(entry, micros)| rows.add(*micros, entry as u32));
        rows.end(self.len());
        Ok(())
    }

    fn at(&self, range: (i64, i64)) -> Result<RoaringBitmap, ShelfError> {
        let is_in = |(_, micros): &(usize, &i64)| (range.0..=range.1).contains(*micros);
        Ok(self.times.iter().enumerate().filter(is_in).map(|(entry, _)| entry as u32).collect())
    }

    fn written_times(&self) -> Result<Option<(i64, i64)>, ShelfError> {
        Ok(self.written_range)
    }

    fn counts(&self) -> Result<Vec<(u32, u64)>, ShelfError> {
        Ok(self.counts.clone())
    }

    fn unsure(&self) -> Result<RoaringBitmap, ShelfError> {
        Ok(self.shared.unsure.to_set())
    }

    fn elsewhere(&self) -> Result<RoaringBitmap, ShelfError> {
        Ok(if self.has_elsewhere { self.elsewhere.to_set() } else { RoaringBitmap::new() })
    }

    fn blocks(&self, token: Token) -> Result<Blocks, ShelfError> {
        Ok(self.shared.words.blocks(token))
    }

    fn column(&self, field: &Field) -> Result<Option<&Column>, ShelfError> {
        Ok(match field {
            Field::Entry(field) => self.fields[*field as usize].as_ref(),
            Field::Detail(keys) => self.find_path(keys),
        })
    }

    fn columns(&self) -> Result<Vec<(u64, &Column)>, ShelfError> {
        let fields = self.fields.iter().flatten();
        let columns = fields.chain(self.paths.iter().map(|path| &path.column));
        Ok(columns.map(|column| (column.hash, column)).collect())
    }
}

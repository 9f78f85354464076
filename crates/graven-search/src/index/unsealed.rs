//! The newest entries, as the keeper of an index has them in memory: the shelf in the making, and full ones that are not
//! under a signed head yet.
//!
//! A recovery can cut off entries that no head covers, and others can take their place. A log differs from the first
//! other entry on, so one entry shows whether those before it are the same: its leaf hash is compared before an answer.

use std::error::Error as _;
use std::io;
use std::sync::Arc;

use graven::reader::{Reader, Record};
use graven::{Error, ErrorKind, Hash};
use graven_core::tree::Tree;

use super::opened::Opened;
use super::places::Places;
use super::shelf::{Builder, Cache, Candidates, ShelfError};
use crate::line::Line;
use crate::query::Query;

/// The entries of one shelf, as far as they are there.
#[derive(Debug)]
pub(crate) struct Growing {
    /// Its first entry.
    first: u64,
    builder: Builder,
    places: Places,
    /// The leaf hashes of its entries.
    leaves: Vec<Hash>,
    tree: Tree,
    /// Where the next entry begins in the log.
    offset: u64,
}

/// A full shelf that waits for a signed head.
#[derive(Debug)]
pub(crate) struct Full {
    pub(crate) first: u64,
    pub(crate) root: Hash,
    pub(crate) opened: Arc<Opened>,
    /// The bytes of its file.
    pub(crate) bytes: Vec<u8>,
    leaves: Vec<Hash>,
}

impl Growing {
    /// A shelf without an entry. Its first one begins at an offset in the log.
    pub(crate) fn new(first: u64, builder: Builder, offset: u64) -> Growing {
        Growing { first, builder, places: Places::default(), leaves: Vec::new(), tree: Tree::new(), offset }
    }

    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The index after its last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first() + self.leaves.len() as u64
    }

    /// Adds the next entry.
    ///
    /// # Errors
    /// When what is stored beside its line cannot be read now. Then no shelf may be made of this: another one, made when
    /// it can be read, would have other bytes.
    pub(crate) fn push(&mut self, reader: &Reader, record: &Record) -> Result<(), Error> {
        let line = Line::read(reader, record).ok();
        let leaf = record.leaf_hash();
        self.places.note(self.builder.len(), self.offset);
        self.builder.push(line.as_ref());
        self.tree.push(leaf);
        self.leaves.push(leaf);
        self.offset += record.line.len() as u64 + 1;
        let problem = line.as_ref().and_then(Line::problem);
        problem.filter(|error| may_pass(error)).map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Whether the stored entry with this index is the one that it has.
    pub(crate) fn has(&self, record: &Record) -> bool {
        has(&self.leaves, self.first(), record)
    }

    pub(crate) fn candidates(&self, query: &Query) -> (Candidates, Places) {
        (self.builder.candidates(query), self.places.up_to(self.offset))
    }

    /// What its entries have.
    pub(crate) fn facts(&self) -> &Builder {
        &self.builder
    }

    /// Finishes the shelf, which has all of its entries.
    pub(crate) fn finish(mut self, cache: &Arc<Cache>) -> Result<Full, ShelfError> {
        let (first, root) = (self.first(), self.tree.root());
        self.places.note(self.builder.len(), self.offset);
        let (opened, bytes) = Opened::of_made(self.places, self.builder.finish(root), cache)?;
        Ok(Full { first, root, opened: Arc::new(opened), bytes, leaves: self.leaves })
    }
}

impl Full {
    /// Whether the stored entry with this index is the one that it has.
    pub(crate) fn has(&self, record: &Record) -> bool {
        has(&self.leaves, self.first, record)
    }
}

/// Whether what could not be read may be read another time. What this user may not read stays so.
fn may_pass(error: &Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    error.kind() == ErrorKind::Unavailable
        && source.is_none_or(|source| source.kind() != io::ErrorKind::PermissionDenied)
}

fn has(leaves: &[Hash], first: u64, record: &Record) -> bool {
    let number = record.index.checked_sub(first).and_then(|number| usize::try_from(number).ok());
    number.and_then(|number| leaves.get(number)).is_some_and(|leaf| *leaf == record.leaf_hash())
}

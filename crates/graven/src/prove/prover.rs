//! Proves many entries under one signed head: the hashes of 256 entries are checked together, and each entry against its own.

use std::io;
use std::sync::Arc;

use graven_core::hash::{Hash, leaf_hash};
use graven_core::proof::{inclusion_proof, verify_inclusion};
use graven_core::tile::TILE_WIDTH;
use graven_core::tree::{Node, Tree};
use graven_core::verdict::{Finding, Verdict};

use super::proved::Proved;
use super::sealed_head::SealedHead;
use crate::error::{Error, ErrorKind};
use crate::reader::{Hashes, Reader, Record};

/// What can be said of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seal {
    /// Its leaf hash leads to the root of the head.
    Proved,
    /// The head does not cover it yet.
    Unsealed,
    /// The head covers its place, and not this line.
    DoesNotFit(Box<Finding>),
}

/// Proves entries of a trail under one head. Neighbours are proved together, so ask in the order of the trail, or against it.
#[derive(Debug)]
pub struct Prover {
    reader: Reader,
    head: SealedHead,
    hashes: Hashes,
    /// What others have proved before.
    proved: Arc<Proved>,
    /// The group that was proved last.
    group: Option<Group>,
    /// What the stored lines lead to, once that was needed.
    lines: Option<FromLines>,
}

/// Neighbouring entries.
#[derive(Debug)]
struct Group {
    first: u64,
    /// Their leaf hashes, which lead to the root; `None` when none are known that do.
    leaves: Option<Arc<[Hash]>>,
}

/// The roots of all groups, computed from the stored lines; `None` when these do not lead to the root of the head.
#[derive(Debug)]
struct FromLines(Option<Vec<Hash>>);

impl Prover {
    /// Proves entries under this head. The caller has checked its signature.
    pub fn new(reader: &Reader, head: SealedHead) -> Prover {
        Prover::with(reader, head, Arc::default())
    }

    /// The same, with what was proved before for the same trail.
    pub fn with(reader: &Reader, head: SealedHead, proved: Arc<Proved>) -> Prover {
        let hashes = reader.hashes(head.size);
        Prover { reader: reader.clone(), head, hashes, proved, group: None, lines: None }
    }

    /// The head.
    pub fn head(&self) -> SealedHead {
        self.head
    }

    /// Judges one entry. When the hashes in `tiles/` are missing or damaged, they are computed from the stored lines, once.
    ///
    /// # Errors
    ///
    /// `Unavailable` when a file cannot be read.
    pub fn judge(&mut self, record: &Record) -> Result<Seal, Error> {
        self.judge_leaf(record.index, record.leaf_hash())
    }

    /// The same, of a line by its leaf hash.
    ///
    /// # Errors
    ///
    /// As [`judge`](Prover::judge).
    pub fn judge_leaf(&mut self, index: u64, leaf: Hash) -> Result<Seal, Error> {
        if index >= self.head.size {
            return Ok(Seal::Unsealed);
        }
        let first = index - index % TILE_WIDTH;
        if self.group.as_ref().is_none_or(|group| group.first != first) {
            let leaves = match self.leaves_from_tiles(first) {
                Some(leaves) => Some(leaves),
                None => self.leaves_from_lines(first)?.map(Arc::from),
            };
            self.group = Some(Group { first, leaves });
        }
        let leaves = self.group.as_ref().and_then(|group| group.leaves.as_ref());
        let message = match leaves.map(|leaves| leaves[(index - first) as usize]) {
            Some(sealed) if sealed == leaf => return Ok(Seal::Proved),
            Some(_) => "this is not the line that was sealed: its leaf hash does not lead to the signed root",
            None => "it cannot be proved: neither tiles/ nor the stored entries lead to the signed root",
        };
        let finding = Finding::new(Verdict::Altered, message).index(index);
        Ok(Seal::DoesNotFit(Box::new(match self.reader.place(index) {
            Ok(Some(place)) => {
                let dir = self.reader.layout().dir();
                let file = place.file.strip_prefix(dir).unwrap_or(&place.file).display().to_string();
                finding.file(file).offset(place.offset)
            }
            _ => finding,
        })))
    }

    /// The end of the group that begins at `first`.
    fn end(&self, first: u64) -> u64 {
        (first + TILE_WIDTH).min(self.head.size)
    }

    /// The leaf hashes of a group in `tiles/`, if they lead to the root.
    fn leaves_from_tiles(&mut self, first: u64) -> Option<Arc<[Hash]>> {
        if let Some(leaves) = self.proved.leaves(&mut self.hashes, self.head, first / TILE_WIDTH) {
            return Some(leaves);
        }
        // Some of the hashes there are damaged. Those of this group may still be whole.
        let SealedHead { size, root } = self.head;
        let end = self.end(first);
        let hashes = &mut self.hashes;
        let leaves = hashes.read(0, first, end).ok()?;
        let path = inclusion_proof(first, size, |node: Node| {
            let (start, stop) = (node.index << node.level, (node.index + 1) << node.level);
            // The path of one leaf has every other leaf of the group in it, so that all of them are proved.
            match start >= first && stop <= end {
                true => {
                    let range = (start - first) as usize..(stop - first) as usize;
                    Ok::<_, io::Error>(leaves[range].iter().copied().collect::<Tree>().root())
                }
                false => hashes.node(node),
            }
        });
        verify_inclusion(&leaves[0], first, size, &path.ok()?, &root).ok()?;
        Some(leaves.into())
    }

    /// The leaf hashes of a group from the stored lines, if all stored lines lead to the root.
    fn leaves_from_lines(&mut self, first: u64) -> Result<Option<Vec<Hash>>, Error> {
        if self.lines.is_none() {
            self.lines = Some(FromLines(self.group_roots()?));
        }
        let FromLines(Some(roots)) = self.lines.as_ref().expect("it was just made") else {
            return Ok(None);
        };
        // Read again: what was read then may have been changed since.
        let leaves = leaves(&self.reader, first, self.end(first))?;
        let root = leaves.as_ref().map(|leaves| leaves.iter().copied().collect::<Tree>().root());
        Ok(leaves.filter(|_| root == roots.get((first / TILE_WIDTH) as usize).copied()))
    }

    fn group_roots(&self) -> Result<Option<Vec<Hash>>, Error> {
        let (mut roots, mut tree, mut group) = (Vec::new(), Tree::new(), Tree::new());
        let whole = each_leaf(&self.reader, 0, self.head.size, &mut |leaf| {
            tree.push(leaf);
            group.push(leaf);
            if group.size() == TILE_WIDTH {
                roots.push(std::mem::take(&mut group).root());
            }
        })?;
        if group.size() > 0 {
            roots.push(group.root());
        }
        Ok((whole && tree.root() == self.head.root).then_some(roots))
    }
}

/// The leaf hashes of stored lines; `None` when some of them are missing or cannot be told apart.
fn leaves(reader: &Reader, first: u64, end: u64) -> Result<Option<Vec<Hash>>, Error> {
    let mut leaves = Vec::new();
    let whole = each_leaf(reader, first, end, &mut |leaf| leaves.push(leaf))?;
    Ok(whole.then_some(leaves))
}

/// The root over the first stored lines; `None` when there are fewer.
pub(crate) fn root_of_lines(reader: &Reader, size: u64) -> Result<Option<Hash>, Error> {
    let mut tree = Tree::new();
    let whole = each_leaf(reader, 0, size, &mut |leaf| tree.push(leaf))?;
    Ok(whole.then(|| tree.root()))
}

/// Hashes stored lines, in order; whether they are all there.
fn each_leaf(reader: &Reader, first: u64, end: u64, leaf: &mut dyn FnMut(Hash)) -> Result<bool, Error> {
    let mut read = || {
        let mut next = first;
        let mut entries = reader.entries(first..end)?;
        while let Some((_, line)) = entries.next_line()? {
            leaf(leaf_hash(line));
            next += 1;
        }
        Ok(next == end)
    };
    read().or_else(|error: Error| if error.kind() == ErrorKind::Data { Ok(false) } else { Err(error) })
}

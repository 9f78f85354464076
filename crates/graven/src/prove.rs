//! Step 8 of 8: proves that an entry is under a signed checkpoint. Next: [`graven_core::proof`], in anyone's hands.
//!
//! Every proof is checked before it is returned, by the same code that others check it with.

mod proved;
mod prover;
mod sealed_head;
mod subtrees;

use std::collections::HashMap;
use std::convert::Infallible;

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::Hash;
use graven_core::proof::{inclusion_proof, verify_inclusion};
use graven_core::tlog_proof::TlogProof;
use graven_core::tree::{Node, Tree};

use crate::error::{Error, ErrorKind};
use crate::reader::{Reader, Record};

pub use proved::Proved;
pub(crate) use prover::root_of_lines;
pub use prover::{Prover, Seal};
pub use sealed_head::SealedHead;
pub use subtrees::subtree_roots;

/// An entry and the proof that it is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The entry's position.
    pub index: u64,
    /// The stored line, without its newline. The proof is for these bytes.
    pub line: Vec<u8>,
    /// The proof, with the signed checkpoint in it. Its `Display` is the content of a `.tlog-proof` file.
    pub tlog_proof: TlogProof,
}

/// Proves the entry at `index` under a checkpoint of this trail.
///
/// # Errors
///
/// `NotFound` when there is no such entry. `Unavailable` when the checkpoint does not cover the entry yet, or a file
/// cannot be read. `Data` when the checkpoint is not signed by the trail's key, or when the stored entries do not lead
/// to its root.
pub fn prove(reader: &Reader, index: u64, checkpoint: &str) -> Result<Proof, Error> {
    let (head, _) = Checkpoint::open(checkpoint.as_bytes(), &reader.meta().key).map_err(|error| {
        Error::with_source(
            ErrorKind::Data,
            "the checkpoint to prove under is not signed by the trail's key",
            error,
        )
    })?;
    let Some(record) = reader.record(index)? else {
        let message = format!("there is no entry {index}: the trail has {}", reader.len()?);
        return Err(Error::new(ErrorKind::NotFound, message));
    };
    if index >= head.size {
        let message = format!("entry {index} is not sealed yet: the checkpoint covers {} entries", head.size);
        return Err(Error::new(ErrorKind::Unavailable, message));
    }
    let hashes = match path_from_tiles(reader, &record, &head)? {
        Some(path) => path,
        None => path_from_lines(reader, &record, &head)?,
    };
    let tlog_proof = TlogProof { index, hashes, extra: None, checkpoint: checkpoint.to_owned() };
    tlog_proof.verify(&record.line, &reader.meta().key).map_err(|error| {
        Error::with_source(
            ErrorKind::Internal,
            "a newly made proof does not verify; this is a bug in graven",
            error,
        )
    })?;
    Ok(Proof { index, line: record.line, tlog_proof })
}

/// The inclusion proof from `tiles/`; `None` when the hashes are missing or do not prove the entry.
fn path_from_tiles(reader: &Reader, record: &Record, head: &Checkpoint) -> Result<Option<Vec<Hash>>, Error> {
    let mut stored = reader.hashes(head.size);
    let Ok(path) = inclusion_proof(record.index, head.size, |node| stored.node(node)) else {
        return Ok(None);
    };
    let holds_for = |leaf: &Hash| verify_inclusion(leaf, record.index, head.size, &path, &head.root).is_ok();
    if holds_for(&record.leaf_hash()) {
        return Ok(Some(path));
    }
    match stored.read(0, record.index, record.index + 1) {
        // The signed root vouches for the hash in tiles/, so the line was changed.
        Ok(leaf) if holds_for(&leaf[0]) => Err(changed(reader, record, "it is not the line that was sealed")),
        _ => Ok(None),
    }
}

/// The inclusion proof from the stored lines alone: reads every entry under the checkpoint.
fn path_from_lines(reader: &Reader, record: &Record, head: &Checkpoint) -> Result<Vec<Hash>, Error> {
    let mut nodes = Vec::new();
    let Ok(_) = inclusion_proof(record.index, head.size, |node| {
        nodes.push(node);
        Ok::<Hash, Infallible>(Hash::EMPTY_TREE)
    });
    // The nodes and the leaf together cover every entry exactly once.
    nodes.sort_unstable_by_key(|node| node.index << node.level);
    let roots: HashMap<Node, Hash> = nodes
        .into_iter()
        .map(|node| Ok((node, subtree_root(reader, node)?)))
        .collect::<Result<_, Error>>()?;
    let Ok(path) = inclusion_proof(record.index, head.size, |node| Ok::<Hash, Infallible>(roots[&node]));
    match verify_inclusion(&record.leaf_hash(), record.index, head.size, &path, &head.root) {
        Ok(()) => Ok(path),
        Err(_) => Err(changed(reader, record, "the stored entries do not lead to the root that was sealed")),
    }
}

/// The root of a complete subtree, computed from the stored lines.
fn subtree_root(reader: &Reader, node: Node) -> Result<Hash, Error> {
    let (start, end) = (node.index << node.level, (node.index + 1) << node.level);
    let mut tree = Tree::new();
    let mut entries = reader.entries(start..end)?;
    while let Some((_, line)) = entries.next_line()? {
        tree.push(graven_core::hash::leaf_hash(line));
    }
    if tree.size() < end - start {
        let message = format!("entries from {} to before {end} are missing", start + tree.size());
        return Err(Error::new(ErrorKind::Data, message));
    }
    Ok(tree.root())
}

/// The error that says which entry it is, where it is, and what is wrong with it.
fn changed(reader: &Reader, record: &Record, what: &str) -> Error {
    let place = match reader.place(record.index) {
        Ok(Some(place)) => format!("{}, byte {}", place.file.display(), place.offset),
        _ => reader.layout().live().display().to_string(),
    };
    let message = format!("entry {} ({place}) cannot be proved: {what}; see `graven verify`", record.index);
    Error::new(ErrorKind::Data, message)
}

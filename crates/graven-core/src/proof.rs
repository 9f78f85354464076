//! Proofs that an entry is in a tree, and that a tree continues an older one: made, and checked.
//!
//! RFC 6962 section 2.1.1 (inclusion) and 2.1.2 (consistency). Makers ask for hashes through a function, so
//! that they work on memory, files and tiles alike. Checkers take nothing on trust but the roots and sizes that
//! a checkpoint gave them: a size is bound by the checkpoint and not by the root, so both must come from the
//! same one.

use crate::hash::{Hash, node_hash};
use crate::tree::{Node, subtree_root};

/// The proof that the leaf at `index` is in the tree of `size` leaves: `PATH` of RFC 6962 section 2.1.1,
/// from the leaf's sibling up to the root's child.
///
/// # Errors
///
/// The first error of `hash`.
///
/// # Panics
///
/// When there is no leaf `index` in a tree of that size.
pub fn inclusion_proof<E>(
    index: u64,
    size: u64,
    mut hash: impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    assert!(index < size, "no leaf {index} in a tree of {size} leaves");
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            proof.push(subtree_root(middle, end, &mut hash)?);
            end = middle;
        } else {
            proof.push(subtree_root(start, middle, &mut hash)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that the leaf with this hash is at `index` in the tree of `size` leaves with this root
/// (RFC 6962 section 2.1.1).
///
/// # Errors
///
/// [`ProofError`], when the proof does not show it.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::IndexOutOfRange { index, size });
    }
    let path = Path::to_leaf(index, size);
    let (inner, border) = path.cut(proof)?;
    let found = climb_border(climb_inner(*leaf, path.turns, inner), border);
    if found == *root { Ok(()) } else { Err(ProofError::Inclusion { index, size }) }
}

/// The proof that the tree of `new` leaves continues the tree of `old` leaves: `PROOF` of RFC 6962 section
/// 2.1.2. It is empty when the sizes are equal, and when the old tree is empty, which every tree continues.
///
/// # Errors
///
/// The first error of `hash`.
///
/// # Panics
///
/// When the old tree is the larger one.
pub fn consistency_proof<E>(
    old: u64,
    new: u64,
    mut hash: impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    assert!(old <= new, "a tree of {new} leaves does not continue one of {old}");
    let mut proof = Vec::new();
    if old == 0 {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, new);
    while old < end {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(subtree_root(middle, end, &mut hash)?);
            end = middle;
        } else {
            proof.push(subtree_root(start, middle, &mut hash)?);
            start = middle;
        }
    }
    // What is left is the last subtree that both trees share. The checker has it already when it is all of the
    // old tree.
    if start > 0 {
        proof.push(subtree_root(start, end, &mut hash)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that the tree of `new` leaves with `new_root` continues the tree of `old` leaves with `old_root`
/// (RFC 6962 section 2.1.2).
///
/// # Errors
///
/// [`ProofError`], when the proof does not show it.
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Shrunk { old, new });
    }
    let failed = Err(ProofError::Consistency { old, new });
    if old == 0 || old == new {
        check_length(0, proof)?;
        // Any tree continues the empty one, so all that can be checked is which of the two is empty.
        let fits = |size, root: &Hash| (size == 0) == (*root == Hash::EMPTY_TREE);
        let same = old != new || old_root == new_root;
        let sound = same && fits(old, old_root) && fits(new, new_root);
        return if sound { Ok(()) } else { failed };
    }

    // The climb starts at the last complete subtree of the old tree. The new tree goes on right of it, so it
    // lies below the border. If it is the whole old tree, its root is known.
    let level = old.trailing_zeros();
    let path = Path::to_leaf(old - 1, new).above(level);
    let (start, hashes) = if old == 1 << level {
        (*old_root, proof)
    } else {
        let Some((first, rest)) = proof.split_first() else {
            return Err(ProofError::Length { expected: 1 + path.hashes(), found: 0 });
        };
        (*first, rest)
    };
    let (inner, border) = path.cut(hashes).map_err(|_| ProofError::Length {
        expected: proof.len() - hashes.len() + path.hashes(),
        found: proof.len(),
    })?;
    // Only what stands left of the way up was in the old tree.
    let old_found = climb_border(climb_inner_right(start, path.turns, inner), border);
    let new_found = climb_border(climb_inner(start, path.turns, inner), border);
    if old_found == *old_root && new_found == *new_root { Ok(()) } else { failed }
}

/// The way from a leaf, or a subtree, up to the root. In its inner part the way may turn either way; above
/// that, on the border, it is the right edge of the tree itself, and every sibling stands left.
#[derive(Clone, Copy)]
struct Path {
    /// For each step of the inner part, from the lowest bit: 0 when the way is a left child, 1 when it is a
    /// right child.
    turns: u64,
    inner: usize,
    border: usize,
}

impl Path {
    fn to_leaf(index: u64, size: u64) -> Path {
        // The ways to this leaf and to the last leaf part at the highest bit in which the two indexes differ.
        let inner = 64 - (index ^ (size - 1)).leading_zeros();
        let border = index.checked_shr(inner).unwrap_or(0).count_ones();
        Path { turns: index, inner: inner as usize, border: border as usize }
    }

    /// The same way from the complete subtree of this level on, which must lie below the border.
    fn above(self, level: u32) -> Path {
        Path { turns: self.turns >> level, inner: self.inner - level as usize, ..self }
    }

    fn hashes(&self) -> usize {
        self.inner + self.border
    }

    fn cut<'p>(&self, proof: &'p [Hash]) -> Result<(&'p [Hash], &'p [Hash]), ProofError> {
        check_length(self.hashes(), proof)?;
        Ok(proof.split_at(self.inner))
    }
}

fn climb_inner(start: Hash, turns: u64, siblings: &[Hash]) -> Hash {
    siblings.iter().enumerate().fold(start, |hash, (step, sibling)| match turns >> step & 1 {
        0 => node_hash(&hash, sibling),
        _ => node_hash(sibling, &hash),
    })
}

/// As [`climb_inner`], past the siblings that stand right of the way.
fn climb_inner_right(start: Hash, turns: u64, siblings: &[Hash]) -> Hash {
    siblings.iter().enumerate().fold(start, |hash, (step, sibling)| match turns >> step & 1 {
        0 => hash,
        _ => node_hash(sibling, &hash),
    })
}

fn climb_border(start: Hash, siblings: &[Hash]) -> Hash {
    siblings.iter().fold(start, |hash, sibling| node_hash(sibling, &hash))
}

fn check_length(expected: usize, proof: &[Hash]) -> Result<(), ProofError> {
    let found = proof.len();
    if found == expected { Ok(()) } else { Err(ProofError::Length { expected, found }) }
}

/// A number of entries, in words.
fn entries(size: u64) -> String {
    if size == 1 { "1 entry".to_owned() } else { format!("{size} entries") }
}

/// The largest power of two below `leaves`, of which there are at least two.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

/// Why a proof does not show what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The tree has no such leaf.
    #[error("there is no entry {index} in a tree of {}", entries(*size))]
    IndexOutOfRange {
        /// The index asked about.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The tree that should be the newer one is the smaller one.
    #[error("a tree of {} cannot continue a tree of {old}", entries(*new))]
    Shrunk {
        /// The size of the older tree.
        old: u64,
        /// The size of the newer tree.
        new: u64,
    },
    /// Hashes are missing, or there are too many.
    #[error("the number of hashes in the proof is {found}, and must be {expected}")]
    Length {
        /// How many hashes such a proof has.
        expected: usize,
        /// How many this one has.
        found: usize,
    },
    /// The entry and the proof give another root: the entry, its index, the proof or the root is not the right
    /// one.
    #[error("entry {index} and its proof do not lead to the root of the tree of {}", entries(*size))]
    Inclusion {
        /// The index asked about.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The proof gives other roots: one of the trees does not continue the other, or the proof is not theirs.
    #[error("the proof does not show that the tree of {} continues the tree of {old}", entries(*new))]
    Consistency {
        /// The size of the older tree.
        old: u64,
        /// The size of the newer tree.
        new: u64,
    },
}

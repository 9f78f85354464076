//! The Merkle tree of a log, kept as its right edge alone.
//!
//! RFC 6962 section 2.1 splits a tree of n leaves at the largest power of two below n. Seen from above, that
//! makes the tree a row of complete subtrees of falling size, one for each bit that is set in n. Their roots,
//! the peaks, are all that is needed to append leaves and to compute the root; a new leaf merges peaks just as
//! a carry runs through a binary number.

use crate::hash::{Hash, node_hash};

/// A complete subtree: the one over the leaves from `index << level` to `(index + 1) << level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// Its height: it has `1 << level` leaves.
    pub level: u8,
    /// How many subtrees of this height stand left of it.
    pub index: u64,
}

/// A Merkle tree that grows at its right edge, in memory that grows with the logarithm of its size.
///
/// ```
/// use graven_core::hash::{leaf_hash, node_hash};
/// use graven_core::tree::Tree;
///
/// let mut tree = Tree::new();
/// tree.push(leaf_hash(b"first"));
/// tree.push(leaf_hash(b"second"));
/// assert_eq!(tree.size(), 2);
/// assert_eq!(tree.root(), node_hash(&leaf_hash(b"first"), &leaf_hash(b"second")));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// The roots of the complete subtrees, from the largest, on the left, to the smallest: one for each set bit
    /// of `size`.
    peaks: Vec<Hash>,
}

impl Tree {
    /// The tree without leaves.
    pub fn new() -> Tree {
        Tree::default()
    }

    /// The tree of `size` leaves, from the hashes of its peaks: at most 64 are asked for, the largest first.
    ///
    /// # Errors
    ///
    /// The first error of `hash`.
    pub fn load<E>(size: u64, hash: impl FnMut(Node) -> Result<Hash, E>) -> Result<Tree, E> {
        let peaks = complete_subtrees(0, size).map(hash).collect::<Result<Vec<Hash>, E>>()?;
        Ok(Tree { size, peaks })
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its complete subtrees, the largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends a leaf, given its hash. Over many leaves this costs one node hash each.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("each set bit of the size has its peak");
            hash = node_hash(&left, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root over all leaves: `MTH` of RFC 6962 section 2.1.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(smallest) = peaks.next() else {
            return Hash::EMPTY_TREE;
        };
        peaks.fold(*smallest, |right, left| node_hash(left, &right))
    }
}

impl Extend<Hash> for Tree {
    /// Appends leaves, given their hashes.
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.push(leaf);
        }
    }
}

impl FromIterator<Hash> for Tree {
    /// The tree over these leaf hashes.
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Tree {
        let mut tree = Tree::new();
        tree.extend(leaves);
        tree
    }
}

/// The root of the tree of `size` leaves, from the hashes of its peaks.
///
/// # Errors
///
/// The first error of `hash`.
pub fn root<E>(size: u64, hash: impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
    Ok(Tree::load(size, hash)?.root())
}

/// The root of the subtree over the leaves from `start` to `end`, which must be one that RFC 6962 forms:
/// not empty, and with `start` a multiple of the smallest power of two that is not below its number of leaves.
pub(crate) fn subtree_root<E>(
    start: u64,
    end: u64,
    hash: &mut impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Hash, E> {
    let peaks = complete_subtrees(start, end).map(hash).collect::<Result<Vec<Hash>, E>>()?;
    Ok(Tree { size: end - start, peaks }.root())
}

/// The complete subtrees that make up the subtree over the leaves from `start` to `end`, the largest first.
fn complete_subtrees(start: u64, end: u64) -> impl Iterator<Item = Node> {
    let leaves = end - start;
    debug_assert!(leaves == 0 || start.is_multiple_of(leaves.checked_next_power_of_two().unwrap_or(1 << 63)));
    (0..64u8).rev().filter(move |level| leaves >> level & 1 == 1).map(move |level| {
        // What stands left of this subtree within the range: the bits of `leaves` above this one.
        let left = (leaves >> level & !1) << level;
        Node { level, index: (start + left) >> level }
    })
}

#[cfg(test)]
mod tests;

//! The right edge of a tree that grows by whole subtrees.

use graven_core::hash::{Hash, node_hash};
use graven_core::tree::Node;

/// The complete subtrees whose sibling has not come yet, the largest first.
///
/// Unlike [`Tree`](graven_core::tree::Tree) it takes subtrees instead of leaves, and it accepts a gap: subtrees after
/// the gap still merge with each other, and only the root is lost.
#[derive(Debug, Clone)]
pub(super) struct Spine {
    peaks: Vec<(Node, Hash)>,
    /// The index that the next subtree must begin at.
    size: u64,
    /// Whether there was no gap since index 0.
    whole: bool,
}

impl Spine {
    /// A tree that begins at `first`.
    pub(super) fn new(first: u64) -> Spine {
        Spine { peaks: Vec::new(), size: first, whole: first == 0 }
    }

    /// The index after the last leaf.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Appends a subtree. Calls `complete` with it and with every larger subtree that it completes.
    pub(super) fn push(&mut self, node: Node, hash: Hash, mut complete: impl FnMut(Node, &Hash)) {
        let start = node.index << node.level;
        if start != self.size {
            self.peaks.clear();
            self.whole = false;
        }
        self.size = start + (1 << node.level);
        let (mut node, mut hash) = (node, hash);
        complete(node, &hash);
        while let Some((left, left_hash)) = self.peaks.last() {
            if left.level != node.level || left.index + 1 != node.index || node.index % 2 == 0 {
                break;
            }
            hash = node_hash(left_hash, &hash);
            node = Node { level: node.level + 1, index: node.index / 2 };
            self.peaks.pop();
            complete(node, &hash);
        }
        self.peaks.push((node, hash));
    }

    /// The roots of the complete subtrees over all leaves from 0 on, the largest first; `None` after a gap.
    pub(super) fn peaks(&self) -> Option<Vec<Hash>> {
        self.whole.then(|| self.peaks.iter().map(|(_, hash)| *hash).collect())
    }

    /// The root over all leaves from 0 on; `None` after a gap.
    pub(super) fn root(&self) -> Option<Hash> {
        if !self.whole {
            return None;
        }
        let mut peaks = self.peaks.iter().rev().map(|(_, hash)| hash);
        let Some(smallest) = peaks.next() else {
            return Some(Hash::EMPTY_TREE);
        };
        Some(peaks.fold(*smallest, |right, left| node_hash(left, &right)))
    }
}

/// Cuts the leaves from index `first` on into complete subtrees of at most 256 leaves, in order.
pub(super) fn subtrees(first: u64, leaves: &[Hash], mut each: impl FnMut(Node, Hash)) {
    let mut done = 0;
    while done < leaves.len() {
        let index = first + done as u64;
        let level = index.trailing_zeros().min((leaves.len() - done).ilog2()).min(8) as u8;
        let count = 1 << level;
        each(Node { level, index: index >> level }, subtree_hash(&leaves[done..done + count]));
        done += count;
    }
}

/// The root over 1 to 256 hashes; their number must be a power of two.
pub(super) fn subtree_hash(hashes: &[Hash]) -> Hash {
    debug_assert!(hashes.len().is_power_of_two() && hashes.len() <= 256);
    let mut row = [Hash::EMPTY_TREE; 128];
    let mut count = hashes.len() / 2;
    if count == 0 {
        return hashes[0];
    }
    for (node, pair) in row.iter_mut().zip(hashes.chunks_exact(2)) {
        *node = node_hash(&pair[0], &pair[1]);
    }
    while count > 1 {
        count /= 2;
        for i in 0..count {
            row[i] = node_hash(&row[2 * i], &row[2 * i + 1]);
        }
    }
    row[0]
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use graven_core::hash::leaf_hash;
    use graven_core::tree::Tree;

    use super::*;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    #[test]
    fn the_root_is_that_of_the_tree_however_the_leaves_are_cut() {
        for size in (0..300).chain([511, 512, 513, 1_000]) {
            let all = leaves(size);
            let mut tree = Tree::new();
            tree.extend(all.iter().copied());
            for cut in [0, 1, 7, 256, size / 2, size] {
                let (left, right) = all.split_at(cut.min(size) as usize);
                let mut spine = Spine::new(0);
                subtrees(0, left, |node, hash| spine.push(node, hash, |_, _| ()));
                subtrees(left.len() as u64, right, |node, hash| spine.push(node, hash, |_, _| ()));
                assert_eq!(spine.root(), Some(tree.root()), "size {size} cut at {cut}");
                assert_eq!(spine.peaks().as_deref(), Some(tree.peaks()), "size {size} cut at {cut}");
                assert_eq!(spine.size(), size);
            }
        }
    }

    #[test]
    fn every_complete_subtree_is_announced_once_also_after_a_gap() {
        let all = leaves(1_024);
        let mut seen = HashMap::new();
        let mut spine = Spine::new(0);
        let mut take = |spine: &mut Spine, from: usize, to: usize| {
            subtrees(from as u64, &all[from..to], |node, hash| {
                spine.push(node, hash, |node, hash| assert!(seen.insert(node, *hash).is_none()));
            });
        };
        take(&mut spine, 0, 256);
        take(&mut spine, 512, 1_024);
        assert_eq!(spine.root(), None);
        assert_eq!(seen[&Node { level: 8, index: 0 }], subtree_hash(&all[..256]));
        assert_eq!(
            seen[&Node { level: 9, index: 1 }],
            node_hash(&subtree_hash(&all[512..768]), &subtree_hash(&all[768..]))
        );
        assert!(!seen.contains_key(&Node { level: 9, index: 0 }));
    }
}

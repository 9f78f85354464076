//! The tree against RFC 6962's own, recursive words.

use std::convert::Infallible;

use super::*;
use crate::hash::leaf_hash;

/// `MTH` as RFC 6962 section 2.1 writes it.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::EMPTY_TREE,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&mth(left), &mth(right))
        }
    }
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|index| leaf_hash(&index.to_be_bytes())).collect()
}

#[test]
fn the_root_is_that_of_rfc_6962_at_every_size() {
    let leaves = leaves(600);
    let mut tree = Tree::new();
    for size in 0..=leaves.len() {
        assert_eq!(tree.size(), size as u64);
        assert_eq!(tree.root(), mth(&leaves[..size]), "size {size}");
        assert_eq!(tree.peaks().len() as u32, size.count_ones());
        tree.extend(leaves.get(size).copied());
    }
}

#[test]
fn a_loaded_tree_is_the_pushed_one_and_goes_on_like_it() {
    let leaves = leaves(130);
    for size in 0..leaves.len() {
        let hash = |node: Node| {
            let (first, after) = (node.index << node.level, (node.index + 1) << node.level);
            Ok::<Hash, Infallible>(mth(&leaves[first as usize..after as usize]))
        };
        let mut loaded = Tree::load(size as u64, hash).unwrap();
        let mut pushed: Tree = leaves[..size].iter().copied().collect();
        assert_eq!(loaded, pushed);
        assert_eq!(root(size as u64, hash), Ok(pushed.root()));
        loaded.push(leaves[size]);
        pushed.push(leaves[size]);
        assert_eq!(loaded, pushed);
    }
}

#[test]
fn loading_asks_for_the_complete_subtrees_from_the_left() {
    let mut asked = Vec::new();
    let refused = Tree::load(0b1011, |node| {
        asked.push(node);
        if node.level == 0 { Err("enough") } else { Ok(Hash::EMPTY_TREE) }
    });
    assert_eq!(refused, Err("enough"));
    let expected = [(3, 0), (1, 4), (0, 10)].map(|(level, index)| Node { level, index });
    assert_eq!(asked, expected);
}

#[test]
fn the_largest_tree_there_can_be_loads() {
    let tree = Tree::load(u64::MAX, |node| {
        let first = node.index.checked_shl(node.level.into()).expect("a leaf's index fits");
        Ok::<Hash, Infallible>(leaf_hash(&first.to_be_bytes()))
    });
    assert_eq!(tree.unwrap().peaks().len(), 64);
}

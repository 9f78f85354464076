//! Help for the tests: a log in memory that knows the hash of every complete subtree.

use std::convert::Infallible;

use graven_core::hash::{Hash, leaf_hash, node_hash};
use graven_core::proof::{consistency_proof, inclusion_proof};
use graven_core::tree::{Node, root};

pub(crate) struct Log {
    pub(crate) entries: Vec<Vec<u8>>,
    /// For each level, the hashes of its complete subtrees.
    levels: Vec<Vec<Hash>>,
}

impl Log {
    pub(crate) fn of(entries: Vec<Vec<u8>>) -> Log {
        let mut levels = vec![entries.iter().map(|entry| leaf_hash(entry)).collect::<Vec<Hash>>()];
        while levels[levels.len() - 1].len() > 1 {
            let (pairs, _) = levels[levels.len() - 1].as_chunks::<2>();
            levels.push(pairs.iter().map(|[left, right]| node_hash(left, right)).collect());
        }
        Log { entries, levels }
    }

    /// A log of `size` entries, no two of them alike.
    pub(crate) fn of_size(size: u64) -> Log {
        Log::of((0..size).map(|index| format!("entry {index}").into_bytes()).collect())
    }

    pub(crate) fn leaf(&self, index: u64) -> Hash {
        self.levels[0][index as usize]
    }

    pub(crate) fn hash(&self, node: Node) -> Result<Hash, Infallible> {
        Ok(self.levels[usize::from(node.level)][node.index as usize])
    }

    pub(crate) fn root(&self, size: u64) -> Hash {
        let Ok(root) = root(size, |node| self.hash(node));
        root
    }

    pub(crate) fn inclusion(&self, index: u64, size: u64) -> Vec<Hash> {
        let Ok(proof) = inclusion_proof(index, size, |node| self.hash(node));
        proof
    }

    pub(crate) fn consistency(&self, old: u64, new: u64) -> Vec<Hash> {
        let Ok(proof) = consistency_proof(old, new, |node| self.hash(node));
        proof
    }
}

/// The hash with one of its 256 bits changed.
pub(crate) fn flipped(hash: &Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Hash::from_bytes(bytes)
}

//! Every proof that we make verifies, and whatever is changed in it makes it fail.

use std::sync::LazyLock;

use graven_core::hash::Hash;
use graven_core::proof::{ProofError, verify_consistency, verify_inclusion};
use proptest::prelude::*;

use crate::memory::{Log, flipped};

/// Sizes that are tried without exception.
const EXHAUSTIVE: u64 = 64;
/// The largest size that is sampled.
const SAMPLED: u64 = 5_000;

static LOG: LazyLock<Log> = LazyLock::new(|| Log::of_size(SAMPLED));

#[test]
fn every_inclusion_proof_verifies_and_every_one_bit_change_fails() {
    for size in 1..=EXHAUSTIVE {
        for index in 0..size {
            Inclusion::of(index, size).check_all(&(0..256).collect::<Vec<usize>>());
        }
    }
}

#[test]
fn every_consistency_proof_verifies_and_every_one_bit_change_fails() {
    for new in 0..=EXHAUSTIVE {
        for old in 0..=new {
            Consistency::of(old, new).check_all(&(0..256).collect::<Vec<usize>>());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn sampled_inclusion_proofs_do_so_too(
        (size, index) in (1..=SAMPLED).prop_flat_map(|size| (Just(size), 0..size)),
        bits in prop::collection::vec(0..256usize, 4),
    ) {
        Inclusion::of(index, size).check_all(&bits);
    }

    #[test]
    fn sampled_consistency_proofs_do_so_too(
        (new, old) in (0..=SAMPLED).prop_flat_map(|new| (Just(new), 0..=new)),
        bits in prop::collection::vec(0..256usize, 4),
    ) {
        Consistency::of(old, new).check_all(&bits);
    }
}

#[test]
fn the_reason_of_a_failure_is_told() {
    let Inclusion { leaf, proof, root, .. } = Inclusion::of(5, 11);
    assert_eq!(
        verify_inclusion(&leaf, 11, 11, &proof, &root),
        Err(ProofError::IndexOutOfRange { index: 11, size: 11 })
    );
    assert_eq!(
        verify_inclusion(&leaf, 5, 11, &proof[1..], &root),
        Err(ProofError::Length { expected: 4, found: 3 })
    );
    assert_eq!(
        verify_inclusion(&leaf, 4, 11, &proof, &root),
        Err(ProofError::Inclusion { index: 4, size: 11 })
    );
    let said = verify_inclusion(&leaf, 1, 1, &[], &leaf).unwrap_err().to_string();
    assert_eq!(said, "there is no entry 1 in a tree of 1 entry");
    let said = verify_inclusion(&leaf, 11, 11, &proof, &root).unwrap_err().to_string();
    assert_eq!(said, "there is no entry 11 in a tree of 11 entries");
    let Consistency { proof, old_root, new_root, .. } = Consistency::of(6, 11);
    assert_eq!(
        verify_consistency(12, 11, &proof, &old_root, &new_root),
        Err(ProofError::Shrunk { old: 12, new: 11 })
    );
    assert_eq!(
        verify_consistency(6, 11, &[], &old_root, &new_root),
        Err(ProofError::Length { expected: 4, found: 0 })
    );
    assert_eq!(
        verify_consistency(6, 11, &proof, &new_root, &new_root),
        Err(ProofError::Consistency { old: 6, new: 11 })
    );
}

#[test]
fn the_largest_indexes_and_sizes_are_checked_without_overflow() {
    let hash = LOG.leaf(0);
    for (index, size) in
        [(0, u64::MAX), (u64::MAX - 1, u64::MAX), (1 << 63, (1 << 63) + 1), (u64::MAX, u64::MAX)]
    {
        for hashes in 0..=65 {
            assert!(verify_inclusion(&hash, index, size, &vec![hash; hashes], &hash).is_err());
        }
    }
    for (old, new) in [(1, u64::MAX), (u64::MAX - 1, u64::MAX), (1 << 63, u64::MAX), (u64::MAX, u64::MAX - 1)]
    {
        for hashes in 0..=65 {
            assert!(verify_consistency(old, new, &vec![hash; hashes], &hash, &LOG.leaf(1)).is_err());
        }
    }
}

/// An inclusion proof, and what it is checked against.
#[derive(Clone)]
struct Inclusion {
    leaf: Hash,
    index: u64,
    size: u64,
    proof: Vec<Hash>,
    root: Hash,
}

impl Inclusion {
    fn of(index: u64, size: u64) -> Inclusion {
        Inclusion {
            leaf: LOG.leaf(index),
            index,
            size,
            proof: LOG.inclusion(index, size),
            root: LOG.root(size),
        }
    }

    fn verifies(&self) -> bool {
        verify_inclusion(&self.leaf, self.index, self.size, &self.proof, &self.root).is_ok()
    }

    /// Holds that it verifies, and that no change does: of these bits of each hash, of each bit of the numbers,
    /// of the length.
    fn check_all(&self, bits: &[usize]) {
        let Inclusion { index, size, .. } = *self;
        assert!(self.verifies(), "{index} of {size}");
        for bit in bits.iter().copied() {
            self.must_fail(|changed| changed.leaf = flipped(&changed.leaf, bit));
            self.must_fail(|changed| changed.root = flipped(&changed.root, bit));
            for hash in 0..self.proof.len() {
                self.must_fail(|changed| changed.proof[hash] = flipped(&changed.proof[hash], bit));
            }
        }
        for bit in 0..64 {
            self.must_fail(|changed| changed.index ^= 1 << bit);
            self.check_size(size ^ 1 << bit);
        }
        for place in 0..self.proof.len() {
            self.must_fail(|changed| {
                changed.proof.remove(place);
            });
        }
        for place in 0..=self.proof.len() {
            self.must_fail(|changed| changed.proof.insert(place, changed.leaf));
        }
        if let Some(other) = (index + 1 < size).then(|| LOG.leaf(index + 1)) {
            self.must_fail(|changed| changed.leaf = other);
        }
    }

    fn must_fail(&self, change: impl FnOnce(&mut Inclusion)) {
        let mut changed = self.clone();
        change(&mut changed);
        assert!(!changed.verifies(), "{} of {}: a change was not seen", self.index, self.size);
    }

    /// A root does not say of itself how many leaves are under it: some sizes give an entry the same way up.
    /// But with the root that belongs to the other size, as a checkpoint has it, the proof fails; and when the
    /// way is another, at once.
    fn check_size(&self, size: u64) {
        let way = |size| (self.index < size).then(|| way_down(self.index, size));
        let changed = Inclusion { size, ..self.clone() };
        assert_eq!(
            changed.verifies(),
            way(size) == way(self.size),
            "{} of {}, as {size}",
            self.index,
            self.size
        );
        if size <= SAMPLED {
            let changed = Inclusion { root: LOG.root(size), ..changed };
            assert!(!changed.verifies(), "{} of {}, in the tree of {size}", self.index, self.size);
        }
    }
}

/// A consistency proof, and what it is checked against.
#[derive(Clone)]
struct Consistency {
    old: u64,
    new: u64,
    proof: Vec<Hash>,
    old_root: Hash,
    new_root: Hash,
}

impl Consistency {
    fn of(old: u64, new: u64) -> Consistency {
        let proof = LOG.consistency(old, new);
        Consistency { old, new, proof, old_root: LOG.root(old), new_root: LOG.root(new) }
    }

    fn verifies(&self) -> bool {
        verify_consistency(self.old, self.new, &self.proof, &self.old_root, &self.new_root).is_ok()
    }

    /// As [`Inclusion::check_all`].
    fn check_all(&self, bits: &[usize]) {
        let Consistency { old, new, .. } = *self;
        assert!(self.verifies(), "{old} to {new}");
        for bit in bits.iter().copied() {
            self.must_fail(|changed| changed.old_root = flipped(&changed.old_root, bit));
            // Every tree continues the empty one, so nothing is said of the new root then.
            if old > 0 || new == 0 {
                self.must_fail(|changed| changed.new_root = flipped(&changed.new_root, bit));
            }
            for hash in 0..self.proof.len() {
                self.must_fail(|changed| changed.proof[hash] = flipped(&changed.proof[hash], bit));
            }
        }
        for bit in 0..64 {
            self.check_sizes(old ^ 1 << bit, new);
            self.check_sizes(old, new ^ 1 << bit);
        }
        for place in 0..self.proof.len() {
            self.must_fail(|changed| {
                changed.proof.remove(place);
            });
        }
        for place in 0..=self.proof.len() {
            self.must_fail(|changed| changed.proof.insert(place, changed.old_root));
        }
    }

    fn must_fail(&self, change: impl FnOnce(&mut Consistency)) {
        let mut changed = self.clone();
        change(&mut changed);
        assert!(!changed.verifies(), "{} to {}: a change was not seen", self.old, self.new);
    }

    /// As [`Inclusion::check_size`].
    fn check_sizes(&self, old: u64, new: u64) {
        let changed = Consistency { old, new, ..self.clone() };
        let same = Shape::of(old, new) == Shape::of(self.old, self.new);
        assert_eq!(changed.verifies(), same, "{} to {}, as {old} to {new}", self.old, self.new);
        // What is claimed of real trees is true, and then only its own proof may show it.
        if old <= new && new <= SAMPLED {
            let own = LOG.consistency(old, new) == self.proof;
            let changed = Consistency { old_root: LOG.root(old), new_root: LOG.root(new), ..changed };
            assert_eq!(changed.verifies(), own, "{} to {}, for {old} to {new}", self.old, self.new);
        }
    }
}

/// What a consistency proof for two sizes speaks about.
#[derive(PartialEq, Eq)]
enum Shape {
    /// Nothing: there is no such proof.
    Impossible,
    /// Any tree at all continues the empty one.
    FromNothing,
    /// A tree continues itself.
    Same { empty: bool },
    /// The way down to the last subtree that is in both, and whether it is the whole old tree.
    Way { right: Vec<bool>, whole: bool },
}

impl Shape {
    fn of(old: u64, new: u64) -> Shape {
        match old {
            _ if old > new => Shape::Impossible,
            _ if old == new => Shape::Same { empty: old == 0 },
            0 => Shape::FromNothing,
            _ => {
                let right = way_down_to_end(old, new);
                Shape::Way { whole: !right.contains(&true), right }
            }
        }
    }
}

/// The turns from the root to a leaf, in RFC 6962's recursive words: true is to the right.
fn way_down(index: u64, size: u64) -> Vec<bool> {
    if size == 1 {
        return Vec::new();
    }
    let left = largest_power_below(size);
    let (turn, index, size) =
        if index < left { (false, index, left) } else { (true, index - left, size - left) };
    [vec![turn], way_down(index, size)].concat()
}

/// The turns from the root to the subtree that ends where the first `old` leaves end and is all theirs.
fn way_down_to_end(old: u64, size: u64) -> Vec<bool> {
    if old == size {
        return Vec::new();
    }
    let left = largest_power_below(size);
    let (turn, old, size) = if old <= left { (false, old, left) } else { (true, old - left, size - left) };
    [vec![turn], way_down_to_end(old, size)].concat()
}

fn largest_power_below(size: u64) -> u64 {
    (0..64).map(|power| 1 << power).rfind(|power| *power < size).expect("there are at least two leaves")
}

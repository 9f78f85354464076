//! Compares a tree with what this verifier has seen of its key: another history is a fork, an older head is a fact.

use std::collections::BTreeMap;

use graven_core::hash::Hash;
use graven_core::verdict::{Finding, Verdict};
use serde::Serialize;

use super::memory::KeyMemory;

/// The trail is older than one with the same key that this verifier has seen, at another path: a backup, or a rollback
/// of everything to a place that nobody knows. What could be compared agrees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OlderCopy {
    /// The number of sealed entries.
    pub size: u64,
    /// The number of sealed entries that were seen.
    pub seen: u64,
    /// The sealed entries of which nothing is remembered that they could be compared with; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_compared: Option<Uncompared>,
}

/// A range of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Uncompared {
    /// The first one.
    pub first: u64,
    /// The last one.
    pub last: u64,
}

/// What was seen of a key, beside the roots of the tree at hand.
pub(super) struct Comparison<'a> {
    size: u64,
    roots: BTreeMap<u64, Hash>,
    root_at: &'a dyn Fn(u64) -> Option<Hash>,
}

impl<'a> Comparison<'a> {
    /// `root_at` gives the root at each size in [`KeyMemory::roots`], where the tree at hand has it.
    pub(super) fn new(seen: &KeyMemory, root_at: &'a dyn Fn(u64) -> Option<Hash>) -> Comparison<'a> {
        Comparison { size: seen.size, roots: seen.roots(), root_at }
    }

    /// The finding when the tree differs from what was seen, unless the findings already say that.
    pub(super) fn fork(&self, findings: &[Finding]) -> Option<Finding> {
        let differs = |(size, root): &(&u64, &Hash)| (self.root_at)(**size).is_some_and(|at| at != **root);
        let (size, _) = self.roots.iter().find(differs)?;
        let told =
            |finding: &Finding| finding.verdict.accuses() && finding.index.is_some_and(|at| at < *size);
        if findings.iter().any(told) {
            return None;
        }
        let message = format!(
            "the entries lead to another root than the first {size} entries of a trail with this key that this verifier \
             has seen"
        );
        Some(Finding::new(Verdict::Forked, message).range(self.agreeing(*size), size.max(&1) - 1))
    }

    /// The fact when the tree is older than what was seen. `entries` are stored, and `sealed` of them are sealed.
    pub(super) fn older_copy(&self, entries: u64, sealed: u64) -> Option<OlderCopy> {
        if entries >= self.size {
            return None;
        }
        let first = self.agreeing(sealed + 1);
        let not_compared = (first < sealed).then(|| Uncompared { first, last: sealed - 1 });
        Some(OlderCopy { size: sealed, seen: self.size, not_compared })
    }

    /// The largest size below `end` at which the tree agrees with what was seen.
    fn agreeing(&self, end: u64) -> u64 {
        let agrees = |(size, root): &(&u64, &Hash)| (self.root_at)(**size) == Some(**root);
        self.roots.range(..end).rev().find(agrees).map_or(0, |(size, _)| *size)
    }
}

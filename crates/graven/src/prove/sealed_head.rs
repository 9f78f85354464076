//! A signed head, as far as proofs need it: the caller has checked its signature.

use graven_core::hash::Hash;

/// A signed head: how many entries it covers, and their root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedHead {
    /// The number of entries.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

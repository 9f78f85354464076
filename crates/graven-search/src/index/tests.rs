//! The index on a simulated disk: crashes, full disks and canaries.

/// A builder or a reader with a mistake, which the tests must find.
#[derive(Debug, Default)]
pub(super) struct Canary {
    /// It writes a shelf before its entries are under a head.
    pub(super) writes_before_the_checkpoint: bool,
    /// It does not compare the hash of a shelf with the tree.
    pub(super) ignores_the_root: bool,
}

//! Mistakes in the index, made on purpose: the tests and the simulator must find each of them.

/// An index with these mistakes. Default: none.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct IndexCanary {
    /// It writes a shelf before its entries are under a head.
    pub writes_before_the_checkpoint: bool,
    /// It does not compare the hash of a shelf with the tree.
    pub ignores_the_root: bool,
    /// It does not compare the pages of a shelf with their hashes.
    pub trusts_pages: bool,
    /// It says that the shelf in the making has one entry more than it has.
    pub is_one_ahead: bool,
}

//! Reads the stored hashes of a tree: the root of any complete subtree, from the files in `tiles/`.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use graven_core::hash::Hash;
use graven_core::proof::{consistency_proof, verify_consistency};
use graven_core::tile::{level_hashes, node_hashes};
use graven_core::tree::{Node, Tree};

use crate::files::layout::Layout;
use crate::files::levels::read_hashes;
use crate::seam::disk::{Disk, File, Open};

/// The hashes of a tree of a given size, as stored in `tiles/`. They are not checked here: the caller must recompute a
/// signed root from them.
#[derive(Debug)]
pub(crate) struct Hashes {
    disk: Arc<dyn Disk>,
    layout: Layout,
    size: u64,
    files: HashMap<u8, Arc<dyn File>>,
}

impl Hashes {
    pub(crate) fn new(disk: Arc<dyn Disk>, layout: Layout, size: u64) -> Hashes {
        Hashes { disk, layout, size, files: HashMap::new() }
    }

    /// The root of a complete subtree, computed from the hashes of the nearest stored level.
    pub(crate) fn node(&mut self, node: Node) -> io::Result<Hash> {
        let (level, hashes) = node_hashes(node);
        Ok(Tree::from_iter(self.read(level, hashes.start, hashes.end)?).root())
    }

    /// Whether these hashes prove that their tree, whose root is given, continues one of `size` leaves (RFC 6962 §2.1.2).
    pub(crate) fn continue_tree(&mut self, size: u64, before: &Hash, root: &Hash) -> io::Result<bool> {
        if size > self.size {
            return Ok(false);
        }
        let proof = consistency_proof(size, self.size, |node| self.node(node))?;
        Ok(verify_consistency(size, self.size, &proof, before, root).is_ok())
    }

    /// The hashes `first..end` of a stored level. Refuses hashes past the end of the tree: they belong to a larger one.
    pub(crate) fn read(&mut self, level: u8, first: u64, end: u64) -> io::Result<Vec<Hash>> {
        if end > level_hashes(self.size, level) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a hash past the end of the tree"));
        }
        let file = match self.files.get(&level) {
            Some(file) => file,
            None => {
                let file = self.disk.open(&self.layout.level(level), Open::Read)?;
                self.files.entry(level).or_insert(file)
            }
        };
        read_hashes(&**file, first, end)
    }
}

//! The roots of complete subtrees, as a signed head has them: what others keep beside a trail is bound to it by them.

use std::io;

use graven_core::hash::Hash;
use graven_core::tile::TILE_HEIGHT;
use graven_core::tree::{self, Node, Tree};

use super::sealed_head::SealedHead;
use crate::reader::Reader;

/// The roots of all complete subtrees of `256^level` entries under a head, from the first entry on. They are those in
/// `tiles/`, and lead to the root of the head; `None` when the hashes there are missing or damaged.
pub fn subtree_roots(reader: &Reader, head: SealedHead, level: u8) -> Option<Vec<Hash>> {
    let height = level.checked_mul(TILE_HEIGHT)?;
    let mut hashes = reader.hashes(head.size);
    let count = head.size.checked_shr(height.into())?;
    let roots = if count == 0 { Vec::new() } else { hashes.read(level, 0, count).ok()? };
    let root = tree::root(head.size, |node: Node| match node.level.checked_sub(height) {
        Some(above) => {
            let range = (node.index << above) as usize..((node.index + 1) << above) as usize;
            Ok::<_, io::Error>(roots[range].iter().copied().collect::<Tree>().root())
        }
        None => hashes.node(node),
    });
    (root.ok()? == head.root).then_some(roots)
}

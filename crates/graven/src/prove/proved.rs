//! Hashes of the tree that were proved before: a prover that has them computes the path of an entry from its group on.
//!
//! A group is 256 entries, and a square is 256 groups. That some hashes give the hash of a square stays true, whatever
//! happens to the files, so it is kept by that hash.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use graven_core::hash::Hash;
use graven_core::tile::TILE_WIDTH;
use graven_core::tree::Tree;

use super::sealed_head::SealedHead;
use super::subtrees::subtree_roots;
use crate::reader::{Hashes, Reader};

/// How many squares are kept, each 8 KiB. Then all are forgotten.
const SQUARES_MAX: usize = 1_024;

/// What provers of one trail have proved, for those that come after them.
#[derive(Debug, Default)]
pub struct Proved(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The hashes of the squares under a head; `None` when `tiles/` does not lead to its root.
    squares: Option<(SealedHead, Option<Arc<[Hash]>>)>,
    /// The hashes of the groups of a square, by its own.
    groups: HashMap<Hash, Arc<[Hash]>>,
}

impl Proved {
    /// The hash of a group under a head; `None` when its square is not full, or `tiles/` does not prove it.
    pub(super) fn group(
        &self,
        reader: &Reader,
        hashes: &mut Hashes,
        head: SealedHead,
        group: u64,
    ) -> Option<Hash> {
        let square = group / TILE_WIDTH;
        let hash = *self.squares(reader, head)?.get(usize::try_from(square).ok()?)?;
        let groups = self.state().groups.get(&hash).map(Arc::clone);
        let groups = match groups {
            Some(groups) => groups,
            None => {
                let first = square * TILE_WIDTH;
                let groups: Arc<[Hash]> = hashes.read(1, first, first + TILE_WIDTH).ok()?.into();
                if groups.iter().copied().collect::<Tree>().root() != hash {
                    return None;
                }
                let mut state = self.state();
                if state.groups.len() >= SQUARES_MAX {
                    state.groups.clear();
                }
                state.groups.insert(hash, Arc::clone(&groups));
                groups
            }
        };
        groups.get((group % TILE_WIDTH) as usize).copied()
    }

    fn squares(&self, reader: &Reader, head: SealedHead) -> Option<Arc<[Hash]>> {
        if let Some((of, squares)) = &self.state().squares
            && *of == head
        {
            return squares.clone();
        }
        let squares: Option<Arc<[Hash]>> = subtree_roots(reader, head, 2).map(Arc::from);
        self.state().squares = Some((head, squares.clone()));
        squares
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // All of it was proved when it was put there.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Hashes of the tree that were proved before: a prover that has them computes no path.
//!
//! A group is 256 entries, and a square is 256 groups. That some hashes give the hash of a square or of a group stays true,
//! whatever happens to the files, so they are kept by that hash.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use graven_core::hash::Hash;
use graven_core::tile::{TILE_HEIGHT, TILE_WIDTH};
use graven_core::tree::{self, Node, Tree};

use super::sealed_head::SealedHead;
use crate::reader::Hashes;

/// How many squares and how many groups are kept, each 8 KiB. Then all are forgotten.
const SQUARES_MAX: usize = 1_024;
const GROUPS_MAX: usize = 64;

/// What provers of one trail have proved, for those that come after them.
#[derive(Debug, Default)]
pub struct Proved(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// What the newest head seals; `None` when `tiles/` does not lead to its root.
    sealed: Option<(SealedHead, Option<Arc<Sealed>>)>,
    /// The hashes of the groups of a square, by its own.
    squares: HashMap<Hash, Arc<[Hash]>>,
    /// The leaf hashes of a group, by its own.
    groups: HashMap<Hash, Arc<[Hash]>>,
}

impl State {
    /// The hashes of this level, by the hash that they give.
    fn kept(&mut self, level: u8) -> &mut HashMap<Hash, Arc<[Hash]>> {
        match level {
            0 => &mut self.groups,
            _ => &mut self.squares,
        }
    }
}

/// The hashes that give the root of a head.
#[derive(Debug)]
struct Sealed {
    /// Those of the full squares.
    squares: Vec<Hash>,
    /// Those of the full groups behind them.
    groups: Vec<Hash>,
    /// Those of the leaves behind these.
    leaves: Arc<[Hash]>,
}

impl Sealed {
    /// Reads them from `tiles/`; `None` when they give another root.
    fn read(hashes: &mut Hashes, head: SealedHead) -> Option<Sealed> {
        let ends = [head.size, head.size / TILE_WIDTH, head.size / TILE_WIDTH / TILE_WIDTH];
        let firsts = [ends[1] * TILE_WIDTH, ends[2] * TILE_WIDTH, 0];
        let mut read = |level: u8| {
            let (first, end) = (firsts[usize::from(level)], ends[usize::from(level)]);
            // Of a level without hashes there need not be a file.
            if first == end { Some(Vec::new()) } else { hashes.read(level, first, end).ok() }
        };
        let levels = [read(0)?, read(1)?, read(2)?];
        let Ok(root) = tree::root(head.size, |node: Node| {
            let level = usize::from(node.level / TILE_HEIGHT).min(2);
            let above = node.level - level as u8 * TILE_HEIGHT;
            let place = |index: u64| ((index << above) - firsts[level]) as usize;
            let children = levels[level][place(node.index)..place(node.index + 1)].iter();
            Ok::<_, Infallible>(children.copied().collect::<Tree>().root())
        });
        let [leaves, groups, squares] = levels;
        (root == head.root).then(|| Sealed { squares, groups, leaves: leaves.into() })
    }
}

impl Proved {
    /// The leaf hashes of a group as far as a head covers it; `None` when `tiles/` does not prove them.
    pub(super) fn leaves(&self, hashes: &mut Hashes, head: SealedHead, group: u64) -> Option<Arc<[Hash]>> {
        let sealed = self.sealed(hashes, head)?;
        if group == head.size / TILE_WIDTH {
            return Some(Arc::clone(&sealed.leaves));
        }
        let (square, number) = (group / TILE_WIDTH, (group % TILE_WIDTH) as usize);
        let hash = match sealed.squares.get(usize::try_from(square).ok()?) {
            Some(hash) => *self.children(hashes, *hash, 1, square, SQUARES_MAX)?.get(number)?,
            None => *sealed.groups.get(number)?,
        };
        self.children(hashes, hash, 0, group, GROUPS_MAX)
    }

    /// The 256 hashes of a stored level that give this hash, which is the one with that number in the level above.
    fn children(
        &self,
        hashes: &mut Hashes,
        hash: Hash,
        level: u8,
        number: u64,
        most: usize,
    ) -> Option<Arc<[Hash]>> {
        if let Some(children) = self.state().kept(level).get(&hash) {
            return Some(Arc::clone(children));
        }
        let first = number * TILE_WIDTH;
        let children: Arc<[Hash]> = hashes.read(level, first, first + TILE_WIDTH).ok()?.into();
        if children.iter().copied().collect::<Tree>().root() != hash {
            return None;
        }
        let mut state = self.state();
        let kept = state.kept(level);
        if kept.len() >= most {
            kept.clear();
        }
        kept.insert(hash, Arc::clone(&children));
        Some(children)
    }

    fn sealed(&self, hashes: &mut Hashes, head: SealedHead) -> Option<Arc<Sealed>> {
        if let Some((of, sealed)) = &self.state().sealed
            && *of == head
        {
            return sealed.clone();
        }
        let sealed = Sealed::read(hashes, head).map(Arc::new);
        self.state().sealed = Some((head, sealed.clone()));
        sealed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // All of it was proved when it was put there.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use graven_core::hash::leaf_hash;

    use super::*;
    use crate::files::durable;
    use crate::files::layout::Layout;
    use crate::seam::disk::{Disk, Open, OsDisk};

    /// Makes the levels over this many leaves, and returns the leaf hashes.
    fn levels(layout: &Layout, size: u64) -> Vec<Hash> {
        OsDisk.create_dir(&layout.tiles()).unwrap();
        let leaves: Vec<Hash> = (0..size).map(|number| leaf_hash(&number.to_le_bytes())).collect();
        let (mut level, mut hashes) = (0, leaves.clone());
        while !hashes.is_empty() {
            let file = OsDisk.open(&layout.level(level), Open::CreateNew).unwrap();
            let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
            durable::write_all_at(&*file, &bytes, 0).unwrap();
            let full = hashes.chunks_exact(TILE_WIDTH as usize);
            hashes = full.map(|tile| tile.iter().copied().collect::<Tree>().root()).collect();
            level += 1;
        }
        leaves
    }

    #[test]
    fn the_leaves_of_each_group_are_those_under_the_head_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        for size in [1, 255, 256, 257, 65_535, 65_536, 65_537, 65_792, 131_072 + 700] {
            let layout = Layout::in_dir(folder.path().join(size.to_string()));
            OsDisk.create_dir(layout.dir()).unwrap();
            let expected = levels(&layout, size);
            let head = SealedHead { size, root: expected.iter().copied().collect::<Tree>().root() };
            let proved = Proved::default();
            let hashes = || Hashes::new(Arc::new(OsDisk), layout.clone(), size);
            let groups = 0..size.div_ceil(TILE_WIDTH);
            let some = groups.clone().filter(|group| group % 37 == 0 || *group + 2 >= groups.end);
            let leaves = |proved: &Proved, head, group| proved.leaves(&mut hashes(), head, group);
            for group in some {
                let found = leaves(&proved, head, group);
                let place = (group * TILE_WIDTH) as usize;
                let end = expected.len().min(place + TILE_WIDTH as usize);
                assert_eq!(found.as_deref(), Some(&expected[place..end]), "{group} of {size}");
                let other = SealedHead { size, root: expected[0].min(Hash::EMPTY_TREE) };
                assert!(size == 1 || leaves(&Proved::default(), other, group).is_none(), "{group} of {size}");
            }
            // Another hash in the place of a leaf, which is in the first group.
            let file = OsDisk.open(&layout.level(0), Open::Write).unwrap();
            durable::write_all_at(&*file, Hash::EMPTY_TREE.as_bytes(), 0).unwrap();
            assert_eq!(leaves(&Proved::default(), head, 0), None, "{size}");
            let kept = leaves(&proved, head, 0);
            assert_eq!(kept.as_deref(), Some(&expected[..expected.len().min(256)]), "what was proved stays");
        }
    }
}

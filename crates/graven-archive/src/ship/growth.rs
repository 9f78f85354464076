//! The tree of what is shipped, as it grows: its root, to compare with the signed one, and the full tiles.

use bytes::Bytes;
use graven::durable;
use graven::reader::Reader;
use graven_core::hash::Hash;
use graven_core::tile::{HASH_BYTES, TILE_WIDTH, level_hashes, node_hashes};
use graven_core::tree::Tree;

use crate::error::ArchiveError;

/// A tile of 256 hashes, and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FullTile {
    pub(super) level: u8,
    pub(super) index: u64,
    pub(super) bytes: Bytes,
}

/// A tree that grows by leaves.
#[derive(Debug, Clone, Default)]
pub(super) struct Growth {
    tree: Tree,
    /// By level, the hashes past the last full tile.
    rows: Vec<Vec<Hash>>,
}

impl Growth {
    pub(super) fn size(&self) -> u64 {
        self.tree.size()
    }

    pub(super) fn root(&self) -> Hash {
        self.tree.root()
    }

    /// The tree of a trail under a head, and the full tiles that its last entries complete, from `first` on. The stored
    /// hashes are used where they lead to the root of the head; otherwise every line is read.
    ///
    /// # Errors
    /// `Data` when the lines do not lead to that root either.
    pub(super) fn under(
        reader: &Reader,
        first: u64,
        (size, root): (u64, Hash),
    ) -> Result<(Growth, Vec<FullTile>), ArchiveError> {
        for begin in [Growth::stored(reader, first), Some(Growth::default())].into_iter().flatten() {
            let (mut growth, mut tiles) = (begin, Vec::new());
            let mut entries = reader.entries(growth.size()..size)?;
            while let Some((index, line)) = entries.next_line()? {
                let mut full = |tile| {
                    if index >= first {
                        tiles.push(tile)
                    }
                };
                growth.push(graven_core::hash::leaf_hash(line), &mut full);
            }
            if growth.size() == size && growth.root() == root {
                return Ok((growth, tiles));
            }
        }
        Err(ArchiveError::data(format!(
            "{} does not have the first {size} entries that are in the archive: look with `graven verify`",
            reader.layout().dir().display()
        )))
    }

    /// From the hashes in `tiles/`; `None` where they cannot be read.
    fn stored(reader: &Reader, size: u64) -> Option<Growth> {
        let read = |level: u8, first: u64, count: u64| -> Option<Vec<Hash>> {
            let path = reader.layout().level(level);
            let file = reader.disk().open(&path, graven::disk::Open::Read).ok()?;
            let mut bytes = vec![0; usize::try_from(count).ok()? * HASH_BYTES];
            let full =
                durable::read_full_at(&*file, &mut bytes, first * HASH_BYTES as u64).ok()? == bytes.len();
            let (hashes, _) = bytes.as_chunks::<HASH_BYTES>();
            full.then(|| hashes.iter().map(|hash| Hash::from_bytes(*hash)).collect())
        };
        let tree = Tree::load(size, |node| {
            let (level, range) = node_hashes(node);
            read(level, range.start, range.end - range.start).map(|hashes| root_of(&hashes)).ok_or(())
        });
        let rows = (0..).map_while(|level| match level_hashes(size, level) {
            0 => None,
            count => Some(read(level, count - count % TILE_WIDTH, count % TILE_WIDTH)),
        });
        Some(Growth { tree: tree.ok()?, rows: rows.collect::<Option<_>>()? })
    }

    /// Adds a leaf. Calls `full` with each tile that it completes.
    pub(super) fn push(&mut self, leaf: Hash, full: &mut dyn FnMut(FullTile)) {
        let mut place = self.tree.size();
        self.tree.push(leaf);
        let mut hash = leaf;
        for level in 0.. {
            if self.rows.len() == level {
                self.rows.push(Vec::new());
            }
            let row = &mut self.rows[level];
            row.push(hash);
            if (row.len() as u64) < TILE_WIDTH {
                return;
            }
            let bytes: Vec<u8> = row.iter().flat_map(|hash| *hash.as_bytes()).collect();
            hash = root_of(row);
            row.clear();
            place /= TILE_WIDTH;
            let level = u8::try_from(level).expect("eight levels hold every index");
            full(FullTile { level, index: place, bytes: bytes.into() });
        }
    }
}

/// The root over 1 to 256 hashes, whose number is a power of two.
fn root_of(hashes: &[Hash]) -> Hash {
    hashes.iter().copied().collect::<Tree>().root()
}

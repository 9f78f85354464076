//! Step 6 of 8: the tree's hashes on disk, one append-only file per level. Next: [`publish`](crate::engine::publish).
//!
//! File `tiles/L` holds, 32 bytes each, the roots of the complete subtrees of 256^L leaves; C2SP tile L/N is its bytes
//! N·8192 and on. Only the right edge stays in memory: for each level the tree of the hashes since the last full tile,
//! at most 255 of them. The peaks of these trees, from the widest level down, give the root of the whole.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use graven_core::hash::{Hash, node_hash};
use graven_core::tile::{HASH_BYTES, TILE_WIDTH, level_hashes};
use graven_core::tree::Tree;

use super::durable;
use super::layout::Layout;
use crate::seam::disk::{Disk, File, Open};

/// The hashes of a trail: the files, and the right edge of the tree in memory.
#[derive(Debug)]
pub(crate) struct Levels {
    disk: Arc<dyn Disk>,
    layout: Layout,
    levels: Vec<Level>,
    /// Whether new files have temporary names until [`put_in_place`](Levels::put_in_place).
    beside: bool,
    /// These names, by level.
    temporary: Vec<PathBuf>,
}

#[derive(Debug)]
struct Level {
    file: Arc<dyn File>,
    /// How many hashes the file holds, as far as we know.
    hashes: u64,
    /// The tree over the hashes since the last full tile; fewer than 256.
    edge: Tree,
}

impl Levels {
    /// The empty tree.
    pub(crate) fn empty(disk: Arc<dyn Disk>, layout: Layout) -> Levels {
        Levels { disk, layout, levels: Vec::new(), beside: false, temporary: Vec::new() }
    }

    /// The empty tree. Its files have temporary names, and the old files stay, until
    /// [`put_in_place`](Levels::put_in_place).
    pub(crate) fn beside(disk: Arc<dyn Disk>, layout: Layout) -> Levels {
        Levels { beside: true, ..Levels::empty(disk, layout) }
    }

    /// Gives the temporary files their final names. They must be synced. A crash leaves some of the old and some of the
    /// new.
    pub(crate) fn put_in_place(&mut self) -> io::Result<()> {
        for (number, temporary) in (0..).zip(&self.temporary) {
            durable::retried(|| self.disk.rename(temporary, &self.layout.level(number)))?;
        }
        self.beside = false;
        self.temporary.clear();
        durable::sync_dir(&*self.disk, &self.layout.tiles())
    }

    /// Makes the empty file of a new level.
    fn create(&mut self, number: u8) -> io::Result<Arc<dyn File>> {
        let path = self.layout.level(number);
        if self.beside {
            let (temporary, file) = durable::create_temporary(&*self.disk, &path)?;
            self.temporary.push(temporary);
            return Ok(file);
        }
        // A crash may have left one.
        let file = durable::retried(|| self.disk.open(&path, Open::Create))?;
        durable::retried(|| file.set_bytes(0))?;
        Ok(file)
    }

    /// The right edge of the tree of `size` leaves, read from the files. Nothing is written. A file that is absent or
    /// too short is an error of kind `UnexpectedEof` or `NotFound`.
    pub(crate) fn load(disk: Arc<dyn Disk>, layout: Layout, size: u64) -> io::Result<Levels> {
        let mut levels = Levels::empty(disk, layout);
        levels.follow(size)?;
        Ok(levels)
    }

    /// How many leaves there are.
    pub(crate) fn size(&self) -> u64 {
        self.levels.first().map_or(0, |level| level.hashes)
    }

    /// The root over all leaves.
    pub(crate) fn root(&self) -> Hash {
        let mut peaks = self.levels.iter().flat_map(|level| level.edge.peaks().iter().rev());
        let Some(first) = peaks.next() else {
            return Hash::EMPTY_TREE;
        };
        // From the narrowest peak to the widest: each is the left sibling of everything to its right.
        peaks.fold(*first, |right, left| node_hash(left, &right))
    }

    /// The whole tree, of which `levels` holds the right edge.
    pub(crate) fn tree(&self) -> Tree {
        let narrow_to_wide = self.levels.iter().flat_map(|level| level.edge.peaks().iter().rev());
        let mut peaks: Vec<Hash> = narrow_to_wide.copied().collect();
        Tree::load(self.size(), |_| peaks.pop().ok_or(())).expect("a level's edge has its part of the peaks")
    }

    /// Appends leaves: extends the right edge and writes the new hashes, level by level. Nothing is synced.
    pub(crate) fn append(&mut self, leaves: &[Hash]) -> io::Result<()> {
        let mut hashes = leaves.to_vec();
        for number in 0.. {
            if hashes.is_empty() {
                break;
            }
            if self.levels.len() == number as usize {
                let file = self.create(number)?;
                self.levels.push(Level { file, hashes: 0, edge: Tree::new() });
            }
            let level = &mut self.levels[number as usize];
            // Counted only once they are written.
            level.write(&hashes)?;
            hashes = level.extend(&hashes);
        }
        Ok(())
    }

    /// Takes the right edge of a tree of `size` leaves, whose hashes another process has written, from the files. Nothing
    /// is checked. After an error the edge is no tree's.
    pub(crate) fn follow(&mut self, size: u64) -> io::Result<()> {
        for number in 0.. {
            let hashes = level_hashes(size, number);
            if hashes == 0 {
                break;
            }
            if self.levels.len() == number as usize {
                let file = durable::retried(|| self.disk.open(&self.layout.level(number), Open::Write))?;
                self.levels.push(Level { file, hashes: 0, edge: Tree::new() });
            }
            self.levels[number as usize].load(hashes)?;
        }
        Ok(())
    }

    /// Whether the names of the files still lead to the files that are open here. If somebody deleted `tiles/`, or
    /// rebuilt it, they do not.
    pub(crate) fn are_in_place(&self) -> io::Result<bool> {
        for (number, level) in (0..).zip(&self.levels) {
            match self.disk.metadata(&self.layout.level(number)) {
                Ok(metadata) if metadata.id == level.file.id()? => {}
                Err(error) if !durable::is_absent(&error) => return Err(error),
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The leaf hashes from an index on, read back.
    pub(crate) fn leaves_from(&self, first: u64) -> io::Result<Vec<Hash>> {
        match self.levels.first() {
            Some(level) if first < level.hashes => read_hashes(&*level.file, first, level.hashes),
            _ => Ok(Vec::new()),
        }
    }

    /// Whether each full tile among the newest `leaves` leaf hashes, and the tiles above them, give the hash that is
    /// stored for them one level higher. A damaged hash in the middle does not change the right edge, so the root of
    /// the whole does not show it.
    pub(crate) fn newest_are_whole(&self, leaves: u64) -> io::Result<bool> {
        let mut wanted = leaves.div_ceil(TILE_WIDTH);
        for pair in self.levels.windows(2) {
            let [lower, higher] = pair else { continue };
            for tile in higher.hashes.saturating_sub(wanted)..higher.hashes {
                let hashes = read_hashes(&*lower.file, tile * TILE_WIDTH, (tile + 1) * TILE_WIDTH)?;
                let stored = read_hashes(&*higher.file, tile, tile + 1)?;
                if Tree::from_iter(hashes).root() != stored[0] {
                    return Ok(false);
                }
            }
            wanted = wanted.div_ceil(TILE_WIDTH);
        }
        Ok(true)
    }

    /// Makes durable what [`append`](Levels::append) wrote for a tree that had `size` leaves before.
    pub(crate) fn sync(&self, size: u64) -> io::Result<()> {
        let mut new_files = false;
        for (number, level) in (0..).zip(&self.levels) {
            let before = level_hashes(size, number);
            if before != level.hashes {
                durable::retried(|| level.file.sync_data())?;
            }
            new_files |= before == 0;
        }
        if new_files { durable::sync_dir(&*self.disk, &self.layout.tiles()) } else { Ok(()) }
    }

    /// The leaf hashes since the last full tile, read back.
    pub(crate) fn partial_leaves(&self) -> io::Result<Vec<Hash>> {
        match self.levels.first() {
            Some(level) => read_hashes(&*level.file, level.hashes - level.hashes % TILE_WIDTH, level.hashes),
            None => Ok(Vec::new()),
        }
    }

    /// Cuts each level's file to the length that it should have.
    pub(crate) fn trim(&self) -> io::Result<()> {
        for level in &self.levels {
            let bytes = level.hashes * HASH_BYTES as u64;
            if level.file.bytes()? > bytes {
                durable::retried(|| level.file.set_bytes(bytes))?;
            }
        }
        Ok(())
    }
}

impl Level {
    /// Takes the edge of a file of `hashes` hashes from the file.
    fn load(&mut self, hashes: u64) -> io::Result<()> {
        self.edge = Tree::from_iter(read_hashes(&*self.file, hashes - hashes % TILE_WIDTH, hashes)?);
        self.hashes = hashes;
        Ok(())
    }

    /// Writes hashes behind those that it has.
    fn write(&self, hashes: &[Hash]) -> io::Result<()> {
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.as_bytes()).copied().collect();
        durable::write_all_at(&*self.file, &bytes, self.hashes * HASH_BYTES as u64)
    }

    /// Counts hashes; returns the roots of the tiles that are now full.
    fn extend(&mut self, hashes: &[Hash]) -> Vec<Hash> {
        let mut full = Vec::with_capacity(hashes.len() / TILE_WIDTH as usize + 1);
        for hash in hashes {
            self.edge.push(*hash);
            if self.edge.size() == TILE_WIDTH {
                full.push(self.edge.root());
                self.edge = Tree::new();
            }
        }
        self.hashes += hashes.len() as u64;
        full
    }
}

/// The hashes `first..end` of a level's file.
pub(crate) fn read_hashes(file: &dyn File, first: u64, end: u64) -> io::Result<Vec<Hash>> {
    let too_short = || io::Error::new(io::ErrorKind::UnexpectedEof, "the file of hashes is too short");
    // The length first: a checkpoint may be signed for more hashes than a memory or an offset can hold.
    if end > file.bytes()? / HASH_BYTES as u64 {
        return Err(too_short());
    }
    let count = usize::try_from(end - first).map_err(io::Error::other)?;
    let mut bytes = vec![0; count * HASH_BYTES];
    if durable::read_full_at(file, &mut bytes, first * HASH_BYTES as u64)? < bytes.len() {
        return Err(too_short());
    }
    let (hashes, _) = bytes.as_chunks::<HASH_BYTES>();
    Ok(hashes.iter().map(|hash| Hash::from_bytes(*hash)).collect())
}

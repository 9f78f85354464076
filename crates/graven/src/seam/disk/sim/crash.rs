//! Crash images: what a power cut can leave of a simulated disk.
//!
//! All that was synced is there. Of the rest, each file by itself keeps nothing, everything, a prefix of the changes
//! (down to the byte), or any subset of its blocks, of 512 or 4,096 bytes, with what was there before, or zeros, in
//! the holes and the length extended or not. Each change of a name by itself is there or not, but a rename is never
//! seen half, and later changes of a name imply the earlier ones.
//!
//! Assumed of the medium, as in the format's document: a synced byte stays; a block that was not written to stays;
//! bytes that appear without having been written are zeros.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use super::Snapshot;
use super::content::Content;
use super::world::{Change, FileNode, Node, NodeId, World};

/// The sizes of block in which a disk or a page cache writes.
const BLOCKS_BYTES: [u64; 2] = [512, 4096];
/// With more possibilities than this for one file, or for the names, they are drawn at random and not listed.
const LISTED_MAX: u64 = 4_096;

/// One outcome of a power cut at one moment. Belongs to the [`Snapshot`] that gave it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrashChoice {
    /// A file that is not named here keeps nothing unsynced.
    files: BTreeMap<NodeId, (PathBuf, Keep)>,
    /// The changes of names that are durable.
    names: BTreeSet<u64>,
}

/// What a power cut leaves of the unsynced changes of one file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Keep {
    /// This many of the first bytes, in the order of the writes; a change of length counts as one byte.
    Prefix(u64),
    /// Blocks on their own.
    Blocks {
        block_bytes: u64,
        /// How many of the explicit changes of length happened; writes after the next one are lost.
        lengths: usize,
        /// For each block written to, in order: how many of the writes that touch it reached the disk.
        versions: Vec<u32>,
        reach: Reach,
    },
}

/// How long a file is of which only some blocks were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// As if none of the writes had made it longer.
    Old,
    /// To the end of the last block that was written.
    Kept,
    /// As if all of the writes had happened.
    New,
}

impl Snapshot {
    /// Whether a power cut could lose anything.
    pub fn is_synced(&self) -> bool {
        self.world.unsynced_names.is_empty() && dirty(&self.world).next().is_none()
    }

    /// What a power cut can leave: all of it when that is at most `most` outcomes, otherwise the extremes (nothing,
    /// everything, all names but no bytes and the reverse) and a sample drawn from `seed`, `most` in all.
    pub fn crash_choices(&self, most: usize, seed: u64) -> Vec<CrashChoice> {
        let mut world = self.world.clone();
        world.sweep(|_| false);
        let files: Vec<_> =
            dirty(&world).map(|(id, path, file)| DirtyFile::new(id, path, file).listed()).collect();
        let names = NameSets::new(&world);
        let outcomes = files.iter().map(DirtyFile::outcomes).fold(names.outcomes(), u64::saturating_mul);
        if outcomes <= most as u64 && files.iter().all(|file| file.listed.is_some()) {
            return every(&files, &names);
        }
        let mut choices: BTreeSet<_> = [(false, false), (true, true), (false, true), (true, false)]
            .map(|x| extreme(&files, &names, x))
            .into();
        let mut chance = fastrand::Rng::with_seed(seed);
        // Draws may repeat; when nearly all was drawn, that is enough.
        for _ in 0..most * 4 {
            if choices.len() >= most {
                break;
            }
            choices.insert(drawn(&files, &names, &mut chance));
        }
        choices.into_iter().collect()
    }

    /// One outcome, drawn from `seed`; the extremes are more likely than others. Costs far less than a list of them.
    pub fn crash_choice_drawn(&self, seed: u64) -> CrashChoice {
        let mut world = self.world.clone();
        world.sweep(|_| false);
        let files: Vec<_> = dirty(&world).map(|(id, path, file)| DirtyFile::new(id, path, file)).collect();
        let names = NameSets::new(&world);
        let mut chance = fastrand::Rng::with_seed(seed);
        match chance.u8(..8) {
            extremes @ 0..4 => extreme(&files, &names, (extremes & 1 > 0, extremes & 2 > 0)),
            _ => drawn(&files, &names, &mut chance),
        }
    }

    /// The outcome that loses all that was not synced.
    pub fn crash_choice_nothing(&self) -> CrashChoice {
        CrashChoice { files: BTreeMap::new(), names: BTreeSet::new() }
    }

    /// The world after a power cut with this outcome.
    pub(super) fn world_after(&self, choice: &CrashChoice) -> World {
        let mut world = self.world.clone();
        for change in std::mem::take(&mut world.unsynced_names) {
            if choice.names.contains(&change.id) {
                world.make_durable(&change);
            }
        }
        for (id, node) in &mut world.nodes {
            match node {
                Node::File(file) => {
                    let content = match choice.files.get(id) {
                        Some((_, keep)) => keep.content(file),
                        None => file.durable.clone(),
                    };
                    let access = file.access;
                    *file =
                        FileNode { seen: content.clone(), durable: content, unsynced: Vec::new(), access }
                            .into();
                }
                Node::Dir(dir) => {
                    let mut after = (**dir).clone();
                    after.seen = after.durable.clone();
                    *dir = after.into();
                }
            }
        }
        world.sweep(|_| false);
        world
    }
}

impl fmt::Debug for CrashChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (path, keep) in self.files.values() {
            map.entry(path, keep);
        }
        map.entry(&"names", &self.names).finish()
    }
}

/// Every combination. The caller has counted them.
fn every(files: &[DirtyFile], names: &NameSets) -> Vec<CrashChoice> {
    let mut choices: Vec<_> =
        names.all().into_iter().map(|names| CrashChoice { files: BTreeMap::new(), names }).collect();
    for file in files {
        let listed = file.listed.as_ref().expect("the caller looked");
        choices = choices
            .iter()
            .flat_map(|choice| {
                listed.iter().map(|keep| {
                    let mut choice = choice.clone();
                    choice.files.insert(file.id, (file.path.clone(), keep.clone()));
                    choice
                })
            })
            .collect();
    }
    choices
}

/// Draws for each file, and for the names, independently.
fn drawn(files: &[DirtyFile], names: &NameSets, chance: &mut fastrand::Rng) -> CrashChoice {
    CrashChoice {
        files: files.iter().map(|file| (file.id, (file.path.clone(), file.draw(chance)))).collect(),
        names: names.draw(chance),
    }
}

/// All or nothing of the bytes, and of the names.
fn extreme(files: &[DirtyFile], names: &NameSets, (bytes, all_names): (bool, bool)) -> CrashChoice {
    CrashChoice {
        files: files
            .iter()
            .map(|file| (file.id, (file.path.clone(), Keep::Prefix(if bytes { file.units } else { 0 }))))
            .collect(),
        names: if all_names { names.ids.iter().copied().collect() } else { BTreeSet::new() },
    }
}

/// The files with unsynced changes, with a path for people to read.
fn dirty(world: &World) -> impl Iterator<Item = (NodeId, PathBuf, &FileNode)> {
    let paths: BTreeMap<_, _> = world.paths().into_iter().map(|(path, node)| (node, path)).collect();
    world.nodes.iter().filter_map(move |(id, node)| match node {
        Node::File(file) if !file.unsynced.is_empty() => {
            let path = paths.get(id).cloned().unwrap_or_else(|| format!("unlinked {id:?}").into());
            Some((*id, path, &**file))
        }
        _ => None,
    })
}

/// A file with unsynced changes, and what may be left of them.
struct DirtyFile {
    id: NodeId,
    path: PathBuf,
    /// The length of the longest prefix, see [`Keep::Prefix`].
    units: u64,
    /// For each size of block and each number of changes of length: how often each block was written.
    shapes: Vec<Shape>,
    /// All possibilities, when they are few and were asked for.
    listed: Option<Vec<Keep>>,
}

struct Shape {
    block_bytes: u64,
    lengths: usize,
    writes: Vec<u32>,
}

impl DirtyFile {
    fn new(id: NodeId, path: PathBuf, file: &FileNode) -> DirtyFile {
        let units = file.unsynced.iter().map(units).sum();
        let lengths = file.unsynced.iter().filter(|change| matches!(change, Change::SetBytes(_))).count();
        let shapes: Vec<_> = BLOCKS_BYTES
            .into_iter()
            .flat_map(|block_bytes| (0..=lengths).map(move |lengths| (block_bytes, lengths)))
            .map(|(block_bytes, lengths)| {
                let writes = blocks_written(&file.unsynced, block_bytes, lengths).into_values().collect();
                Shape { block_bytes, lengths, writes }
            })
            .collect();
        DirtyFile { id, path, units, shapes, listed: None }
    }

    /// Lists the possibilities, when they are few.
    fn listed(mut self) -> DirtyFile {
        let count = self.shapes.iter().map(Shape::outcomes).fold(self.units + 1, u64::saturating_add);
        self.listed = (count <= LISTED_MAX).then(|| {
            let mut all: Vec<_> = (0..=self.units).map(Keep::Prefix).collect();
            all.extend(self.shapes.iter().flat_map(Shape::all));
            all
        });
        self
    }

    fn outcomes(&self) -> u64 {
        self.listed.as_ref().map_or(u64::MAX, |all| all.len() as u64)
    }

    fn draw(&self, chance: &mut fastrand::Rng) -> Keep {
        match chance.u8(..8) {
            0 => Keep::Prefix(0),
            1 => Keep::Prefix(self.units),
            2..=4 => Keep::Prefix(chance.u64(..=self.units)),
            _ => {
                let shape = &self.shapes[chance.usize(..self.shapes.len())];
                let versions = shape.writes.iter().map(|&writes| chance.u32(..=writes)).collect();
                shape.keep(versions, [Reach::Old, Reach::Kept, Reach::New][chance.usize(..3)])
            }
        }
    }
}

impl Shape {
    fn outcomes(&self) -> u64 {
        self.writes.iter().fold(3, |product, &writes| product.saturating_mul(u64::from(writes) + 1))
    }

    fn all(&self) -> Vec<Keep> {
        let mut versions = vec![Vec::new()];
        for &writes in &self.writes {
            versions = versions
                .iter()
                .flat_map(|versions| (0..=writes).map(|version| [versions.as_slice(), &[version]].concat()))
                .collect();
        }
        let reaches = |versions: Vec<u32>| {
            [Reach::Old, Reach::Kept, Reach::New].map(|reach| self.keep(versions.clone(), reach))
        };
        versions.into_iter().flat_map(reaches).collect()
    }

    fn keep(&self, versions: Vec<u32>, reach: Reach) -> Keep {
        Keep::Blocks { block_bytes: self.block_bytes, lengths: self.lengths, versions, reach }
    }
}

impl Keep {
    /// What the file holds after the cut.
    fn content(&self, file: &FileNode) -> Content {
        match self {
            Keep::Prefix(units) => prefix(file, *units),
            Keep::Blocks { block_bytes, lengths, versions, reach } => {
                blocks(file, *block_bytes, *lengths, versions, *reach)
            }
        }
    }
}

fn prefix(file: &FileNode, mut left: u64) -> Content {
    let mut content = file.durable.clone();
    for change in &file.unsynced {
        if left < units(change) {
            if let Change::Write { offset, bytes } = change {
                content.write(&bytes[..left as usize], *offset);
            }
            break;
        }
        left -= units(change);
        change.apply(&mut content);
    }
    content
}

fn blocks(file: &FileNode, block_bytes: u64, lengths: usize, versions: &[u32], reach: Reach) -> Content {
    let changes = before_length(&file.unsynced, lengths);
    let written = blocks_written(&file.unsynced, block_bytes, lengths);
    let versions: BTreeMap<u64, u32> = written.into_keys().zip(versions.iter().copied()).collect();
    let mut content = file.durable.clone();
    let mut so_far = BTreeMap::new();
    let (mut old, mut kept, mut new) = (content.bytes(), content.bytes(), content.bytes());
    for change in changes {
        match change {
            Change::SetBytes(bytes) => {
                (old, kept, new) = (*bytes, *bytes, *bytes);
                content.set_bytes(*bytes);
            }
            Change::Write { offset, bytes } => {
                let end = offset + bytes.len() as u64;
                new = new.max(end);
                for block in touched(*offset, bytes.len() as u64, block_bytes) {
                    let nth = so_far.entry(block).or_insert(0);
                    *nth += 1;
                    if *nth > versions.get(&block).copied().unwrap_or(0) {
                        continue;
                    }
                    let from = (block * block_bytes).max(*offset);
                    let to = ((block + 1) * block_bytes).min(end);
                    content.write(&bytes[(from - offset) as usize..(to - offset) as usize], from);
                    kept = kept.max(to);
                }
            }
        }
    }
    content.set_bytes(match reach {
        Reach::Old => old,
        Reach::Kept => kept,
        Reach::New => new,
    });
    content
}

/// How many bytes of a prefix a change takes.
fn units(change: &Change) -> u64 {
    match change {
        Change::Write { bytes, .. } => bytes.len() as u64,
        Change::SetBytes(_) => 1,
    }
}

/// The changes up to the change of length that did not happen any more.
fn before_length(changes: &[Change], lengths: usize) -> &[Change] {
    let end = changes
        .iter()
        .enumerate()
        .filter(|(_, change)| matches!(change, Change::SetBytes(_)))
        .nth(lengths)
        .map_or(changes.len(), |(at, _)| at);
    &changes[..end]
}

/// The blocks written to, and by how many writes.
fn blocks_written(changes: &[Change], block_bytes: u64, lengths: usize) -> BTreeMap<u64, u32> {
    let mut written = BTreeMap::new();
    for change in before_length(changes, lengths) {
        if let Change::Write { offset, bytes } = change {
            for block in touched(*offset, bytes.len() as u64, block_bytes) {
                *written.entry(block).or_insert(0) += 1;
            }
        }
    }
    written
}

fn touched(offset: u64, bytes: u64, block_bytes: u64) -> std::ops::Range<u64> {
    offset / block_bytes..(offset + bytes).div_ceil(block_bytes)
}

/// The sets of unsynced changes of names that may be durable.
struct NameSets<'a> {
    world: &'a World,
    ids: Vec<u64>,
}

impl NameSets<'_> {
    fn new(world: &World) -> NameSets<'_> {
        NameSets { world, ids: world.unsynced_names.iter().map(|change| change.id).collect() }
    }

    /// At least how many there are; exact when it is small enough to matter.
    fn outcomes(&self) -> u64 {
        if self.ids.len() > 12 { u64::MAX } else { self.all().len() as u64 }
    }

    fn all(&self) -> BTreeSet<BTreeSet<u64>> {
        (0..1_u64 << self.ids.len()).map(|mask| self.of(|nth| mask >> nth & 1 == 1)).collect()
    }

    fn draw(&self, chance: &mut fastrand::Rng) -> BTreeSet<u64> {
        self.of(|_| chance.bool())
    }

    fn of(&self, mut chosen: impl FnMut(usize) -> bool) -> BTreeSet<u64> {
        let chosen = self.ids.iter().enumerate().filter(|(nth, _)| chosen(*nth)).map(|(_, id)| *id).collect();
        self.world.with_earlier_names(&chosen)
    }
}

//! What was recorded, as far as it can be proven: the leaf hashes in `tiles/` that lead to a signed root.
//!
//! The hashes of a level are trusted when their root is in the level above, which is already trusted; the topmost ones
//! when they lead to the signed root. Where a stored hash does not fit, the hash computed from the level below, or the
//! one computed from the entries, may fit. So each place has up to three candidates, and the combination that fits is
//! found from the top down. A damaged tile therefore hides nothing except itself.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use graven_core::hash::Hash;
use graven_core::tile::{TILE_HEIGHT, TILE_WIDTH, level_hashes};
use graven_core::tree::Node;

use super::scan::Scan;
use super::spine::{Spine, subtree_hash};
use super::tiles::Tiles;

/// What is known of a recorded group of 256 entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// The leaf hashes in `tiles/0` are those that were recorded.
    Leaves,
    /// The leaf hashes are not, but the root of the group is known.
    Root(Hash),
    /// Only the root of a larger subtree is known.
    Lost,
}

/// The entries that a signed root vouches for, and what is known of them.
#[derive(Debug)]
pub(super) struct Recorded {
    /// The number of entries under the root.
    pub(super) size: u64,
    /// What is known of the groups; nothing is known of the others.
    groups: BTreeMap<u64, Group>,
    /// The leaf hashes after the last whole group.
    pub(super) tail: Vec<Hash>,
    /// Subtrees of which nothing below is known, with their roots: level, index, root.
    pub(super) lost: Vec<(u8, u64, Hash)>,
}

impl Recorded {
    /// What is known of a group.
    pub(super) fn group(&self, group: u64) -> Group {
        self.groups.get(&group).copied().unwrap_or(Group::Lost)
    }
}

/// The candidates for every hash in `tiles/` except those of the lowest level, read once.
#[derive(Debug)]
pub(super) struct Candidates<'a> {
    tiles: &'a Tiles,
    scan: &'a Scan,
    /// By level from 1 on.
    levels: Vec<Row>,
    /// How many combinations were tried.
    tried: Cell<usize>,
}

/// The candidates of one level, by index. There are as many as hashes are stored or were computed: a head may be signed
/// for any number of entries, and work and memory must not depend on that number.
#[derive(Debug, Default)]
struct Row(BTreeMap<u64, Choice>);

impl Row {
    fn at(&mut self, index: u64) -> &mut Choice {
        self.0.entry(index).or_default()
    }

    /// All candidates of a range; `None` when one of them has none.
    fn range(&self, range: Range<u64>) -> Option<Vec<Choice>> {
        let wanted = range.end - range.start;
        let choices: Vec<Choice> = self.0.range(range).map(|(_, choice)| *choice).collect();
        (choices.len() as u64 == wanted).then_some(choices)
    }

    fn tile(&self, index: u64) -> Option<Vec<Choice>> {
        self.range(children(index))
    }

    /// The indexes of the tiles that have any candidates.
    fn tiles(&self) -> Vec<u64> {
        let mut tiles: Vec<u64> = self.0.keys().map(|index| index / TILE_WIDTH).collect();
        tiles.dedup();
        tiles
    }
}

/// The hashes of the level below that give one hash.
fn children(index: u64) -> Range<u64> {
    index * TILE_WIDTH..(index + 1) * TILE_WIDTH
}

/// The values that a recorded hash may have: as stored, as computed from the stored level below, as computed from the
/// entries.
#[derive(Debug, Clone, Copy, Default)]
struct Choice {
    stored: Option<Hash>,
    below: Option<Hash>,
    entries: Option<Hash>,
}

/// The most combinations that are tried for one tile.
const COMBINATIONS_MAX: usize = 4_096;

/// The most combinations that are tried in all, of tiles and heads together. Each of them hashes a tile.
const TRIED_MAX: usize = 4 * COMBINATIONS_MAX;

/// How many stored hashes are read at a time.
const READ_HASHES: u64 = 4_096;

impl Choice {
    fn values(&self) -> [Option<Hash>; 3] {
        [self.stored, self.below, self.entries]
    }

    /// The different values, the most likely first: the one that `below` and `entries` agree on, else the stored one.
    fn distinct(&self) -> Vec<Hash> {
        let mut distinct: Vec<Hash> = Vec::with_capacity(3);
        let agreed =
            if self.below.is_some() && self.below == self.entries { self.below } else { self.stored };
        for value in [agreed].into_iter().chain(self.values()).flatten() {
            if !distinct.contains(&value) {
                distinct.push(value);
            }
        }
        distinct
    }
}

impl<'a> Candidates<'a> {
    pub(super) fn read(tiles: &'a Tiles, scan: &'a Scan) -> io::Result<Candidates<'a>> {
        let mut levels: Vec<Row> = Vec::new();
        for level in 1..tiles.levels() {
            let mut row = Row::default();
            match levels.last() {
                None => scan.groups.iter().for_each(|(group, root)| row.at(*group).entries = Some(*root)),
                Some(lower) => {
                    for index in lower.tiles() {
                        if let Some(root) = lower.tile(index).and_then(|tile| root_of_entries(&tile)) {
                            row.at(index).entries = Some(root);
                        }
                    }
                }
            }
            for index in 0..tiles.stored(level - 1)? / TILE_WIDTH {
                if let Some(root) = full_tile_root(tiles, level - 1, index)? {
                    row.at(index).below = Some(root);
                }
            }
            for start in (0..tiles.stored(level)?).step_by(READ_HASHES as usize) {
                for (index, stored) in (start..).zip(tiles.read(level, start, READ_HASHES)?) {
                    row.at(index).stored = Some(stored);
                }
            }
            // Hashes of more entries than the tree has are no candidates.
            drop(row.0.split_off(&tiles.hashes(level)));
            levels.push(row);
        }
        Ok(Candidates { tiles, scan, levels, tried: Cell::new(0) })
    }

    /// What a root over `size` entries vouches for; `None` when no candidates lead to it.
    pub(super) fn vouched_for(&self, size: u64, root: &Hash) -> io::Result<Option<Recorded>> {
        let (mut nodes, mut choices): (Vec<Node>, Vec<Choice>) = Default::default();
        for level in (0..self.tiles.levels()).rev() {
            let end = level_hashes(size, level);
            let start = end - end % TILE_WIDTH;
            let found = match level {
                0 => Some(self.tail_choices(start, end)?),
                _ => self.levels[usize::from(level) - 1].range(start..end),
            };
            let Some(found) = found else {
                return Ok(None);
            };
            nodes.extend((start..end).map(|index| Node { level: level * TILE_HEIGHT, index }));
            choices.extend(found);
        }
        let Some(hashes) = self.fit(&choices, |hashes| root_of(&nodes, hashes) == Some(*root)) else {
            return Ok(None);
        };
        let mut known: Vec<BTreeMap<u64, Hash>> = vec![BTreeMap::new(); usize::from(self.tiles.levels())];
        let mut tail = Vec::new();
        for (node, hash) in nodes.iter().zip(hashes) {
            match node.level / TILE_HEIGHT {
                0 => tail.push(hash),
                level => drop(known[usize::from(level)].insert(node.index, hash)),
            }
        }
        Ok(Some(self.descend(size, known, tail)))
    }

    /// The root over 256^level entries as they are stored.
    pub(super) fn entries_root(&self, level: u8, index: u64) -> Option<Hash> {
        self.levels.get(usize::from(level).checked_sub(1)?)?.0.get(&index)?.entries
    }

    /// Finds the trusted hashes of each level from those of the level above.
    fn descend(&self, size: u64, mut known: Vec<BTreeMap<u64, Hash>>, tail: Vec<Hash>) -> Recorded {
        let mut lost = Vec::new();
        for level in (2..known.len()).rev() {
            for (index, root) in std::mem::take(&mut known[level]) {
                let choices = self.levels[level - 2].tile(index);
                let fitting =
                    choices.and_then(|choices| self.fit(&choices, |hashes| subtree_hash(hashes) == root));
                match fitting {
                    Some(hashes) => known[level - 1].extend(children(index).zip(hashes)),
                    None => lost.push((level as u8, index, root)),
                }
            }
        }
        let group = |(index, root): (&u64, &Hash)| {
            let below = self.levels[0].0.get(index).and_then(|choice| choice.below);
            (*index, if below == Some(*root) { Group::Leaves } else { Group::Root(*root) })
        };
        let groups = known.get(1).map_or(BTreeMap::new(), |roots| roots.iter().map(group).collect());
        Recorded { size, groups, tail, lost }
    }

    /// One value of each choice, so that they fit together.
    fn fit(&self, choices: &[Choice], fits: impl Fn(&[Hash]) -> bool) -> Option<Vec<Hash>> {
        let distinct: Vec<Vec<Hash>> = choices.iter().map(Choice::distinct).collect();
        if distinct.iter().any(Vec::is_empty) {
            return None;
        }
        let all =
            |value: fn(&Choice) -> Option<Hash>| -> Option<Vec<Hash>> { choices.iter().map(value).collect() };
        let likely = Some(distinct.iter().map(|values| values[0]).collect());
        let wholes = [likely, all(|c| c.stored), all(|c| c.below), all(|c| c.entries)];
        if let Some(hashes) = wholes.into_iter().flatten().find(|hashes| fits(hashes)) {
            return Some(hashes);
        }
        let left = TRIED_MAX.saturating_sub(self.tried.get());
        combinations(&distinct)?.take(left).find(|hashes| {
            self.tried.set(self.tried.get() + 1);
            fits(hashes)
        })
    }

    /// The choices for the leaf hashes after the last whole group.
    fn tail_choices(&self, start: u64, end: u64) -> io::Result<Vec<Choice>> {
        let stored = self.tiles.read(0, start, end - start)?;
        let mut choices: Vec<Choice> = vec![Choice::default(); (end - start) as usize];
        for (choice, stored) in choices.iter_mut().zip(stored) {
            choice.stored = Some(stored);
        }
        for (index, leaf) in &self.scan.tail {
            if (start..end).contains(index) {
                choices[(index - start) as usize].entries = Some(*leaf);
            }
        }
        Ok(choices)
    }
}

/// The root of a full tile, from its stored hashes.
fn full_tile_root(tiles: &Tiles, level: u8, index: u64) -> io::Result<Option<Hash>> {
    let hashes = tiles.read(level, index * TILE_WIDTH, TILE_WIDTH)?;
    Ok((hashes.len() as u64 == TILE_WIDTH).then(|| subtree_hash(&hashes)))
}

/// The root over a tile as computed from the entries; `None` when some of them are missing.
fn root_of_entries(tile: &[Choice]) -> Option<Hash> {
    let hashes: Option<Vec<Hash>> = tile.iter().map(|choice| choice.entries).collect();
    hashes.map(|hashes| subtree_hash(&hashes))
}

/// The root over neighbouring subtrees.
fn root_of(nodes: &[Node], hashes: &[Hash]) -> Option<Hash> {
    let mut spine = Spine::new(0);
    for (node, hash) in nodes.iter().zip(hashes) {
        spine.push(*node, *hash, |_, _| ());
    }
    spine.root()
}

/// All ways to take one value of each; `None` when there are too many.
fn combinations(distinct: &[Vec<Hash>]) -> Option<impl Iterator<Item = Vec<Hash>>> {
    let count = distinct.iter().try_fold(1, |count: usize, values| {
        count.checked_mul(values.len()).filter(|count| *count <= COMBINATIONS_MAX)
    })?;
    Some((0..count).map(move |mut number| {
        let pick = |values: &Vec<Hash>| {
            let value = values[number % values.len()];
            number /= values.len();
            value
        };
        distinct.iter().map(pick).collect()
    }))
}

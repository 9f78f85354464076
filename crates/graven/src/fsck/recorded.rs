//! What was recorded, as far as it can be proven: the leaf hashes in `tiles/` that lead to a signed root.
//!
//! The hashes of a level are trusted when their root is in the level above, which is already trusted; the topmost ones
//! when they lead to the signed root. Where a stored hash does not fit, the hash computed from the level below, or the
//! one computed from the entries, may fit. So each place has up to three candidates, and the combination that fits is
//! found from the top down. A damaged tile therefore hides nothing except itself.

use std::io;

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
    groups: Vec<Group>,
    /// The leaf hashes after the last whole group.
    pub(super) tail: Vec<Hash>,
    /// Subtrees of which nothing below is known, with their roots: level, index, root.
    pub(super) lost: Vec<(u8, u64, Hash)>,
}

impl Recorded {
    /// What is known of a group.
    pub(super) fn group(&self, group: u64) -> Group {
        usize::try_from(group).ok().and_then(|group| self.groups.get(group)).copied().unwrap_or(Group::Lost)
    }
}

/// The candidates for every hash in `tiles/` except those of the lowest level, read once.
#[derive(Debug)]
pub(super) struct Candidates<'a> {
    tiles: &'a Tiles,
    scan: &'a Scan,
    /// By level from 1 on.
    levels: Vec<Vec<Choice>>,
}

/// The values that a recorded hash may have: as stored, as computed from the stored level below, as computed from the
/// entries.
#[derive(Debug, Clone, Copy, Default)]
struct Choice {
    stored: Option<Hash>,
    below: Option<Hash>,
    entries: Option<Hash>,
}

/// The most combinations that are tried.
const COMBINATIONS_MAX: usize = 4_096;

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
        let mut levels: Vec<Vec<Choice>> = Vec::new();
        for level in 1..tiles.levels() {
            let mut choices = Vec::new();
            for index in 0..tiles.hashes(level) {
                let entries = match levels.last() {
                    None => scan.groups.get(&index).copied(),
                    Some(lower) => root_of_tile(lower, index, |choice| choice.entries),
                };
                choices.push(Choice {
                    stored: None,
                    below: full_tile_root(tiles, level - 1, index)?,
                    entries,
                });
            }
            for (choice, stored) in choices.iter_mut().zip(tiles.read(level, 0, tiles.hashes(level))?) {
                choice.stored = Some(stored);
            }
            levels.push(choices);
        }
        Ok(Candidates { tiles, scan, levels })
    }

    /// What a root over `size` entries vouches for; `None` when no candidates lead to it.
    pub(super) fn vouched_for(&self, size: u64, root: &Hash) -> io::Result<Option<Recorded>> {
        let mut edge: Vec<(Node, Choice)> = Vec::new();
        for level in (0..self.tiles.levels()).rev() {
            let end = level_hashes(size, level);
            let start = end - end % TILE_WIDTH;
            let choices: Vec<Choice> = match level {
                0 => self.tail_choices(start, end)?,
                _ => self.levels[usize::from(level) - 1][start as usize..end as usize].to_vec(),
            };
            edge.extend((start..end).map(|index| Node { level: level * TILE_HEIGHT, index }).zip(choices));
        }
        let (nodes, choices): (Vec<Node>, Vec<Choice>) = edge.into_iter().unzip();
        let Some(hashes) = fit(&choices, |hashes| root_of(&nodes, hashes) == Some(*root)) else {
            return Ok(None);
        };
        let mut known: Vec<Vec<Option<Hash>>> = (0..self.tiles.levels())
            .map(|level| vec![None; if level == 0 { 0 } else { level_hashes(size, level) as usize }])
            .collect();
        let mut tail = Vec::new();
        for (node, hash) in nodes.iter().zip(hashes) {
            match node.level / TILE_HEIGHT {
                0 => tail.push(hash),
                level => known[usize::from(level)][node.index as usize] = Some(hash),
            }
        }
        self.descend(size, known, tail).map(Some)
    }

    /// The root over 256^level entries as they are stored.
    pub(super) fn entries_root(&self, level: u8, index: u64) -> Option<Hash> {
        self.levels.get(usize::from(level).checked_sub(1)?)?.get(usize::try_from(index).ok()?)?.entries
    }

    /// Finds the trusted hashes of each level from those of the level above.
    fn descend(&self, size: u64, mut known: Vec<Vec<Option<Hash>>>, tail: Vec<Hash>) -> io::Result<Recorded> {
        let mut lost = Vec::new();
        for level in (2..known.len()).rev() {
            for index in 0..known[level].len() {
                let Some(root) = known[level][index] else {
                    continue;
                };
                let children = index * TILE_WIDTH as usize..(index + 1) * TILE_WIDTH as usize;
                match fit(&self.levels[level - 2][children.clone()], |hashes| subtree_hash(hashes) == root) {
                    Some(hashes) => {
                        for (child, hash) in known[level - 1][children].iter_mut().zip(hashes) {
                            *child = Some(hash);
                        }
                    }
                    None => lost.push((level as u8, index as u64, root)),
                }
            }
        }
        let group = |(index, root): (usize, &Option<Hash>)| match root {
            Some(root) if self.levels[0][index].below == Some(*root) => Group::Leaves,
            Some(root) => Group::Root(*root),
            None => Group::Lost,
        };
        let groups = known.get(1).map_or(Vec::new(), |roots| roots.iter().enumerate().map(group).collect());
        Ok(Recorded { size, groups, tail, lost })
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

/// The root over one value of each of 256 choices; `None` when one of them lacks it.
fn root_of_tile(choices: &[Choice], index: u64, value: impl Fn(&Choice) -> Option<Hash>) -> Option<Hash> {
    let start = (index * TILE_WIDTH) as usize;
    let hashes: Option<Vec<Hash>> = choices[start..start + TILE_WIDTH as usize].iter().map(value).collect();
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

/// One value of each choice, so that they fit together.
fn fit(choices: &[Choice], fits: impl Fn(&[Hash]) -> bool) -> Option<Vec<Hash>> {
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
    combinations(&distinct)?.find(|hashes| fits(hashes))
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

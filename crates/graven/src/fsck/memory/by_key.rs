//! What was seen of a key, at whatever path: the peaks of the largest accepted tree, and the boundary heads.
//!
//! The peaks are the roots of the complete subtrees that make up the tree. From the first ones follow the roots of
//! smaller trees, so a part of an older copy can be compared with a newer tree; the boundary heads show more of it.

use std::collections::BTreeMap;
use std::convert::Infallible;

use graven_core::hash::Hash;
use graven_core::note::VerifierKey;
use graven_core::tree;
use serde::{Deserialize, Serialize};

use super::Outcome;
use super::folder::{Folder, hashed};
use crate::error::Error;

/// The most boundary heads that are kept. Past that, every second one is forgotten.
const HEADS_MAX: usize = 4_096;

/// What is remembered of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fsck) struct KeyMemory {
    /// The key. Its name is the origin.
    pub(in crate::fsck) key: VerifierKey,
    /// The size of the largest tree that was accepted.
    pub(in crate::fsck) size: u64,
    /// The roots of its complete subtrees, the largest first.
    peaks: Vec<Hash>,
    /// The root at each boundary that was seen, by size.
    heads: BTreeMap<u64, Hash>,
}

impl KeyMemory {
    /// What is remembered after a tree was accepted: nothing new when `before` knows a larger one.
    pub(in crate::fsck) fn after(
        before: Option<&KeyMemory>,
        key: &VerifierKey,
        (size, peaks): (u64, &[Hash]),
        boundaries: impl Iterator<Item = (u64, Hash)>,
    ) -> KeyMemory {
        let before = before.filter(|before| before.key == *key);
        if let Some(larger) = before.filter(|before| before.size > size) {
            return larger.clone();
        }
        let mut heads = before.map(|before| before.heads.clone()).unwrap_or_default();
        heads.extend(boundaries);
        thin(&mut heads);
        KeyMemory { key: key.clone(), size, peaks: peaks.to_vec(), heads }
    }

    /// What two verifiers have seen of one key: the larger tree, and the heads of both, so that the next verification
    /// compares them. `None` when they contradict each other.
    fn union(&self, other: &KeyMemory) -> Option<KeyMemory> {
        let (larger, smaller) = if self.size < other.size { (other, self) } else { (self, other) };
        let (known, mut more) = (larger.roots(), smaller.roots());
        if more.iter().any(|(size, root)| known.get(size).is_some_and(|known| known != root)) {
            return None;
        }
        let mut union = larger.clone();
        union.heads.extend(&smaller.heads);
        if smaller.size < larger.size {
            union.heads.extend(more.pop_last());
        }
        thin(&mut union.heads);
        Some(union)
    }

    /// The roots that follow from what is remembered, by size: a tree of that size or more must lead to them.
    pub(in crate::fsck) fn roots(&self) -> BTreeMap<u64, Hash> {
        let mut roots = self.heads.clone();
        let mut size = 0;
        let bits = (0..u64::BITS).rev().map(|bit| 1 << bit).filter(|bit| self.size & bit != 0);
        for (peaks, bit) in (1..).zip(bits) {
            size += bit;
            let mut peaks = self.peaks.iter().take(peaks).copied();
            let root = tree::root(size, |_| Ok::<_, Infallible>(peaks.next().expect("a peak for each bit")));
            let Ok(root) = root;
            roots.insert(size, root);
        }
        roots
    }
}

/// Forgets every second head while there are too many. The newest one stays.
fn thin(heads: &mut BTreeMap<u64, Hash>) {
    while heads.len() > HEADS_MAX {
        let mut keep = heads.len().is_multiple_of(2);
        heads.retain(|_, _| {
            keep = !keep;
            keep
        });
    }
}

/// The file for one key.
#[derive(Debug)]
pub(super) struct KeyFile<'a> {
    key: &'a VerifierKey,
    name: String,
}

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u64,
    origin: String,
    key: String,
    size: u64,
    peaks: Vec<Hash>,
    heads: Vec<(u64, Hash)>,
}

/// The only version of the file.
const VERSION: u64 = 1;

impl KeyFile<'_> {
    /// The file for a key. Its name is a hash: the trail chooses the origin, and it must not choose a path.
    pub(super) fn new(key: &VerifierKey) -> KeyFile<'_> {
        KeyFile { key, name: format!("key-{}.json", hashed(key.to_string().as_bytes())) }
    }

    /// Reads what is remembered; `None` when nothing is.
    pub(super) fn recall(&self, folder: &Folder) -> Result<Option<KeyMemory>, Error> {
        folder.read(&self.name, |bytes| parse(bytes).filter(|memory| memory.key == *self.key))
    }

    /// Remembers what was accepted. If by now more is remembered than it was judged by, both stay. The caller holds the
    /// folder's lock.
    pub(super) fn remember(
        &self,
        folder: &Folder,
        judged_by: Option<&KeyMemory>,
        accepted: &KeyMemory,
    ) -> Result<Outcome, Error> {
        let now = self.recall(folder)?;
        let new = match &now {
            Some(now) if Some(now) != judged_by => now.union(accepted),
            _ => Some(accepted.clone()),
        };
        let Some(new) = new else {
            return Ok(Outcome::Overtaken);
        };
        if now.as_ref() != Some(&new) {
            folder.replace(&self.name, &Content::of(&new))?;
        }
        Ok(Outcome::Remembered)
    }
}

impl Content {
    fn of(memory: &KeyMemory) -> Content {
        Content {
            version: VERSION,
            origin: memory.key.name().to_owned(),
            key: memory.key.to_string(),
            size: memory.size,
            peaks: memory.peaks.clone(),
            heads: memory.heads.iter().map(|(size, root)| (*size, *root)).collect(),
        }
    }
}

fn parse(bytes: &[u8]) -> Option<KeyMemory> {
    let file: Content = serde_json::from_slice(bytes).ok()?;
    let key = VerifierKey::parse(&file.key).ok()?;
    let fits = file.version == VERSION
        && key.name() == file.origin
        && file.peaks.len() == file.size.count_ones() as usize
        && file.heads.iter().all(|(size, _)| *size <= file.size);
    fits.then(|| KeyMemory {
        key,
        size: file.size,
        peaks: file.peaks,
        heads: file.heads.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests;

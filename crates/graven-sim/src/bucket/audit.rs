//! What must hold at every change of the bucket, written from `docs/SCALE.md`: it sees each request when it arrives, with
//! what is there at that moment.

use std::collections::BTreeMap;

use bytes::Bytes;
use graven_core::hash::{Hash, sha256};
use graven_core::note::VerifierKey;
use graven_core::tree::Tree;

use super::Objects;
use super::look::{self, Found, number};
use crate::rule::{Broken, Checked, Rule};

/// What is known of the bucket.
#[derive(Default)]
pub(crate) struct Audit {
    /// The folder of the trail: its origin, encoded. And its key.
    pub(crate) folder: String,
    pub(crate) key: Option<VerifierKey>,
    pub(super) epochs: Vec<Epoch>,
    /// The leaf hashes under the newest head, in the tree of all epochs.
    pub(super) leaves: Vec<Hash>,
    pub(super) tree: Tree,
    /// The heads by size.
    pub(super) roots: BTreeMap<u64, Hash>,
    /// The number of the next closed segment, and where it begins.
    pub(super) segments: u64,
    pub(super) closed_to: u64,
    pub(super) counts: Counts,
    broken: Option<Broken>,
}

/// What happened, for the tally.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) heads: u64,
    pub(crate) segments: u64,
}

/// One epoch.
#[derive(Debug)]
pub(super) struct Epoch {
    /// Its random name.
    id: String,
    /// The epoch that counted when it was taken: the newest that was not closed without a head.
    after: Option<String>,
    /// Where its first head begins.
    pub(super) from: u64,
    /// Its heads, by number.
    pub(super) heads: Vec<(u64, Hash)>,
    pub(super) ended: bool,
}

impl Audit {
    /// An object is created or replaced. `objects` is what is there before.
    pub(super) fn change(&mut self, objects: &Objects, name: &str, bytes: &Bytes) {
        if let Err(broken) = self.check(objects, name, bytes) {
            self.broken.get_or_insert(broken);
        }
    }

    /// An object is removed. Nothing that ships removes any.
    pub(super) fn remove(&mut self, name: &str) {
        self.broken.get_or_insert(Broken { rule: Rule::Created, how: format!("{name} is removed") });
    }

    /// The first rule that was broken.
    pub(crate) fn result(&self) -> Checked {
        self.broken.clone().map_or(Ok(()), Err)
    }

    /// Whether a head of an epoch covers as many entries with this root.
    pub(crate) fn has_head(&self, epoch: u64, head: (u64, Hash)) -> bool {
        self.epochs.get(epoch as usize).is_some_and(|epoch| epoch.heads.contains(&head))
    }

    /// The random name of the epoch that a writer goes on from which has taken this one.
    pub(crate) fn goes_on_from(&self, epoch: u64) -> Option<&str> {
        self.epochs.get(epoch as usize)?.after.as_deref()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// How many entries are under the newest head.
    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    fn check(&mut self, objects: &Objects, name: &str, bytes: &Bytes) -> Checked {
        let copy = format!("{}/checkpoint", self.folder);
        if name != copy
            && let Some(before) = objects.get(name)
        {
            return Rule::Created.unless(before == bytes, || format!("{name} is changed"));
        }
        let Some((_, rest)) = name.split_once('/').filter(|(folder, _)| *folder == self.folder) else {
            return Rule::Complete.unless(name == "origin", || format!("{name} is of no trail"));
        };
        let parts: Vec<&str> = rest.split('/').collect();
        match parts[..] {
            ["epochs", n] => self.epoch(n, bytes),
            ["heads", epoch, k] => self.head(objects, (epoch, k), bytes),
            ["tile", level, index] => self.wrong(self.tile(level, index, bytes)),
            ["segments", part] => {
                let checked = self.segment(objects, part, bytes);
                self.wrong(checked)
            }
            ["boundaries", size] => self.wrong(self.boundary(size, bytes)),
            ["blobs", digest] => Rule::Complete
                .unless(sha256(bytes).to_hex() == digest, || format!("{name} has another content")),
            ["checkpoint"] => self.wrong(self.copy(objects, bytes)),
            ["graven.json"] | ["settings", _] | ["tail", _, _] | ["closed", _] => Ok(()),
            _ => Rule::Complete.broken(format!("{name} has no such name")),
        }
    }

    fn wrong(&self, found: Found<()>) -> Checked {
        found.or_else(|how| Rule::Complete.broken(how))
    }

    fn epoch(&mut self, n: &str, bytes: &[u8]) -> Checked {
        let n: u64 = n.parse().unwrap_or(u64::MAX);
        let next = self.epochs.len() as u64;
        Rule::Complete.unless(n == next, || format!("epoch {n} is created, and the next one is {next}"))?;
        let read = || -> Found<(u64, u64, [String; 2])> {
            let value = look::json(bytes, "an epoch")?;
            let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
            Ok((number(&value, "epoch")?, number(&value, "size")?, [text("root"), text("id")]))
        };
        let (said, from, [root, id]) = read().or_else(|how| Rule::Complete.broken(how))?;
        let known = if from == 0 { Some(look::root_of(&[])) } else { self.roots.get(&from).copied() };
        let right = said == n && known.is_some_and(|known| known.to_string() == root);
        Rule::Complete.unless(right, || format!("epoch {n} begins with {from} entries under {root}"))?;
        let counts = |epoch: &&Epoch| !epoch.ended || !epoch.heads.is_empty();
        let after = self.epochs.iter().rev().find(counts).map(|epoch| epoch.id.clone());
        self.epochs.push(Epoch { id, after, from, heads: Vec::new(), ended: false });
        Ok(())
    }

    fn tile(&self, level: &str, index: &str, bytes: &[u8]) -> Found<()> {
        let at: usize = index.parse().map_err(|_| format!("tile {index}"))?;
        let leaves = self.leaves.get(at * 256..(at + 1) * 256);
        let expected: Option<Vec<u8>> =
            leaves.map(|leaves| leaves.iter().flat_map(|leaf| *leaf.as_bytes()).collect());
        if level == "0" && expected.is_some_and(|expected| expected == bytes) {
            return Ok(());
        }
        Err(format!("tile {level}/{index} is created, and is not under a head, or has other hashes"))
    }

    /// The full tiles under a head of this size are there.
    pub(super) fn tiles_under(&self, objects: &Objects, size: u64) -> Found<()> {
        let first_missing = (0..size / 256)
            .map(|tile| format!("{}/tile/0/{tile:03}", self.folder))
            .find(|name| !objects.contains_key(name));
        first_missing.map_or(Ok(()), |name| Err(format!("{name} is not there, under a head of {size}")))
    }

    /// The root over the first entries.
    pub(super) fn root(&self, size: u64) -> Option<Hash> {
        self.roots
            .get(&size)
            .copied()
            .or_else(|| self.leaves.get(..usize::try_from(size).ok()?).map(look::root_of))
    }

    fn boundary(&self, size: &str, bytes: &[u8]) -> Found<()> {
        let (signed, root) = self.signed(bytes, "a boundary")?;
        if signed.to_string() == size && self.root(signed) == Some(root) {
            return Ok(());
        }
        Err(format!("boundary {size} is over {signed} entries, or not under a head"))
    }

    fn copy(&self, objects: &Objects, bytes: &[u8]) -> Found<()> {
        let (size, root) = self.signed(bytes, "checkpoint")?;
        if self.roots.get(&size) != Some(&root) {
            return Err(format!("checkpoint is over {size} entries, and no head is"));
        }
        self.tiles_under(objects, size)
    }

    pub(super) fn signed(&self, bytes: &[u8], name: &str) -> Found<(u64, Hash)> {
        let key = self.key.as_ref().ok_or("nothing is signed before the trail has a key")?;
        look::head(bytes, key, name)
    }
}

//! Reads the hashes in `tiles/` and compares them with computed ones.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use graven_core::hash::Hash;
use graven_core::tile::{HASH_BYTES, level_hashes};
use graven_core::verdict::{Finding, Verdict};

use super::snapshot::{Places, if_there};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::seam::disk::{Disk, File, Open};

/// The files of `tiles/`, opened for a tree of a given size. A file that is absent counts as empty.
#[derive(Debug)]
pub(super) struct Tiles {
    size: u64,
    files: Vec<Option<Arc<dyn File>>>,
    /// What stands in the place of one of these files and is not a file.
    pub(super) not_files: Vec<Finding>,
}

impl Tiles {
    pub(super) fn open(disk: &dyn Disk, layout: &Layout, size: u64) -> io::Result<Tiles> {
        let mut files = Vec::new();
        let mut places = Places::default();
        for level in (0..).take_while(|level| level_hashes(size, *level) > 0) {
            let file = if_there(disk.open(&layout.level(level), Open::Read));
            files.push(places.file(&format!("tiles/{level}"), Verdict::TilesDamaged, file)?.flatten());
        }
        Ok(Tiles { size, files, not_files: places.0 })
    }

    /// The number of levels of that tree.
    pub(super) fn levels(&self) -> u8 {
        self.files.len() as u8
    }

    /// The number of hashes that the tree has in a level.
    pub(super) fn hashes(&self, level: u8) -> u64 {
        level_hashes(self.size, level)
    }

    /// The number of hashes of a level that are stored, at most those of the tree.
    pub(super) fn stored(&self, level: u8) -> io::Result<u64> {
        let Some(Some(file)) = self.files.get(usize::from(level)) else {
            return Ok(0);
        };
        Ok((file.bytes()? / HASH_BYTES as u64).min(self.hashes(level)))
    }

    /// The stored hashes `first..first + count` of a level, cut short where the file or the tree ends. For a large count,
    /// ask first how many are [`stored`](Tiles::stored).
    pub(super) fn read(&self, level: u8, first: u64, count: u64) -> io::Result<Vec<Hash>> {
        let count = count.min(self.hashes(level).saturating_sub(first));
        let Some(Some(file)) = self.files.get(usize::from(level)) else {
            return Ok(Vec::new());
        };
        let Some(offset) = first.checked_mul(HASH_BYTES as u64) else {
            return Ok(Vec::new());
        };
        let mut bytes = vec![0; usize::try_from(count).map_err(io::Error::other)? * HASH_BYTES];
        let read = durable::read_full_at(&**file, &mut bytes, offset)?;
        let (hashes, _) = bytes[..read].as_chunks::<HASH_BYTES>();
        Ok(hashes.iter().map(|hash| Hash::from_bytes(*hash)).collect())
    }

    /// Compares hashes of a level, from `first` on, with the stored ones. Does not compare hashes past the end of the
    /// tree.
    pub(super) fn compare(
        &self,
        level: u8,
        first: u64,
        hashes: &[Hash],
        damage: &mut Damage,
    ) -> io::Result<()> {
        let stored = self.read(level, first, hashes.len() as u64)?;
        let count = (hashes.len() as u64).min(self.hashes(level).saturating_sub(first)) as usize;
        if stored == hashes[..count] {
            return Ok(());
        }
        for i in (0..count).filter(|i| stored.get(*i) != Some(&hashes[*i])) {
            damage.add(level, first + i as u64, first + i as u64);
        }
        Ok(())
    }
}

/// Where stored hashes differ from those of the entries: by level, the runs of hashes `first..=last`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Damage(BTreeMap<u8, Vec<(u64, u64)>>);

/// The most separate runs that are kept for each level; after that the last run grows to cover the others.
const RUNS_MAX: usize = 10_000;

impl Damage {
    /// The runs, level by level: level, first and last hash.
    pub(super) fn runs(&self) -> impl Iterator<Item = (u8, u64, u64)> {
        self.0.iter().flat_map(|(level, runs)| runs.iter().map(|(first, last)| (*level, *first, *last)))
    }

    /// Whether a leaf hash of the entries `first..end` is damaged. Once it was [settled](Damage::settle).
    pub(super) fn touches(&self, first: u64, end: u64) -> bool {
        let Some(runs) = self.0.get(&0) else { return false };
        let next = runs.partition_point(|run| run.1 < first);
        runs.get(next).is_some_and(|run| run.0 < end)
    }

    /// Puts the runs in order, and joins those that touch. Segments with too many lines make them overlap.
    pub(super) fn settle(&mut self) {
        for runs in self.0.values_mut() {
            runs.sort_unstable();
            runs.dedup_by(|next, run| {
                let touches = next.0 <= run.1.saturating_add(1);
                if touches {
                    run.1 = run.1.max(next.1);
                }
                touches
            });
        }
    }

    pub(super) fn extend(&mut self, more: &Damage) {
        for (level, first, last) in more.runs() {
            self.add(level, first, last);
        }
    }

    fn add(&mut self, level: u8, first: u64, last: u64) {
        let runs = self.0.entry(level).or_default();
        let full = runs.len() >= RUNS_MAX;
        match runs.last_mut() {
            Some(run) if run.1 + 1 == first || full => run.1 = run.1.max(last),
            _ => runs.push((first, last)),
        }
    }
}

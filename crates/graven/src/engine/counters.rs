//! Counts of entries: how the trail is doing, and what was not recorded.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use graven_core::entry::Category;
use graven_core::hash::Hash;
use serde::Serialize;

/// Numbers that say how a trail is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counters {
    /// Entries in the trail, all of them durable.
    pub durable: u64,
    /// Groups written since the trail was opened: one write and one sync each, and one more where a segment ends.
    pub groups: u64,
    /// Entries that are under a signed checkpoint.
    pub sealed: u64,
    /// Entries dropped since this process first opened the trail: there was no room, storage failed, or they were not
    /// valid. Each is counted in a `trail.gap` entry.
    pub dropped: u64,
}

/// Dropped entries by category.
pub(crate) type Losses = BTreeMap<String, u64>;

/// The most categories that are counted by name: they must fit the line of one entry, 64 bytes each.
const CATEGORIES_MAX: usize = 256;

/// Stands for all other categories, and for texts that do not name a category.
const OTHERS: &str = "*";

/// Entries that were dropped and whose count is not yet durable in the trail. It outlives the engine: the next engine
/// records what a poisoned one lost.
#[derive(Debug, Default)]
pub(crate) struct Lost(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    total: u64,
    /// Not yet in any entry.
    pending: Losses,
    /// In an entry that is queued but not yet durable.
    announced: Losses,
    /// The leaf hash of that entry.
    announced_as: Option<Hash>,
    /// Entries that nobody waits for and whose write failed. Whether they are lost, only the next opening can tell.
    in_doubt: Vec<Emitted>,
    /// How many entries the trail had when the first of these was written, or when the losses were announced: none of
    /// them is before.
    since: Option<u64>,
    /// For the simulator: settles by index, which is wrong.
    #[cfg(feature = "sim")]
    by_index: bool,
}

/// An entry that nobody waits for.
#[derive(Debug, Clone)]
pub(crate) struct Emitted {
    pub(crate) hash: Hash,
    pub(crate) category: String,
    /// How many entries it stands for.
    pub(crate) count: u64,
}

impl Lost {
    /// Counts one dropped entry.
    pub(crate) fn add(&self, category: &str) {
        self.add_many(category, 1);
    }

    /// Counts dropped entries of one category.
    pub(super) fn add_many(&self, category: &str, count: u64) {
        self.counts().lose(category, count);
    }

    /// Remembers entries whose write failed, when the trail had `size` entries.
    pub(crate) fn doubt(&self, entries: impl Iterator<Item = Emitted>, size: u64) {
        let mut counts = self.counts();
        counts.in_doubt.extend(entries);
        counts.since = Some(counts.since.map_or(size, |since| since.min(size)));
    }

    /// From which index on the log must be looked at to settle what is in doubt; `None` if nothing is.
    pub(crate) fn in_doubt_since(&self) -> Option<u64> {
        let counts = self.counts();
        let doubt = !counts.in_doubt.is_empty() || counts.announced_as.is_some();
        counts.since.filter(|_| doubt)
    }

    /// Settles what is in doubt, when the trail was opened again and has entries with these leaf hashes: the others are
    /// lost, and losses that were announced in none of them are announced again. Other processes may have recorded
    /// meanwhile, so an index would say nothing.
    pub(crate) fn settle(&self, recorded: &HashSet<Hash>) {
        let mut counts = self.counts();
        counts.since = None;
        for emitted in std::mem::take(&mut counts.in_doubt) {
            if !recorded.contains(&emitted.hash) {
                counts.lose(&emitted.category, emitted.count);
            }
        }
        let announced = std::mem::take(&mut counts.announced);
        if counts.announced_as.take().is_some_and(|hash| !recorded.contains(&hash)) {
            announced.into_iter().for_each(|(category, count)| add(&mut counts.pending, &category, count));
        }
    }

    /// For the simulator: from now on [`by_index`](Lost::by_index) answers.
    #[cfg(feature = "sim")]
    pub(crate) fn settle_by_index(&self) {
        self.counts().by_index = true;
    }

    /// For the simulator: the leaf hashes in doubt whose place the log has reached.
    #[cfg(feature = "sim")]
    pub(super) fn by_index(&self, size: u64) -> Vec<Hash> {
        let counts = self.counts();
        let reached = counts.since.map_or(0, |since| size.saturating_sub(since));
        let hashes = counts.in_doubt.iter().map(|emitted| emitted.hash).chain(counts.announced_as);
        if counts.by_index { hashes.take(reached as usize).collect() } else { Vec::new() }
    }

    /// Announces the losses, unless there are none or earlier ones are still on their way. `write` queues an entry and
    /// returns its leaf hash. It is called under the lock: otherwise the entry could be durable before its hash is
    /// known here, and the losses would be recorded twice. `size` is how many entries the trail has.
    pub(super) fn announce<E>(&self, size: u64, write: impl FnOnce(&Losses) -> Result<Hash, E>) {
        let mut counts = self.counts();
        if counts.has_news() {
            // If it cannot be queued, it is announced later.
            let _later = counts.announce(size, write);
        }
    }

    /// The same with an entry that is written in any case; it has no losses if there are none to announce now.
    pub(super) fn announce_anyhow<E>(
        &self,
        size: u64,
        write: impl FnOnce(&Losses) -> Result<Hash, E>,
    ) -> Result<(), E> {
        let mut counts = self.counts();
        if counts.has_news() { counts.announce(size, write) } else { write(&Losses::new()).map(drop) }
    }

    /// Notes that entries with these leaf hashes are durable, and with them the announced losses if they are among
    /// them.
    pub(super) fn durable(&self, hashes: &[Hash]) {
        let mut counts = self.counts();
        if counts.announced_as.is_some_and(|hash| hashes.contains(&hash)) {
            counts.announced.clear();
            counts.announced_as = None;
            if counts.in_doubt.is_empty() {
                counts.since = None;
            }
        }
    }

    /// How many entries were dropped in all.
    pub(crate) fn total(&self) -> u64 {
        self.counts().total
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Whether there are losses to announce, and no earlier ones are on their way.
    fn has_news(&self) -> bool {
        !self.pending.is_empty() && self.announced.is_empty()
    }

    fn announce<E>(&mut self, size: u64, write: impl FnOnce(&Losses) -> Result<Hash, E>) -> Result<(), E> {
        self.announced_as = Some(write(&self.pending)?);
        self.announced = std::mem::take(&mut self.pending);
        self.since.get_or_insert(size);
        Ok(())
    }

    fn lose(&mut self, category: &str, count: u64) {
        self.total = self.total.saturating_add(count);
        add(&mut self.pending, category, count);
    }
}

/// Counts under the category's name, if there is room for one more.
fn add(losses: &mut Losses, category: &str, count: u64) {
    if let Some(known) = losses.get_mut(category) {
        *known = known.saturating_add(count);
        return;
    }
    let named = losses.len() < CATEGORIES_MAX && category.parse::<Category>().is_ok();
    let known = losses.entry(if named { category } else { OTHERS }.to_owned()).or_default();
    *known = known.saturating_add(count);
}

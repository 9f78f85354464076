//! Counts of entries: how the trail is doing, and what was not recorded.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use graven_core::entry::Category;

/// Numbers that say how a trail is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// The index of that entry, once it is known.
    announced_at: Option<u64>,
    /// Entries that nobody waits for and whose write failed: index, category, and how many each stands for. Whether
    /// they are lost, only the next opening can tell.
    in_doubt: Vec<(u64, String, u64)>,
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

    /// Remembers entries whose write failed: index, category, and how many each stands for.
    pub(super) fn doubt(&self, entries: impl Iterator<Item = (u64, String, u64)>) {
        self.counts().in_doubt.extend(entries);
    }

    /// Settles what is in doubt, when the trail was opened again with `size` entries: entries past these are lost, and
    /// losses that were announced past these are announced again.
    pub(crate) fn settle(&self, size: u64) {
        let mut counts = self.counts();
        for (index, category, count) in std::mem::take(&mut counts.in_doubt) {
            if index >= size {
                counts.lose(&category, count);
            }
        }
        let announced = std::mem::take(&mut counts.announced);
        if counts.announced_at.take().is_some_and(|index| index >= size) {
            announced.into_iter().for_each(|(category, count)| add(&mut counts.pending, &category, count));
        }
    }

    /// Announces the losses, unless there are none or earlier ones are still on their way. `write` queues an entry and
    /// returns its index. It is called under the lock: otherwise the entry could be durable before its index is known,
    /// and the losses would be recorded twice.
    pub(super) fn announce<E>(&self, write: impl FnOnce(&Losses) -> Result<u64, E>) {
        let mut counts = self.counts();
        if counts.pending.is_empty() || !counts.announced.is_empty() {
            return;
        }
        if let Ok(index) = write(&counts.pending) {
            counts.announced = std::mem::take(&mut counts.pending);
            counts.announced_at = Some(index);
        }
    }

    /// Notes that every entry before `size` is durable, and with them the announced losses if they are among them.
    pub(super) fn durable_before(&self, size: u64) {
        let mut counts = self.counts();
        if counts.announced_at.is_some_and(|index| index < size) {
            counts.announced.clear();
            counts.announced_at = None;
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

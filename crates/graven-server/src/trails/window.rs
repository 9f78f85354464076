//! Who handed in which id among the newest entries of a trail: it follows the log, and forgets what is old.
//!
//! Only hashes are kept. Whether a hash means what it seems to mean is read from the log.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use graven_core::line::glance::Glance;

/// How many of the newest entries are known. It is a promise of the server.
pub(super) const WINDOW: usize = 1_048_576;

/// The most receipts that wait for entries before them to be read.
const AHEAD_MAX: usize = 65_536;

/// The hash of a name and an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key([u32; 2]);

/// Makes keys. The hashes are secret, so nobody can send ids with equal ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(RandomState);

/// The newest entries.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    keys: Keys,
    /// The low half of the newest index of each key. It is enough: the window is much smaller.
    known: HashMap<Key, u32>,
    /// The keys of the entries before `next`, in order; `None` for those that nobody handed in with a name.
    order: VecDeque<Option<Key>>,
    next: u64,
    /// What this server has recorded past `next`: entries of others may stand before it.
    ahead: BTreeMap<u64, Option<Key>>,
}

impl Keys {
    /// The key of an id, as it is stored, that somebody of this name handed in.
    pub(super) fn of(&self, name: &str, id: &str) -> Key {
        let hash = self.0.hash_one((name, id));
        Key([(hash >> 32) as u32, hash as u32])
    }

    /// The key of a stored line.
    pub(super) fn of_line(&self, line: &[u8]) -> Option<Key> {
        let glance = Glance::at(line)?;
        let name = glance.recorded_by()?;
        Some(self.of(&name, &glance.id()?))
    }
}

impl Window {
    /// Knows nothing, and goes on with this entry.
    pub(super) fn new(size: usize, next: u64) -> Window {
        let keys = Keys::default();
        Window { size, keys, known: HashMap::new(), order: VecDeque::new(), next, ahead: BTreeMap::new() }
    }

    /// What makes its keys.
    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The index of the newest entry with a key.
    pub(super) fn find(&self, key: Key) -> Option<u64> {
        let low = *self.known.get(&key)?;
        let back = (self.next as u32).wrapping_sub(low);
        self.next.checked_sub(u64::from(back))
    }

    /// Takes up an entry that this server has recorded.
    pub(super) fn recorded(&mut self, index: u64, key: Option<Key>) {
        if index >= self.next {
            self.ahead.insert(index, key);
        }
        self.settle();
    }

    /// Whether entries should be read so that receipts need not wait.
    pub(super) fn is_behind(&self) -> bool {
        self.ahead.len() >= AHEAD_MAX
    }

    /// The next entries that must be read when the log has this length; `None` when all are known.
    pub(super) fn unread(&mut self, entries: u64) -> Option<Range<u64>> {
        let first = entries.saturating_sub(self.size as u64);
        if self.next < first {
            // All that is known is old.
            let (size, keys) = (self.size, std::mem::take(&mut self.keys));
            let ahead = std::mem::take(&mut self.ahead).split_off(&first);
            *self = Window { keys, ahead, ..Window::new(size, first) };
        }
        self.settle();
        let end = self.ahead.first_key_value().map_or(entries, |(index, _)| entries.min(*index));
        (self.next < end).then_some(self.next..end)
    }

    /// Takes up entries that were read.
    pub(super) fn read(&mut self, first: u64, keys: Vec<Option<Key>>) {
        for (index, key) in (first..).zip(keys) {
            // Others may have read them too.
            if index == self.next {
                self.push(key);
            }
        }
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(key) = self.ahead.remove(&self.next) {
            self.push(key);
        }
    }

    fn push(&mut self, key: Option<Key>) {
        if let Some(key) = key {
            self.known.insert(key, self.next as u32);
        }
        self.order.push_back(key);
        self.next += 1;
        if self.order.len() <= self.size {
            return;
        }
        let index = (self.next - self.order.len() as u64) as u32;
        if let Some(Some(old)) = self.order.pop_front()
            && self.known.get(&old) == Some(&index)
        {
            self.known.remove(&old);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entries_are_known_and_older_ones_are_forgotten() {
        let mut window = Window::new(4, u64::from(u32::MAX) - 1);
        let first = u64::from(u32::MAX) - 1;
        let key = |window: &Window, id: &str| window.keys().of("n", id);
        let keys: Vec<Key> = ["a", "b", "a", "c", "d", "e"].map(|id| key(&window, id)).to_vec();
        window.read(first, keys[..4].iter().copied().map(Some).collect());
        // The newest of two, also where the low half has turned over.
        assert_eq!(window.find(keys[0]), Some(first + 2));
        assert_eq!(window.find(keys[1]), Some(first + 1));
        window.read(first + 4, vec![Some(keys[4]), None]);
        assert_eq!(window.find(keys[1]), None);
        assert_eq!(window.find(keys[0]), Some(first + 2));
        window.read(first + 6, vec![None]);
        assert_eq!(window.find(keys[0]), None);
        assert_eq!(window.find(keys[3]), Some(first + 3));
    }

    #[test]
    fn receipts_wait_for_the_entries_before_them() {
        let mut window = Window::new(100, 0);
        let (mine, other) = (window.keys().of("n", "mine"), window.keys().of("n", "other"));
        window.recorded(2, Some(mine));
        assert_eq!(window.find(mine), None);
        assert_eq!(window.unread(5), Some(0..2));
        window.read(0, vec![None, Some(other)]);
        assert_eq!((window.find(other), window.find(mine)), (Some(1), Some(2)));
        assert_eq!(window.unread(5), Some(3..5));
        // What was read twice is taken up once.
        window.read(0, vec![Some(mine); 3]);
        assert_eq!((window.find(mine), window.unread(3)), (Some(2), None));
    }

    #[test]
    fn a_log_that_has_grown_far_is_read_from_where_the_window_begins() {
        let mut window = Window::new(10, 0);
        let key = window.keys().of("n", "a");
        window.recorded(995, Some(key));
        assert_eq!(window.unread(1_000), Some(990..995));
        window.read(990, vec![None; 5]);
        assert_eq!((window.find(key), window.unread(1_000)), (Some(995), Some(996..1_000)));
    }
}

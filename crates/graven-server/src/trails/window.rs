//! What is known of the newest entries of a trail: who handed in which id, and which acts have a result. It follows the log,
//! and forgets what is old.
//!
//! Only hashes are kept. Whether a hash means what it seems to mean is read from the log.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::num::NonZeroU32;
use std::ops::Range;

use graven::Phase;
use graven_core::line::glance::Glance;

/// How many of the newest entries are known. It is a promise of the server.
pub(super) const WINDOW: usize = 1_048_576;

/// The most receipts that wait for entries before them to be read.
const AHEAD_MAX: usize = 65_536;

/// The hash of a name and an id, or of the id of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(NonZeroU32, u32);

/// Takes a key as it is: it is a hash already, and a secret one.
#[derive(Debug, Clone, Copy, Default)]
struct AsItIs(u64);

/// What is known of each key.
type ByKey<T> = HashMap<Key, T, BuildHasherDefault<AsItIs>>;

/// What is known of one entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Its name and id; `None` if nobody handed it in with a name.
    pub(super) id: Option<Key>,
    /// The act that it is the result of.
    pub(super) result_of: Option<Key>,
}

/// Makes keys. The hashes are secret, so nobody can send ids with equal ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(RandomState);

/// The newest entries.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    keys: Keys,
    /// The low half of the newest index of each key. It is enough: the window is much smaller.
    ids: ByKey<u32>,
    /// The same for the results of acts.
    results: ByKey<u32>,
    /// The keys of the entries before `next`, in order.
    order: VecDeque<Option<Key>>,
    /// The results among them, in order.
    order_of_results: VecDeque<(u32, Key)>,
    next: u64,
    /// What this server has recorded past `next`: entries of others may stand before it.
    ahead: BTreeMap<u64, Known>,
}

impl Keys {
    /// The key of an id, as it is stored, that somebody of this name handed in.
    pub(super) fn of(&self, name: &str, id: &str) -> Key {
        Key::new(self.0.hash_one((name, id)))
    }

    /// The key of the result of the act with this id, as it is stored.
    pub(super) fn of_result(&self, id: &str) -> Key {
        Key::new(self.0.hash_one((id,)))
    }

    /// What a stored line says.
    pub(super) fn of_line(&self, line: &[u8]) -> Known {
        let Some(glance) = Glance::at(line) else { return Known::default() };
        let id = glance.recorded_by().and_then(|name| Some(self.of(&name, &glance.id()?)));
        let result_of = match glance.phase() {
            Some(Phase::Result) => glance.intent_id().map(|intent| self.of_result(&intent)),
            _ => None,
        };
        Known { id, result_of }
    }
}

impl Key {
    fn new(hash: u64) -> Key {
        Key(NonZeroU32::new((hash >> 32) as u32).unwrap_or(NonZeroU32::MIN), hash as u32)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.0.get()) << 32 | u64::from(self.1));
    }
}

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Window {
    /// Knows nothing, and goes on with this entry.
    pub(super) fn new(size: usize, next: u64) -> Window {
        Window {
            size,
            keys: Keys::default(),
            ids: ByKey::default(),
            results: ByKey::default(),
            order: VecDeque::new(),
            order_of_results: VecDeque::new(),
            next,
            ahead: BTreeMap::new(),
        }
    }

    /// What makes its keys.
    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The index of its first entry.
    pub(super) fn first(&self) -> u64 {
        self.next - self.order.len() as u64
    }

    /// The index of the newest entry with a key.
    pub(super) fn find(&self, key: Key) -> Option<u64> {
        self.ids.get(&key).and_then(|low| self.index(*low))
    }

    /// The index of the result of an act.
    pub(super) fn result(&self, key: Key) -> Option<u64> {
        self.results.get(&key).and_then(|low| self.index(*low))
    }

    fn index(&self, low: u32) -> Option<u64> {
        self.next.checked_sub(u64::from((self.next as u32).wrapping_sub(low)))
    }

    /// Takes up an entry that this server has recorded.
    pub(super) fn recorded(&mut self, index: u64, known: Known) {
        if index == self.next {
            self.push(known);
            self.settle();
        } else if index > self.next {
            self.ahead.insert(index, known);
        }
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
            let ahead = self.ahead.split_off(&first);
            *self = Window { keys, ahead, ..Window::new(size, first) };
        }
        self.settle();
        let end = self.ahead.first_key_value().map_or(entries, |(index, _)| entries.min(*index));
        (self.next < end).then_some(self.next..end)
    }

    /// Takes up entries that were read.
    pub(super) fn read(&mut self, first: u64, entries: Vec<Known>) {
        for (index, known) in (first..).zip(entries) {
            // Others may have read them too.
            if index == self.next {
                self.push(known);
            }
        }
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(known) = self.ahead.remove(&self.next) {
            self.push(known);
        }
    }

    fn push(&mut self, known: Known) {
        let low = self.next as u32;
        if let Some(key) = known.id {
            self.ids.insert(key, low);
        }
        if let Some(key) = known.result_of {
            self.results.insert(key, low);
            self.order_of_results.push_back((low, key));
        }
        self.order.push_back(known.id);
        self.next += 1;
        if self.order.len() > self.size {
            self.forget();
        }
    }

    /// Forgets the oldest entry, unless a newer one has the same key.
    fn forget(&mut self) {
        let low = self.first() as u32;
        let old = self.order.pop_front().flatten();
        if let Some(key) = old.filter(|key| self.ids.get(key) == Some(&low)) {
            self.ids.remove(&key);
        }
        if let Some((_, key)) = self.order_of_results.pop_front_if(|(of, _)| *of == low)
            && self.results.get(&key) == Some(&low)
        {
            self.results.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(id: Key) -> Known {
        Known { id: Some(id), result_of: None }
    }

    #[test]
    fn results_of_acts_are_known_as_long_as_they_are_new() {
        let mut window = Window::new(3, 0);
        let [one, two] = ["1", "2"].map(|id| window.keys().of_result(id));
        let result = |key| Known { id: None, result_of: Some(key) };
        window.read(0, vec![result(one), result(two), result(one)]);
        assert_eq!((window.result(one), window.result(two), window.first()), (Some(2), Some(1), 0));
        window.read(3, vec![Known::default(); 2]);
        assert_eq!((window.result(one), window.result(two), window.first()), (Some(2), None, 2));
        window.read(5, vec![Known::default()]);
        assert_eq!(window.result(one), None);
        assert!(window.order_of_results.is_empty() && window.results.is_empty());
    }

    #[test]
    fn the_newest_entries_are_known_and_older_ones_are_forgotten() {
        let mut window = Window::new(4, u64::from(u32::MAX) - 1);
        let first = u64::from(u32::MAX) - 1;
        let key = |window: &Window, id: &str| window.keys().of("n", id);
        let keys: Vec<Key> = ["a", "b", "a", "c", "d", "e"].map(|id| key(&window, id)).to_vec();
        window.read(first, keys[..4].iter().map(|key| known(*key)).collect());
        // The newest of two, also where the low half has turned over.
        assert_eq!(window.find(keys[0]), Some(first + 2));
        assert_eq!(window.find(keys[1]), Some(first + 1));
        window.read(first + 4, vec![known(keys[4]), Known::default()]);
        assert_eq!(window.find(keys[1]), None);
        assert_eq!(window.find(keys[0]), Some(first + 2));
        window.read(first + 6, vec![Known::default()]);
        assert_eq!(window.find(keys[0]), None);
        assert_eq!(window.find(keys[3]), Some(first + 3));
    }

    #[test]
    fn receipts_wait_for_the_entries_before_them() {
        let mut window = Window::new(100, 0);
        let (mine, other) = (window.keys().of("n", "mine"), window.keys().of("n", "other"));
        window.recorded(2, known(mine));
        assert_eq!(window.find(mine), None);
        assert_eq!(window.unread(5), Some(0..2));
        window.read(0, vec![Known::default(), known(other)]);
        assert_eq!((window.find(other), window.find(mine)), (Some(1), Some(2)));
        assert_eq!(window.unread(5), Some(3..5));
        // What was read twice is taken up once.
        window.read(0, vec![known(mine); 3]);
        assert_eq!((window.find(mine), window.unread(3)), (Some(2), None));
    }

    #[test]
    fn a_log_that_has_grown_far_is_read_from_where_the_window_begins() {
        let mut window = Window::new(10, 0);
        let key = window.keys().of("n", "a");
        window.recorded(995, known(key));
        assert_eq!(window.unread(1_000), Some(990..995));
        window.read(990, vec![Known::default(); 5]);
        assert_eq!((window.find(key), window.unread(1_000)), (Some(995), Some(996..1_000)));
    }
}

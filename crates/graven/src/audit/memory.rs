//! The entries in the trail's ring, as the contract's entries: so that a question decodes no line a second time.
//!
//! The trail's ring holds lines, and it alone says which entries are in memory. While somebody asks, an entry that the log
//! records itself is moved here when it is durable. When nobody has asked since the ring last turned over, it is freed
//! instead: to hold thousands of entries costs a recorder more than half of its rate, because each is cold when it leaves.
//! What is not here is read from its line by the first question that wants it.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use graven_core::entry::Entry;

use super::AuditCategory;
use super::entry::AuditEntry;
use crate::engine::ring::Ring;
use crate::engine::shared::Engine;
use crate::trail::Trail;

/// How many categories the contract has.
const CATEGORIES: usize = AuditCategory::Config as usize + 1;

/// How many entries that have left are freed with each that comes: more than one, so that they become fewer.
const LEAVING_EACH: usize = 2;

/// An entry as a question finds it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) entry: Arc<AuditEntry>,
    /// The entry as its line has it, when its detail is kept beside the log. Until that is fetched, the detail is its
    /// marker, and texts may be cut.
    pub(super) stored: Option<Arc<Entry>>,
}

/// The entries of one trail.
#[derive(Debug, Default)]
pub(super) struct Memory {
    held: Mutex<Held>,
    /// The index from which on nobody is expected to ask for an entry.
    wanted_until: AtomicU64,
}

/// A slot for each line of the ring, as the ring was when this was last looked at.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Whose ring it is. A trail that is opened again has a new engine, and perhaps other entries at the same indexes.
    engine: Weak<Engine>,
    /// The index of the oldest slot.
    first: u64,
    slots: VecDeque<Slot>,
    /// What has left and is not freed yet.
    leaving: VecDeque<Slot>,
    /// How many slots the contract has words for, by category: a question looks no further than for all of them.
    entries: [usize; CATEGORIES],
    /// How many slots are unread.
    unread: usize,
}

#[derive(Debug)]
enum Slot {
    /// Nothing is known of its line.
    Unread,
    /// The contract has no word for it.
    Wordless,
    /// It is of this category, and nobody has wanted more.
    Line(AuditCategory),
    /// The category is here so that a question by category needs nothing else.
    Entry(AuditCategory, Found),
}

/// How the lines of the ring are read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// The category, if the contract has words for the entry.
    pub(super) category: fn(&[u8]) -> Option<AuditCategory>,
    /// The whole entry.
    pub(super) whole: fn(&[u8]) -> Option<Found>,
}

impl Slot {
    /// Its category, if the contract has words for it.
    fn category(&self) -> Option<AuditCategory> {
        match self {
            Slot::Line(category) | Slot::Entry(category, _) => Some(*category),
            Slot::Unread | Slot::Wordless => None,
        }
    }
}

impl Memory {
    /// Whether somebody may ask for an entry that comes at this index or later.
    pub(super) fn wants(&self, index: u64) -> bool {
        index < self.wanted_until.load(Ordering::Relaxed)
    }

    /// Keeps an entry that this log has just recorded, if somebody may ask for it and the ring still has it. The entry
    /// must be as its line has it.
    pub(super) fn keep(&self, trail: &Trail, index: u64, entry: Box<AuditEntry>) {
        if !self.wants(index) {
            return;
        }
        let slot = Slot::Entry(entry.category, Found { entry: Arc::from(entry), stored: None });
        let mut held = self.held();
        // The first of a group looks at the ring; for the others there is a slot already. Not asked whether this is a
        // forked child, which takes a system call: it would hardly have a receipt.
        let has_slot = held.is_of(trail) && index < held.end();
        if !has_slot {
            let left = held.follow(trail, trail.0.engine.ring().indexes());
            held.leaving.extend(left.into_iter().filter(|slot| matches!(slot, Slot::Entry(..))));
        }
        let unused = held.fill(index, slot);
        // A few at a time: an allocator is quick with what it has just got back, and slow with a whole group at once.
        let leaving: [_; LEAVING_EACH] = std::array::from_fn(|_| held.leaving.pop_front());
        drop(held);
        // Freed without the lock.
        drop((leaving, unused));
    }

    /// The ring of a trail as it is now, with at least the newest `limit` entries of a category, or of all, decoded;
    /// `None` in a forked child. Lines are read without the lock.
    pub(super) fn newest(
        &self,
        trail: &Trail,
        category: Option<AuditCategory>,
        limit: usize,
        read: Reading,
    ) -> Option<MutexGuard<'_, Held>> {
        let held = self.glanced(trail, read)?;
        let expected = held.end().saturating_add(trail.0.engine.settings.ring_entries as u64);
        self.wanted_until.store(expected, Ordering::Relaxed);
        let wanted = held.undecoded(category, limit);
        Some(self.fill(held, trail, &wanted, |line| match (read.whole)(line) {
            Some(found) => Slot::Entry(found.entry.category, found),
            None => Slot::Wordless,
        }))
    }

    /// The ring of a trail as it is now, with the category of each entry; `None` in a forked child.
    pub(super) fn glanced(&self, trail: &Trail, read: Reading) -> Option<MutexGuard<'_, Held>> {
        let ring = trail.in_ring(Ring::indexes)?;
        let mut held = self.held();
        let left = held.follow(trail, ring);
        let unread = if held.unread == 0 { Vec::new() } else { held.unread() };
        let glance = |line: &[u8]| (read.category)(line).map_or(Slot::Wordless, Slot::Line);
        let held = self.fill(held, trail, &unread, glance);
        // Also what has left is freed without the lock, unless nothing has.
        if left.is_empty() {
            return Some(held);
        }
        drop(held);
        drop(left);
        Some(self.held())
    }

    /// Fills the slots with these indexes, which rise, from their lines.
    fn fill<'a>(
        &'a self,
        held: MutexGuard<'a, Held>,
        trail: &Trail,
        indexes: &[u64],
        read: impl Fn(&[u8]) -> Slot,
    ) -> MutexGuard<'a, Held> {
        if indexes.is_empty() {
            return held;
        }
        drop(held);
        let slots = read_lines(trail, indexes, read);
        let mut held = self.held();
        let _known_meanwhile: Vec<_> =
            slots.into_iter().filter_map(|(index, slot)| held.fill(index, slot)).collect();
        held
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing under this lock panics half-way but an allocation, which aborts.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the lines with these indexes, which rise, as far as the ring still has them.
fn read_lines(trail: &Trail, wanted: &[u64], read: impl Fn(&[u8]) -> Slot) -> Vec<(u64, Slot)> {
    let Some(&oldest) = wanted.first() else { return Vec::new() };
    let ring = trail.in_ring(|ring| (ring.indexes().end, ring.snapshot_from(oldest)));
    let (end, snapshot) = ring.unwrap_or_default();
    let mut wanted = wanted.iter().rev().copied().peekable();
    let lines = (0..end).rev().zip(snapshot.lines());
    lines
        .filter(|(index, _)| wanted.next_if(|wanted| wanted == index).is_some())
        .map(|(index, line)| (index, read(line)))
        .collect()
}

impl Held {
    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.iter().sum()
    }

    /// The decoded entries of a category, or all, newest first.
    pub(super) fn decoded(&self, category: Option<AuditCategory>) -> impl Iterator<Item = &Found> {
        self.newest(category).filter_map(|(_, slot)| match slot {
            Slot::Entry(_, found) => Some(found),
            _ => None,
        })
    }

    /// The slots of a category, or of all, that the contract has words for, newest first, with their indexes.
    fn newest(&self, category: Option<AuditCategory>) -> impl Iterator<Item = (u64, &Slot)> {
        let count = category.map_or_else(|| self.len(), |category| self.entries[category as usize]);
        let newest_first = (self.first..self.end()).rev().zip(self.slots.iter().rev());
        let is_wanted = move |slot: &Slot| {
            slot.category().is_some_and(|of| category.is_none_or(|category| category == of))
        };
        newest_first.filter(move |(_, slot)| is_wanted(slot)).take(count)
    }

    /// Whether this is about the trail's ring.
    fn is_of(&self, trail: &Trail) -> bool {
        std::ptr::eq(self.engine.as_ptr(), Arc::as_ptr(&trail.0.engine))
    }

    /// Gets a slot for each of these lines of the ring, and loses those before them. What has left comes back.
    fn follow(&mut self, trail: &Trail, ring: Range<u64>) -> VecDeque<Slot> {
        let mut left = VecDeque::new();
        if !self.is_of(trail) || self.end() < ring.start {
            left = std::mem::take(self).slots;
            self.engine = Arc::downgrade(&trail.0.engine);
            self.first = ring.start;
        }
        let gone =
            usize::try_from(ring.start.saturating_sub(self.first)).expect("no more than there are slots");
        if gone > 0 {
            left.extend(self.slots.drain(..gone).inspect(|slot| match slot {
                Slot::Unread => self.unread -= 1,
                Slot::Wordless => {}
                Slot::Line(of) | Slot::Entry(of, _) => self.entries[*of as usize] -= 1,
            }));
            self.first = ring.start;
        }
        // Another thread may have seen more of the ring already.
        let more =
            usize::try_from(ring.end.saturating_sub(self.end())).expect("no more than the ring has lines");
        self.slots.extend(std::iter::repeat_with(|| Slot::Unread).take(more));
        self.unread += more;
        left
    }

    /// Fills a slot with more than is known. Returns what it is to hold, if there is no such slot or it has that.
    fn fill(&mut self, index: u64, with: Slot) -> Option<Slot> {
        let place = index.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        match place.and_then(|place| self.slots.get_mut(place)) {
            Some(slot @ Slot::Unread) => {
                self.unread -= 1;
                if let Some(category) = with.category() {
                    self.entries[category as usize] += 1;
                }
                *slot = with;
                None
            }
            Some(slot @ Slot::Line(_)) if !matches!(with, Slot::Line(_)) => {
                if let (Some(category), None) = (slot.category(), with.category()) {
                    self.entries[category as usize] -= 1;
                }
                *slot = with;
                None
            }
            _ => Some(with),
        }
    }

    /// The indexes of the unread slots, which rise.
    fn unread(&self) -> Vec<u64> {
        let slots = (self.first..).zip(&self.slots);
        slots.filter(|(_, slot)| matches!(slot, Slot::Unread)).map(|(index, _)| index).collect()
    }

    /// The indexes, which rise, of those among the newest `limit` entries of a category, or of all, that are not decoded.
    fn undecoded(&self, category: Option<AuditCategory>, limit: usize) -> Vec<u64> {
        let newest = self.newest(category).take(limit);
        let lines = newest.filter(|(_, slot)| matches!(slot, Slot::Line(_))).map(|(index, _)| index);
        let mut indexes: Vec<u64> = lines.collect();
        indexes.reverse();
        indexes
    }

    /// The index behind the newest slot.
    pub(super) fn end(&self) -> u64 {
        self.first + self.slots.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use graven_core::entry::{Category, Outcome};
    use graven_core::line::glance::Glance;

    use super::super::AuditOutcome;
    use super::super::native::audit_category;
    use super::*;
    use crate::settings::Settings;

    fn native(n: u64) -> Entry {
        Entry::new(Category::Auth, n.to_string(), Outcome::Success)
    }

    fn own(n: u64) -> AuditEntry {
        let native = native(n).id(n.to_string()).timestamp("2026-01-31T23:59:59Z".parse().unwrap());
        AuditEntry { outcome: AuditOutcome::Denied, ..AuditEntry::from_entry(&native).unwrap() }
    }

    fn actions(held: &Held) -> Vec<&str> {
        held.decoded(None).map(|found| found.entry.action.as_str()).collect()
    }

    thread_local! {
        /// How many lines were glanced at, and how many decoded.
        static READ: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
    }

    const READING: Reading = Reading {
        category: |line| {
            READ.set((READ.get().0 + 1, READ.get().1));
            audit_category(Glance::at(line)?.category())
        },
        whole: |line| {
            READ.set((READ.get().0, READ.get().1 + 1));
            let entry = Arc::new(AuditEntry::from_entry(&Entry::from_line(line).ok()?)?);
            Some(Found { entry, stored: None })
        },
    };

    #[test]
    fn a_line_is_decoded_once_and_only_if_somebody_wants_it() {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(Settings::new(folder.path()).ring_entries(4)).unwrap();
        let memory = Memory::default();
        // What is newest, how many there are, how many lines were glanced at and how many decoded for that.
        let ask = |limit: usize, expected: &[&str], count: usize, read: (u32, u32)| {
            let held = memory.newest(&trail, None, limit, READING).unwrap();
            let newest: Vec<&str> = actions(&held).into_iter().take(limit).collect();
            assert_eq!((newest, held.len(), READ.take()), (expected.to_vec(), count, read));
        };
        // Nobody has asked yet: nothing is kept.
        for n in 0..3 {
            let index = trail.record_blocking(native(n)).unwrap().index;
            memory.keep(&trail, index, Box::new(own(n)));
        }
        assert_eq!(memory.glanced(&trail, READING).unwrap().len(), 3);
        assert_eq!(READ.take(), (3, 0), "a count decodes nothing");
        ask(2, &["2", "1"], 3, (0, 2));
        ask(4, &["2", "1", "0"], 3, (0, 1));
        ask(4, &["2", "1", "0"], 3, (0, 0));
        // Now what the log records is kept. Another's entry is read.
        for n in 3..5 {
            let index = trail.record_blocking(native(n)).unwrap().index;
            memory.keep(&trail, index, Box::new(own(n)));
        }
        trail.record_blocking(native(5)).unwrap();
        ask(4, &["5", "4", "3", "2"], 4, (1, 1));
        // One that is known keeps what was known first, and one that has left does not come back.
        memory.keep(&trail, 5, Box::new(own(50)));
        memory.keep(&trail, 0, Box::new(own(0)));
        ask(4, &["5", "4", "3", "2"], 4, (0, 0));
        // The ring turns over, and nobody asks meanwhile: 10 and 11, which come after that, are not kept.
        for n in 6..12 {
            let index = trail.record_blocking(native(n)).unwrap().index;
            memory.keep(&trail, index, Box::new(own(n)));
        }
        trail.record_blocking(Entry::new(Category::custom("own").unwrap(), "12", Outcome::Success)).unwrap();
        ask(4, &["11", "10", "9"], 3, (3, 2));
        ask(4, &["11", "10", "9"], 3, (0, 0));
        // Another engine may have other entries at the same places.
        trail.close_blocking().unwrap();
        drop(trail);
        let again = Trail::open(Settings::new(folder.path()).ring_entries(4)).unwrap();
        assert_eq!(actions(&memory.newest(&again, None, 4, READING).unwrap()), ["11", "10", "9"]);
        assert_eq!(READ.take(), (4, 3));
    }

    #[test]
    fn a_question_by_category_gives_that_category_and_decodes_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(Settings::new(folder.path())).unwrap();
        let memory = Memory::default();
        for n in 0..4 {
            let category = if n % 2 == 0 { Category::K8s } else { Category::Auth };
            let entry = Entry::new(category, n.to_string(), Outcome::Success);
            trail.record_blocking(entry).unwrap();
        }
        let of = |category| {
            let held = memory.newest(&trail, Some(category), 10, READING).unwrap();
            let found: Vec<String> =
                held.decoded(Some(category)).map(|found| found.entry.action.clone()).collect();
            (found, READ.take())
        };
        let texts = |texts: [&str; 2]| texts.map(str::to_owned).to_vec();
        assert_eq!(of(AuditCategory::K8s), (texts(["2", "0"]), (4, 2)));
        assert_eq!(of(AuditCategory::Auth), (texts(["3", "1"]), (0, 2)));
        assert_eq!(of(AuditCategory::Swarm), (Vec::new(), (0, 0)));
    }
}

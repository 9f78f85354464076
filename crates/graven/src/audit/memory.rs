//! The entries in the trail's ring, as the contract's entries: so that a question decodes no line a second time.
//!
//! The trail's ring holds lines, and it alone says which entries are in memory. An entry that the log has recorded itself
//! is moved here when it is durable. All others (of other logs on the trail, of other processes, of earlier runs) are read
//! from their lines by the first question that finds them there.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use graven_core::entry::Entry;

use super::AuditCategory;
use super::entry::AuditEntry;
use crate::engine::ring::Ring;
use crate::engine::shared::Engine;
use crate::trail::Trail;

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
pub(super) struct Memory(Mutex<Held>);

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
    /// How many slots hold an entry.
    entries: usize,
    /// How many slots are unread.
    unread: usize,
}

#[derive(Debug)]
enum Slot {
    /// Only its line is known.
    Unread,
    /// The contract has no word for it.
    Wordless,
    /// The category is here so that a question by category needs nothing else.
    Entry(AuditCategory, Found),
}

impl Memory {
    /// Keeps an entry that this log has just recorded, if the ring still has it. The entry must be as its line has it.
    pub(super) fn keep(&self, trail: &Trail, index: u64, entry: AuditEntry) {
        let slot = Slot::Entry(entry.category, Found { entry: Arc::new(entry), stored: None });
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

    /// What the ring of a trail holds now; `None` in a forked child. Lines that are not known yet are read by `read`,
    /// without the lock.
    pub(super) fn of(
        &self,
        trail: &Trail,
        read: impl Fn(&[u8]) -> Option<Found>,
    ) -> Option<MutexGuard<'_, Held>> {
        let ring = trail.in_ring(Ring::indexes)?;
        let mut held = self.held();
        let left = held.follow(trail, ring);
        if left.is_empty() && held.unread == 0 {
            return Some(held);
        }
        let unread = held.unread();
        drop(held);
        drop(left);
        let slots = read_lines(trail, &unread, read);
        let mut held = self.held();
        let _known_meanwhile: Vec<_> =
            slots.into_iter().filter_map(|(index, slot)| held.fill(index, slot)).collect();
        Some(held)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing under this lock panics half-way but an allocation, which aborts.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the lines with these indexes, which rise, as far as the ring still has them.
fn read_lines(trail: &Trail, unread: &[u64], read: impl Fn(&[u8]) -> Option<Found>) -> Vec<(u64, Slot)> {
    let Some(&oldest) = unread.first() else { return Vec::new() };
    let ring = trail.in_ring(|ring| (ring.indexes().end, ring.snapshot_from(oldest)));
    let (end, snapshot) = ring.unwrap_or_default();
    let mut unread = unread.iter().rev().copied().peekable();
    let lines = (0..end).rev().zip(snapshot.lines());
    lines
        .filter(|(index, _)| unread.next_if(|wanted| wanted == index).is_some())
        .map(|(index, line)| {
            let found = read(line);
            (index, found.map_or(Slot::Wordless, |found| Slot::Entry(found.entry.category, found)))
        })
        .collect()
}

impl Held {
    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries
    }

    /// The entries of a category, or all, newest first.
    pub(super) fn newest(&self, category: Option<AuditCategory>) -> impl Iterator<Item = &Found> {
        self.slots.iter().rev().filter_map(move |slot| match slot {
            Slot::Entry(of, found) if category.is_none_or(|category| category == *of) => Some(found),
            _ => None,
        })
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
                Slot::Entry(..) => self.entries -= 1,
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

    /// Fills an unread slot. Returns what it is to hold, if that is known already or there is no such slot.
    fn fill(&mut self, index: u64, with: Slot) -> Option<Slot> {
        let place = index.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        match place.and_then(|place| self.slots.get_mut(place)) {
            Some(slot @ Slot::Unread) => {
                self.unread -= 1;
                self.entries += usize::from(matches!(with, Slot::Entry(..)));
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

    /// The index behind the newest slot.
    pub(super) fn end(&self) -> u64 {
        self.first + self.slots.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use graven_core::entry::{Category, Outcome};

    use super::super::AuditOutcome;
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
        held.newest(None).map(|found| found.entry.action.as_str()).collect()
    }

    #[test]
    fn a_line_is_read_once_and_what_the_log_has_recorded_never() {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(Settings::new(folder.path()).ring_entries(4)).unwrap();
        let (memory, lines_read) = (Memory::default(), Cell::new(0));
        let read = |line: &[u8]| {
            lines_read.set(lines_read.get() + 1);
            let entry = Arc::new(AuditEntry::from_entry(&Entry::from_line(line).ok()?)?);
            Some(Found { entry, stored: None })
        };
        let ask = |expected: &[&str], lines: u32| {
            let held = memory.of(&trail, read).unwrap();
            assert_eq!(
                (actions(&held), held.len(), lines_read.take()),
                (expected.to_vec(), expected.len(), lines)
            );
        };
        ask(&[], 0);
        for n in 0..3 {
            trail.record_blocking(native(n)).unwrap();
        }
        ask(&["2", "1", "0"], 3);
        ask(&["2", "1", "0"], 0);
        // Between the writing and the question, entries of both kinds.
        for n in 3..5 {
            let index = trail.record_blocking(native(n)).unwrap().index;
            memory.keep(&trail, index, own(n));
        }
        trail.record_blocking(native(5)).unwrap();
        ask(&["5", "4", "3", "2"], 1);
        // One that is known keeps what was known first, and one that has left does not come back.
        memory.keep(&trail, 5, own(50));
        memory.keep(&trail, 0, own(0));
        ask(&["5", "4", "3", "2"], 0);
        // All that was known has left.
        trail.record_batch_blocking((6..12).map(native).collect()).unwrap();
        trail.record_blocking(Entry::new(Category::custom("own").unwrap(), "12", Outcome::Success)).unwrap();
        ask(&["11", "10", "9"], 4);
        ask(&["11", "10", "9"], 0);
        // Another engine may have other entries at the same places.
        trail.close_blocking().unwrap();
        drop(trail);
        let again = Trail::open(Settings::new(folder.path()).ring_entries(4)).unwrap();
        assert_eq!(actions(&memory.of(&again, read).unwrap()), ["11", "10", "9"]);
        assert_eq!(lines_read.take(), 4);
    }

    #[test]
    fn a_question_by_category_gives_that_category() {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(Settings::new(folder.path())).unwrap();
        let memory = Memory::default();
        for n in 0..4 {
            let index = trail.record_blocking(native(n)).unwrap().index;
            let category = if n % 2 == 0 { AuditCategory::K8s } else { AuditCategory::Auth };
            memory.keep(&trail, index, AuditEntry { category, ..own(n) });
        }
        let held = memory.of(&trail, |_| None).unwrap();
        let of =
            |category| held.newest(Some(category)).map(|found| found.entry.id.as_str()).collect::<Vec<_>>();
        assert_eq!((of(AuditCategory::K8s), of(AuditCategory::Auth)), (vec!["2", "0"], vec!["3", "1"]));
        assert!(of(AuditCategory::Swarm).is_empty());
    }
}

//! The entries of an audit log that no trail has taken, or perhaps not: what is to be written late, and what is in doubt.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use graven_core::entry::Entry;
use graven_core::hash::Hash;

use super::entry::AuditEntry;
use super::unwritten::{Doubt, Redacted};
use super::{AuditCategory, native};
use crate::error::Error;
use crate::files::layout::Layout;
use crate::reader::Reader;
use crate::seam::machine::Machine;

/// The most bytes of entries that are kept.
const BYTES_MAX: usize = 64 << 20;
/// What an entry takes in memory beside its texts, about.
const BYTES_EACH: usize = 512;
/// The most entries, and bytes of them, that are written together.
const BATCH_ENTRIES: usize = 1_024;
const BATCH_BYTES: usize = 1 << 20;

/// The newest entries that were not recorded in a trail, or perhaps not.
#[derive(Debug)]
pub(super) struct Kept {
    entries_max: usize,
    list: Mutex<List>,
    /// Whether there may be an entry.
    any: AtomicBool,
    /// Whether there may be an entry that is to be written or settled.
    unsettled: AtomicBool,
}

#[derive(Debug, Default)]
pub(super) struct List {
    /// Oldest first.
    pub(super) entries: VecDeque<Unrecorded>,
    bytes: usize,
    /// The number of the next entry or mark.
    next: u64,
}

#[derive(Debug)]
pub(super) struct Unrecorded {
    number: u64,
    /// That of the entry, here so that a query by category needs nothing else of it.
    pub(super) category: AuditCategory,
    pub(super) redacted: Redacted,
    bytes: usize,
    /// Whether it is to be written once that is possible.
    due: bool,
    doubt: Option<Marked>,
}

#[derive(Debug)]
struct Marked {
    doubt: Doubt,
    /// Entries that begin with a later mark are queued behind it. `None` while it is being written late.
    mark: Option<u64>,
}

/// An entry that had to leave before it was written.
#[derive(Debug)]
pub(super) struct Forgotten {
    pub(super) category: AuditCategory,
    /// Set if the trail may hold it all the same.
    pub(super) doubt: Option<Doubt>,
}

/// An entry that is to be written late.
pub(super) struct Late {
    pub(super) number: u64,
    pub(super) native: Entry,
}

impl Kept {
    /// Nothing yet, and at most `entries_max` entries.
    pub(super) fn new(entries_max: usize) -> Kept {
        let (list, any, unsettled) = <(Mutex<List>, AtomicBool, AtomicBool)>::default();
        Kept { entries_max, list, any, unsettled }
    }

    pub(super) fn entries_max(&self) -> usize {
        self.entries_max
    }

    /// Adds an entry that is in no trail, or perhaps in one. `due` says whether it is to be written late. Returns those
    /// that had to leave for it and are due.
    pub(super) fn add(&self, redacted: Redacted, due: bool, doubt: Option<Doubt>) -> Vec<Forgotten> {
        let text = serde_json::to_vec(&*redacted.entry).expect("an entry is plain data").len();
        let mut list = self.list();
        let number = list.next_number();
        let doubt = doubt.map(|doubt| Marked { doubt, mark: Some(number) });
        self.any.store(true, Ordering::SeqCst);
        if due || doubt.is_some() {
            self.unsettled.store(true, Ordering::SeqCst);
        }
        let bytes = text + BYTES_EACH;
        list.bytes += bytes;
        list.entries.push_back(Unrecorded {
            number,
            category: redacted.entry.category,
            redacted,
            bytes,
            due,
            doubt,
        });
        let mut forgotten = Vec::new();
        // Callers that are told may try again and again: their entries do not displace those that are due.
        if let Some(oldest) = list.oldest_beyond(due, self.entries_max) {
            forgotten.extend(list.forget(oldest));
        }
        while list.bytes > BYTES_MAX && list.entries.len() > 1 {
            forgotten.extend(list.forget(0));
        }
        forgotten
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.any.load(Ordering::SeqCst)
    }

    /// Whether any entry is to be written late or settled.
    pub(super) fn is_unsettled(&self) -> bool {
        self.unsettled.load(Ordering::SeqCst)
    }

    /// A mark: the entries that are in doubt already were queued before anything that begins now.
    pub(super) fn mark(&self) -> u64 {
        if self.is_unsettled() { self.list().next_number() } else { 0 }
    }

    /// Whether any entry can be written late, or settled because its engine is over.
    pub(super) fn is_waiting(&self) -> bool {
        let list = self.list();
        list.entries.iter().any(|kept| match &kept.doubt {
            Some(marked) => marked.mark.is_some() && marked.doubt.is_ending(),
            None => kept.due,
        })
    }

    /// Those in doubt of which nothing more will be written, as `ended` says of each, with its mark.
    pub(super) fn in_doubt(&self, ended: impl Fn(&Doubt, u64) -> bool) -> HashSet<u64> {
        // Not under the lock: this may wait for an engine.
        let marked: Vec<(u64, u64, Doubt)> = self
            .list()
            .entries
            .iter()
            .filter_map(|kept| {
                let marked = kept.doubt.as_ref()?;
                Some((kept.number, marked.mark?, marked.doubt.clone()))
            })
            .collect();
        marked.into_iter().filter(|(_, mark, doubt)| ended(doubt, *mark)).map(|(number, ..)| number).collect()
    }

    /// Looks in the log for these entries, by their leaf hashes. Those that it holds leave; the others are in no trail.
    /// Called when no write of them is under way any more.
    pub(super) fn settle(
        &self,
        machine: &Machine,
        layout: &Layout,
        which: &HashSet<u64>,
    ) -> Result<(), Error> {
        let (mut wanted, mut from) = (HashMap::new(), u64::MAX);
        for kept in self.list().entries.iter().filter(|kept| which.contains(&kept.number)) {
            if let Some(Marked { doubt, mark: Some(_) }) = &kept.doubt {
                wanted.insert(kept.number, doubt.hash);
                from = from.min(doubt.from);
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let hashes: HashSet<Hash> = wanted.values().copied().collect();
        // Entries that say the same in every field count one by one.
        let mut recorded: HashMap<Hash, usize> = HashMap::new();
        for record in Reader::open_on(machine, layout.clone())?.entries(from..)? {
            let hash = record?.leaf_hash();
            if hashes.contains(&hash) {
                *recorded.entry(hash).or_default() += 1;
            }
        }
        let mut list = self.list();
        list.retain(|kept| {
            let Some(hash) = wanted.get(&kept.number) else { return true };
            if !kept.doubt.as_ref().is_some_and(|marked| marked.mark.is_some() && marked.doubt.hash == *hash)
            {
                return true;
            }
            kept.doubt = None;
            match recorded.get_mut(hash).filter(|left| **left > 0) {
                Some(left) => {
                    *left -= 1;
                    false
                }
                None => true,
            }
        });
        self.look_again(&list);
        Ok(())
    }

    /// The oldest entries behind `after` that are to be written late, as many as are written together.
    pub(super) fn batch(&self, after: Option<u64>) -> Vec<Late> {
        let list = self.list();
        let mut bytes = 0;
        list.entries
            .iter()
            .filter(|kept| kept.due && kept.doubt.is_none() && after.is_none_or(|after| kept.number > after))
            .take(BATCH_ENTRIES)
            .take_while(|kept| {
                let first = bytes == 0;
                bytes += kept.bytes;
                first || bytes <= BATCH_BYTES
            })
            .map(|kept| Late { number: kept.number, native: native::late(&kept.redacted) })
            .collect()
    }

    /// These are about to be queued.
    pub(super) fn begin(&self, batch: &[(u64, Doubt)]) {
        let doubts: HashMap<u64, &Doubt> = batch.iter().map(|(number, doubt)| (*number, doubt)).collect();
        for kept in &mut self.list().entries {
            if let Some(doubt) = doubts.get(&kept.number) {
                kept.doubt = Some(Marked { doubt: (*doubt).clone(), mark: None });
            }
        }
    }

    /// These are in the log.
    pub(super) fn written(&self, which: &HashSet<u64>) {
        let mut list = self.list();
        list.retain(|kept| !which.contains(&kept.number));
        self.look_again(&list);
    }

    /// These were not written, or if `perhaps`, nobody knows.
    pub(super) fn unwritten(&self, which: &HashSet<u64>, perhaps: bool) {
        let mut list = self.list();
        let mark = list.next_number();
        for kept in list.entries.iter_mut().filter(|kept| which.contains(&kept.number)) {
            match &mut kept.doubt {
                Some(marked) if perhaps => marked.mark = Some(mark),
                doubt => *doubt = None,
            }
        }
    }

    /// These are not to be written any more, and stay in memory. Returns those that were due.
    pub(super) fn give_up(&self, which: impl Fn(u64) -> bool) -> Vec<Forgotten> {
        let mut list = self.list();
        let given_up = list
            .entries
            .iter_mut()
            .filter(|kept| which(kept.number))
            .filter_map(|kept| {
                let forgotten = kept.forget();
                std::mem::take(&mut kept.due).then_some(forgotten)
            })
            .collect();
        self.look_again(&list);
        given_up
    }

    pub(super) fn list(&self) -> MutexGuard<'_, List> {
        // Nothing under this lock panics half-way but an allocation, which aborts.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_again(&self, list: &List) {
        let unsettled = list.entries.iter().any(|kept| kept.due || kept.doubt.is_some());
        self.unsettled.store(unsettled, Ordering::SeqCst);
        self.any.store(!list.entries.is_empty(), Ordering::SeqCst);
    }
}

impl List {
    fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Where the oldest of those that are due, or are not, is, if there are more than `most`.
    fn oldest_beyond(&self, due: bool, most: usize) -> Option<usize> {
        let mut places = self.entries.iter().enumerate().filter(|(_, kept)| kept.due == due);
        let (oldest, _) = places.next()?;
        (places.count() >= most).then_some(oldest)
    }

    /// Removes an entry. Returns it if it was due.
    fn forget(&mut self, place: usize) -> Option<Forgotten> {
        let mut kept = self.entries.remove(place).expect("the place of an entry");
        self.bytes -= kept.bytes;
        kept.due.then(|| kept.forget())
    }

    fn retain(&mut self, mut stays: impl FnMut(&mut Unrecorded) -> bool) {
        let bytes = &mut self.bytes;
        self.entries.retain_mut(|kept| {
            let stays = stays(kept);
            if !stays {
                *bytes -= kept.bytes;
            }
            stays
        });
    }
}

impl Unrecorded {
    pub(super) fn entry(&self) -> &Arc<AuditEntry> {
        &self.redacted.entry
    }

    /// Its leaf hash, if the trail may hold it.
    pub(super) fn hash(&self) -> Option<Hash> {
        self.doubt.as_ref().map(|marked| marked.doubt.hash)
    }

    fn forget(&mut self) -> Forgotten {
        let doubt = self.doubt.take().map(|marked| marked.doubt);
        Forgotten { category: self.category, doubt }
    }
}

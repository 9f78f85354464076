//! Keeps an index up to date: follows the files of the trail, and writes each shelf once it is under a signed head.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use graven::prove::SealedHead;
use graven::reader::{Follow, Record};
use graven::{Error, ErrorKind};

use super::folder::{Building, is_not_ours};
use super::unsealed::{Full, Growing};
use super::{Index, IndexError, Known};

/// The most full shelves that wait in memory for a signed head: as many entries as can be without one.
const FULL_MAX: usize = 4;

/// How long a head is used before the newest one is read.
const HEAD_AGE: Duration = Duration::from_millis(100);

/// How long a shelf that cannot be made is left out, and how long a write that failed is not tried again.
const LEFT_OUT: Duration = Duration::from_secs(600);
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// Where new shelves are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// In the trail's directory; in the user's cache where that cannot be written.
    Trail,
    /// In the user's cache.
    Cache,
}

/// Keeps an index up to date, and tells the searches of the same [`Search`](crate::Search) of the newest entries. It never
/// waits: the caller polls, and chooses how long to sleep in between.
#[derive(Debug)]
pub struct Keeper {
    index: Arc<Index>,
    follow: Option<Follow>,
    /// The numbers of the folders that can be written to, in the order in which they are tried.
    targets: Vec<usize>,
    building: Option<(usize, Building)>,
    /// The shelves that cannot be made, by their first index, and since when.
    left_out: BTreeMap<u64, Duration>,
    head: Option<(Option<SealedHead>, Duration)>,
    failed: Option<Duration>,
    /// Why a shelf was left out: something of its entries cannot be read now.
    unread: Option<Error>,
}

/// What a call to [`Keeper::poll`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kept {
    /// How many entries were taken up. None when there is nothing new.
    pub entries: u64,
    /// How many shelves were written.
    pub shelves: u64,
}

/// What [`Keeper::build`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Built {
    /// The shelves that were made.
    pub made: u64,
    /// The shelves that could not be made, because the log or the hashes in `tiles/` do not lead to the signed root there.
    pub left_out: u64,
    /// The folder that they are in.
    pub folder: PathBuf,
}

impl Keeper {
    pub(crate) fn new(index: Arc<Index>, place: Where) -> Keeper {
        let first = usize::from(place == Where::Cache && index.has_own_folder);
        let targets = (first..index.folders.len()).collect();
        let left_out = BTreeMap::new();
        let (follow, building, head, failed, unread) = (None, None, None, None, None);
        Keeper { index, follow, targets, building, left_out, head, failed, unread }
    }

    /// Takes up new entries, at most some thousand of them, and writes the shelves that are ready.
    ///
    /// # Errors
    /// `Folder` when a shelf cannot be written: that is tried again later, and its entries are read one by one meanwhile.
    /// `Trail` when the trail cannot be read. If only a detail beside the log cannot, the next call goes on with the entries
    /// behind the shelf that has it.
    pub fn poll(&mut self) -> Result<Kept, IndexError> {
        let mut kept = Kept::default();
        self.check_growing()?;
        self.try_again();
        if self.follow.is_some() || self.begin(None)? {
            kept.entries = self.take_up()?;
            self.unread.take().map_or(Ok(()), Err)?;
        }
        let now = self.index.machine.clock.elapsed();
        if self.failed.is_none_or(|failed| now >= failed + WRITE_AGAIN) {
            let written = self.write_full();
            self.failed = written.is_err().then_some(now);
            kept.shelves = match written {
                // That one writes the same.
                Err(IndexError::Busy { .. }) => 0,
                other => other?,
            };
        }
        Ok(kept)
    }

    /// Makes all shelves that are missing under the newest head. `progress` is told how many of their entries are done.
    ///
    /// # Errors
    /// [`IndexError`]: nothing is made of a trail that contradicts its key or the memory. A detail beside the log that cannot
    /// be read keeps only the shelf that has it from being made.
    pub fn build(&mut self, progress: &mut dyn FnMut(u64, u64)) -> Result<Built, IndexError> {
        let standing = self.index.standing()?;
        if !standing.findings.is_empty() {
            return Err(IndexError::Contradiction);
        }
        let (size, now) = (self.index.entries, self.index.machine.clock.elapsed());
        let Some(head) = standing.head else { return self.built(0) };
        self.head = Some((Some(head), now));
        // Another builder may have made meanwhile what was not there.
        self.index.state().shelves.retain(|_, known| matches!(known, Known::Open(..)));
        let missing = |keeper: &Keeper| {
            (0..head.size / size).filter(|number| !keeper.is_there(number * size, head)).count() as u64
        };
        if missing(self) > 0 {
            // Which folder can be written decides what is missing.
            self.building()?;
        }
        let (total, mut made) = (missing(self) * size, 0);
        if total == 0 {
            return self.built(0);
        }
        if self.index.roots(head).is_none() {
            (0..head.size / size).for_each(|number| self.leave_out(number * size));
        }
        while self.begin(Some(head))? {
            let mut done = made * size;
            while self.follow.is_some() {
                match self.take_up()? {
                    // The entries are under a head, and they are not there.
                    0 if self.follow.is_some() => self.leave_out_growing(),
                    taken => done += taken,
                }
                progress(done.min(total), total);
            }
            self.head = Some((Some(head), self.index.machine.clock.elapsed()));
            made += self.write_full()?;
            // Each turn ends one way or the other for its shelf: those behind the head wait on.
            let mut state = self.index.state();
            let behind = state.full.split_off(&(head.size / size * size));
            let waiting = std::mem::replace(&mut state.full, behind);
            drop(state);
            waiting.into_keys().for_each(|first| self.leave_out(first));
        }
        self.unread.take().map_or(Ok(()), Err)?;
        self.built(made)
    }

    /// Removes all shelves, so that they are made anew.
    ///
    /// # Errors
    /// `Folder` when that is not possible.
    pub fn clear(&mut self) -> Result<(), IndexError> {
        let (_, building) = self.building()?;
        let folder = building.folder().clone();
        let cannot = |source| IndexError::Folder { path: folder.path().to_owned(), source };
        for first in folder.list().map_err(cannot)? {
            building.remove(first).map_err(cannot)?;
        }
        let mut state = self.index.state();
        state.shelves.clear();
        Ok(())
    }

    fn built(&self, made: u64) -> Result<Built, IndexError> {
        let number = self.building.as_ref().map(|(number, _)| *number);
        let number = number.or(self.targets.first().copied()).ok_or(IndexError::NoFolder)?;
        let folder = self.index.folders[number].path().to_owned();
        Ok(Built { made, left_out: self.left_out.len() as u64, folder })
    }

    /// Begins with the first shelf that is missing: under this head only, or else also with the newest entries. Whether
    /// there is one.
    fn begin(&mut self, under: Option<SealedHead>) -> Result<bool, IndexError> {
        let head = match under {
            Some(head) => Some(head),
            None => self.head()?,
        };
        let size = self.index.entries;
        let sealed = head.map_or(0, |head| head.size / size);
        // Without the hashes of the tree nothing shows that a shelf belongs to the head.
        let is_bound = head.is_some_and(|head| self.index.roots(head).is_some());
        let is_missing = |first: u64| {
            let is_sealed = first / size < sealed;
            if is_sealed && !is_bound {
                return false;
            }
            let is_there = is_sealed && head.is_some_and(|head| self.is_there(first, head));
            !is_there && !self.left_out.contains_key(&first) && !self.index.state().full.contains_key(&first)
        };
        let end = if under.is_some() { sealed } else { u64::MAX / size };
        let Some(first) = (0..end).map(|number| number * size).find(|first| is_missing(*first)) else {
            return Ok(false);
        };
        let Some(offset) = self.offset(first)? else { return Ok(false) };
        let secret = self.index.machine.clock.secret().map_err(|source| self.cannot(source))?;
        let seed = *secret.first_chunk().expect("a secret has 32 bytes");
        self.index.state().growing = Some(self.index.growing(first, seed, offset));
        self.follow = Some(self.index.reader.follow(first));
        Ok(true)
    }

    /// Where an entry begins in the log; `None` when it is not there.
    fn offset(&mut self, first: u64) -> Result<Option<u64>, IndexError> {
        match self.index.reader.picks().and_then(|picks| picks.offset(first)) {
            Err(error) if error.kind() == ErrorKind::Data => {
                self.leave_out(first);
                Ok(None)
            }
            other => Ok(other?),
        }
    }

    /// Whether there is a shelf in the folder that this writes to, or in one that is looked at before that: what lies in a
    /// user's cache is not there for others.
    fn is_there(&self, first: u64, head: SealedHead) -> bool {
        let found = self.index.finished(first, head);
        found.is_some_and(|(_, folder, _)| self.targets.first().is_some_and(|target| folder <= *target))
    }

    /// Takes up the entries that are new; how many. Without a shelf in the making afterwards, one became full or cannot be
    /// made.
    fn take_up(&mut self) -> Result<u64, IndexError> {
        let Some(follow) = &mut self.follow else { return Ok(0) };
        let batch = match follow.poll() {
            Ok(batch) => batch,
            // A line or a segment is damaged, or the log was cut.
            Err(error) if error.kind() == ErrorKind::Data => {
                if self.is_growing_the_log()? {
                    self.leave_out_growing();
                } else {
                    self.begin_anew();
                }
                return Ok(0);
            }
            Err(error) => return Err(error.into()),
        };
        let mut taken = 0;
        for record in &batch {
            if !self.push(record) {
                break;
            }
            taken += 1;
        }
        Ok(taken)
    }

    /// Adds an entry. `false` when the shelf in the making has become another one.
    fn push(&mut self, record: &Record) -> bool {
        let mut state = self.index.state();
        let Some(growing) = state.growing.as_mut().filter(|growing| growing.end() == record.index) else {
            drop(state);
            self.follow = None;
            return false;
        };
        if let Err(error) = growing.push(&self.index.reader, record) {
            drop(state);
            self.leave_out_growing();
            self.unread.get_or_insert(error);
            return false;
        }
        if growing.end() < growing.first() + self.index.entries {
            return true;
        }
        let full = state.growing.take().expect("it was just there");
        drop(state);
        let first = full.first();
        match full.finish(&self.index.cache) {
            Ok(full) => {
                let mut state = self.index.state();
                state.full.insert(first, Arc::new(full));
                // Without a head for so long, the oldest is made again later.
                if state.full.len() > FULL_MAX {
                    state.full.pop_first();
                }
            }
            // What cannot be read back is not used: these entries are read one by one.
            Err(error) => {
                debug_assert!(false, "a new shelf cannot be read: {error}");
                self.leave_out(first);
            }
        }
        self.follow = None;
        true
    }

    /// Writes the full shelves that are under a head; how many.
    fn write_full(&mut self) -> Result<u64, IndexError> {
        let waiting: Vec<Arc<Full>> = self.index.state().full.values().map(Arc::clone).collect();
        let mut written = 0;
        for full in waiting {
            let Some(head) = self.head()? else { break };
            if !self.index.may_write(&full, head) {
                continue;
            }
            let roots = self.index.roots(head);
            let root = roots.as_ref().and_then(|roots| roots.get((full.first / self.index.entries) as usize));
            match root {
                Some(root) if *root != full.root && !self.index.ignores_roots() => {
                    self.leave_out(full.first);
                }
                None if !self.index.ignores_roots() => continue,
                _ if self.is_there(full.first, head) => {}
                _ => {
                    self.write(&full)?;
                    written += 1;
                }
            }
            let mut state = self.index.state();
            state.full.remove(&full.first);
            state.shelves.remove(&full.first);
            drop(state);
            if !self.is_there(full.first, head) {
                // It was written and cannot be read. To make it again at once would never end.
                self.leave_out(full.first);
            }
        }
        Ok(written)
    }

    fn write(&mut self, full: &Full) -> Result<(), IndexError> {
        // First: a shelf that is there and not in the memory is nobody's own, and one that is not there harms nothing.
        self.index.remember(full.opened.shelf.first(), full.opened.digest)?;
        loop {
            let (number, building) = self.building()?;
            let (number, path) = (*number, building.folder().path().to_owned());
            let Err(source) = building.put(full.first, &full.bytes) else { return Ok(()) };
            // The folder may be gone, and the lock with it: the next write begins with both.
            self.building = None;
            if !is_not_ours(&source) || self.targets.len() == 1 {
                return Err(IndexError::Folder { path, source });
            }
            self.targets.retain(|target| *target != number);
        }
    }

    /// The right to write in the first folder in which that is possible.
    fn building(&mut self) -> Result<&(usize, Building), IndexError> {
        while self.building.is_none() {
            let number = *self.targets.first().ok_or(IndexError::NoFolder)?;
            let folder = &self.index.folders[number];
            match folder.build() {
                Ok(Some(building)) => self.building = Some((number, building)),
                Ok(None) => return Err(IndexError::Busy { path: folder.path().to_owned() }),
                Err(error) if is_not_ours(&error) && self.targets.len() > 1 => drop(self.targets.remove(0)),
                Err(source) => return Err(IndexError::Folder { path: folder.path().to_owned(), source }),
            }
        }
        Ok(self.building.as_ref().expect("it was just taken"))
    }

    /// A log that was cut and has grown again is another one: begins anew then.
    fn check_growing(&mut self) -> Result<(), IndexError> {
        if self.follow.is_some() && !self.is_growing_the_log()? {
            self.begin_anew();
        }
        Ok(())
    }

    fn begin_anew(&mut self) {
        self.follow = None;
        self.index.state().growing = None;
    }

    /// What was left out for long enough is made now, if that is possible: the newest entries wait for it.
    fn try_again(&mut self) {
        let (before, now) = (self.left_out.len(), self.index.machine.clock.elapsed());
        self.left_out.retain(|_, since| now < *since + LEFT_OUT);
        if self.left_out.len() < before {
            self.begin_anew();
        }
    }

    /// The shelf in the making cannot be made.
    fn leave_out_growing(&mut self) {
        let first = self.index.state().growing.as_ref().map(Growing::first);
        first.into_iter().for_each(|first| self.leave_out(first));
        self.begin_anew();
    }

    /// Whether the last entry of the shelf in the making is the stored one.
    fn is_growing_the_log(&self) -> Result<bool, IndexError> {
        let end = self.index.state().growing.as_ref().map(|growing| (growing.first(), growing.end()));
        let Some((_, end)) = end.filter(|(first, end)| first < end) else { return Ok(true) };
        let record = match self.index.reader.record(end - 1) {
            Err(error) if error.kind() == ErrorKind::Data => return Ok(true),
            other => other?,
        };
        let state = self.index.state();
        Ok(record.zip(state.growing.as_ref()).is_some_and(|(record, growing)| growing.has(&record)))
    }

    /// The newest signed head of a trail that contradicts nothing.
    fn head(&mut self) -> Result<Option<SealedHead>, IndexError> {
        let now = self.index.machine.clock.elapsed();
        if let Some((head, at)) = self.head
            && now < at + HEAD_AGE
        {
            return Ok(head);
        }
        let standing = self.index.standing()?;
        let head = standing.head.filter(|_| standing.findings.is_empty());
        self.head = Some((head, now));
        Ok(head)
    }

    fn leave_out(&mut self, first: u64) {
        self.left_out.insert(first, self.index.machine.clock.elapsed());
    }

    fn cannot(&self, source: std::io::Error) -> IndexError {
        let path = self.index.folders.first().map(|folder| folder.path().to_owned()).unwrap_or_default();
        IndexError::Folder { path, source }
    }
}

impl Index {
    /// Whether all entries of a full shelf are under a head.
    fn may_write(&self, full: &Full, head: SealedHead) -> bool {
        #[cfg(feature = "sim")]
        if self.canary.writes_before_the_checkpoint {
            return true;
        }
        full.first + self.entries <= head.size
    }

    /// Whether it is the canary that does not look at roots.
    fn ignores_roots(&self) -> bool {
        #[cfg(feature = "sim")]
        return self.canary.ignores_the_root || self.canary.writes_before_the_checkpoint;
        #[cfg(not(feature = "sim"))]
        false
    }
}

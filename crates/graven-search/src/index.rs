//! The index: a way to skip entries, never a source of answers.
//!
//! A *shelf* says of 65,536 entries in a row which of them may be hits of a query. Their lines are then read, matched and
//! proved, as without an index. One file holds one shelf; it is written once all of its entries are under a signed head,
//! and never changed. It counts only if the hash of the tree over its entries is the one in the tree of the trail. What is
//! missing, damaged, of another trail or of another version is not there: these entries are read one by one.
//!
//! Files are fed by following those of the trail ([`Keeper`]), so nothing in the engine waits for an index.

#[cfg(feature = "sim")]
mod canary;
mod check;
mod folder;
mod keeper;
mod opened;
mod own;
mod places;
pub(crate) mod shelf;
mod status;
#[cfg(test)]
mod tests;
mod unsealed;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{env, io};

use graven::disk::{File, FileId};
use graven::fsck::{MemoryFolder, Seen, Standing, VerifyOptions, memory_name, standing_again};
use graven::prove::{SealedHead, subtree_roots};
use graven::reader::{Picks, Reader};
use graven::{Error, Hash, Machine};

#[cfg(feature = "sim")]
pub use canary::IndexCanary;
pub use check::{Checked, Wrong};
pub use keeper::{Built, Keeper, Kept, Where};
pub use status::IndexState;

use crate::query::Query;
use folder::Folder;
use opened::Opened;
use own::{Digests, Own};
use places::Places;
use shelf::{Builder, Cache, Candidates, SHELF_ENTRIES, ShelfError};
use unsealed::{Full, Growing};

/// How many shelves are kept open.
const OPEN_MAX: usize = 512;

/// How many bytes of shelves are kept in memory.
const CACHE_BYTES: usize = 32 << 20;

/// How long what was not there is not looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The level of the tree's hashes of which a shelf has one.
const LEVEL: u8 = 2;

/// The folder for indexes in the user's cache: `$XDG_CACHE_HOME/graven`, else `$HOME/.cache/graven`. `None` when neither
/// variable holds an absolute path.
pub fn cache_folder() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    base.map(|base| base.join("graven"))
}

/// The index of one trail.
#[derive(Debug)]
pub(crate) struct Index {
    machine: Machine,
    reader: Reader,
    options: VerifyOptions,
    /// What was checked before.
    seen: Seen,
    /// Where a shelf is looked for, in this order. The first one is in the trail, if any is.
    folders: Vec<Folder>,
    has_own_folder: bool,
    own: Option<Own>,
    /// How many entries a shelf has, and the level of their hashes. Only tests have smaller ones.
    entries: u64,
    level: u8,
    /// Pieces of shelves that were read.
    cache: Arc<Cache>,
    state: Mutex<State>,
    #[cfg(feature = "sim")]
    canary: IndexCanary,
}

/// What is known of the files, and what is in memory.
#[derive(Debug, Default)]
struct State {
    roots: Option<Roots>,
    shelves: BTreeMap<u64, Known>,
    /// Files with damage, by shelf and folder. One that is made anew is another file.
    damaged: BTreeMap<(u64, usize), FileId>,
    digests: Digests,
    /// When they were read.
    digests_at: Option<Duration>,
    full: BTreeMap<u64, Arc<Full>>,
    growing: Option<Growing>,
}

/// The hashes of the tree under a head, each over the entries of one shelf.
#[derive(Debug)]
struct Roots {
    head: SealedHead,
    /// `None` when they could not be read.
    hashes: Option<Arc<[Hash]>>,
    /// When they were read.
    at: Duration,
}

/// What is known of the file of a shelf.
#[derive(Debug, Clone)]
enum Known {
    /// It is open; from which folder.
    Open(Arc<Opened>, usize),
    /// There was none that fits.
    Absent(Duration),
}

/// What an index says of some entries in a row, from the first one of a shelf on.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) candidates: Candidates,
    /// The index after the last entry that it speaks of.
    pub(crate) end: u64,
    /// Whether this user made it, or has compared it with the log.
    pub(crate) own: bool,
    pub(crate) whereabouts: Whereabouts,
}

/// What knows more of these entries.
#[derive(Debug)]
pub(crate) enum Whereabouts {
    /// A finished shelf.
    Shelf(Arc<Opened>),
    /// One in the making.
    Growing(Places),
}

impl Index {
    /// The index of a trail: in the folder `all`, with those of other trails; else in the trail itself, and in `cache`.
    pub(crate) fn new(
        machine: &Machine,
        reader: &Reader,
        options: &VerifyOptions,
        (all, cache): (Option<&Path>, Option<&Path>),
    ) -> Result<Index, Error> {
        let key = &reader.meta().key;
        let name = memory_name(key.to_string().as_bytes());
        let among = |all: &Path| Folder::among(Arc::clone(&machine.disk), all, &name);
        let folders = match all {
            Some(all) => vec![among(all)],
            None => {
                let disk = reader.disk_for_files(machine)?;
                let own = Folder::in_trail(disk, reader.layout().dir());
                std::iter::once(own).chain(cache.map(among)).collect()
            }
        };
        let own = options.state.as_deref().map(|state| Own::new(MemoryFolder::new(machine, state), key));
        Ok(Index {
            machine: machine.clone(),
            reader: reader.clone(),
            options: options.clone(),
            seen: Seen::default(),
            folders,
            has_own_folder: all.is_none(),
            own,
            entries: SHELF_ENTRIES,
            level: LEVEL,
            cache: Cache::new(CACHE_BYTES),
            state: Mutex::default(),
            #[cfg(feature = "sim")]
            canary: IndexCanary::default(),
        })
    }

    /// The same, with shelves of 256 entries.
    pub(crate) fn testing_only_small(self) -> Index {
        Index { entries: 256, level: 1, ..self }
    }

    /// The same, with a mistake.
    #[cfg(feature = "sim")]
    pub(crate) fn with_canary(self, canary: IndexCanary) -> Index {
        Index { canary, cache: Cache::trusting(CACHE_BYTES, canary.trusts_pages), ..self }
    }

    /// How many entries a shelf has.
    pub(crate) fn shelf_entries(&self) -> u64 {
        self.entries
    }

    /// What it says of the entries from `first` on, which begins a shelf, under this head and of the first `entries` of the
    /// trail; `None` when it says nothing of them. `picks` has these entries.
    pub(crate) fn ask(
        &self,
        first: u64,
        query: &Query,
        head: Option<SealedHead>,
        (entries, picks): (u64, &Picks),
    ) -> Option<Said> {
        while let Some((opened, folder, own)) = head.and_then(|head| self.finished(first, head)) {
            match opened.shelf.candidates(query) {
                Ok(candidates) => {
                    let end = first + self.entries;
                    return Some(Said { candidates, end, own, whereabouts: Whereabouts::Shelf(opened) });
                }
                Err(_) => self.set_aside(first, folder, &opened),
            }
        }
        self.ask_memory(first, query, entries, picks)
    }

    /// A finished shelf under a head, the folder that it is in, and whether it is this user's own.
    fn finished(&self, first: u64, head: SealedHead) -> Option<(Arc<Opened>, usize, bool)> {
        let root = *self.roots(head)?.get(usize::try_from(first / self.entries).ok()?)?;
        let now = self.machine.clock.elapsed();
        let mut state = self.state();
        match state.shelves.get(&first) {
            Some(Known::Open(opened, folder)) if self.fits(opened, first, root) => {
                let (opened, folder) = (Arc::clone(opened), *folder);
                let own = self.is_own(&mut state, first, &opened);
                return Some((opened, folder, own));
            }
            Some(Known::Absent(since)) if now < *since + LOOK_AGAIN => return None,
            _ => {}
        }
        let found = self.look(&mut state, first, root);
        let known = match &found {
            Some((opened, folder, _)) => Known::Open(Arc::clone(opened), *folder),
            None => Known::Absent(now),
        };
        state.shelves.insert(first, known);
        if state.shelves.len() > OPEN_MAX {
            state.shelves.pop_first();
        }
        found
    }

    /// Looks for the file of a shelf: the user's own one, else the first that fits.
    fn look(&self, state: &mut State, first: u64, root: Hash) -> Option<(Arc<Opened>, usize, bool)> {
        let mut best = None;
        for (number, folder) in self.folders.iter().enumerate() {
            // What cannot be opened or read is not there.
            let Ok(Some(file)) = folder.open(first) else { continue };
            let Ok(opened) = self.opened(&file) else { continue };
            let is_damaged = opened.file.as_ref() == state.damaged.get(&(first, number));
            if is_damaged || !self.fits(&opened, first, root) {
                continue;
            }
            if self.is_own(state, first, &opened) {
                return Some((Arc::new(opened), number, true));
            }
            best = best.or(Some((Arc::new(opened), number, false)));
        }
        best
    }

    fn opened(&self, file: &Arc<dyn File>) -> Result<Opened, ShelfError> {
        Opened::of_file(file, &self.cache)
    }

    /// A shelf without an entry, which begins at an offset in the log.
    fn growing(&self, first: u64, seed: [u8; 16], offset: u64) -> Growing {
        Growing::new(first, Builder::new(first, seed), offset)
    }

    fn fits(&self, opened: &Opened, first: u64, root: Hash) -> bool {
        #[cfg(feature = "sim")]
        if self.canary.ignores_the_root {
            return true;
        }
        let shelf = &opened.shelf;
        shelf.first() == first && u64::from(shelf.count()) == self.entries && shelf.root() == root
    }

    /// Whether the memory knows the digest of a shelf.
    fn is_own(&self, state: &mut State, first: u64, opened: &Opened) -> bool {
        let Some(own) = &self.own else { return false };
        let knows =
            |state: &State| state.digests.get(&first).is_some_and(|digests| digests.contains(&opened.digest));
        let now = self.machine.clock.elapsed();
        if !knows(state) && state.digests_at.is_none_or(|at| now >= at + LOOK_AGAIN) {
            // A memory that cannot be read knows nothing.
            state.digests = own.read().unwrap_or_default();
            state.digests_at = Some(now);
        }
        knows(state)
    }

    /// Puts the digest of a shelf, by what that says is its first entry, into the memory, if there is one.
    fn remember(&self, first: u64, digest: Hash) -> Result<(), Error> {
        let Some(own) = &self.own else { return Ok(()) };
        own.remember(&[(first, digest)])?;
        self.state().digests.entry(first).or_default().push(digest);
        Ok(())
    }

    /// The file of a shelf has damage: it is not there, and is made anew by who keeps the index.
    fn set_aside(&self, first: u64, folder: usize, opened: &Opened) {
        let mut state = self.state();
        state.shelves.remove(&first);
        state.damaged.extend(opened.file.map(|file| ((first, folder), file)));
    }

    /// The hashes of the tree under a head, each over the entries of one shelf; `None` when `tiles/` does not lead to the
    /// root.
    fn roots(&self, head: SealedHead) -> Option<Arc<[Hash]>> {
        let now = self.machine.clock.elapsed();
        if let Some(known) = &self.state().roots
            && known.head == head
            && (known.hashes.is_some() || now < known.at + LOOK_AGAIN)
        {
            return known.hashes.clone();
        }
        let hashes: Option<Arc<[Hash]>> = subtree_roots(&self.reader, head, self.level).map(Arc::from);
        self.state().roots = Some(Roots { head, hashes: hashes.clone(), at: now });
        hashes
    }

    /// What the shelves in memory say.
    fn ask_memory(&self, first: u64, query: &Query, entries: u64, picks: &Picks) -> Option<Said> {
        let full = self.state().full.get(&first).map(Arc::clone);
        if let Some(full) = full {
            let last = entries.min(first + self.entries).checked_sub(1)?;
            if !full.has(&picks.record(last).ok()??) {
                return None;
            }
            let candidates = full.opened.shelf.candidates(query).ok()?;
            let whereabouts = Whereabouts::Shelf(Arc::clone(&full.opened));
            return Some(Said { candidates, end: first + self.entries, own: true, whereabouts });
        }
        // What is taken up meanwhile is not compared, and read one by one.
        let end = self.state().growing.as_ref().filter(|growing| growing.first() == first)?.end();
        let last = entries.min(end).checked_sub(1).filter(|last| *last >= first)?;
        let record = picks.record(last).ok()??;
        let state = self.state();
        let growing = state.growing.as_ref().filter(|growing| growing.first() == first)?;
        if !growing.has(&record) {
            return None;
        }
        let (candidates, places) = growing.candidates(query);
        #[cfg(feature = "sim")]
        let end = end + u64::from(self.canary.is_one_ahead);
        Some(Said { candidates, end, own: true, whereabouts: Whereabouts::Growing(places) })
    }

    /// The newest signed head.
    pub(crate) fn head(&self) -> Result<Option<SealedHead>, Error> {
        Ok(self.standing()?.head)
    }

    /// What the trail is judged by.
    fn standing(&self) -> Result<Standing, Error> {
        standing_again(&self.machine, &self.reader, &self.options, &self.seen)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a thread that panicked has left is checked before it is used.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Whereabouts {
    /// Where the block of an entry lies in the log. `number` is its number in the shelf.
    pub(crate) fn block(&self, number: u32) -> Option<std::ops::Range<u64>> {
        match self {
            Whereabouts::Shelf(opened) => opened.places.block(number),
            Whereabouts::Growing(places) => places.block(number),
        }
    }
}

/// Why an index cannot be kept or checked. The trail and its answers do not depend on it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The folder cannot be used.
    #[error("cannot write the index in {path}")]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process is writing it.
    #[error("another process is writing the index in {path}")]
    Busy {
        /// Which folder.
        path: PathBuf,
    },
    /// There is no folder for it.
    #[error("there is no folder for the index: name one with --index, or set HOME")]
    NoFolder,
    /// The trail does not fit the key or the memory, so nothing is made of it.
    #[error("the trail contradicts its key or what was seen of it: run `graven verify`")]
    Contradiction,
    /// The trail or the memory cannot be read.
    #[error(transparent)]
    Trail(#[from] Error),
}

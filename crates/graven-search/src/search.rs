//! Asks a trail: pages of proved hits, counts, and all that an answer has to say of itself.

mod acts;
mod answer;
mod ask;
mod blocks;
mod chain;
mod counts;
mod explanation;
mod findings;
mod hidden;
mod histogram;
mod judge;
mod kinds;
mod part;
mod sessions;
mod sieve;
mod stretches;
mod sweep;
mod tally;
mod timeline;
mod walk;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven::fsck::{Seen, Standing, VerifyOptions, standing_again};
use graven::prove::Proved;
use graven::reader::{Pending, Picks, Reader};
use graven::{Machine, VerifierKey};
use graven_core::hash::Hash;
use graven_core::verdict::{Finding, Verdict};

pub use answer::{Answer, Before, Coverage, Durable, FINDINGS_MAX, Hit, IndexUse, State, TimeRange};
pub use ask::{Ask, LIMIT, LIMIT_MAX, PAGE_BYTES_MAX, going_on};
pub use chain::ChainSearch;
pub use explanation::{Explained, Explanation};
pub use histogram::{Histogram, Row};
pub use sessions::Session;
pub use tally::{Count, FacetValue, Rest};
pub use timeline::{Timeline, TimelineEntry};

use crate::cursor::CursorError;
use crate::error::SearchError;
use crate::follow::Following;
use crate::index::{Checked, Index, IndexError, IndexState, Keeper, Where};
use crate::order::Order;
use crate::query::{Field, Query};
use counts::Counts;
use part::Room;
use stretches::Used;
#[cfg(test)]
pub(crate) use tally::values_of;
use walk::{Walk, Way};

/// How a trail is opened for searches.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SearchOptions {
    /// The key that must have signed the heads. Default: the key in the verifier's memory; if there is none, the key that
    /// the trail itself names.
    pub key: Option<VerifierKey>,
    /// The folder of the verifier's memory. It also knows which indexes are this user's own. Default: `None`, no memory.
    pub state: Option<PathBuf>,
    /// The folder that has the index, with those of other trails. Default: `None`, the one in the trail, and `cache`.
    pub index: Option<PathBuf>,
    /// The folder of the user's cache for indexes, see [`cache_folder`](crate::cache_folder). Default: `None`, only the
    /// index in the trail is used.
    pub cache: Option<PathBuf>,
    /// Whether no index is used. Default: `false`.
    pub no_index: bool,
    /// Whether a shelf of the index has 256 entries, so that a small trail has many of them. Only for tests.
    #[doc(hidden)]
    pub testing_only_small_shelves: bool,
    /// The mistakes of its index. Only for the simulator.
    #[cfg(feature = "sim")]
    #[doc(hidden)]
    pub testing_only_canary: crate::index::IndexCanary,
}

/// A trail that is asked questions. Clones share what they know of its index.
#[derive(Debug, Clone)]
pub struct Search {
    machine: Machine,
    reader: Reader,
    options: VerifyOptions,
    /// What was checked for earlier questions.
    seen: Arc<Seen>,
    proved: Arc<Proved>,
    index: Option<Arc<Index>>,
}

/// The entries that an answer is about, and what it believes.
struct Snapshot {
    entries: u64,
    durable: Durable,
    /// The leaf hash of the last one.
    last: Option<Hash>,
    standing: Standing,
}

/// What was found out in a walk.
struct Outcome {
    findings: (Vec<Finding>, u64),
    scanned: u64,
    used: Used,
    hidden: u64,
    finished: bool,
}

impl Outcome {
    fn of(walk: Walk<'_>, finished: bool) -> Outcome {
        let (scanned, used, hidden) = (walk.scanned, walk.used(), walk.hidden());
        Outcome { findings: walk.findings.finish(), scanned, used, hidden, finished }
    }
}

impl Search {
    /// Opens the trail at a path: the trail's directory, or its live file.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open(path: impl AsRef<Path>, options: SearchOptions) -> Result<Search, SearchError> {
        let reader = Reader::open(path.as_ref())?;
        Search::on(Machine::os(), reader, path.as_ref(), options)
    }

    /// The same, on a given machine. `name` is the path by which the caller knows the trail.
    ///
    /// # Errors
    /// `Trail` when the trail's directory cannot be looked at.
    pub fn on(
        machine: Machine,
        reader: Reader,
        name: &Path,
        options: SearchOptions,
    ) -> Result<Search, SearchError> {
        let judged = VerifyOptions {
            key: options.key.clone(),
            state: options.state.clone(),
            name: Some(name.to_owned()),
            ..VerifyOptions::default()
        };
        Search::judged(machine, reader, judged, options)
    }

    /// The same, judged by what is given here, and not by what the other options say.
    fn judged(
        machine: Machine,
        reader: Reader,
        judged: VerifyOptions,
        options: SearchOptions,
    ) -> Result<Search, SearchError> {
        #[cfg(feature = "sim")]
        let canary = options.testing_only_canary;
        let SearchOptions { index, cache, no_index, testing_only_small_shelves, .. } = options;
        let options = judged;
        let folders = (index.as_deref(), cache.as_deref());
        let index = match no_index {
            true => None,
            false => {
                let index = Index::new(&machine, &reader, &options, folders)?;
                #[cfg(feature = "sim")]
                let index = index.with_canary(canary);
                Some(Arc::new(if testing_only_small_shelves { index.testing_only_small() } else { index }))
            }
        };
        Ok(Search { machine, reader, options, seen: Arc::default(), proved: Arc::default(), index })
    }

    /// Keeps the index up to date: see [`Keeper`]. `None` for a search that uses none.
    pub fn keeper(&self, place: Where) -> Option<Keeper> {
        Some(Keeper::new(Arc::clone(self.index.as_ref()?), place))
    }

    /// Compares the index with the log, and remembers what is the same. `progress` is told how many entries of the shelves
    /// are done, and of how many.
    ///
    /// # Errors
    /// [`IndexError`] when the trail or the index cannot be read, or the trail contradicts its key or the memory.
    pub fn check_index(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Checked, IndexError> {
        match &self.index {
            Some(index) => index.check(progress),
            None => Ok(Checked::default()),
        }
    }

    /// The same, with this index.
    #[cfg(test)]
    pub(crate) fn with_index(self, index: Arc<Index>) -> Search {
        Search { index: Some(index), ..self }
    }

    /// The trail.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The path by which a verifier knows the trail.
    pub fn name(&self) -> &Path {
        self.options.name.as_deref().unwrap_or_else(|| self.reader.layout().live())
    }

    /// The origin of the trail.
    fn origin(&self) -> &str {
        &self.reader.meta().origin
    }

    /// What there is of the index.
    ///
    /// # Errors
    /// `Trail` when the trail cannot be read.
    pub fn index_state(&self) -> Result<IndexState, IndexError> {
        self.index.as_ref().map_or_else(|| Ok(IndexState::default()), |index| index.status())
    }

    /// Answers a query.
    ///
    /// The snapshot is what is durable when the first page is asked for; later pages are of the same one. The answer says
    /// what does not fit.
    ///
    /// # Errors
    /// `Cursor` when the cursor belongs to another search, or the trail is another one now; `Trail` when it cannot be read.
    pub fn query(&self, query: &Query, ask: &Ask) -> Result<Answer, SearchError> {
        let started = self.machine.clock.elapsed();
        let mut counts = Counts::new(ask);
        let part = self.part(query, ask, &mut counts, &mut Room::of(ask), started)?;
        let next = part.position.map(|position| self.cursor(query, ask, &part.snapshot, position));
        let (coverage, took_ms) = (part.coverage(), self.took_ms(started));
        Ok(counts.answer(query, part.hits, next, part.outcome.findings, coverage, took_ms))
    }

    /// Hands over every hit, one by one, in little memory. The answer has no hits and no cursor. `f` can end it early.
    ///
    /// # Errors
    /// As [`query`](Search::query), and what `f` returns.
    pub fn each<E: From<SearchError>>(
        &self,
        query: &Query,
        ask: &Ask,
        f: &mut dyn FnMut(Hit) -> Result<bool, E>,
    ) -> Result<Answer, E> {
        let started = self.machine.clock.elapsed();
        let mut counts = Counts::new(ask);
        let part = self.each_of(query, ask, &mut counts, started, f)?;
        let (coverage, took_ms) = (part.coverage(), self.took_ms(started));
        Ok(counts.answer(query, Vec::new(), None, part.outcome.findings, coverage, took_ms))
    }

    /// Counts the values of fields, over all hits.
    ///
    /// # Errors
    /// As [`query`](Search::query).
    pub fn facets(&self, query: &Query, fields: &[Field], ask: &Ask) -> Result<Answer, SearchError> {
        self.query(query, &Ask { facets: fields.to_vec(), limit: 1, ..ask.clone() })
    }

    /// Counts all hits by time.
    ///
    /// # Errors
    /// As [`query`](Search::query).
    pub fn histogram(&self, query: &Query, ask: &Ask) -> Result<Answer, SearchError> {
        self.query(query, &Ask { histogram: true, limit: 1, ..ask.clone() })
    }

    /// The timeline of one session.
    ///
    /// # Errors
    /// As [`query`](Search::query).
    pub fn session(&self, id: &str, ask: &Ask) -> Result<Timeline, SearchError> {
        let query = Query::of_session(id);
        timeline::read(id, self.origin(), ask, &mut |ask, f| self.each(&query, ask, f))
    }

    /// The same, as far as its entries have these categories.
    ///
    /// # Errors
    /// As [`query`](Search::query).
    pub fn session_within(
        &self,
        id: &str,
        categories: &[graven::Category],
        ask: &Ask,
    ) -> Result<Timeline, SearchError> {
        let query = Query::of_session(id).within(categories);
        timeline::read(id, self.origin(), ask, &mut |ask, f| self.each(&query, ask, f))
    }

    /// The acts that have an intent and no result, as [`Reader::pending`] finds them. Where there is an index of this user's
    /// own, only entries with a phase are read. `progress` is told how many entries are behind.
    ///
    /// # Errors
    /// As [`Reader::pending`].
    pub fn pending(&self, progress: &mut dyn FnMut(u64)) -> Result<Vec<Pending>, SearchError> {
        acts::pending(self, progress)
    }

    /// Counts entries by category and outcome, as [`Reader::tally`] does. Where there is an index of this user's own, most
    /// entries are not read, unless a run with life signs makes the time of each of them matter.
    ///
    /// # Errors
    /// As [`Reader::tally`].
    pub fn tally(&self, progress: &mut dyn FnMut(u64)) -> Result<graven::reader::Tally, SearchError> {
        kinds::tally(self, progress)
    }

    /// Follows the hits that are recorded from an index on.
    pub fn follow(&self, query: Query, from: u64) -> Following {
        Following::new(self.reader.clone(), query, from)
    }

    fn walk<'a>(&'a self, query: &'a Query, findings: Vec<Finding>, way: Way) -> Walk<'a> {
        let clock = Arc::clone(&self.machine.clock);
        Walk::new(&self.reader, query, self.index.as_deref(), findings, clock, way)
    }

    /// What the answer is about, and its entries: what is durable now, or the snapshot of the cursor.
    fn snapshot(&self, query: &Query, ask: &Ask) -> Result<(Snapshot, Picks), SearchError> {
        // Before the head, so that it covers as many of them as possible.
        let picks = self.reader.picks()?;
        let durable_len = picks.durable_len()?;
        let mut standing = standing_again(&self.machine, &self.reader, &self.options, &self.seen)?;
        let sealed = standing.head.map_or(0, |head| head.size);
        let wanted = ask.cursor.as_ref().map_or(sealed, |cursor| sealed.max(cursor.entries));
        // Where as many are durable as matter, the others need not be counted.
        let len = match durable_len.filter(|durable| *durable >= wanted) {
            Some(durable) => durable,
            None => picks.len()?,
        };
        // The trail may have grown since it was measured.
        if sealed > len {
            standing.findings.extend(truncated(self.reader.len()?, sealed));
        }
        let (now, durable) = match durable_len {
            // A signed head covers only what is durable, and says it later.
            Some(durable) => (durable.max(sealed.min(len)), Durable::Lock),
            None => (len, Durable::Lines),
        };
        let Some(cursor) = &ask.cursor else {
            let last = leaf_of_last(&picks, now)?;
            // An entry that cannot be read is a finding of the walk, and there is no second page.
            return Ok((Snapshot { entries: now, durable, last, standing }, picks));
        };
        cursor.check(&self.reader.meta().origin, query, ask.order)?;
        let other = CursorError::OtherEntries { index: cursor.entries.saturating_sub(1) };
        if cursor.entries > len || leaf_of_last(&picks, cursor.entries)? != cursor.last {
            return Err(other.into());
        }
        Ok((Snapshot { entries: cursor.entries, durable, last: cursor.last, standing }, picks))
    }
}

/// The leaf hash of the last of this number of entries; `None` when there is none, or it cannot be read.
fn leaf_of_last(picks: &Picks, entries: u64) -> Result<Option<Hash>, SearchError> {
    let Some(index) = entries.checked_sub(1) else { return Ok(None) };
    match picks.record(index) {
        Ok(record) => Ok(record.map(|record| record.leaf_hash())),
        Err(error) if error.kind() == graven::ErrorKind::Data => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The finding when fewer entries are stored than are sealed.
fn truncated(entries: u64, sealed: u64) -> Option<Finding> {
    let message = "the signed head covers more entries than are stored";
    (entries < sealed).then(|| Finding::new(Verdict::Truncated, message).range(entries, sealed - 1))
}

/// The entries that a query can be about.
fn whole(query: &Query, entries: u64, exhaustive: bool) -> Range<u64> {
    let positions = if exhaustive { 0..u64::MAX } else { query.positions() };
    positions.start.min(entries)..positions.end.min(entries)
}

/// What is left of a range at the cursor.
fn page(whole: Range<u64>, ask: &Ask) -> Range<u64> {
    let position = ask.cursor.as_ref().map_or_else(|| start(&whole, ask.order), |cursor| cursor.position);
    rest(&whole, position, ask.order)
}

/// What is left of a range at a position.
fn rest(range: &Range<u64>, position: u64, order: Order) -> Range<u64> {
    match order {
        Order::NewestFirst => range.start..position.min(range.end),
        Order::OldestFirst => position.max(range.start)..range.end,
    }
}

/// The position at which a range begins.
fn start(range: &Range<u64>, order: Order) -> u64 {
    match order {
        Order::NewestFirst => range.end,
        Order::OldestFirst => range.start,
    }
}

/// The position behind an entry.
fn after(index: u64, order: Order) -> u64 {
    match order {
        Order::NewestFirst => index,
        Order::OldestFirst => index + 1,
    }
}

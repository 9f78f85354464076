//! The trails that are served: a writer that lasts, a search over the files, and the counts of each.

mod acts;
mod claims;
mod indexing;
mod opening;
mod recording;
mod window;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use graven::reader::{Picks, Record};
use graven::{LastingTrail, Redactor};
use graven_core::entry::stored_id;
use graven_search::{ChainSearch, Search};
use serde::Serialize;

use crate::archive::Archive;
use crate::counters::Counters;
use crate::life::Life;
use crate::name::{ServedName, TrailName};
use crate::problem::{Kind, Problem};
use crate::tail::Tail;
use crate::verification::Verification;

use claims::Claims;
use indexing::Indexing;
use window::{Key, Window};

pub(crate) use opening::open;
pub(crate) use recording::{Kept, Recorded};

/// How long a client waits until its entry is durable. A writer that takes longer records nothing that anybody is told of.
const PATIENCE: Duration = Duration::from_secs(5);

/// All trails of the server, by name.
#[derive(Debug)]
pub(crate) struct Trails(BTreeMap<TrailName, Arc<Served>>);

/// One trail: of a chain, the newest one, or an older one.
#[derive(Debug)]
pub(crate) struct Served {
    name: ServedName,
    /// `None` for a trail that is only read.
    writer: Option<LastingTrail>,
    /// The trail with all that it continues; an older trail of a chain by itself.
    chain: ChainSearch,
    /// The older trails of its chain, oldest first; an older one has none.
    before: Vec<Arc<Served>>,
    /// The rules of the trail for secrets, for texts that repeat what a client has sent.
    redactor: Option<Redactor>,
    /// Who handed in which id among the newest entries.
    window: Mutex<Window>,
    /// Held while the newest entries are read for it.
    reading: tokio::sync::Mutex<()>,
    /// The ids that are being recorded.
    claims: Claims<Key>,
    tallies: Tallies,
    counters: OnceLock<Counters>,
    tail: Tail,
    verification: Verification,
    life: Life,
    indexing: Indexing,
    /// Where it is shipped, if it is.
    archive: Option<Archive>,
}

/// What became of entries since the server started.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    recorded: AtomicU64,
    duplicates: AtomicU64,
    refused: AtomicU64,
}

/// The same, as it stands in an answer.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Tallied {
    /// Entries of clients that were recorded.
    pub(crate) recorded: u64,
    /// Entries of clients that were there already.
    pub(crate) duplicates: u64,
    /// Entries of clients that were refused.
    pub(crate) refused: u64,
}

impl Trails {
    /// The trail of a name.
    pub(crate) fn find(&self, name: &TrailName) -> Option<&Arc<Served>> {
        self.0.get(name)
    }

    /// The trail of a name, or an older one of its chain.
    pub(crate) fn served(&self, name: &ServedName) -> Option<&Arc<Served>> {
        let newest = self.find(&name.trail)?;
        name.older.map_or(Some(newest), |older| newest.before.get(older.get() - 1))
    }

    /// All trails, by name; of a chain only the newest one.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.0.values()
    }

    /// All trails, each with the older ones of its chain.
    pub(crate) fn with_older(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.all().flat_map(|newest| newest.before.iter().chain([newest]))
    }

    /// The trail in which the server records what happens to itself.
    pub(crate) fn main(&self) -> Option<&Arc<Served>> {
        self.find(&TrailName::main())
    }
}

impl Served {
    /// The name in addresses.
    pub(crate) fn name(&self) -> &ServedName {
        &self.name
    }

    /// Answers questions from the files of this trail alone.
    pub(crate) fn search(&self) -> &Search {
        self.chain.newest()
    }

    /// Answers questions from the files of the whole chain.
    pub(crate) fn chain(&self) -> &ChainSearch {
        &self.chain
    }

    /// The older trails of its chain, oldest first.
    pub(crate) fn before(&self) -> &[Arc<Served>] {
        &self.before
    }

    /// The writer; `None` for a trail that is only read.
    pub(crate) fn writer(&self) -> Option<&LastingTrail> {
        self.writer.as_ref()
    }

    /// The writer.
    ///
    /// # Errors
    /// `ReadOnly` for a trail that is only read.
    pub(crate) fn writable(&self) -> Result<&LastingTrail, Problem> {
        self.writer.as_ref().ok_or_else(|| {
            let message = match self.name.older {
                None => format!("this server only reads the trail {}", self.name),
                Some(_) => format!("{} has ended: the trail {} continues it", self.name, self.name.trail),
            };
            Problem::new(Kind::ReadOnly, message)
        })
    }

    /// The writer, for entries of clients.
    ///
    /// # Errors
    /// As [`writable`](Served::writable); `NotArchived` when nothing more is shipped, and nothing may be recorded without.
    pub(crate) fn recordable(&self) -> Result<&LastingTrail, Problem> {
        let writer = self.writable()?;
        match self.archive.as_ref().and_then(Archive::refusal) {
            Some(why) => Err(Problem::new(Kind::NotArchived, format!("the trail takes no entries: {why}"))),
            None => Ok(writer),
        }
    }

    /// Where it is shipped, if it is.
    pub(crate) fn archive(&self) -> Option<&Archive> {
        self.archive.as_ref()
    }

    /// For how long its writer has been at the entries that it has in hand; `None` for one that has nothing to write.
    pub(crate) fn hangs_for(&self) -> Option<Duration> {
        self.writer.as_ref()?.now().writing_for()
    }

    /// Why nothing can be recorded to it now. This also opens a trail again that has failed, if that is due.
    pub(crate) fn cannot_record(&self) -> Option<&'static str> {
        let writer = self.writer.as_ref()?.now();
        if writer.poisoned().is_some() {
            return Some("its storage has failed: it is opened again as soon as it can be");
        }
        if let Some(why) = self.archive.as_ref().and_then(Archive::refusal) {
            return Some(why);
        }
        let hangs = writer.writing_for().is_some_and(|time| time >= PATIENCE);
        hangs
            .then_some("its writer hangs: storage does not answer, or another process holds the trail's lock")
    }

    /// A text that may repeat what a client has sent, without its secrets.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        self.redactor.as_ref().map_or_else(|| text.to_owned(), |redactor| redactor.text(text).into_owned())
    }

    /// How many entries are durable.
    ///
    /// # Errors
    /// As [`Reader::len`](graven::reader::Reader::len).
    pub(crate) fn entries(&self) -> Result<u64, graven::Error> {
        durable_len(&self.search().reader().picks()?)
    }

    /// Those who follow it.
    pub(crate) fn tail(&self) -> &Tail {
        &self.tail
    }

    /// What is known of its verifications.
    pub(crate) fn verification(&self) -> &Verification {
        &self.verification
    }

    /// What was judged of its life.
    pub(crate) fn life(&self) -> &Life {
        &self.life
    }

    /// How its index stands.
    pub(crate) fn indexing(&self) -> &Indexing {
        &self.indexing
    }

    /// The newest entry with an id, which may have been stored without a secret that was in it.
    ///
    /// # Errors
    /// As [`Reader::find`](graven::reader::Reader::find).
    pub(crate) fn find(&self, id: &str) -> Result<Option<Record>, graven::Error> {
        let reader = self.search().reader();
        let without = self.without_secrets(id);
        let stored = stored_id(&without);
        match reader.find(&stored)? {
            None if stored != id => reader.find(id),
            found => Ok(found),
        }
    }

    /// What is counted of it for operators; made once.
    pub(crate) fn counters(&self, make: impl FnOnce(&TrailName) -> Counters) -> &Counters {
        self.counters.get_or_init(|| make(&self.name.trail))
    }

    /// What became of entries since the server started.
    pub(crate) fn tallied(&self) -> Tallied {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tallied {
            recorded: count(&self.tallies.recorded),
            duplicates: count(&self.tallies.duplicates),
            refused: count(&self.tallies.refused),
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        // A thread that panicked left a window that is behind at most.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many entries are durable: as the writer says, or else all whole lines.
///
/// # Errors
/// As [`Reader::len`](graven::reader::Reader::len).
pub(crate) fn durable_len(picks: &Picks) -> Result<u64, graven::Error> {
    match picks.durable_len()? {
        Some(entries) => Ok(entries),
        None => picks.len(),
    }
}

impl Tallies {
    pub(crate) fn record(&self, entries: u64) {
        self.recorded.fetch_add(entries, Ordering::Relaxed);
    }

    pub(crate) fn duplicate(&self, entries: u64) {
        self.duplicates.fetch_add(entries, Ordering::Relaxed);
    }

    pub(crate) fn refuse(&self, entries: u64) {
        self.refused.fetch_add(entries, Ordering::Relaxed);
    }
}

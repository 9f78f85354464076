//! Records entries of clients: each id of each client once, and after a failure in the trail that was opened again.

use std::collections::HashSet;

use graven::reader::Reader;
use graven::{Category, Entry, Error, Hash, LastingTrail, Outcome, Phase, Receipt, Trail};
use graven_core::entry::stored_id;

use super::Served;
use super::claims::Claim;
use super::window::{Key, Keys, Known};
use crate::problem::{Kind, Problem};

/// What became of one entry.
pub(crate) type Recorded = Result<Kept, Problem>;

/// An entry that is in the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) receipt: Receipt,
    /// Whether it was there before: the same client has sent it already.
    pub(crate) duplicate: bool,
    /// Whether it is in the archive too; `None` when its answer does not wait for that.
    pub(crate) archived: Option<bool>,
}

/// Somebody sent other content under an id of theirs.
const ID_CONFLICT: &str = "id.conflict";

/// How many entries are read at a time.
const READ_AT_ONCE: u64 = 65_536;

/// What is known of an entry before it is recorded.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Where its answer stands.
    at: usize,
    /// For one with an id.
    key: Option<Key>,
    /// For the result of an act.
    result_of: Option<Key>,
}

/// Entries, and beside them what is known of each. An entry is large, so entries are moved together.
#[derive(Debug, Default)]
struct Batch {
    places: Vec<Place>,
    entries: Vec<Entry>,
}

impl Batch {
    fn push(&mut self, place: Place, entry: Entry) {
        self.places.push(place);
        self.entries.push(entry);
    }

    /// The first entry of each id, with all entries that have none; and the others.
    fn first_of_each_id(self) -> (Batch, Batch) {
        let mut met = HashSet::new();
        let is_again = |place: &Place| place.key.is_some_and(|key| !met.insert(key));
        let again: Vec<bool> = self.places.iter().map(is_again).collect();
        if !again.contains(&true) {
            return (self, Batch::default());
        }
        let (mut first, mut others) = (Batch::default(), Batch::default());
        for ((place, entry), again) in self.places.into_iter().zip(self.entries).zip(again) {
            if again { others.push(place, entry) } else { first.push(place, entry) }
        }
        (first, others)
    }
}

impl Served {
    /// Records entries that somebody of this name hands in, in their order; one answer each. An entry with an id that the
    /// same name has used among the newest entries is not recorded again.
    pub(crate) async fn record(&self, name: &str, entries: Vec<Entry>) -> Vec<Recorded> {
        let count = entries.len();
        let writer = match self.recordable() {
            Ok(writer) => writer,
            Err(problem) => return vec![Err(problem); count],
        };
        let mut answers: Vec<Option<Recorded>> = vec![None; count];
        let mut left = Batch { places: self.places(name, &entries), entries };
        // An id that is there several times: the first one is recorded before the second one is looked at.
        while !left.entries.is_empty() {
            let (now, later) = left.first_of_each_id();
            left = later;
            self.round(name, writer, now, &mut answers).await;
        }
        let answers: Vec<Recorded> =
            answers.into_iter().map(|answer| answer.expect("each one was answered")).collect();
        let good = answers.iter().filter(|answer| answer.as_ref().is_ok_and(|kept| !kept.duplicate)).count();
        let refused = answers.iter().filter(|answer| answer.is_err()).count();
        self.tallies.record(good as u64);
        self.tallies.duplicate((count - good - refused) as u64);
        self.count_refused(refused as u64);
        answers
    }

    /// Counts entries that were refused before they came here.
    pub(crate) fn count_refused(&self, entries: u64) {
        self.tallies.refuse(entries);
    }

    fn places(&self, name: &str, entries: &[Entry]) -> Vec<Place> {
        let keys = self.window().keys().clone();
        let place = |(at, entry): (usize, &Entry)| {
            let key = entry.id.as_deref().map(|id| keys.of(name, &stored_id(&self.without_secrets(id))));
            let result_of = match (entry.phase, &entry.intent_id) {
                (Some(Phase::Result), Some(intent)) => Some(keys.of_result(&self.without_secrets(intent))),
                _ => None,
            };
            Place { at, key, result_of }
        };
        entries.iter().enumerate().map(place).collect()
    }

    /// Records entries of which no two have one id.
    async fn round(
        &self,
        name: &str,
        writer: &LastingTrail,
        mut batch: Batch,
        answers: &mut [Option<Recorded>],
    ) {
        let keys: Vec<Key> = batch.places.iter().filter_map(|place| place.key).collect();
        let _claim: Option<Claim<'_, Key>> = match keys.is_empty() {
            true => None,
            false => {
                let claim = self.claims.claim(keys).await;
                // Boxed: most entries have no id, and each request's future would be larger for it.
                batch = Box::pin(self.look(writer, batch, answers)).await;
                Some(claim)
            }
        };
        if batch.entries.is_empty() {
            return;
        }
        let recorded = writer.record_each(batch.entries).await;
        let is_behind = self.remember(name, &batch.places, &recorded);
        for (place, recorded) in batch.places.into_iter().zip(recorded) {
            let kept = recorded.map(|receipt| Kept { receipt, duplicate: false, archived: None });
            answers[place.at] = Some(kept.map_err(Problem::from));
        }
        if is_behind && let Err(problem) = Box::pin(self.catch_up()).await {
            tracing::warn!(error = problem.detail(), "the newest entries cannot be read");
        }
    }

    /// Takes up what was recorded; whether too much of it waits for entries of others to be read.
    fn remember(&self, name: &str, places: &[Place], recorded: &[Result<Receipt, Error>]) -> bool {
        let mut window = self.window();
        for (place, recorded) in places.iter().zip(recorded) {
            if let Ok(receipt) = recorded {
                let id = Some(window.keys().of(name, &receipt.id));
                window.recorded(receipt.index, Known { id, result_of: place.result_of });
            }
        }
        window.is_behind()
    }

    /// Answers the entries that are there already, and returns the others.
    async fn look(&self, writer: &LastingTrail, batch: Batch, answers: &mut [Option<Recorded>]) -> Batch {
        let places = batch.places.clone();
        let (batch, before) = match self.compared(writer, batch).await {
            Ok(compared) => compared,
            Err(problem) => {
                places.iter().for_each(|place| answers[place.at] = Some(Err(problem.clone())));
                return Batch::default();
            }
        };
        if before.is_empty() {
            return batch;
        }
        let mut new = Batch::default();
        for ((place, entry), before) in batch.places.into_iter().zip(batch.entries).zip(before) {
            if matches!(&before, Some(Err(problem)) if problem.is(Kind::IdConflict)) {
                writer.emit(conflict(&entry));
            }
            match before {
                Some(before) => answers[place.at] = Some(before),
                None => new.push(place, entry),
            }
        }
        new
    }

    /// The same entries, and what there is to say of each whose id was used before: nothing at all if there is none.
    async fn compared(
        &self,
        writer: &LastingTrail,
        batch: Batch,
    ) -> Result<(Batch, Vec<Option<Recorded>>), Problem> {
        // What other processes have recorded counts too.
        let trail = refresh(writer).await?;
        self.catch_up().await?;
        let (found, keys): (Vec<Option<u64>>, Keys) = {
            let window = self.window();
            let find = |place: &Place| place.key.and_then(|key| window.find(key));
            (batch.places.iter().map(find).collect(), window.keys().clone())
        };
        if found.iter().all(Option::is_none) {
            return Ok((batch, Vec::new()));
        }
        let reader = self.search().reader().clone();
        let compare = move || {
            let entries = batch.places.iter().zip(&batch.entries).zip(found);
            let compared = entries.map(|((place, entry), index)| {
                index.and_then(|index| before(&trail, &reader, &keys, place, entry, index))
            });
            let compared = compared.collect();
            (batch, compared)
        };
        tokio::task::spawn_blocking(compare).await.map_err(|panic| {
            tracing::error!(error = panic.to_string(), "comparing entries panicked");
            Problem::fault()
        })
    }

    /// Reads what others have recorded, as far as it is known how much that is.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn catch_up(&self) -> Result<(), Problem> {
        let Some(writer) = &self.writer else { return Ok(()) };
        // One reads for all.
        let _reading = self.reading.lock().await;
        let entries = writer.now().len();
        loop {
            let (range, keys) = {
                let mut window = self.window();
                let Some(range) = window.unread(entries) else { return Ok(()) };
                (range.start..range.end.min(range.start + READ_AT_ONCE), window.keys().clone())
            };
            let (reader, first) = (self.search().reader().clone(), range.start);
            let read = move || read_keys(&reader, &keys, range);
            let read = tokio::task::spawn_blocking(read).await.map_err(|panic| {
                tracing::error!(error = panic.to_string(), "reading the newest entries panicked");
                Problem::fault()
            })?;
            self.window().read(first, read?);
        }
    }
}

/// The keys of stored entries, all of which are durable.
fn read_keys(reader: &Reader, keys: &Keys, range: std::ops::Range<u64>) -> Result<Vec<Known>, Problem> {
    let count = range.end - range.start;
    let read = reader.entries(range)?.map(|record| Ok(keys.of_line(&record?.line)));
    let read: Vec<Known> = read.collect::<Result<_, Error>>()?;
    if (read.len() as u64) < count {
        return Err(Problem::new(Kind::Unavailable, "the newest entries cannot be read: try again"));
    }
    Ok(read)
}

/// What there is to say of an entry whose id is that of a stored one; `None` when it seemed so only.
fn before(
    trail: &Trail,
    reader: &Reader,
    keys: &Keys,
    place: &Place,
    entry: &Entry,
    index: u64,
) -> Option<Recorded> {
    let (record, stored) = match reader
        .record(index)
        .and_then(|record| record.map(|record| record.entry().map(|entry| (record, entry))).transpose())
    {
        Ok(found) => found?,
        Err(error) => return Some(Err(Problem::from(error))),
    };
    if keys.of_line(&record.line).id != place.key || stored.recorded_by != entry.recorded_by {
        return None;
    }
    let mut same = entry.clone();
    same.received_at = stored.received_at;
    same.timestamp = same.timestamp.or(stored.timestamp);
    let leaf_hash: Hash = record.leaf_hash();
    Some(match trail.leaf_hash_of(same) {
        Ok(hash) if hash == leaf_hash => {
            let receipt = trail.receipt_blocking(index).map_err(Problem::from);
            receipt.map(|receipt| Kept { receipt, duplicate: true, archived: None })
        }
        Ok(_) => {
            let message = format!(
                "the id is that of entry {index}, which says something else: send other content under another id"
            );
            Err(Problem::new(Kind::IdConflict, message).about(index))
        }
        Err(error) => Err(Problem::from(error)),
    })
}

/// The entry that tells of a conflict.
fn conflict(refused: &Entry) -> Entry {
    let mut entry = Entry::new(Category::Api, ID_CONFLICT, Outcome::Denied);
    entry.principal.clone_from(&refused.recorded_by);
    entry.reason = Some("other content under an id that was used".to_owned());
    entry.resource.clone_from(&refused.id);
    entry.cut_to_fit()
}

/// Reads what other processes have recorded; the trail that did.
pub(super) async fn refresh(writer: &LastingTrail) -> Result<Trail, Error> {
    let trail = writer.ready().await?;
    match trail.refresh().await {
        Ok(()) => Ok(trail),
        // It failed because of an entry before.
        Err(_) if trail.poisoned().is_some() => {
            let trail = writer.ready().await?;
            trail.refresh().await?;
            Ok(trail)
        }
        Err(error) => Err(error),
    }
}

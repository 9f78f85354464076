//! Records entries of clients: each id of each client once, and after a failure in the trail that was opened again.

use std::collections::HashSet;

use graven::reader::Reader;
use graven::{Category, Entry, Error, ErrorKind, Hash, LastingTrail, Outcome, Phase, Receipt, Trail};
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
}

/// Somebody sent other content under an id of theirs.
const ID_CONFLICT: &str = "id.conflict";

/// How many entries are read at a time.
const READ_AT_ONCE: u64 = 65_536;

/// One entry of a batch.
struct One {
    /// Its place in the batch.
    place: usize,
    entry: Entry,
    /// For one with an id.
    key: Option<Key>,
    /// For the result of an act.
    result_of: Option<Key>,
}

impl Served {
    /// Records entries that somebody of this name hands in, in their order; one answer each. An entry with an id that the
    /// same name has used among the newest entries is not recorded again.
    pub(crate) async fn record(&self, name: &str, entries: Vec<Entry>) -> Vec<Recorded> {
        let count = entries.len();
        let writer = match self.writable() {
            Ok(writer) => writer,
            Err(problem) => return vec![Err(problem); count],
        };
        let mut answers: Vec<Option<Recorded>> = vec![None; count];
        let mut left: Vec<One> =
            (0..).zip(entries).map(|(place, entry)| self.keyed(name, place, entry)).collect();
        // An id that is there several times: the first one is recorded before the second one is looked at.
        while !left.is_empty() {
            let mut met = HashSet::new();
            let (now, later) =
                left.into_iter().partition(|one: &One| one.key.is_none_or(|key| met.insert(key)));
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

    fn keyed(&self, name: &str, place: usize, entry: Entry) -> One {
        let keys = self.window().keys().clone();
        let key = entry.id.as_deref().map(|id| keys.of(name, &stored_id(&self.without_secrets(id))));
        let result_of = match (entry.phase, &entry.intent_id) {
            (Some(Phase::Result), Some(intent)) => Some(keys.of_result(&self.without_secrets(intent))),
            _ => None,
        };
        One { place, entry, key, result_of }
    }

    /// Records entries of which no two have one id.
    async fn round(
        &self,
        name: &str,
        writer: &LastingTrail,
        mut entries: Vec<One>,
        answers: &mut [Option<Recorded>],
    ) {
        let keys: Vec<Key> = entries.iter().filter_map(|one| one.key).collect();
        let _claim: Option<Claim<'_, Key>> = match keys.is_empty() {
            true => None,
            false => {
                let claim = self.claims.claim(keys).await;
                entries = self.look(writer, entries, answers).await;
                Some(claim)
            }
        };
        let (places, entries): (Vec<(usize, Option<Key>)>, Vec<Entry>) =
            entries.into_iter().map(|one| ((one.place, one.result_of), one.entry)).unzip();
        let recorded = all(writer, entries).await;
        let mut is_behind = false;
        for ((place, result_of), recorded) in places.into_iter().zip(recorded) {
            if let Ok(receipt) = &recorded {
                let mut window = self.window();
                let id = Some(window.keys().of(name, &receipt.id));
                window.recorded(receipt.index, Known { id, result_of });
                is_behind |= window.is_behind();
            }
            answers[place] = Some(recorded.map(|receipt| Kept { receipt, duplicate: false }));
        }
        if is_behind && let Err(problem) = self.catch_up().await {
            tracing::warn!(error = problem.detail(), "the newest entries cannot be read");
        }
    }

    /// Answers the entries that are there already, and returns the others.
    async fn look(
        &self,
        writer: &LastingTrail,
        entries: Vec<One>,
        answers: &mut [Option<Recorded>],
    ) -> Vec<One> {
        let places: Vec<usize> = entries.iter().map(|one| one.place).collect();
        match self.compared(writer, entries).await {
            Ok(compared) => {
                let mut new = Vec::with_capacity(compared.len());
                for (one, before) in compared {
                    if matches!(&before, Some(Err(problem)) if problem.is(Kind::IdConflict)) {
                        writer.emit(conflict(&one.entry));
                    }
                    match before {
                        Some(before) => answers[one.place] = Some(before),
                        None => new.push(one),
                    }
                }
                new
            }
            Err(problem) => {
                places.into_iter().for_each(|place| answers[place] = Some(Err(problem.clone())));
                Vec::new()
            }
        }
    }

    /// What there is to say of each entry whose id was used before.
    async fn compared(
        &self,
        writer: &LastingTrail,
        entries: Vec<One>,
    ) -> Result<Vec<(One, Option<Recorded>)>, Problem> {
        // What other processes have recorded counts too.
        let trail = refresh(writer).await?;
        self.catch_up().await?;
        let (found, keys): (Vec<Option<u64>>, Keys) = {
            let window = self.window();
            let found = entries.iter().map(|one| one.key.and_then(|key| window.find(key))).collect();
            (found, window.keys().clone())
        };
        if found.iter().all(Option::is_none) {
            return Ok(entries.into_iter().map(|one| (one, None)).collect());
        }
        let reader = self.search.reader().clone();
        let compare = move || {
            let compared = entries.into_iter().zip(found).map(|(one, index)| {
                let before = index.and_then(|index| before(&trail, &reader, &keys, &one, index));
                (one, before)
            });
            compared.collect::<Vec<_>>()
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
            let (reader, first) = (self.search.reader().clone(), range.start);
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
fn before(trail: &Trail, reader: &Reader, keys: &Keys, one: &One, index: u64) -> Option<Recorded> {
    let (record, stored) = match reader
        .record(index)
        .and_then(|record| record.map(|record| record.entry().map(|entry| (record, entry))).transpose())
    {
        Ok(found) => found?,
        Err(error) => return Some(Err(Problem::from(error))),
    };
    if keys.of_line(&record.line).id != one.key || stored.recorded_by != one.entry.recorded_by {
        return None;
    }
    let mut same = one.entry.clone();
    same.received_at = stored.received_at;
    same.timestamp = same.timestamp.or(stored.timestamp);
    let leaf_hash: Hash = record.leaf_hash();
    Some(match trail.leaf_hash_of(same) {
        Ok(hash) if hash == leaf_hash => {
            let receipt = trail.receipt_blocking(index).map_err(Problem::from);
            receipt.map(|receipt| Kept { receipt, duplicate: true })
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

/// Records entries; one answer each.
async fn all(writer: &LastingTrail, entries: Vec<Entry>) -> Vec<Result<Receipt, Problem>> {
    if entries.is_empty() {
        return Vec::new();
    }
    match batch(writer, &entries).await {
        Ok(receipts) => receipts.into_iter().map(Ok).collect(),
        // A batch is refused as a whole when one of its entries is: then each is recorded alone.
        Err(error) if error.kind() == ErrorKind::Invalid => {
            let mut recorded = Vec::with_capacity(entries.len());
            for entry in entries {
                recorded.push(writer.record(entry).await.map_err(Problem::from));
            }
            recorded
        }
        Err(error) => vec![Err(Problem::from(error)); entries.len()],
    }
}

async fn batch(writer: &LastingTrail, entries: &[Entry]) -> Result<Vec<Receipt>, Error> {
    let trail = writer.ready().await?;
    match trail.record_batch(entries.to_vec()).await {
        // It failed because of other entries, before it wrote any of these.
        Err(error) if !error.may_be_recorded() && trail.poisoned().is_some() => {
            writer.ready().await?.record_batch(entries.to_vec()).await
        }
        recorded => recorded,
    }
}

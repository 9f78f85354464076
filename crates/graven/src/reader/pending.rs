//! Acts with an intent and no result: what a crash interrupted, or what is still being done.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use graven_core::entry::{Category, Entry, Phase};
use graven_core::line::glance::PHASE_KEY;
use memchr::memmem::Finder;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Reader, Record};
use crate::error::{Error, ErrorKind};

/// How often progress is told.
const PROGRESS_ENTRIES: u64 = 65_536;

/// An act without a result: what its intent says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pending {
    /// The index of the intent.
    pub index: u64,
    /// The id of the intent.
    pub id: String,
    /// When it was to begin.
    pub timestamp: DateTime<Utc>,
    /// What kind of act.
    #[serde(serialize_with = "name", deserialize_with = "named")]
    pub category: Category,
    /// Which act.
    pub action: String,
    /// Who acts.
    pub principal: Option<String>,
    /// What is touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The session that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The request that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

fn name<S: Serializer>(category: &Category, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(category.as_str())
}

fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Category, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

impl Reader {
    /// The acts that have an intent and no result, oldest first. Beside a running program, those that are being done
    /// now are among them; after it has ended, its own are those of which nobody knows how they went.
    ///
    /// Reads the whole trail, once; `progress` is told, now and then, how many entries are behind. Memory grows with
    /// the acts that are open at once, not with the trail. A result belongs to the newest open intent of its
    /// `intent_id` before it: ids that a program makes itself need not be unique.
    ///
    /// # Errors
    /// `Data` when an intent or a result cannot be read.
    pub fn pending(&self, progress: &mut dyn FnMut(u64)) -> Result<Vec<Pending>, Error> {
        let mut acts = PendingActs::new();
        let mut behind = 0_u64;
        let mut entries = self.entries(..)?;
        while let Some((index, line)) = entries.next_line()? {
            behind += 1;
            if behind.is_multiple_of(PROGRESS_ENTRIES) {
                progress(behind);
            }
            acts.hear(index, line)?;
        }
        acts.finish(self)
    }

    /// The intents at these indexes, which are in order. Reads what lies between the first and the last once.
    fn pending_at(&self, indexes: &[u64]) -> Result<Vec<Pending>, Error> {
        let (Some(first), Some(last)) = (indexes.first(), indexes.last()) else {
            return Ok(Vec::new());
        };
        let mut wanted = indexes.iter().peekable();
        let mut found = Vec::with_capacity(indexes.len());
        let mut entries = self.entries(*first..=*last)?;
        while let Some((index, line)) = entries.next_line()? {
            if wanted.next_if_eq(&&index).is_some() {
                found.push(pending(&Record { index, line: line.to_vec() })?);
            }
        }
        wanted.next().map_or(Ok(found), |index| Err(gone(*index)))
    }
}

/// Gathers the acts without a result, for a caller that reads the entries, or at least each one that has a phase.
#[derive(Debug)]
pub struct PendingActs {
    phase: Finder<'static>,
    /// The open intents by their id.
    open: HashMap<String, Vec<u64>>,
}

impl PendingActs {
    /// None so far.
    pub fn new() -> PendingActs {
        PendingActs { phase: Finder::new(PHASE_KEY), open: HashMap::new() }
    }

    /// Hears the next entry.
    ///
    /// # Errors
    /// `Data` when it is an intent or a result that cannot be read.
    pub fn hear(&mut self, index: u64, line: &[u8]) -> Result<(), Error> {
        // Most lines have no phase, and are not read any further.
        if self.phase.find(line).is_none() {
            return Ok(());
        }
        let entry = Entry::from_line(line).map_err(|error| unreadable(index, error))?;
        match (entry.phase, entry.intent_id, entry.id) {
            (Some(Phase::Intent), _, Some(id)) => self.open.entry(id).or_default().push(index),
            (Some(Phase::Result), Some(intent_id), _) => close(&mut self.open, &intent_id),
            _ => {}
        }
        Ok(())
    }

    /// The acts without a result, oldest first.
    ///
    /// # Errors
    /// `Data` when an intent cannot be read.
    pub fn finish(self, reader: &Reader) -> Result<Vec<Pending>, Error> {
        let mut indexes: Vec<u64> = self.open.into_values().flatten().collect();
        indexes.sort_unstable();
        if indexes.len() <= FEW {
            let record = |index| reader.record(index)?.ok_or_else(|| gone(index));
            return indexes.into_iter().map(|index| pending(&record(index)?)).collect();
        }
        reader.pending_at(&indexes)
    }
}

impl Default for PendingActs {
    fn default() -> PendingActs {
        PendingActs::new()
    }
}

/// To find one entry takes a block of its file. For more than this many, all that lies between them is read.
const FEW: usize = 16;

fn gone(index: u64) -> Error {
    Error::new(ErrorKind::Data, format!("entry {index} was there and cannot be found again"))
}

/// What an intent says.
fn pending(record: &Record) -> Result<Pending, Error> {
    let (index, entry) = (record.index, record.entry()?);
    Ok(Pending {
        index,
        id: entry.id.ok_or_else(|| gone(index))?,
        timestamp: entry.timestamp.ok_or_else(|| gone(index))?,
        category: entry.category,
        action: entry.action,
        principal: entry.principal,
        resource: entry.resource,
        session_id: entry.session_id,
        request_id: entry.request_id,
    })
}

/// The newest open intent of this id has a result.
fn close(open: &mut HashMap<String, Vec<u64>>, id: &str) {
    if let Some(indexes) = open.get_mut(id) {
        indexes.pop();
        if indexes.is_empty() {
            open.remove(id);
        }
    }
}

fn unreadable(index: u64, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::with_source(ErrorKind::Data, format!("entry {index} cannot be read"), error)
}

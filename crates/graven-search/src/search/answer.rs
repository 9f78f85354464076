//! An answer: hits, counts, what was found wrong, and what it covers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use graven::Entry;
use graven::fsck::KeySource;
use graven_core::hash::Hash;
use graven_core::verdict::Finding;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::histogram::Histogram;
use super::sessions::Session;
use super::tally::{Count, FacetValue, Rest};
use crate::line::Line;
use crate::query::Query;

/// The most findings in one answer; the rest are only counted.
pub const FINDINGS_MAX: usize = 1_000;

/// What a search found. As JSON it is one object; what was not asked for is left out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Answer {
    /// The page.
    pub hits: Vec<Hit>,
    /// The cursor of the next page; `None` when nothing is left to look at.
    pub next: Option<String>,
    /// All hits of the snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
    /// By field: its most frequent values, the most frequent first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facets: Option<BTreeMap<String, Vec<FacetValue>>>,
    /// By field: what the values that are not listed have together.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facets_rest: BTreeMap<String, Rest>,
    /// All hits by time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Histogram>,
    /// The sessions of all hits, that with the newest hit first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions: Option<Vec<Session>>,
    /// How many sessions are not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sessions_left_out: u64,
    /// What does not fit: entries that are no hits for that reason, and heads.
    pub findings: Vec<Finding>,
    /// How many findings are not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub findings_left_out: u64,
    /// What the answer covers.
    pub coverage: Coverage,
    /// The times that the query asks for.
    pub range: TimeRange,
    /// How long it took.
    pub took_ms: f64,
}

pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One hit.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Hit {
    /// The origin of the trail, for a hit of an older trail of a chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Its position in the log.
    pub index: u64,
    /// What is known of it.
    pub state: State,
    /// The leaf hash of its line.
    pub leaf_hash: Hash,
    /// The stored line.
    #[serde(rename = "entry", serialize_with = "as_json")]
    pub line: String,
    /// The entry as it was recorded, also what is stored in a blob.
    #[serde(skip)]
    pub entry: Entry,
}

/// From the JSON of an answer. What is stored in a blob is not restored.
impl<'de> Deserialize<'de> for Hit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hit, D::Error> {
        #[derive(Deserialize)]
        struct Shown {
            origin: Option<String>,
            index: u64,
            state: State,
            leaf_hash: Hash,
            entry: Box<RawValue>,
        }
        let Shown { origin, index, state, leaf_hash, entry } = Shown::deserialize(deserializer)?;
        let line = String::from(Box::<str>::from(entry));
        let entry = Entry::from_line(line.as_bytes()).map_err(serde::de::Error::custom)?;
        Ok(Hit { origin, index, state, leaf_hash, line, entry })
    }
}

impl Hit {
    /// A string of the entry, or a key of its detail, that has a word or phrase of the query; `None` when none has one.
    pub fn excerpt(&self, query: &Query) -> Option<String> {
        let line = Line::of_entry(self.index, self.entry.clone());
        let wanted = query.wanted_texts();
        let mut excerpt = None;
        line.any_text(&mut |text| {
            excerpt = wanted.iter().any(|wanted| wanted.is_in(text)).then(|| text.to_owned());
            excerpt.is_some()
        });
        excerpt
    }
}

/// What is known of a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its leaf hash leads to the root of the newest signed head.
    Proved,
    /// It is durable, and no signed head covers it yet.
    Unsealed,
}

impl State {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Proved => "proved",
            State::Unsealed => "unsealed",
        }
    }
}

fn as_json<S: Serializer>(line: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let raw: &RawValue = serde_json::from_str(line).map_err(serde::ser::Error::custom)?;
    raw.serialize(serializer)
}

/// What an answer covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Coverage {
    /// The number of entries in the snapshot: those that were durable when the first page was asked for.
    pub entries: u64,
    /// What says how many are durable.
    pub durable: Durable,
    /// Where the key came from that checks the signed head.
    pub key_source: KeySource,
    /// Which index was used.
    pub index: IndexUse,
    /// Up to which entry the index was used: those behind it were read one by one, and so were those of shelves that are
    /// missing. 0 without an index.
    pub indexed_to: u64,
    /// How many shelves of the index were asked.
    #[serde(skip)]
    pub shelves: u64,
    /// How many entries were read and decoded.
    pub scanned: u64,
    /// How many entries of the snapshot no signed head covers yet.
    pub unsealed: u64,
    /// Whether all was looked at that was asked for. Otherwise the page is full, or the time was over.
    pub complete: bool,
    /// How many hits the index does not name. Only an exhaustive answer knows that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hidden: u64,
    /// Of a chain, what the answer covers of the older trails that were looked at, oldest first. All else is about the
    /// newest one, but for `complete` and `hidden`, which are about the whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Before>,
}

/// What an answer covers of an older trail of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Before {
    /// The origin of the trail.
    pub origin: String,
    /// What is covered of it.
    #[serde(flatten)]
    pub coverage: Coverage,
}

/// What says how many entries are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durable {
    /// The file `LOCK`.
    Lock,
    /// The signed head and the complete lines behind it.
    Lines,
}

/// Which index an answer rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IndexUse {
    /// None: the entries were read.
    None,
    /// One that this user has made or compared with the log.
    Own,
    /// One of which somebody else may have left out entries.
    Unchecked,
}

impl IndexUse {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            IndexUse::None => "none",
            IndexUse::Own => "own",
            IndexUse::Unchecked => "unchecked",
        }
    }
}

/// The times that a query asks for, absolute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRange {
    /// From this one on.
    pub since: Option<DateTime<Utc>>,
    /// Before this one.
    pub until: Option<DateTime<Utc>>,
}

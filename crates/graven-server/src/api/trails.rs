//! `GET /v1/trails` and `GET /v1/trails/{trail}`: what is served, and how each trail is doing.

use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use graven::Counters;
use graven::reader::Reader;
use graven_core::hash::Hash;
use graven_search::IndexState;
use serde::Serialize;

use super::access::{OnTrail, Permitted};
use super::search::no_store;
use crate::archive::{Archive, Standing};
use crate::problem::Problem;
use crate::state::Shared;
use crate::trails::{Served, Tallied};
use crate::verification::Brief;

/// The answer to `GET /v1/trails`.
#[derive(Debug, Serialize)]
struct List {
    trails: Vec<Short>,
}

/// One trail of the list.
#[derive(Debug, Serialize)]
struct Short {
    name: String,
    origin: String,
    entries: u64,
    read_only: bool,
    /// The older trails of its chain, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    before: Vec<Older>,
}

/// An older trail of a chain. It is only read.
#[derive(Debug, Serialize)]
struct Older {
    name: String,
    origin: String,
    entries: u64,
}

/// The answer to `GET /v1/trails/{trail}`.
#[derive(Debug, Serialize)]
struct Long {
    name: String,
    origin: String,
    key: String,
    read_only: bool,
    /// The older trails of its chain, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    before: Vec<Older>,
    /// How many are durable.
    entries: u64,
    /// How many are under the newest signed head.
    sealed: u64,
    root: Hash,
    /// How long ago the newest head was signed.
    checkpoint_age_s: Option<f64>,
    /// When the newest entry was recorded.
    last_entry: Option<DateTime<Utc>>,
    index: Index,
    /// What the last verification found; none before there was one.
    verify: Option<Brief>,
    /// How its shipping stands; none when it is not shipped.
    archive: Option<Standing>,
    counters: Counts,
}

/// How much of the trail has an index.
#[derive(Debug, Serialize)]
struct Index {
    shelves: u64,
    own: u64,
    missing: u64,
    entries: u64,
}

/// What happened since the server started.
#[derive(Debug, Serialize)]
struct Counts {
    /// Of clients of this server.
    #[serde(flatten)]
    clients: Tallied,
    /// Of the writer of this server; none for a trail that is only read.
    #[serde(flatten)]
    writer: Option<Counters>,
}

pub(super) async fn list(
    State(state): State<Shared>,
    Permitted(caller): Permitted,
) -> Result<Response, Problem> {
    let served: Vec<_> =
        state.trails.all().filter(|served| caller.trails.covers(&served.name().trail)).cloned().collect();
    let look = move || served.iter().map(|served| short(served)).collect::<Result<Vec<_>, _>>();
    Ok(no_store(List { trails: state.blocking.look(look).await? }))
}

pub(super) async fn one(State(state): State<Shared>, OnTrail(trail): OnTrail) -> Result<Response, Problem> {
    let now = state.now();
    Ok(no_store(state.blocking.look(move || long(&trail, now)).await?))
}

fn short(served: &Served) -> Result<Short, Problem> {
    Ok(Short {
        name: served.name().to_string(),
        origin: served.search().reader().meta().origin.clone(),
        entries: served.entries()?,
        read_only: served.writer().is_none(),
        before: older(served)?,
    })
}

fn older(served: &Served) -> Result<Vec<Older>, Problem> {
    let older = |served: &Served| -> Result<Older, Problem> {
        Ok(Older {
            name: served.name().to_string(),
            origin: served.search().reader().meta().origin.clone(),
            entries: served.entries()?,
        })
    };
    served.before().iter().map(|served| older(served)).collect()
}

fn long(served: &Served, now: DateTime<Utc>) -> Result<Long, Problem> {
    let reader = served.search().reader();
    let (head, _) = reader.checkpoint()?;
    let entries = served.entries()?;
    let IndexState { shelves, own, missing, entries: indexed, .. } =
        served.search().index_state().map_err(|error| {
            tracing::error!(error = error.to_string(), "the index cannot be looked at");
            Problem::fault()
        })?;
    Ok(Long {
        name: served.name().to_string(),
        origin: reader.meta().origin.clone(),
        key: reader.meta().key.to_string(),
        read_only: served.writer().is_none(),
        before: older(served)?,
        entries,
        sealed: head.size,
        root: head.root,
        checkpoint_age_s: checkpoint_age(reader, now).map(|age| age.as_secs_f64()),
        last_entry: last_entry(reader, entries)?,
        index: Index { shelves, own, missing, entries: indexed },
        verify: served.verification().brief(),
        archive: served.archive().map(Archive::standing),
        counters: Counts {
            clients: served.tallied(),
            writer: served.writer().map(|writer| writer.now().counters()),
        },
    })
}

/// When the last of this number of entries was recorded.
pub(super) fn last_entry(reader: &Reader, entries: u64) -> Result<Option<DateTime<Utc>>, graven::Error> {
    let Some(last) = entries.checked_sub(1) else { return Ok(None) };
    let entry = reader.record(last)?.map(|record| record.entry()).transpose()?;
    Ok(entry.and_then(|entry| entry.received_at.or(entry.timestamp)))
}

/// How long ago the newest head was signed: its file is replaced each time.
pub(super) fn checkpoint_age(reader: &Reader, now: DateTime<Utc>) -> Option<Duration> {
    let found = rustix::fs::stat(reader.layout().checkpoint()).ok()?;
    let written = Duration::new(found.st_mtime.try_into().ok()?, found.st_mtime_nsec.try_into().ok()?);
    let since = SystemTime::from(now).duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.saturating_sub(written))
}

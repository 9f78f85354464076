//! One entry: its stored bytes, what is known of it, its proof and its blob.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use graven_search::{Hit, Moment};
use serde::Deserialize;

use super::access::{OnTrail, Permitted};
use super::ask::{Asked, Index, accepts};
use super::search::{hit, written};
use crate::auth::Caller;
use crate::problem::{Kind, Problem};
use crate::state::Shared;

/// The media type of the stored bytes.
pub(super) const BYTES: &str = "application/octet-stream";

/// What never changes. Each client may keep it, and no cache that several share.
pub(super) const IMMUTABLE: &str = "private, max-age=31536000, immutable";

/// Which entry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ById {
    id: String,
}

pub(super) async fn one(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    Index(index): Index,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let moment = Moment::utc(state.now());
    let hit = state.blocking.look(move || hit(trail.search(), index, moment)).await?;
    caller.may_category(&hit.entry.category)?;
    shown(&hit, &headers)
}

pub(super) async fn by_id(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    Asked(ById { id }): Asked<ById>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let moment = Moment::utc(state.now());
    // It may read the whole log.
    let find = move || {
        let missing = || Problem::new(Kind::UnknownEntry, "the trail has no entry with this id");
        let record = trail.find(&id)?.ok_or_else(missing)?;
        let found = hit(trail.search(), record.index, moment)?;
        // Whether there is such an entry of another category is not said.
        permitted(&caller, &found).map_err(|_| missing())?;
        Ok(found)
    };
    let hit = state.blocking.search(find).await?;
    shown(&hit, &headers)
}

pub(super) async fn proof(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    Index(index): Index,
) -> Result<Response, Problem> {
    if caller.categories.is_limited() {
        let (trail, moment) = (trail.clone(), Moment::utc(state.now()));
        let hit = state.blocking.look(move || hit(trail.search(), index, moment)).await?;
        permitted(&caller, &hit)?;
    }
    let proof = match trail.writer() {
        // It seals what is not sealed yet.
        Some(writer) => writer.now().prove(index).await?,
        None => {
            let prove = move || {
                let reader = trail.search().reader();
                let (_, note) = reader.checkpoint()?;
                Ok(graven::prove::prove(reader, index, &note)?)
            };
            state.blocking.look(prove).await?
        }
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&format!("attachment; filename=\"{index}.tlog-proof\""))
                .map_err(|_| Problem::fault())?,
        ),
    ];
    Ok((headers, proof.tlog_proof.to_string()).into_response())
}

pub(super) async fn blob(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    Index(index): Index,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may_all_categories()?;
    let moment = Moment::utc(state.now());
    let read = move || {
        let reader = trail.search().reader();
        let hit = hit(trail.search(), index, moment)?;
        let stored = graven::Entry::from_line(hit.line.as_bytes())
            .map_err(|error| Problem::new(Kind::Damaged, format!("entry {index} cannot be read: {error}")))?;
        let blob = stored.detail.as_ref().and_then(|detail| detail.blob()).ok_or_else(|| {
            Problem::new(Kind::UnknownEntry, format!("entry {index} has no blob: all of it is in its line"))
        })?;
        Ok((blob.sha256.to_string(), reader.blob(&blob)?))
    };
    let (sha256, text) = state.blocking.look(read).await?;
    Ok(kept("application/json", &sha256, IMMUTABLE, text.into_bytes(), &headers))
}

fn permitted(caller: &Caller, hit: &Hit) -> Result<(), Problem> {
    caller.may_category(&hit.entry.category).map_err(Problem::from)
}

/// The stored bytes, or the JSON that says what is known of them.
fn shown(hit: &Hit, headers: &HeaderMap) -> Result<Response, Problem> {
    let hash = hit.leaf_hash.to_string();
    if accepts(headers, BYTES) {
        return Ok(kept(BYTES, &hash, IMMUTABLE, hit.line.clone().into_bytes(), headers));
    }
    let json = written(hit)?;
    // Its state changes once, when it is sealed.
    let tag = format!("{hash};{}", hit.state.as_str());
    Ok(kept("application/json", &tag, "private, no-cache", json, headers))
}

/// An answer that a client may keep; without its body when the client has it already.
pub(super) fn kept(
    media_type: &'static str,
    tag: &str,
    cache: &'static str,
    body: Vec<u8>,
    asked: &HeaderMap,
) -> Response {
    let tag = format!("\"{tag}\"");
    let has_it =
        asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|tags| {
            tags.split(',')
                .map(str::trim)
                .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
        });
    let mut response = match has_it {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Body::from(body).into_response(),
    };
    let headers = response.headers_mut();
    if !has_it {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept, authorization"));
    // A hash in base64 and a word are plain text.
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

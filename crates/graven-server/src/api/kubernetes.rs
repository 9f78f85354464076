//! `POST …/kubernetes`: takes the audit events of Kubernetes, as its API server sends them to a webhook.
//!
//! The API server sends a list that is refused a few times again, and then throws it away. So a list is refused only when it
//! is no JSON, is too large, or its sender may not send it.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use graven_core::hash::{hex, sha256};
use graven_formats::{Event, Format, Mapper};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::access::{OnTrail, Permitted};
use super::ask::media_type;
use super::entries::JSON;
use crate::archive::Ack;
use crate::blocking;
use crate::intake::Intake;
use crate::problem::{Kind, Problem};
use crate::state::Shared;

/// How many bytes of a hash tell events with one id apart.
const HASH_BYTES: usize = 16;

/// A list of events, or one event.
#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

pub(super) async fn record(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    trail.recordable()?;
    if media_type(&headers).as_deref() != Some(JSON) {
        let message = format!("send audit events as {JSON}: an EventList of audit.k8s.io/v1");
        return Err(Problem::new(Kind::UnsupportedMediaType, message));
    }
    let room = &state.room;
    let (body, mut taken) = room.read(&headers, body, room.events_bytes_max()).await?;
    room.grow_for_events(&mut taken, body.len())?;
    let intake = Intake { state: state.clone(), trail, caller, ack: Ack::default() };
    let whole = body.clone();
    let events = blocking::apart(body.len(), move || events(&whole)).await?;
    let mut told = intake.take_all(events).await?;
    if !told.conflicts.is_empty() {
        // Who sends a request to Kubernetes may choose its audit id, and must not hide an event behind another one.
        let conflicts = std::mem::take(&mut told.conflicts);
        let others = blocking::apart(body.len(), move || renamed(&body, &conflicts)).await?;
        let again = intake.take_all(others).await?;
        told.duplicates += again.duplicates;
        if !again.conflicts.is_empty() {
            let message =
                "the id of an event, also with its hash, belongs to an entry that says something else";
            return Err(Problem::new(Kind::IdConflict, message));
        }
    }
    Ok(Json(told).into_response())
}

/// The events of a list, in its order.
fn events(body: &Bytes) -> Result<Vec<Event>, Problem> {
    let not_json = |error| Problem::new(Kind::NotJson, format!("the body is not JSON: {error}"));
    let whole: &RawValue = serde_json::from_slice(body).map_err(not_json)?;
    // What is no list is an event by itself, of whatever kind it may be.
    let list = serde_json::from_str::<List<'_>>(whole.get()).ok().and_then(|list| list.items);
    let items = list.unwrap_or_else(|| vec![whole]);
    let (mut mapper, mut events) = (Mapper::new(Format::Kubernetes), Vec::with_capacity(items.len()));
    for item in items {
        // It is JSON, so it becomes an event.
        mapper.event(item.get().as_bytes(), &mut events);
    }
    mapper.finish(&mut events);
    Ok(events)
}

/// Some of the events, by their places, with the hash of each behind its id.
fn renamed(body: &Bytes, places: &[usize]) -> Result<Vec<Event>, Problem> {
    let mut all: Vec<Option<Event>> = events(body)?.into_iter().map(Some).collect();
    let renamed = places.iter().filter_map(|place| {
        let mut event = all.get_mut(*place)?.take()?;
        let (id, detail) = (event.entry.id.take()?, event.entry.detail.as_ref()?);
        event.entry.id =
            Some(format!("{id}:{}", hex(&sha256(detail.as_str().as_bytes()).as_bytes()[..HASH_BYTES])));
        Some(event)
    });
    Ok(renamed.collect())
}

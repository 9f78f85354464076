//! CloudEvents 1.0 by HTTP: one event, a batch of them, or one whose attributes are in the headers.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::Response;
use bytes::Bytes;
use graven_formats::{Event, Format, Mapper, cloudevent_of_headers};

use super::json::cut;
use crate::blocking;
use crate::intake::Intake;
use crate::problem::{Kind, Problem};

/// The header that only a request with an event in binary mode has.
const VERSION: HeaderName = HeaderName::from_static("ce-specversion");

/// The media types of events in JSON.
const ONE: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";

/// What all media types of events begin with, also of those in other forms than JSON.
const ANY: &str = "application/cloudevents";

/// How an event comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// In JSON, alone or in an array.
    Json,
    /// Its attributes are in the headers, and its data is the body.
    Binary,
}

/// How the event of a request comes, if it has one.
pub(super) fn mode(headers: &HeaderMap, media_type: Option<&str>) -> Option<Mode> {
    match media_type {
        Some(ONE | BATCH) => Some(Mode::Json),
        Some(other) if other.starts_with(ANY) => None,
        _ => headers.contains_key(VERSION).then_some(Mode::Binary),
    }
}

pub(super) async fn record(
    intake: &Intake,
    mode: Mode,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let room = &intake.state.room;
    let bytes_max = room.events_bytes_max();
    let (body, mut taken) = room.read(headers, body, bytes_max).await?;
    room.grow_for_events(&mut taken, body.len())?;
    let (bytes, headers) = (body.len(), headers.clone());
    let map = move || match mode {
        Mode::Json => cut(&body, bytes_max).and_then(|texts| in_json(&texts)),
        Mode::Binary => Ok(vec![in_headers(&headers, &body)]),
    };
    let events = blocking::apart(bytes, map).await?;
    Ok(intake.take_events(events).await.into_response())
}

fn in_json(texts: &[Bytes]) -> Result<Vec<Event>, Problem> {
    let (mut mapper, mut events) = (Mapper::new(Format::CloudEvents), Vec::with_capacity(texts.len()));
    for text in texts {
        if !mapper.event(text, &mut events) {
            return Err(Problem::new(Kind::NotJson, "the body is not JSON"));
        }
    }
    mapper.finish(&mut events);
    Ok(events)
}

fn in_headers(headers: &HeaderMap, body: &Bytes) -> Event {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let all = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    cloudevent_of_headers(all, content_type, body)
}

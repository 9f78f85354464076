//! `POST …/entries`: takes entries in, as JSON, as lines of JSON or as CloudEvents, and answers once they are durable.

mod cloudevents;
mod json;
mod lines;
mod streamed;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::access::{OnTrail, Permitted};
use super::ask::{Asked, media_type};
use crate::archive::Ack;
use crate::body::refuse_encoded;
use crate::intake::Intake;
use crate::problem::{Kind, Problem};
use crate::state::Shared;

/// The media type of JSON.
pub(super) const JSON: &str = "application/json";

/// The media type of lines of JSON.
pub(super) const NDJSON: &str = "application/x-ndjson";

/// The most entries of a body that is answered when all of it was read.
pub(super) const ENTRIES_MAX: usize = 262_144;

/// The parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    /// `1`: each line of the body is answered as soon as it is durable.
    stream: Option<u8>,
    /// `archived`: an entry is answered when it is in the archive, and not as soon as it is durable.
    ack: Option<String>,
    /// For how long that is waited for.
    timeout: Option<String>,
}

pub(super) async fn record(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    Asked(parameters): Asked<Parameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    trail.recordable()?;
    refuse_encoded(&headers)?;
    let streamed = match parameters.stream {
        None | Some(0) => false,
        Some(1) => true,
        Some(_) => return Err(Problem::parameter("stream", "write 1, or leave it out")),
    };
    let ack = Ack::asked(parameters.ack.as_deref(), parameters.timeout.as_deref(), trail.archive())?;
    let intake = Intake { state, trail, caller, ack };
    let media_type = media_type(&headers);
    let event = cloudevents::mode(&headers, media_type.as_deref());
    match (media_type.as_deref(), streamed) {
        (kind, true) if kind == Some(JSON) || event.is_some() => Err(Problem::parameter(
            "stream",
            format!("only a body of the type {NDJSON} can be answered line by line"),
        )),
        _ if let Some(mode) = event => cloudevents::record(&intake, mode, &headers, body).await,
        (Some(JSON), _) => json::record(&intake, &headers, body).await,
        (Some(NDJSON), false) => lines::record(&intake, &headers, body).await,
        (Some(NDJSON), true) => streamed::record(intake, body),
        (other, _) => {
            let found = other.map_or_else(
                || "none".to_owned(),
                |other| format!("{:?}", other.chars().take(80).collect::<String>()),
            );
            let message =
                format!("send entries as {JSON} or {NDJSON}, or CloudEvents; this body has the type {found}");
            Err(Problem::new(Kind::UnsupportedMediaType, message))
        }
    }
}

fn too_many(bytes_max: usize) -> Problem {
    let message =
        format!("a body may have at most {ENTRIES_MAX} entries and {bytes_max} bytes: send it in parts");
    Problem::new(Kind::TooLarge, message)
}

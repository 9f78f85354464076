//! OTLP: takes logs and traces of OpenTelemetry, all of a request or nothing.
//!
//! A client sends a request again only after an answer that says so, and throws it away after any other. So there is no
//! partial success: what is answered with 200 is durable, all of it, and what could not be recorded is to be sent again. The
//! ids of its entries come from the bytes of the request, so that nothing is recorded twice then.

mod answers;
#[cfg(feature = "grpc")]
mod grpc;
mod status;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use graven_formats::Event;
use graven_formats::otlp::{self, DecodeError, Encoding, Signal};

use super::access::{OnTrail, Permitted};
use super::ask::media_type;
use crate::archive::Ack;
use crate::auth::{Caller, Right, Scope};
use crate::blocking;
use crate::body::Taken;
use crate::intake::Intake;
use crate::problem::{Kind, Problem};
use crate::state::{Shared, State as Server};
use crate::trails::Served;

pub(super) use answers::answer;
#[cfg(feature = "grpc")]
pub(crate) use grpc::{router as grpc_router, router_in_clear as grpc_router_in_clear};

/// The trail that a request exports to: that in its path, or the default one of its token.
pub(super) struct Target(Arc<Served>);

impl FromRequestParts<Shared> for Target {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Target, Problem> {
        if let Some(OnTrail(named)) = parts.extensions.get() {
            return Ok(Target(Arc::clone(named)));
        }
        let Permitted(caller) = Permitted::from_request_parts(parts, state).await?;
        default_trail(state, &caller).map(Target)
    }
}

/// The only trail that a token is for, or else the one that the settings name.
fn default_trail(state: &Server, caller: &Caller) -> Result<Arc<Served>, Problem> {
    let name = match &caller.trails {
        Scope::Only(trails) if trails.len() == 1 => &trails[0],
        _ => &state.settings.otlp.trail,
    };
    caller.may_in(Right::Record, name)?;
    state.trails.find(name).map(Arc::clone).ok_or_else(|| Problem::unknown_trail(name.as_str()))
}

pub(super) async fn logs(
    State(state): State<Shared>,
    Target(trail): Target,
    Permitted(caller): Permitted,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    record(Signal::Logs, Intake { state, trail, caller, ack: Ack::default() }, &headers, body).await
}

pub(super) async fn traces(
    State(state): State<Shared>,
    Target(trail): Target,
    Permitted(caller): Permitted,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    record(Signal::Traces, Intake { state, trail, caller, ack: Ack::default() }, &headers, body).await
}

async fn record(
    signal: Signal,
    intake: Intake,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let encoding = encoding(headers).ok_or_else(|| {
        let message = format!("send OTLP as {} or {}", answers::PROTOBUF, answers::JSON);
        Problem::new(Kind::UnsupportedMediaType, message)
    })?;
    let room = &intake.state.room;
    let (body, taken) = room.read_unpacked(headers, body, room.events_bytes_max()).await?;
    export(&intake, signal, encoding, body, taken).await?;
    Ok(answers::recorded(encoding))
}

/// Records what a request exports. All of it is durable when this succeeds.
async fn export(
    intake: &Intake,
    signal: Signal,
    encoding: Encoding,
    body: Bytes,
    mut taken: Taken,
) -> Result<(), Problem> {
    intake.trail.recordable()?;
    let bytes = body.len();
    intake.state.room.grow_for_events(&mut taken, bytes)?;
    // The room is taken for as long as the work goes on, also when nobody waits for it any more.
    let decode = move || Ok((decoded(signal, encoding, &body)?, taken));
    let (events, _taken) = blocking::apart(bytes, decode).await?;
    let told = intake.take_all(events).await?;
    if told.conflicts.is_empty() {
        return Ok(());
    }
    let message = "the id of a record, which is the hash of this request, belongs to an entry that says something else: \
                   what it exports was recorded in another form before";
    Err(Problem::new(Kind::IdConflict, message))
}

fn decoded(signal: Signal, encoding: Encoding, body: &[u8]) -> Result<Vec<Event>, Problem> {
    otlp::decode(signal, encoding, body).map_err(|error| {
        let kind = match error {
            DecodeError::TooManyRecords => Kind::TooLarge,
            _ => Kind::NotOtlp,
        };
        Problem::new(kind, error.to_string())
    })
}

/// In which form a request is, by its media type.
fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    match media_type(headers).as_deref() {
        Some(answers::PROTOBUF) => Some(Encoding::Protobuf),
        Some(answers::JSON) => Some(Encoding::Json),
        _ => None,
    }
}

//! `POST …/acts` and `POST …/acts/{id}`: an entry before something is done, and one after it.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use graven::{Entry, Outcome, Phase, Receipt};
use graven_core::input::InputError;
use graven_core::intake::{LINE_BYTES_MAX, accept};
use graven_search::Moment;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::access::{OnTrail, Permitted};
use super::ask::{Asked, Id, media_type};
use crate::archive::Ack;
use crate::intake::Intake;
use crate::problem::{Kind, Problem};
use crate::state::Shared;
use crate::trails::Kept;

/// The answer to an intent and to a result.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    act: &'a str,
    receipt: Shown<'a>,
    /// How long the act took.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
}

/// A receipt.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    receipt: &'a Receipt,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
    /// Whether it is in the archive, if the answer waited for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    archived: Option<bool>,
}

/// The parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    /// `archived`: the answer comes when the entry is in the archive.
    ack: Option<String>,
    /// For how long that is waited for.
    timeout: Option<String>,
}

/// How an act ended.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ending {
    outcome: String,
    detail: Option<Box<RawValue>>,
    reason: Option<String>,
}

/// Records the intent. Without a 201 there is no act.
pub(super) async fn begin(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    Asked(Parameters { ack, timeout }): Asked<Parameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    trail.recordable()?;
    let ack = Ack::asked(ack.as_deref(), timeout.as_deref(), trail.archive())?;
    let (body, _taken) = read(&state, &headers, body).await?;
    let intake = Intake { state, trail, caller, ack };
    // Every intent has the same outcome, so it need not be said.
    let intent = Entry::from_client(&body).or_else(|error| match error {
        InputError::Missing { field: "outcome" } => Entry::from_client(&pending(&body)),
        other => Err(other),
    });
    let mut intent = intent.map_err(|error| intake.refusal(&error.into()))?;
    (intent.phase, intent.outcome) = (Some(Phase::Intent), Outcome::Pending);
    let intent = accept(intent).map_err(|error| intake.refusal(&error.into()))?;
    let intent = intake.complete(intent, intake.state.now())?;
    let mut kept = intake.recorded(vec![intent]).await.pop().unwrap_or_else(|| Err(Problem::fault()))?;
    intake.wait_for_archive(std::iter::once(&mut kept)).await;
    Ok(created(&kept.receipt.id, &kept, None))
}

/// Records the result.
pub(super) async fn finish(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    Id(id): Id,
    Asked(Parameters { ack, timeout }): Asked<Parameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    trail.recordable()?;
    let ack = Ack::asked(ack.as_deref(), timeout.as_deref(), trail.archive())?;
    let (body, _taken) = read(&state, &headers, body).await?;
    let ending: Ending = serde_json::from_slice(&body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            Problem::new(Kind::NotAnEntry, trail.without_secrets(&error.to_string()))
        }
        _ => Problem::new(Kind::NotJson, format!("the body is not JSON: {error}")),
    })?;
    let outcome = match ending.outcome.parse() {
        Ok(outcome) if outcome != Outcome::Pending => outcome,
        _ => return Err(Problem::new(Kind::NotAnEntry, "an act ends with success, failure or denied")),
    };
    let now = state.now();
    let intent = trail.intent(&state.blocking, &caller, &id).await?;
    let intake = Intake { state, trail, caller, ack };
    let mut result = intent.entry.to_result();
    result.outcome = outcome;
    result.intent_id.clone_from(&intent.entry.id);
    result.reason = ending.reason;
    if let Some(detail) = &ending.detail {
        result = result.detail_json(detail.get());
    }
    let began = intent.entry.received_at.or(intent.entry.timestamp);
    // A clock that was set back does not make it negative.
    let took = began.map(|began| u64::try_from((now - began).num_milliseconds()).unwrap_or(0));
    result.duration_ms = took;
    let result = accept(result).map_err(|error| intake.refusal(&error.into()))?;
    let result = intake.complete(result, now)?;
    let Intake { state, trail, caller, .. } = &intake;
    let waits = trail.archive().is_some_and(|archive| ack.waits_for(&result.category, archive));
    let mut kept = trail.finish(&state.blocking, caller, &intent, result, Moment::utc(now)).await?;
    kept.archived = waits.then_some(false);
    intake.wait_for_archive(std::iter::once(&mut kept)).await;
    Ok(created(&id, &kept, took))
}

async fn read(
    state: &Shared,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Bytes, crate::body::Taken), Problem> {
    if media_type(headers).as_deref() != Some("application/json") {
        return Err(Problem::new(Kind::UnsupportedMediaType, "send the act as application/json"));
    }
    state.room.read(headers, body, LINE_BYTES_MAX.min(state.room.bytes_max())).await
}

/// The same object with the outcome that every intent has.
fn pending(body: &[u8]) -> Vec<u8> {
    let inside = body.trim_ascii().strip_prefix(b"{").unwrap_or_default();
    let comma: &[u8] = if inside.trim_ascii_start().starts_with(b"}") { b"" } else { b"," };
    [br#"{"outcome":"failure""#, comma, inside].concat()
}

fn created(act: &str, kept: &Kept, duration_ms: Option<u64>) -> Response {
    let receipt = Shown { receipt: &kept.receipt, duplicate: kept.duplicate, archived: kept.archived };
    let status = if kept.archived == Some(false) { StatusCode::ACCEPTED } else { StatusCode::CREATED };
    (status, Json(Answer { act, receipt, duration_ms })).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_needs_no_outcome() {
        let text = pending(br#" { "category":"api","action":"a"} "#);
        let entry = Entry::from_client(&text).unwrap();
        assert_eq!((entry.action.as_str(), entry.outcome), ("a", Outcome::Failure));
        assert!(Entry::from_client(&pending(b"{}")).is_err());
    }
}

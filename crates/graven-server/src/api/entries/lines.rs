//! A body of lines, each an entry, that is answered when all of it was read: a line for each.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use graven_core::lines::split;

use super::{ENTRIES_MAX, NDJSON, too_many};
use crate::intake::Intake;
use crate::problem::Problem;

pub(super) async fn record(intake: &Intake, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    let bytes_max = intake.state.room.bytes_max();
    let (body, _taken) = intake.state.room.read(headers, body, bytes_max).await?;
    let texts: Vec<Bytes> = split(&body).take(ENTRIES_MAX + 1).map(|line| body.slice_ref(line)).collect();
    if texts.len() > ENTRIES_MAX {
        return Err(too_many(bytes_max));
    }
    let mut answer = Vec::new();
    let answers = intake.take(&texts, 0).await;
    answers.append_lines(&mut answer);
    let mut response = response(Body::from(answer));
    if !answers.all_archived() {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    Ok(response)
}

/// An answer of lines.
pub(super) fn response(body: Body) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON))], body).into_response()
}

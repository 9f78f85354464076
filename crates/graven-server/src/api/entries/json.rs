//! A body that is one object or an array of objects.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use serde_json::value::RawValue;

use super::{ENTRIES_MAX, too_many};
use crate::blocking;
use crate::intake::Intake;
use crate::problem::{Kind, Problem};

pub(super) async fn record(intake: &Intake, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    let bytes_max = intake.state.room.bytes_max();
    let (body, _taken) = intake.state.room.read(headers, body, bytes_max).await?;
    let whole = body.clone();
    let texts = blocking::apart(body.len(), move || cut(&whole, bytes_max)).await?;
    Ok(intake.take(&texts, 0).await.into_response())
}

/// The texts of the entries.
pub(super) fn cut(body: &Bytes, bytes_max: usize) -> Result<Vec<Bytes>, Problem> {
    let whole = body.trim_ascii();
    if !whole.starts_with(b"[") {
        return Ok(vec![body.slice_ref(whole)]);
    }
    let texts: Vec<&RawValue> = serde_json::from_slice(whole)
        .map_err(|error| Problem::new(Kind::NotJson, format!("the body is not JSON: {error}")))?;
    if texts.len() > ENTRIES_MAX {
        return Err(too_many(bytes_max));
    }
    Ok(texts.into_iter().map(|text| body.slice_ref(text.get().as_bytes())).collect())
}

//! A body that is one object or an array of objects.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use serde_json::value::RawValue;

use super::{ENTRIES_MAX, too_many};
use crate::intake::Intake;
use crate::problem::{Kind, Problem};

/// A body of at most this length is cut into entries on this thread.
const CUT_AT_ONCE_BYTES: usize = 64 << 10;

pub(super) async fn record(intake: &Intake, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    let bytes_max = intake.state.room.bytes_max();
    let (body, _taken) = intake.state.room.read(headers, body, bytes_max).await?;
    let texts = if body.len() <= CUT_AT_ONCE_BYTES {
        cut(&body, bytes_max)?
    } else {
        let whole = body.clone();
        tokio::task::spawn_blocking(move || cut(&whole, bytes_max)).await.unwrap_or_else(|panic| {
            tracing::error!(error = panic.to_string(), "cutting a body panicked");
            Err(Problem::fault())
        })?
    };
    Ok(intake.take(&texts, 0).await.into_response())
}

/// The texts of the entries.
fn cut(body: &Bytes, bytes_max: usize) -> Result<Vec<Bytes>, Problem> {
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

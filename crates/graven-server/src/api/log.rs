//! `GET …/log/…`: the trail as a static log of C2SP tlog-tiles, made from its files when it is asked for.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use graven_core::hash::sha256;

use super::access::{OnTrail, Permitted};
use super::ask::Rest;
use super::entry::{BYTES, IMMUTABLE, kept};
use crate::problem::{Kind, Problem};
use crate::state::Shared;

/// The newest checkpoint.
const CHECKPOINT: &str = "checkpoint";

pub(super) async fn file(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    Rest(path): Rest,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may_all_categories()?;
    let (media_type, cache) = match path.as_str() {
        CHECKPOINT => ("text/plain; charset=utf-8", "private, no-cache"),
        _ => (BYTES, IMMUTABLE),
    };
    let read = move || {
        let file = graven::export::log_file(trail.search().reader(), &path)?;
        let missing = "no checkpoint implies such a file: ask for those under the newest one";
        file.ok_or_else(|| Problem::new(Kind::NotFound, missing))
    };
    let bytes = state.blocking.look(read).await?;
    let tag = sha256(&bytes).to_string();
    Ok(kept(media_type, &tag, cache, bytes, &headers))
}

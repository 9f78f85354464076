//! `…/pending`: the acts that have an intent and no result.

use axum::extract::State;
use axum::response::Response;
use graven::reader::Pending;
use serde::Serialize;

use super::access::{OnTrail, Permitted};
use super::search::{json_response, written};
use crate::problem::Problem;
use crate::state::Shared;

/// The most acts in one answer; the rest are only counted.
const LISTED_MAX: usize = 10_000;

/// The answer.
#[derive(Debug, Serialize)]
struct Answer {
    /// The oldest first.
    pending: Vec<Pending>,
    /// How many are not listed.
    left_out: u64,
}

pub(super) async fn list(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
) -> Result<Response, Problem> {
    state.own.searched(&caller, trail.name(), "pending acts", state.elapsed());
    let work = move || {
        let mut pending = trail.search().pending(&mut |_| {})?;
        pending.retain(|act| caller.categories.covers(&act.category));
        let left_out = pending.len().saturating_sub(LISTED_MAX) as u64;
        pending.truncate(LISTED_MAX);
        written(&Answer { pending, left_out })
    };
    Ok(json_response(state.blocking.search(work).await?))
}

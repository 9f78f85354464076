//! `…/life`: what a trail says of its own life: openings, losses and silences.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::access::{OnTrail, Permitted};
use super::search::no_store;
use crate::life::Judged;
use crate::problem::Problem;
use crate::state::Shared;

pub(super) async fn signs(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
) -> Result<Response, Problem> {
    // The times and the losses are those of all categories.
    caller.may_all_categories()?;
    let mut last = trail.life().last().await?;
    if let Some(judged) = last.as_ref().filter(|judged| judged.is_kept(&state.clock)) {
        return Ok(no_store(&**judged));
    }
    let work = Arc::clone(&state);
    // It goes on and is kept also when nobody waits for it any more.
    let judge = move || {
        let judged = Arc::new(Judged::of(trail.search(), &work.clock)?);
        *last = Some(Arc::clone(&judged));
        Ok(judged)
    };
    Ok(no_store(&*state.blocking.search(judge).await?))
}

//! `…/life`: what a trail says of its own life: openings, losses and silences.

use axum::extract::State;
use axum::response::Response;

use super::access::{OnTrail, Permitted};
use super::search::no_store;
use crate::life;
use crate::problem::Problem;
use crate::state::Shared;

pub(super) async fn signs(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
) -> Result<Response, Problem> {
    // The times and the losses are those of all categories.
    caller.may_all_categories()?;
    Ok(no_store(&*life::of(&state, &trail).await?))
}

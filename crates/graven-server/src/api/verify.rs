//! `POST …/verify` starts a verification in the background, `GET …/verify` says how far it is and what the last one found.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::access::{OnTrail, Permitted};
use super::search::no_store;
use crate::state::Shared;
use crate::verification;

pub(super) async fn start(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    uri: Uri,
) -> Response {
    verification::start(&state, &trail, Some(&caller));
    let headers: [(HeaderName, String); 2] =
        [(header::LOCATION, uri.path().to_owned()), (header::CACHE_CONTROL, "no-store".to_owned())];
    (StatusCode::ACCEPTED, headers, Json(trail.verification().standing())).into_response()
}

pub(super) async fn standing(OnTrail(trail): OnTrail) -> Response {
    no_store(trail.verification().standing())
}

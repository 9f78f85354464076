//! Counts each request by its address, method and status, and how long it took until its answer began.

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use super::door;
use crate::problem::Problem;
use crate::state::Shared;

/// Stands for addresses that there are not.
const NOWHERE: &str = "none";

/// Lets a request through the door, and counts its answer. One layer for both: each costs a request as much as reading it.
pub(super) async fn measure(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let started = state.elapsed();
    let method = name(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or(NOWHERE, MatchedPath::as_str).to_owned();
    let response = door::open(&state, request, next).await;
    let took = state.elapsed().saturating_sub(started);
    if let Some(problem) = response.extensions().get::<Problem>() {
        state.metrics.refusal(problem.kind());
    }
    state.metrics.request(method, route, response.status().as_u16(), took);
    response
}

/// A method that there is. A client can make up others.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

//! `GET /openapi.json`: the description of the API, the same for each server of a version.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// The description. A test says whether it is up to date.
const DESCRIPTION: &str = include_str!("../../openapi.json");

pub(super) async fn description() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, DESCRIPTION).into_response()
}

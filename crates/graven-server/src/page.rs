//! The page: hand-written files in `web/`, which are served as they are read and reviewed.
//!
//! They need no token: there is no secret in them. What they show they ask for by the addresses that every client has.

mod files;
mod headers;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::problem::{Kind, Problem};

pub(crate) use headers::always;

use files::Served;

/// What is served at `/`.
const INDEX: &str = "index.html";

/// The addresses of the page.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let asset = async |Path(path): Path<String>, headers: HeaderMap| file(&path, &headers);
    Router::new()
        .route("/", get(async |headers: HeaderMap| file(INDEX, &headers)))
        .route("/assets/{*path}", get(asset))
}

/// A file, or that the client has it already. It is asked about each time, so a new version counts at once.
fn file(path: &str, request: &HeaderMap) -> Response {
    let Some(Served { media_type, etag, plain, gzip }) = files::find(path) else {
        return Problem::new(Kind::NotFound, "the page has no such file").into_response();
    };
    let text = |text: &str| HeaderValue::from_str(text).expect("it is letters and digits");
    let mut headers = HeaderMap::from_iter(headers::of_page());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::ETAG, text(&etag));
    if names(request, header::IF_NONE_MATCH, &etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if names(request, header::ACCEPT_ENCODING, "gzip") {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        return (headers, gzip).into_response();
    }
    (headers, plain).into_response()
}

/// Whether one of the elements of a header is this one. A weight of zero is not worth reading: nobody sends it.
fn names(request: &HeaderMap, name: HeaderName, wanted: &str) -> bool {
    let values = request.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    let mut elements = values.flat_map(|value| value.split(',')).map(|one| one.split(';').next());
    elements.any(|one| one.is_some_and(|one| one.trim().trim_start_matches("W/") == wanted))
}

//! What a request asks: its parameters, a part of its path, its media types.

use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The parameters behind the `?`. One that is not known is refused.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Asked<T>, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Asked(asked)),
            Err(error) => Err(Problem::parameter("?", error.body_text())),
        }
    }
}

/// The index of an entry in a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Index(pub(super) u64);

impl<S: Send + Sync> FromRequestParts<S> for Index {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Index, Problem> {
        let wrong = || Problem::parameter("index", "write the position of an entry, from 0");
        let parameters = RawPathParams::from_request_parts(parts, state).await.map_err(|_| wrong())?;
        let index = parameters.iter().find(|(name, _)| *name == "index").map(|(_, index)| index);
        // As it is printed: one entry has one address.
        let plain = |text: &&str| {
            text.bytes().all(|byte| byte.is_ascii_digit()) && (*text == "0" || !text.starts_with('0'))
        };
        index.filter(plain).and_then(|index| index.parse().ok()).map(Index).ok_or_else(wrong)
    }
}

/// The id in a path.
#[derive(Debug, Clone)]
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Id, Problem> {
        let wrong = || Problem::parameter("id", "it is not UTF-8");
        let parameters = RawPathParams::from_request_parts(parts, state).await.map_err(|_| wrong())?;
        let id = parameters.iter().find(|(name, _)| *name == "id").map(|(_, id)| Id(id.to_owned()));
        id.ok_or_else(wrong)
    }
}

/// The rest of a path, with its slashes.
#[derive(Debug, Clone)]
pub(super) struct Rest(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Rest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Rest, Problem> {
        let parameters = RawPathParams::from_request_parts(parts, state).await.ok();
        let rest = parameters.iter().flatten().find(|(name, _)| *name == "path");
        rest.map(|(_, path)| Rest(path.to_owned()))
            .ok_or_else(|| Problem::parameter("path", "it is not UTF-8"))
    }
}

/// The media type of a body, without its parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Whether a client names a media type among those that it accepts, and not only by a wildcard.
pub(super) fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        named && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

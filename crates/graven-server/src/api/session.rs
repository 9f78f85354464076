//! `/v1/session`: the page logs in with a token or with the code of a link, asks who it is, and logs out.

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use graven::{Category, Outcome};
use graven_core::hash::Hash;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::access::{self, Permitted};
use super::ask::media_type;
use super::search::no_store;
use super::{cookie, door};
use crate::auth::{Caller, Refused, Right, Role, Scope};
use crate::name::TrailName;
use crate::own;
use crate::problem::{Kind, Problem};
use crate::state::{Shared, State as Server};

/// The most bytes of a login.
const BYTES_MAX: usize = 4 << 10;

/// What to do when the code of a link is not good.
const CODE_NOT_GOOD: &str = "this link was used already or is too old: log in with a token, or start the server again for another link";

/// What a login has: one of both.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    /// A whole token.
    token: Option<String>,
    /// The code of the link that `serve` has printed.
    code: Option<String>,
}

/// Who is logged in, and what for.
#[derive(Debug, Serialize)]
struct Session<'a> {
    /// The id of the token.
    id: &'a str,
    name: &'a str,
    role: Role,
    /// What the role may do.
    rights: Vec<&'static str>,
    trails: &'a Scope<TrailName>,
    categories: &'a Scope<Category>,
    /// From when on the token is refused.
    expires: Option<DateTime<Utc>>,
}

/// Logs in. The answer sets the cookie.
pub(super) async fn begin(State(state): State<Shared>, request: Request) -> Result<Response, Problem> {
    let (Parts { headers, extensions, .. }, body) = request.into_parts();
    cookie::login_from_own_page(&headers)?;
    // A form of another page cannot send this type.
    if media_type(&headers).as_deref() != Some("application/json") {
        return Err(Problem::new(
            Kind::UnsupportedMediaType,
            "send the token or the code as application/json",
        ));
    }
    let (body, _taken) = state.room.read(&headers, body, BYTES_MAX).await?;
    let login: Login = serde_json::from_slice(&body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Problem::parameter("body", "it has `token` or `code`, a text"),
        _ => Problem::new(Kind::NotJson, format!("the body is not JSON: {error}")),
    })?;
    let by = if login.token.is_some() { "token" } else { "link" };
    let (found, not_good) = match (&login.token, &login.code) {
        (Some(token), None) => (state.tokens.check_hash(token.trim(), state.now()), access::NOT_GOOD),
        (None, Some(code)) => (with_code(&state, code), CODE_NOT_GOOD),
        _ => return Err(Problem::parameter("body", "it has either `token` or `code`")),
    };
    let client = door::client(&extensions);
    let (hash, caller) = found.map_err(|why| access::refused(&state, client, &why, not_good))?;
    state.gate.enter(&caller)?;
    let id = state.sessions.begin(hash, state.elapsed()).map_err(|error| {
        tracing::error!(error = error.to_string(), "nobody can log in: the system gives no random numbers");
        Problem::fault()
    })?;
    let detail = json!({"id": caller.id, "role": caller.role, "by": by});
    state.own.tell_of(&caller, Category::Auth, own::SESSION_BEGUN, Outcome::Success, detail);
    let mut response = said(&caller);
    response.headers_mut().insert(header::SET_COOKIE, cookie::set(&state, &id, &headers));
    Ok(response)
}

/// Says who sends the request.
pub(super) async fn who(Permitted(caller): Permitted) -> Response {
    said(&caller)
}

/// Logs out: ends the session of the cookie, if there is one, and takes the cookie back.
pub(super) async fn end(State(state): State<Shared>, _: Permitted, headers: HeaderMap) -> Response {
    if let Some(id) = cookie::id(&state, &headers) {
        state.sessions.end(id);
    }
    let cookie = cookie::take_back(&state, &headers);
    let headers =
        [(header::SET_COOKIE, cookie), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// The token that a code stands for.
fn with_code(state: &Server, code: &str) -> Result<(Hash, std::sync::Arc<Caller>), Refused> {
    let hash = state.code.take(code.trim(), state.elapsed()).ok_or(Refused::Unknown)?;
    Ok((hash, state.tokens.caller(&hash, state.now())?))
}

fn said(caller: &Caller) -> Response {
    let rights = Right::ALL.into_iter().filter(|right| caller.role.may(*right)).map(Right::as_str);
    no_store(Session {
        id: &caller.id,
        name: &caller.name,
        role: caller.role,
        rights: rights.collect(),
        trails: &caller.trails,
        categories: &caller.categories,
        expires: caller.expires,
    })
}

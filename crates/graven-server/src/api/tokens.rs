//! `/v1/tokens`: makes, lists and revokes tokens, for admins.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use graven::{Category, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::access::Permitted;
use super::ask::{Id, media_type};
use super::search::no_store;
use crate::auth::{AuthError, Listed, NewToken, Role, Scope, Token};
use crate::name::TrailName;
use crate::own;
use crate::problem::{Kind, Problem};
use crate::settings::expiry;
use crate::state::Shared;

/// The most bytes of what is asked for.
const BYTES_MAX: usize = 64 << 10;

/// What a new token is to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    role: Role,
    /// Without it: the role and the id.
    name: Option<String>,
    /// Without it: all.
    trails: Option<Scope<TrailName>>,
    /// Without it: all.
    categories: Option<Scope<Category>>,
    #[serde(default)]
    assert_principal: bool,
    /// A period such as 90d, a day, or a moment. Without it: never.
    expires: Option<String>,
}

/// A token that was made: the only time that it is shown.
#[derive(Debug, Serialize)]
struct Made<'a> {
    token: &'a str,
    #[serde(flatten)]
    kept: &'a Token,
}

/// All tokens.
#[derive(Debug, Serialize)]
struct List {
    tokens: Vec<Listed>,
}

pub(super) async fn list(State(state): State<Shared>, _: Permitted) -> Result<Response, Problem> {
    let tokens = std::sync::Arc::clone(&state);
    let list = move || tokens.tokens.list().map_err(Problem::from);
    Ok(no_store(List { tokens: state.blocking.look(list).await? }))
}

pub(super) async fn create(
    State(state): State<Shared>,
    Permitted(caller): Permitted,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if media_type(&headers).as_deref() != Some("application/json") {
        return Err(Problem::new(
            Kind::UnsupportedMediaType,
            "say as application/json what the token is to be",
        ));
    }
    let (body, _taken) = state.room.read(&headers, body, BYTES_MAX).await?;
    let wanted: Wanted = serde_json::from_slice(&body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Problem::new(Kind::NotAToken, error.to_string()),
        _ => Problem::new(Kind::NotJson, format!("the body is not JSON: {error}")),
    })?;
    let now = state.now();
    let expires = wanted.expires.as_deref().map(|text| expiry(text, now)).transpose();
    let new = NewToken {
        name: wanted.name,
        role: wanted.role,
        trails: wanted.trails.unwrap_or(Scope::All),
        categories: wanted.categories.unwrap_or(Scope::All),
        assert_principal: wanted.assert_principal,
        expires: expires.map_err(|why| Problem::new(Kind::NotAToken, format!("`expires`: {why}")))?,
    };
    let tokens = std::sync::Arc::clone(&state);
    let made = state.blocking.look(move || tokens.tokens.create(new, now).map_err(Problem::from)).await?;
    if let Err(error) = &made.removed_admin_token {
        tracing::warn!(
            error = error.to_string(),
            "the file with the token of the first start is still there"
        );
    }
    let said = json!({"id": made.token.id, "name": made.token.name, "role": made.token.role,
        "trails": made.token.trails, "categories": made.token.categories});
    state.own.tell_of(&caller, Category::Auth, own::TOKEN_MADE, Outcome::Success, said);
    let mut response = no_store(Made { token: made.secret.as_str(), kept: &made.token });
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

pub(super) async fn revoke(
    State(state): State<Shared>,
    Permitted(caller): Permitted,
    Id(id): Id,
) -> Result<Response, Problem> {
    let tokens = std::sync::Arc::clone(&state);
    let revoked = state.blocking.look(move || tokens.tokens.revoke(&id).map_err(Problem::from)).await?;
    let said = json!({"id": revoked.id, "name": revoked.name, "role": revoked.role});
    state.own.tell_of(&caller, Category::Auth, own::TOKEN_REVOKED, Outcome::Success, said);
    Ok(Json(json!({ "revoked": revoked })).into_response())
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Problem {
        match error {
            AuthError::Invalid(why) => Problem::new(Kind::NotAToken, why),
            AuthError::NotFound(id) => Problem::new(Kind::UnknownToken, format!("there is no token {id:?}")),
            AuthError::Ambiguous { .. } => Problem::parameter("id", error),
            AuthError::File { .. }
            | AuthError::Damaged { .. }
            | AuthError::Writable { .. }
            | AuthError::Busy { .. } => {
                tracing::error!(error = error.to_string(), "the tokens cannot be read or changed");
                Problem::new(Kind::Unavailable, "the tokens cannot be changed now; the server's log says why")
            }
        }
    }
}

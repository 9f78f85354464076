//! What comes in clear where there is TLS: it is refused, and a token in it counts no more.
//!
//! Somebody on the way may have read it. A redirection to https would hide that: the program would go on sending its token
//! in clear before each request.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use graven::{Category, Outcome};
use serde_json::json;

use super::{access, cookie, measure};
use crate::own;
use crate::problem::{Kind, Problem};
use crate::state::Shared;

/// The answer to everything.
const REFUSED: &str = "this server is asked over TLS only: write https:// in its address. A token that was sent here in \
                       clear is revoked, because others may have read it: have another one made";

/// Takes what comes in clear.
pub(crate) fn router(state: &Shared) -> Router {
    Router::new()
        .fallback(async || Problem::new(Kind::SentInClear, REFUSED))
        .layer(from_fn_with_state(Arc::clone(state), measure::measure))
        .layer(from_fn_with_state(Arc::clone(state), revoke))
}

/// Revokes the token of a request and ends its session, before anything else is said.
async fn revoke(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let token = access::token(request.headers()).map(str::to_owned);
    if let Some(id) = cookie::id(&state, request.headers()) {
        state.sessions.end(id);
    }
    if let Some(token) = token {
        revoke_token(&state, &token).await;
    }
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn revoke_token(state: &Shared, token: &str) {
    // One that does not count needs no revoking.
    let Ok(caller) = state.tokens.check(token, state.now()) else { return };
    let (tokens, id) = (Arc::clone(state), caller.id.clone());
    let revoked = state.blocking.look(move || tokens.tokens.revoke(&id).map_err(Problem::from)).await;
    let outcome = match &revoked {
        Ok(_) => Outcome::Success,
        // Another request with the same token came before this one.
        Err(problem) if problem.is(Kind::UnknownToken) => return,
        Err(problem) => {
            tracing::error!(
                token = caller.id,
                why = problem.detail(),
                "a token was sent in clear and cannot be revoked: run `graven token revoke`"
            );
            Outcome::Failure
        }
    };
    let said =
        json!({"id": caller.id, "name": caller.name, "role": caller.role, "why": "it was sent in clear"});
    state.own.tell_of(&caller, Category::Auth, own::TOKEN_REVOKED, outcome, said);
}

//! Who may do what: each address but those of health is behind this check.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use graven_tower::one_client;

use super::door;
use crate::auth::{Caller, Refused, Right};
use crate::limits::Entered;
use crate::name::TrailName;
use crate::own;
use crate::problem::{Kind, Problem};
use crate::state::Shared;
use crate::trails::Served;

/// Who sends a request that may be sent.
#[derive(Debug, Clone)]
pub(super) struct Permitted(pub(super) Arc<Caller>);

/// The trail that the request is about, which its sender may use in this way.
#[derive(Debug, Clone)]
pub(super) struct OnTrail(pub(super) Arc<Served>);

/// Lets a request pass that has a good token with the right, for the trail in its path if there is one.
pub(super) async fn check(
    State((state, right)): State<(Shared, Right)>,
    parameters: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    match permit(&state, right, parameters.ok().as_ref(), &mut request) {
        Ok(entered) => door::keep(entered, next.run(request).await),
        Err(problem) => problem.into_response(),
    }
}

fn permit(
    state: &Shared,
    right: Right,
    parameters: Option<&RawPathParams>,
    request: &mut Request,
) -> Result<Entered, Problem> {
    let refused = |why: &'static str, problem: Problem| {
        let client = door::client(request.extensions());
        // Somebody with a network of addresses is one client, and makes one entry.
        state.own.refused(client.map(one_client), why, state.elapsed());
        // Only a guess is slowed down: with a good token, the same client gets in.
        match (problem.status(), state.gate.refused_login(client)) {
            (StatusCode::UNAUTHORIZED, Err(refusal)) => Problem::from(refusal),
            _ => problem,
        }
    };
    let Some(token) = token(request.headers()) else {
        let message = "send a token: `Authorization: Bearer gvn_…`; `graven token new` makes one";
        return Err(refused("no token", Problem::new(Kind::Unauthorized, message)));
    };
    let caller = state.tokens.check(token, state.now());
    let caller = caller.map_err(|why| refused(own::why(&why), unauthorized(&why)))?;
    let entered = state.gate.enter(&caller)?;
    let parameters = parameters.ok_or_else(|| Problem::parameter("path", "it is not UTF-8"))?;
    let trail = parameters.iter().find(|(name, _)| *name == "trail").map(|(_, trail)| trail);
    match trail {
        None => caller.may(right)?,
        Some(text) => {
            let name: TrailName = text.parse().map_err(|_| Problem::unknown_trail(text))?;
            caller.may_in(right, &name)?;
            let served = state.trails.find(&name).ok_or_else(|| Problem::unknown_trail(text))?;
            request.extensions_mut().insert(OnTrail(Arc::clone(served)));
        }
    }
    request.extensions_mut().insert(Permitted(caller));
    Ok(entered)
}

/// The token of a request.
fn token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The same for all tokens that never were, so that nobody finds out which there were.
fn unauthorized(refused: &Refused) -> Problem {
    match refused {
        Refused::Unavailable(error) => {
            tracing::error!(error = error.to_string(), "nobody gets in");
            Problem::new(Kind::Unavailable, "the tokens cannot be read now; the server's log says why")
        }
        Refused::Malformed | Refused::Unknown | Refused::Expired { .. } => Problem::new(
            Kind::Unauthorized,
            "this token is not good here: it is not whole, was revoked or has expired",
        ),
    }
}

/// Nothing gets here without the check.
fn unchecked() -> Problem {
    tracing::error!("an address is not behind the check of tokens");
    Problem::fault()
}

impl<S: Sync> FromRequestParts<S> for Permitted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Permitted, Problem> {
        parts.extensions.get::<Permitted>().cloned().ok_or_else(unchecked)
    }
}

impl<S: Sync> FromRequestParts<S> for OnTrail {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<OnTrail, Problem> {
        parts.extensions.get::<OnTrail>().cloned().ok_or_else(unchecked)
    }
}

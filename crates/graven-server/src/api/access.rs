//! Who may do what: each address but those of health is behind this check.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use graven_tower::one_client;

use super::{cookie, door};
use crate::auth::{Caller, Grant, Login, OpenSession, Refused, Right, Scope, USER};
use crate::jwt::Jwt;
use crate::limits::Entered;
use crate::name::ServedName;
use crate::own;
use crate::peer::Peer;
use crate::problem::{Kind, Problem};
use crate::state::{Shared, State as Server};
use crate::trails::Served;

/// What to do when a token is not good.
pub(super) const NOT_GOOD: &str = "this token is not good here: it is not whole, was revoked or has expired";

/// What to do when a session is not there.
pub(super) const SESSION_ENDED: &str = "this session has ended: log in again";

/// What to do when a JWT is not good.
const JWT_NOT_GOOD: &str = "this JWT does not count here: its issuer, audience, time, key and algorithm must be those of the \
                            settings `jwt`, and a claim of it must give a role";

/// What to do when a certificate gives no role.
const CERTIFICATE_NOT_GOOD: &str = "your certificate gives you no role here: the setting `tls.clients` must name its \
                                    subject, and it must not be revoked or have expired; or send a token";

/// Who sends a request that may be sent.
#[derive(Debug, Clone)]
pub(super) struct Permitted(pub(super) Arc<Caller>);

/// The trail that the request is about, which its sender may use in this way.
#[derive(Debug, Clone)]
pub(super) struct OnTrail(pub(super) Arc<Served>);

/// Lets a request pass that has a good token with the right, for the trail in its path if there is one. Without a right, any
/// good token does.
pub(super) async fn check(
    State((state, right)): State<(Shared, Option<Right>)>,
    parameters: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    // Before anything else, because only this may have to wait.
    let jwt = state.jwt.as_ref().zip(token(request.headers()).filter(|token| Jwt::is_one(token)));
    if let Some((judge, token)) = jwt.map(|(judge, token)| (judge, token.to_owned())) {
        judge.prepare(&token, || state.elapsed()).await;
    }
    match permit(&state, right, parameters.ok().as_ref(), &mut request) {
        Ok(entered) => door::keep(entered, next.run(request).await),
        Err(problem) => problem.into_response(),
    }
}

fn permit(
    state: &Shared,
    right: Option<Right>,
    parameters: Option<&RawPathParams>,
    request: &mut Request,
) -> Result<Entered, Problem> {
    let (caller, session) = caller(state, request)?;
    let entered = state.gate.enter(&caller)?;
    let parameters = parameters.ok_or_else(|| Problem::parameter("path", "it is not UTF-8"))?;
    let trail = parameters.iter().find(|(name, _)| *name == "trail").map(|(_, trail)| trail);
    match trail {
        None => right.map_or(Ok(()), |right| caller.may(right))?,
        Some(text) => {
            let name: ServedName = text.parse().map_err(|_| Problem::unknown_trail(text))?;
            // Who may see a trail may see what it continues.
            right.map_or(Ok(()), |right| caller.may_in(right, &name.trail))?;
            let served = state.trails.served(&name).ok_or_else(|| Problem::unknown_trail(text))?;
            request.extensions_mut().insert(OnTrail(Arc::clone(served)));
        }
    }
    request.extensions_mut().insert(Permitted(caller));
    if let Some(session) = session {
        request.extensions_mut().insert(session);
    }
    Ok(entered)
}

/// Who sends a request: by a token in its head, or else by the cookie of a session, which stands for a token.
fn caller(state: &Server, request: &Request) -> Result<(Arc<Caller>, Option<OpenSession>), Problem> {
    let (headers, client) = (request.headers(), door::client(request.extensions()));
    if let Some(token) = token(headers) {
        if let Some(judge) = state.jwt.as_ref().filter(|_| Jwt::is_one(token)) {
            let caller = judge.check(token);
            return Ok((caller.map_err(|why| refused(state, client, &why, JWT_NOT_GOOD))?, None));
        }
        let caller = state.tokens.check(token, state.now());
        return Ok((caller.map_err(|why| refused(state, client, &why, NOT_GOOD))?, None));
    }
    let Some(id) = cookie::id(state, headers) else {
        if let Some(caller) = by_connection(state, request) {
            cookie::not_from_another_page(request.method(), headers)?;
            return Ok((caller.map_err(|why| refused(state, client, &why, CERTIFICATE_NOT_GOOD))?, None));
        }
        let message = "send a token: `Authorization: Bearer gvn_…`; `graven token new` makes one";
        return Err(counted(state, client, "no token", Problem::new(Kind::Unauthorized, message)));
    };
    cookie::from_own_page(request.method(), headers)?;
    let Some(session) = state.sessions.enter(id, state.elapsed()) else {
        return Err(counted(
            state,
            client,
            "no such session",
            Problem::new(Kind::Unauthorized, SESSION_ENDED),
        ));
    };
    let caller = state.tokens.caller(&session.token, state.now()).map_err(|why| {
        // It ends with its token. While nobody can say whether the token counts, it waits.
        if !matches!(why, Refused::Unavailable(_)) {
            state.sessions.end(id);
        }
        refused(state, client, &why, SESSION_ENDED)
    })?;
    Ok((caller, Some(session)))
}

/// Who sends a request that has neither a token nor a session, as far as its connection says it.
fn by_connection(state: &Server, request: &Request) -> Option<Result<Arc<Caller>, Refused>> {
    match request.extensions().get::<Peer>()? {
        Peer::Address(_, certificate) => Some(state.tls.as_ref()?.caller(certificate.as_ref()?, state.now())),
        Peer::User(user) => {
            let (name, role) = (format!("{USER}{user}"), state.settings.socket.role?);
            let row = Grant { name: name.clone(), role, trails: Scope::All };
            Some(Ok(row.caller(name, Login::User, None)))
        }
    }
}

/// Counts a login that is refused; what to answer. It is the same for all tokens that never were, so that nobody finds out
/// which there were.
pub(super) fn refused(state: &Server, client: Option<IpAddr>, why: &Refused, not_good: &str) -> Problem {
    let problem = match why {
        Refused::Unavailable(error) => {
            tracing::error!(error = error.to_string(), "nobody gets in");
            Problem::new(Kind::Unavailable, "the tokens cannot be read now; the server's log says why")
        }
        Refused::NoKeys => Problem::new(Kind::Unavailable, "the keys for JWTs cannot be fetched now"),
        Refused::Malformed
        | Refused::Unknown
        | Refused::Expired { .. }
        | Refused::Jwt(_)
        | Refused::NoRow { .. }
        | Refused::CertificateEnded => Problem::new(Kind::Unauthorized, not_good),
    };
    counted(state, client, own::why(why), problem)
}

fn counted(state: &Server, client: Option<IpAddr>, why: &'static str, problem: Problem) -> Problem {
    // Somebody with a network of addresses is one client, and makes one entry.
    state.own.refused(client.map(one_client), why, state.elapsed());
    // Only a guess is slowed down: with a good token, the same client gets in.
    match (problem.status(), state.gate.refused_login(client)) {
        (StatusCode::UNAUTHORIZED, Err(refusal)) => Problem::from(refusal),
        _ => problem,
    }
}

/// The token of a request.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
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

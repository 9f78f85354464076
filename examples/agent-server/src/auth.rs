//! Who asks: bearer tokens, compared in constant time; refusals and first uses are on record.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use graven::{Category, Entry, Outcome};
use graven_tower::RequestAudit;
use serde_json::json;

use crate::app::App;
use crate::app::tokens::Role;
use crate::failure::Failure;

/// The token of a request.
fn token(request: &Request) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Lets those in whose token is known; what they do below is recorded as theirs.
pub(crate) async fn authenticate(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let audit = RequestAudit::of(request.extensions()).expect("the audit layer is outside of this one");
    let given = token(&request);
    let Some(role) = given.and_then(|token| app.tokens.role(token)) else {
        let why = if given.is_some() { "unknown token" } else { "no token" };
        audit.set_reason(why);
        audit.also(Entry::new(Category::Auth, "auth:token", Outcome::Denied).reason(why));
        return Failure::unauthorized().into_response();
    };
    request.extensions_mut().insert(role);
    let from = request.extensions().get().map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| peer.ip());
    audit.set_principal(role.principal());
    // Only now: an intent for each request without a token would let anyone fill the disk.
    if !app.fail_open
        && let Err(error) = audit.begin().await
    {
        return Failure::from(error).into_response();
    }
    let work = async move {
        if app.seen.is_first(role, from) {
            let known = Entry::new(Category::Auth, "auth:token", Outcome::Success);
            if let Err(failure) = app.record(known.detail(json!({"first_use": true}))).await {
                return failure.into_response();
            }
        }
        next.run(request).await
    };
    audit.scope(work).await
}

/// Refuses all but the admin, and says so in the trail.
pub(crate) async fn admin_only(app: &App, role: Role, what: &str) -> Result<(), Failure> {
    if role == Role::Admin {
        return Ok(());
    }
    let denied =
        Entry::new(Category::Auth, "auth:role", Outcome::Denied).resource(what).reason("not an admin");
    app.record(denied).await?;
    Err(Failure::forbidden("only the admin may do this"))
}

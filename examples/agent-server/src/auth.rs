//! Who asks: bearer tokens, compared in constant time; refusals and first uses are on record.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use graven::{Category, Entry, Outcome};
use graven_tower::RequestAudit;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::failure::Failure;

/// What a principal may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Admin,
    User,
}

impl Role {
    /// The principal with this role; there is one of each.
    pub(crate) fn principal(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::User => "user",
        }
    }
}

/// The hashes of the tokens; the tokens themselves are not kept.
pub(crate) struct Tokens {
    admin: [u8; 32],
    user: [u8; 32],
}

impl Tokens {
    pub(crate) fn new(admin: &str, user: &str) -> Tokens {
        Tokens { admin: hash(admin), user: hash(user) }
    }

    /// Whose token it is. Takes as long for a wrong one as for a right one.
    fn role(&self, token: &str) -> Option<Role> {
        let given = hash(token);
        match (same(&given, &self.admin), same(&given, &self.user)) {
            (true, _) => Some(Role::Admin),
            (false, true) => Some(Role::User),
            (false, false) => None,
        }
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Compares every byte, whatever the first ones are.
fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let differing = one.iter().zip(other).fold(0, |differing, (one, other)| differing | (one ^ other));
    std::hint::black_box(differing) == 0
}

/// Who has asked from where since the start. The first use of a token from an address gets an entry of its own; later
/// uses are in the entries of the requests.
#[derive(Default)]
pub(crate) struct Seen(Mutex<HashSet<(Role, Option<IpAddr>)>>);

impl Seen {
    /// The most pairs that are remembered. Then all are forgotten, and are recorded again when they come.
    const MOST: usize = 1_024;

    fn is_first(&self, role: Role, from: Option<IpAddr>) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= Seen::MOST {
            seen.clear();
        }
        seen.insert((role, from))
    }
}

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
        let denied = Entry::new(Category::Auth, "auth:token", Outcome::Denied).reason(why);
        let recorded = app.record(denied).await;
        return recorded.map_or_else(Failure::into_response, |()| Failure::unauthorized().into_response());
    };
    request.extensions_mut().insert(role);
    let from = request.extensions().get().map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| peer.ip());
    audit.set_principal(role.principal());
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

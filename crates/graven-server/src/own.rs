//! What the server records of itself in the trail `main`: that it started and stopped, who was refused, what was asked.
//!
//! It never waits for that: when an entry cannot be written, reading goes on, and the trail counts the loss.

mod often;

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use graven::{Category, Entry, LastingTrail, Outcome, Source};
use serde::Serialize;

use crate::auth::{Caller, Refused};
use crate::name::ServedName;
use often::Often;

/// How long entries of one kind are gathered until one entry tells of all.
const GATHER: Duration = Duration::from_secs(60);

/// The most searches, and the most addresses of refused requests, that are told apart at one time. Others are told together.
const TOLD_APART_MAX: usize = 4_096;

/// The server started.
pub(crate) const STARTED: &str = "server.started";
/// The files of TLS have changed: the new ones count, or they are not good and the ones before go on counting.
pub(crate) const TLS_READ: &str = "server.tls_read";
/// The server stopped: everything that it accepted was answered.
pub(crate) const STOPPED: &str = "server.stopped";
/// Somebody takes out the hits of a query.
pub(crate) const EXPORT_STARTED: &str = "export.started";
/// The export ended: as a whole, or cut.
pub(crate) const EXPORT_ENDED: &str = "export.ended";
/// A trail was verified.
pub(crate) const VERIFIED: &str = "trail.verified";
/// Somebody made a token over HTTP.
pub(crate) const TOKEN_MADE: &str = "token.made";
/// Somebody revoked a token over HTTP.
pub(crate) const TOKEN_REVOKED: &str = "token.revoked";
/// Somebody logged in at the page.
pub(crate) const SESSION_BEGUN: &str = "session.begun";
/// Requests without a good token.
const LOGIN_REFUSED: &str = "login.refused";
/// Somebody searched a trail.
const SEARCHED: &str = "trail.searched";

/// The server's own entries.
#[derive(Debug)]
pub(crate) struct Own {
    writer: Option<LastingTrail>,
    searches: Mutex<Often<Searched>>,
    refusals: Mutex<Often<RefusedFrom>>,
}

/// A search, as far as repeats of it are one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Searched {
    token: String,
    name: String,
    trail: ServedName,
    /// `None` for searches that are not told apart any more.
    query: Option<String>,
}

/// Refused requests, as far as repeats of them are one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct RefusedFrom {
    /// `None` for addresses that are not told apart any more.
    address: Option<IpAddr>,
    why: &'static str,
}

impl Own {
    /// Records in this trail; without one, nothing.
    pub(crate) fn new(writer: Option<LastingTrail>) -> Own {
        Own { writer, searches: Mutex::default(), refusals: Mutex::default() }
    }

    /// Tells of something that the server itself did.
    pub(crate) fn tell(&self, category: Category, action: &str, outcome: Outcome, detail: impl Serialize) {
        self.emit(Entry::new(category, action, outcome).detail(detail));
    }

    /// Tells of something that a caller did.
    pub(crate) fn tell_of(
        &self,
        caller: &Caller,
        category: Category,
        action: &str,
        outcome: Outcome,
        detail: impl Serialize,
    ) {
        let entry = Entry::new(category, action, outcome).principal(&caller.name).detail(detail);
        self.emit(entry);
    }

    /// Counts a search. One entry a minute tells of all that are the same.
    pub(crate) fn searched(&self, caller: &Caller, trail: &ServedName, query: &str, now: Duration) {
        let search = |query| Searched {
            token: caller.id.clone(),
            name: caller.name.clone(),
            trail: trail.clone(),
            query,
        };
        lock(&self.searches).add(now, search(Some(query.to_owned())), || search(None));
    }

    /// Counts a request without a good token. One entry a minute tells of all from one address.
    pub(crate) fn refused(&self, address: Option<IpAddr>, why: &'static str, now: Duration) {
        let from = |address| RefusedFrom { address, why };
        lock(&self.refusals).add(now, from(address), || from(None));
    }

    /// Records what was gathered for long enough, or all of it at the end.
    pub(crate) fn flush(&self, now: Duration, all: bool) {
        let gather = if all { Duration::ZERO } else { GATHER };
        let searches = lock(&self.searches).take(now, gather);
        for (search, count) in searches {
            let entry = Entry::new(Category::Api, SEARCHED, Outcome::Success).principal(search.name);
            let query = search.query.as_deref();
            let detail = serde_json::json!({
                "trail": search.trail, "caller_id": search.token, "query": query, "count": count
            });
            self.emit(entry.detail(detail));
        }
        let refusals = lock(&self.refusals).take(now, gather);
        for (from, count) in refusals {
            let mut entry = Entry::new(Category::Auth, LOGIN_REFUSED, Outcome::Denied).reason(from.why);
            if let Some(address) = from.address {
                entry.source = Some(Box::new(Source { ip: Some(address.to_string()), ..Source::default() }));
            }
            self.emit(entry.detail(serde_json::json!({ "count": count })));
        }
    }

    fn emit(&self, entry: Entry) {
        if let Some(writer) = &self.writer {
            writer.emit(entry.cut_to_fit());
        }
    }
}

/// Why a token is refused, in words that name no token.
pub(crate) fn why(refused: &Refused) -> &'static str {
    match refused {
        Refused::Malformed => "not a token",
        Refused::Unknown => "an unknown token",
        Refused::Expired { .. } => "an expired token",
        Refused::NoRow { .. } => "a certificate without a role",
        Refused::Jwt(why) => why,
        Refused::NoKeys => "the keys for JWTs were never fetched",
        Refused::CertificateEnded => "a certificate that was revoked or has expired",
        Refused::Unavailable(_) => "the file of the tokens cannot be read",
    }
}

fn lock<T>(gathered: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panicked left counts, each of them whole.
    gathered.lock().unwrap_or_else(PoisonError::into_inner)
}

//! `GET …/stream`: the hits of a query as they are recorded, as server-sent events.

mod following;
mod pass;

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use graven_search::{Moment, Query, Zone};
use serde::Deserialize;

use super::access::{OnTrail, Permitted};
use super::ask::Asked;
use super::door::HasItsPlace;
use super::search::limited;
use crate::auth::OpenSession;
use crate::problem::{Kind, Problem};
use crate::state::Shared;

use following::{Following, Walk};
use pass::Pass;

/// Where a client says how far it has come. Browsers do so by themselves.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Tells proxies to pass each event on at once.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    /// The query; every entry without one.
    q: Option<String>,
    /// The time zone in which days begin.
    tz: Option<String>,
    /// The last entry that the client has, or -1 for none: what was recorded behind it comes first.
    after: Option<i64>,
}

pub(super) async fn follow(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    session: Option<Extension<OpenSession>>,
    Asked(parameters): Asked<Parameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let zone = parameters.tz.as_deref().map(str::parse::<Zone>).transpose();
    let zone = zone.map_err(|error| Problem::parameter("tz", error))?.unwrap_or_default();
    let moment = Moment { now: state.now(), zone };
    let query = limited(Query::parse(parameters.q.as_deref().unwrap_or_default(), &moment)?, &caller);
    let entries = {
        let trail = Arc::clone(&trail);
        state.blocking.look(move || Ok(trail.entries()?)).await?
    };
    let first = first(&headers, parameters.after, entries)?;
    state.own.searched(&caller, trail.name(), &query.to_string(), state.elapsed());
    let place = state.gate.stream(&caller)?;
    let pass = Pass::new(&state, caller, session.map(|Extension(session)| session));
    let following = Following::new(state, pass, Walk::new(trail, place, query, first));
    let mut response = Sse::new(unfold(following, Following::next)).into_response();
    response.extensions_mut().insert(HasItsPlace);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

/// The first entry to look at. What a client says in its header counts before what was in the address when it began.
fn first(headers: &HeaderMap, after: Option<i64>, entries: u64) -> Result<u64, Problem> {
    let last = headers.get(LAST_EVENT_ID).filter(|id| !id.is_empty());
    let last = last.map(|id| id.to_str().ok()?.parse::<u64>().ok()).map(|id| {
        id.ok_or_else(|| Problem::parameter("Last-Event-ID", "send back the id of an event of this stream"))
    });
    let first = match (last.transpose()?, after) {
        (Some(last), _) => last.saturating_add(1),
        (None, None) => return Ok(entries),
        (None, Some(-1)) => 0,
        (None, Some(after)) => u64::try_from(after)
            .map_err(|_| Problem::parameter("after", "write the position of an entry, or -1"))?
            .saturating_add(1),
    };
    if first > entries {
        let message = format!(
            "the trail has {entries} entries, and this stream would begin behind entry {}",
            first - 1
        );
        return Err(Problem::new(Kind::PastTheEnd, message));
    }
    Ok(first)
}

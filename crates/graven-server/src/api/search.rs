//! `GET …/entries` and `POST …/search`: pages of proved hits, the same object as `graven search --json`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use graven_search::{Ask, Cursor, Explained, Field, LIMIT_MAX, Moment, Order, Query, Search, Zone, going_on};
use serde::Deserialize;

use super::access::{OnTrail, Permitted};
use super::ask::{Asked, media_type};
use crate::auth::{Caller, Scope};
use crate::problem::{Kind, Problem};
use crate::state::{Shared, State as Server};
use crate::trails::Served;

/// The most bytes of a question in a body. A query and a cursor fit.
const QUESTION_BYTES_MAX: usize = 256 << 10;

/// What is asked of a search, in an address or in a body.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Question {
    /// The query; every entry without one.
    pub(super) q: Option<String>,
    /// The most hits on the page.
    pub(super) limit: Option<u64>,
    /// Where the page before ended.
    pub(super) cursor: Option<String>,
    /// `newest` first or `oldest` first.
    pub(super) order: Option<FirstIs>,
    /// The time zone in which days begin.
    pub(super) tz: Option<String>,
    /// Whether all hits are counted.
    pub(super) count: bool,
    /// The fields of which the values are counted, with commas between them.
    pub(super) facets: Option<String>,
    /// Whether hits are counted by time.
    pub(super) histogram: bool,
    /// Whether the sessions of the hits are listed.
    pub(super) sessions: bool,
    /// Whether every entry is read and proved.
    pub(super) exhaustive: bool,
    /// Whether the answer says how the query was read.
    pub(super) explain: bool,
}

/// The order of hits.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FirstIs {
    Newest,
    Oldest,
}

pub(super) async fn page(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    Asked(question): Asked<Question>,
    uri: Uri,
) -> Result<Response, Problem> {
    let (next, mut response) = answer(&state, trail, &caller, question).await?;
    if let Some(next) = next {
        // The cursor has all that the next page depends on, the query too; a limit and what is counted stay.
        let link = format!("<{}>; rel=\"next\"", next_address(&uri, &next));
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    Ok(response)
}

pub(super) async fn posted(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if media_type(&headers).as_deref() != Some("application/json") {
        return Err(Problem::new(Kind::UnsupportedMediaType, "send the question as application/json"));
    }
    let (body, _taken) = state.room.read(&headers, body, QUESTION_BYTES_MAX).await?;
    let question: Question = serde_json::from_slice(&body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Problem::parameter("body", error),
        _ => Problem::new(Kind::NotJson, format!("the body is not JSON: {error}")),
    })?;
    answer(&state, trail, &caller, question).await.map(|(_, response)| response)
}

async fn answer(
    state: &Shared,
    trail: Arc<Served>,
    caller: &Caller,
    question: Question,
) -> Result<(Option<String>, Response), Problem> {
    let (query, ask) = question.read(state, caller)?;
    state.own.searched(caller, trail.name(), &query.to_string(), state.elapsed());
    let explain = question.explain;
    let work = move || {
        let answer = trail.chain().query(&query, &ask)?;
        let json = written(&Explained::new(&answer, &query, &ask, explain))?;
        Ok((answer.next, json))
    };
    let (next, json) = state.blocking.search(work).await?;
    Ok((next, json_response(json)))
}

/// An answer as JSON.
pub(super) fn written(answer: &impl serde::Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(answer).map_err(|error| {
        tracing::error!(error = error.to_string(), "an answer cannot be written as JSON");
        Problem::fault()
    })
}

/// An answer that is JSON already, and true only now.
pub(super) fn json_response(json: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, json).into_response()
}

impl Question {
    /// The query, limited to what the caller may see, and what is asked beside it.
    pub(super) fn read(&self, state: &Server, caller: &Caller) -> Result<(Query, Ask), Problem> {
        let cursor: Option<Cursor> =
            self.cursor.as_deref().map(str::parse).transpose().map_err(
                |error: graven_search::CursorError| Problem::new(Kind::BadCursor, error.to_string()),
            )?;
        let zone = self.tz.as_deref().map(str::parse::<Zone>).transpose();
        let zone = zone.map_err(|error| Problem::parameter("tz", error))?.unwrap_or_default();
        let now = Moment { now: state.now(), zone };
        let (text, moment, order) =
            going_on(self.q.as_deref(), cursor.as_ref(), self.order.map(FirstIs::order), now);
        let query = limited(Query::parse(text, &moment)?, caller);
        let mut ask = Ask::new(moment);
        if let Some(limit) = self.limit {
            if !(1..=LIMIT_MAX).contains(&limit) {
                return Err(Problem::parameter("limit", format!("a page has 1 to {LIMIT_MAX} hits")));
            }
            ask.limit = limit;
        }
        (ask.order, ask.cursor) = (order, cursor);
        (ask.count, ask.histogram, ask.sessions) = (self.count, self.histogram, self.sessions);
        let fields =
            self.facets.iter().flat_map(|fields| fields.split(',')).filter(|field| !field.is_empty());
        ask.facets = fields
            .map(|field| Field::parse(field).map_err(|error| Problem::parameter("facets", error.message())))
            .collect::<Result<_, _>>()?;
        (ask.exhaustive, ask.budget) = (self.exhaustive, Some(state.settings.limits.search_time));
        // Blobs are asked for one by one.
        ask.whole = false;
        Ok((query, ask))
    }
}

impl FirstIs {
    pub(super) fn order(self) -> Order {
        match self {
            FirstIs::Newest => Order::NewestFirst,
            FirstIs::Oldest => Order::OldestFirst,
        }
    }
}

/// A query, limited to the categories that a caller may see.
pub(super) fn limited(query: Query, caller: &Caller) -> Query {
    match &caller.categories {
        Scope::All => query,
        Scope::Only(categories) => query.within(categories),
    }
}

/// A hit by its index, proved or not sealed yet.
///
/// # Errors
/// `UnknownEntry` when there is none; `Damaged` when it does not fit what was signed.
pub(super) fn hit(search: &Search, index: u64, moment: Moment) -> Result<graven_search::Hit, Problem> {
    let query = Query::parse(&format!("index:{index}"), &moment)?;
    let mut ask = Ask::new(moment);
    (ask.limit, ask.whole) = (1, false);
    let mut answer = search.query(&query, &ask)?;
    match answer.hits.pop() {
        Some(hit) => Ok(hit),
        None if answer.findings.iter().any(|finding| finding.index.is_some()) => Err(Problem::new(
            Kind::Damaged,
            format!("entry {index} does not fit what was signed: an operator must run `graven verify`"),
        )),
        None => Err(Problem::unknown_entry(index)),
    }
}

/// The address of the next page: the same, with another cursor and without the query, which the cursor has.
fn next_address(uri: &Uri, cursor: &str) -> String {
    let kept = uri.query().unwrap_or_default().split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !matches!(name, "" | "q" | "cursor" | "tz")
    });
    let pairs: Vec<String> = kept.map(str::to_owned).chain([format!("cursor={cursor}")]).collect();
    format!("{}?{}", uri.path(), pairs.join("&"))
}

/// The answer as JSON, for what is small.
pub(super) fn no_store(answer: impl serde::Serialize) -> Response {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(answer)).into_response()
}

//! `…/facets`, `…/histogram` and `…/sessions`: what is counted of all hits.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use graven_core::verdict::Finding;
use graven_search::{Answer, Ask, Count, Coverage, FacetValue, Histogram, Query, Rest, Session, TimeRange};
use serde::{Deserialize, Serialize};

use super::access::{OnTrail, Permitted};
use super::ask::{Asked, Id};
use super::search::{Question, json_response, written};
use crate::auth::{Caller, Scope};
use crate::problem::Problem;
use crate::state::Shared;
use crate::trails::Served;

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    /// The query; every entry without one.
    q: Option<String>,
    /// The time zone in which days begin.
    tz: Option<String>,
}

/// What is asked of facets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    q: Option<String>,
    tz: Option<String>,
    /// The fields, with commas between them.
    fields: String,
}

/// How much is asked of one session.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The answer: what was counted, and what it covers.
#[derive(Debug, Serialize)]
struct Counted {
    count: Option<Count>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facets: Option<BTreeMap<String, Vec<FacetValue>>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    facets_rest: BTreeMap<String, Rest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    histogram: Option<Histogram>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<Vec<Session>>,
    sessions_left_out: u64,
    findings: Vec<Finding>,
    findings_left_out: u64,
    coverage: Coverage,
    range: TimeRange,
    took_ms: f64,
}

pub(super) async fn facets(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    Asked(Fields { q, tz, fields }): Asked<Fields>,
) -> Result<Response, Problem> {
    let question = Question { q, tz, facets: Some(fields), ..Question::default() };
    counted(&state, trail, &caller, &question, |_| {}).await
}

pub(super) async fn histogram(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    Asked(Parameters { q, tz }): Asked<Parameters>,
) -> Result<Response, Problem> {
    let question = Question { q, tz, ..Question::default() };
    counted(&state, trail, &caller, &question, |ask| ask.histogram = true).await
}

pub(super) async fn sessions(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    Asked(Parameters { q, tz }): Asked<Parameters>,
) -> Result<Response, Problem> {
    let question = Question { q, tz, ..Question::default() };
    counted(&state, trail, &caller, &question, |ask| ask.sessions = true).await
}

/// One session from its first entry to its last.
pub(super) async fn session(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    Id(id): Id,
    Asked(Nothing {}): Asked<Nothing>,
) -> Result<Response, Problem> {
    let (_, ask) = Question::default().read(&state, &caller)?;
    state.own.searched(&caller, trail.name(), &format!("session {id}"), state.elapsed());
    let work = move || {
        let timeline = match &caller.categories {
            Scope::All => trail.chain().session(&id, &ask)?,
            Scope::Only(categories) => trail.chain().session_within(&id, categories, &ask)?,
        };
        written(&timeline)
    };
    Ok(json_response(state.blocking.search(work).await?))
}

async fn counted(
    state: &Shared,
    trail: Arc<Served>,
    caller: &Caller,
    question: &Question,
    want: impl FnOnce(&mut Ask),
) -> Result<Response, Problem> {
    let (query, mut ask): (Query, Ask) = question.read(state, caller)?;
    (ask.limit, ask.count) = (1, true);
    want(&mut ask);
    state.own.searched(caller, trail.name(), &query.to_string(), state.elapsed());
    let work = move || written(&Counted::of(trail.chain().query(&query, &ask)?));
    Ok(json_response(state.blocking.search(work).await?))
}

impl Counted {
    fn of(answer: Answer) -> Counted {
        Counted {
            count: answer.count,
            facets: answer.facets,
            facets_rest: answer.facets_rest,
            histogram: answer.histogram,
            sessions: answer.sessions,
            sessions_left_out: answer.sessions_left_out,
            findings: answer.findings,
            findings_left_out: answer.findings_left_out,
            coverage: answer.coverage,
            range: answer.range,
            took_ms: answer.took_ms,
        }
    }
}

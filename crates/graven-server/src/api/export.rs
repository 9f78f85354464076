//! `GET …/export`: all hits of a query, one by one, in little memory, however many there are.

mod output;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use graven::{Category, Outcome};
use graven_search::{Ask, Moment, Order, Query, RowError, Rows, SearchError, Zone};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use super::access::{OnTrail, Permitted};
use super::ask::Asked;
use super::entries::NDJSON;
use super::search::{FirstIs, limited};
use crate::auth::Caller;
use crate::own;
use crate::problem::Problem;
use crate::state::Shared;
use crate::trails::Served;

use output::{Cut, Output};

/// The media type of CSV.
const CSV: &str = "text/csv; charset=utf-8; header=present";

/// The parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    /// The query; every entry without one.
    q: Option<String>,
    /// In which form.
    #[serde(default)]
    format: Format,
    /// `oldest` first, as the log is, or `newest` first.
    order: Option<FirstIs>,
    /// The time zone in which days begin.
    tz: Option<String>,
}

/// The form of an export.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Jsonl,
    Csv,
}

/// An export that goes on.
struct Export {
    state: Shared,
    trail: Arc<Served>,
    caller: Arc<Caller>,
    query: Query,
    ask: Ask,
    format: Format,
    _place: OwnedSemaphorePermit,
}

pub(super) async fn stream(
    State(state): State<Shared>,
    OnTrail(trail): OnTrail,
    Permitted(caller): Permitted,
    Asked(parameters): Asked<Parameters>,
) -> Result<Response, Problem> {
    let zone = parameters.tz.as_deref().map(str::parse::<Zone>).transpose();
    let zone = zone.map_err(|error| Problem::parameter("tz", error))?.unwrap_or_default();
    let moment = Moment { now: state.now(), zone };
    let query = limited(Query::parse(parameters.q.as_deref().unwrap_or_default(), &moment)?, &caller);
    let mut ask = Ask::new(moment);
    ask.order = parameters.order.map_or(Order::OldestFirst, FirstIs::order);
    let place = state.blocking.export().await?;
    let format = parameters.format;
    // Before the first byte, so that no hit leaves the server unseen.
    state.own.tell_of(
        &caller,
        Category::Api,
        own::EXPORT_STARTED,
        Outcome::Success,
        json!({
            "trail": trail.name(), "query": query.to_string(), "format": format.name(), "caller_id": caller.id,
        }),
    );
    let (media_type, name) = match format {
        Format::Jsonl => (NDJSON, format!("{}.jsonl", trail.name())),
        Format::Csv => (CSV, format!("{}.csv", trail.name())),
    };
    let (output, body) = Output::new(Arc::clone(&state));
    let export = Export { state, trail, caller, query, ask, format, _place: place };
    tokio::task::spawn_blocking(move || export.run(output));
    // A name of a trail is plain text.
    let name =
        HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")).map_err(|_| Problem::fault())?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, Body::new(body)).into_response())
}

impl Export {
    /// Writes all hits. When anything fails, or does not fit what was signed, the answer ends in the middle, so that no
    /// client takes it for whole.
    fn run(self, mut output: Output) {
        let mut rows = 0_u64;
        let result = self.write(&mut output, &mut rows);
        let (outcome, reason) = match &result {
            Ok(()) => (Outcome::Success, None),
            Err(cut) => (Outcome::Failure, Some(cut.to_string())),
        };
        self.state.own.tell_of(
            &self.caller,
            Category::Api,
            own::EXPORT_ENDED,
            outcome,
            json!({
                "trail": self.trail.name(), "query": self.query.to_string(), "format": self.format.name(),
                "caller_id": self.caller.id,
                "rows": rows, "cut": reason,
            }),
        );
        match result {
            Ok(()) => output.finish(),
            Err(cut) => output.cut(cut),
        }
    }

    fn write(&self, output: &mut Output, rows: &mut u64) -> Result<(), Cut> {
        let form = self.format.rows();
        output.push(&form.header()?)?;
        let answer = self.trail.chain().each(&self.query, &self.ask, &mut |hit| {
            output.push(&form.row(&hit)?)?;
            *rows += 1;
            Ok::<_, Cut>(true)
        })?;
        output.flush()?;
        match answer.findings.first() {
            None => Ok(()),
            Some(finding) => Err(Cut::Damaged(finding.message.clone())),
        }
    }
}

impl Format {
    fn rows(self) -> Rows {
        match self {
            Format::Jsonl => Rows::Jsonl,
            Format::Csv => Rows::Csv,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Format::Jsonl => "jsonl",
            Format::Csv => "csv",
        }
    }
}

impl From<SearchError> for Cut {
    fn from(error: SearchError) -> Cut {
        tracing::error!(error = error.to_string(), "an export ends in the middle");
        Cut::Unreadable
    }
}

impl From<RowError> for Cut {
    fn from(error: RowError) -> Cut {
        tracing::error!(error = error.to_string(), "an export ends in the middle");
        Cut::Unreadable
    }
}

//! Whether the server lives, and whether it can record.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::state::Shared;
use crate::trails::Served;

/// The answer to `/readyz`.
#[derive(Debug, Serialize)]
struct Ready {
    /// `ready`, `degraded` or `unready`.
    status: &'static str,
    /// What is not as it should be.
    reasons: Vec<Reason>,
}

/// One thing that is not as it should be.
#[derive(Debug, Serialize)]
struct Reason {
    trail: String,
    reason: String,
}

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// Every trail that is written can record now.
pub(super) async fn ready(State(state): State<Shared>) -> Response {
    let mut reasons = Vec::new();
    for served in state.trails.all() {
        if let Some(reason) = served.cannot_record() {
            reasons.push(Reason { trail: served.name().to_string(), reason: reason.to_owned() });
        }
    }
    if *state.ending.borrow() {
        reasons.push(Reason { trail: "*".to_owned(), reason: "the server ends".to_owned() });
    }
    let can_record = reasons.is_empty();
    reasons.extend(state.trails.with_older().filter_map(|served| doubt(served)));
    reasons.extend(state.trails.with_older().filter_map(|served| {
        let reason = served.indexing().doubt()?;
        Some(Reason { trail: served.name().to_string(), reason })
    }));
    reasons.extend(state.trails.all().filter_map(|served| unshipped(served)));
    let (code, status) = match (can_record, reasons.is_empty()) {
        (true, true) => (StatusCode::OK, "ready"),
        // It can record, and somebody should look.
        (true, false) => (StatusCode::OK, "degraded"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "unready"),
    };
    (code, Json(Ready { status, reasons })).into_response()
}

/// What is not as it should be with a trail's archive. Where nothing may be recorded without it, that was said before.
fn unshipped(served: &Served) -> Option<Reason> {
    let archive = served.archive().filter(|archive| archive.refusal().is_none())?;
    Some(Reason { trail: served.name().to_string(), reason: archive.doubt()?.words().to_owned() })
}

/// What the last verification of a trail found, if that is not good.
fn doubt(served: &Served) -> Option<Reason> {
    let last = served.verification().brief().filter(|last| !last.ok)?;
    let reason = match last.verdict {
        Some(verdict) => format!("its last verification found: {verdict}"),
        None => "its last verification could not be done".to_owned(),
    };
    Some(Reason { trail: served.name().to_string(), reason })
}

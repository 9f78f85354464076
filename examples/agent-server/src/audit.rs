//! `GET /v1/audit`: the newest entries, for the admin.

use axum::extract::{Query, State};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Extension, Json, Router};
use graven::audit::{AuditCategory, AuditEntry};
use graven::reader::Reader;
use graven::{Entry, Trail};
use serde::Deserialize;

use crate::app::App;
use crate::app::tokens::Role;
use crate::auth::admin_only;
use crate::failure::Failure;

/// How many entries are given by default, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/v1/audit", get(newest))
}

/// The query, as text, so that the role is checked before it is read.
#[derive(Debug, Deserialize)]
struct Wanted {
    limit: Option<String>,
    category: Option<String>,
}

async fn newest(
    State(app): State<App>,
    Extension(role): Extension<Role>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<impl IntoResponse, Failure> {
    admin_only(&app, role, "/v1/audit").await?;
    let Query(wanted) = wanted.map_err(|error| Failure::bad_request(error.to_string()))?;
    let limit = match wanted.limit.as_deref() {
        None | Some("") => LIMIT,
        Some(limit) => limit.parse().map_err(|_| Failure::bad_request("limit is a number"))?,
    };
    let category = match wanted.category.as_deref() {
        None | Some("") => None,
        Some(name) => Some(category(name).ok_or_else(|| {
            Failure::bad_request(
                "category is one of api, tool_execution (or tool), session, cognition, swarm, auth, k8s, sandbox, config",
            )
        })?),
    };
    let trail = app.trail().await?;
    // What was recorded before this request came is to be seen in its answer.
    trail.flush().await?;
    let found = tokio::task::spawn_blocking(move || find(&trail, category, limit.min(LIMIT_MAX))).await;
    Ok(Json(found.map_err(|_| Failure::bad_request("the entries could not be read"))?))
}

/// A category by its name in JSON, or by the short one of tools.
fn category(name: &str) -> Option<AuditCategory> {
    let name = if name == "tool" { "tool_execution" } else { name };
    serde_json::from_value(name.into()).ok()
}

/// The newest entries that have the contract's form, newest first.
fn find(trail: &Trail, category: Option<AuditCategory>, limit: usize) -> Vec<AuditEntry> {
    let reader = Reader::open(trail.layout().dir()).ok();
    // Intents and the trail's own entries are among them, so more are asked for than are wanted.
    let mut looked_at = limit.saturating_mul(3).max(64);
    loop {
        let newest = trail.recent(looked_at);
        let all = newest.len() < looked_at;
        let of_form = newest.iter().filter_map(|entry| in_the_contracts_form(entry, reader.as_ref()));
        let wanted = |entry: &AuditEntry| category.is_none_or(|category| entry.category == category);
        let found: Vec<AuditEntry> = of_form.filter(wanted).take(limit).collect();
        if all || found.len() == limit {
            return found;
        }
        looked_at = looked_at.saturating_mul(4);
    }
}

/// An entry in the contract's form; `None` for an intent, or a category that the contract does not have.
fn in_the_contracts_form(stored: &Entry, reader: Option<&Reader>) -> Option<AuditEntry> {
    let mut entry = AuditEntry::from_entry(stored)?;
    // A large detail is kept beside the log.
    let beside = reader.and_then(|reader| reader.detail(stored).ok().flatten());
    if let Some(detail) = beside.and_then(|text| serde_json::from_str(&text).ok()) {
        entry.detail = Some(detail);
    }
    Some(entry)
}

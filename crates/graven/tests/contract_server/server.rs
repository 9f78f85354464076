//! What the published agent server does with its audit module, in either shape: this file is compiled for both, and only
//! the name `audit` differs.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::Handle;

use super::audit::{self, AuditCategory, AuditEntry, AuditLog, AuditOutcome};

/// The state of the server.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) audit_log: AuditLog,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct AuditQuery {
    pub(crate) limit: Option<usize>,
    pub(crate) category: Option<String>,
}

/// The routes: the handler must be one that the framework takes.
pub(crate) fn routes(state: Arc<AppState>) -> Router {
    Router::new().route("/v1/audit", get(list)).with_state(state)
}

/// `GET /v1/audit?limit=&category=`
pub(crate) async fn list(
    State(state): State<Arc<AppState>>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Vec<AuditEntry>>, (StatusCode, String)> {
    let limit = query.limit.unwrap_or(100).min(1000);
    let entries = if let Some(ref name) = query.category {
        let category = match name.as_str() {
            "api" => AuditCategory::Api,
            "tool" | "tool_execution" => AuditCategory::ToolExecution,
            "session" => AuditCategory::Session,
            "cognition" => AuditCategory::Cognition,
            "swarm" => AuditCategory::Swarm,
            "auth" => AuditCategory::Auth,
            "k8s" => AuditCategory::K8s,
            "sandbox" => AuditCategory::Sandbox,
            "config" => AuditCategory::Config,
            _ => return Err((StatusCode::BAD_REQUEST, format!("unknown category: {name}"))),
        };
        state.audit_log.by_category(category, limit).await
    } else {
        state.audit_log.recent(limit).await
    };
    Ok(Json(entries))
}

/// At startup: a second log is only reported.
pub(crate) fn start(log: &AuditLog) -> bool {
    if audit::init_audit_log(log.clone()).is_err() {
        return false;
    }
    std::ptr::eq(audit::audit_log(), audit::try_audit_log().expect("it was just set"))
}

/// A tool ran, and the function that says so must not wait: it leaves that to the runtime.
pub(crate) fn tool_ran(name: &str, succeeded: bool) -> Option<tokio::task::JoinHandle<()>> {
    let log = audit::try_audit_log()?;
    let Ok(handle) = Handle::try_current() else { return None };
    let action = format!("tool:{name}");
    let outcome = if succeeded { AuditOutcome::Success } else { AuditOutcome::Failure };
    Some(handle.spawn(async move {
        log.log(AuditCategory::ToolExecution, action, outcome, None, Some(json!({ "tool": "ran" }))).await;
    }))
}

/// A branch of a swarm was promoted.
pub(crate) async fn promoted(swarm: &str, subtask: &str) {
    let Some(log) = audit::try_audit_log() else {
        return;
    };
    log.log_with_correlation(
        AuditCategory::Swarm,
        "promote_branch",
        AuditOutcome::Success,
        Some("controller".into()),
        Some(json!({ "swarm_id": swarm, "subtask_id": subtask })),
        None,
        None,
        Some(swarm.into()),
        None,
    )
    .await;
}

/// What is done with the entries that are read back.
pub(crate) fn summary(entries: &[AuditEntry]) -> Vec<String> {
    let newest_last = entries.iter().rev().cloned();
    newest_last
        .map(|entry| {
            let area = match entry.category {
                AuditCategory::Api | AuditCategory::Auth => "edge",
                AuditCategory::ToolExecution | AuditCategory::Sandbox => "tools",
                AuditCategory::Session | AuditCategory::Cognition | AuditCategory::Swarm => "agents",
                AuditCategory::K8s | AuditCategory::Config => "host",
            };
            let ended = match entry.outcome {
                AuditOutcome::Success => "ok",
                AuditOutcome::Failure => "failed",
                AuditOutcome::Denied => "denied",
            };
            let who = entry.principal.as_deref().unwrap_or("-");
            format!("{area} {} {who} {ended}", entry.action)
        })
        .collect()
}

/// One test of all of it, for a log that is made by the program.
pub(crate) async fn runs_on(log: AuditLog) {
    assert!(start(&log));
    assert!(!start(&log), "there is one already");
    tool_ran("bash", true).expect("there is a log and a runtime").await.expect("no panic");
    promoted("swarm-1", "task-2").await;
    let state = Arc::new(AppState { audit_log: log });
    let _router = routes(Arc::clone(&state));
    let Json(all) =
        list(State(Arc::clone(&state)), Query(AuditQuery::default())).await.expect("a list of entries");
    assert_eq!(summary(&all), ["tools tool:bash - ok", "agents promote_branch controller ok"]);
    let of = |name: &str| Query(AuditQuery { limit: Some(5), category: Some(name.to_owned()) });
    let Json(tools) = list(State(Arc::clone(&state)), of("tool")).await.expect("a list of entries");
    assert_eq!(tools.len(), 1);
    let (status, said) = list(State(state), of("nonsense")).await.expect_err("there is no such category");
    assert_eq!((status, said.as_str()), (StatusCode::BAD_REQUEST, "unknown category: nonsense"));
    let json = serde_json::to_string(&all).expect("plain data");
    let back: Vec<AuditEntry> = serde_json::from_str(&json).expect("what was written");
    assert_eq!(summary(&back), summary(&all));
}

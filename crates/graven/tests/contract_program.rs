//! A program written against the contract's list of names and against nothing else, with every warning denied.
//!
//! It is what is left of an agent server: a middleware, a tool, a handler, and what its types are asked to do.

#![deny(warnings)]

#[path = "it/support/patience.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod patience;

use std::env;
use std::fmt::Debug;
use std::future::Future;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use chrono::Utc;
use graven::audit::{
    AuditCategory, AuditEntry, AuditLog, AuditOutcome, audit_log, init_audit_log, try_audit_log,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The server's state is cloned into every handler.
#[derive(Clone, Debug, Default)]
struct AppState {
    audit: AuditLog,
}

/// The middleware: one entry a request.
async fn middleware(state: &AppState, method: &str, path: &str, status: u16, principal: Option<String>) {
    let outcome = match status {
        401 | 403 => AuditOutcome::Denied,
        status if status < 400 => AuditOutcome::Success,
        _ => AuditOutcome::Failure,
    };
    let entry = AuditEntry {
        id: format!("request-{method}-{path}-{status}"),
        timestamp: Utc::now(),
        category: AuditCategory::Api,
        action: format!("{method} {path}"),
        principal,
        outcome,
        detail: Some(json!({ "status": status })),
        duration_ms: Some(12),
    };
    state.audit.record(entry).await;
}

/// A tool that ran.
async fn tool(name: &str, succeeded: bool) {
    let outcome = if succeeded { AuditOutcome::Success } else { AuditOutcome::Failure };
    if let Some(log) = try_audit_log() {
        log.log(AuditCategory::ToolExecution, format!("tool:{name}"), outcome, None, None).await;
    }
}

/// `GET /v1/audit?limit=&category=`
async fn list(state: &AppState, limit: Option<usize>, category: Option<&str>) -> Result<Value, u16> {
    let limit = limit.unwrap_or(100).min(1000);
    let entries: Vec<AuditEntry> = match category {
        None => state.audit.recent(limit).await,
        Some(name) => state.audit.by_category(parse(name)?, limit).await,
    };
    serde_json::to_value(entries).map_err(|_| 500)
}

fn parse(name: &str) -> Result<AuditCategory, u16> {
    Ok(match name {
        "api" => AuditCategory::Api,
        "tool" | "tool_execution" => AuditCategory::ToolExecution,
        "session" => AuditCategory::Session,
        "cognition" => AuditCategory::Cognition,
        "swarm" => AuditCategory::Swarm,
        "auth" => AuditCategory::Auth,
        "k8s" => AuditCategory::K8s,
        "sandbox" => AuditCategory::Sandbox,
        "config" => AuditCategory::Config,
        _ => return Err(400),
    })
}

fn block_on<F: Future>(future: F) -> F::Output {
    patience::must_end();
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn json_of(value: impl Serialize) -> String {
    serde_json::to_string(&value).expect("plain data")
}

#[test]
fn the_words_are_snake_case() {
    let categories = [
        (AuditCategory::Api, "api"),
        (AuditCategory::ToolExecution, "tool_execution"),
        (AuditCategory::Session, "session"),
        (AuditCategory::Cognition, "cognition"),
        (AuditCategory::Swarm, "swarm"),
        (AuditCategory::Auth, "auth"),
        (AuditCategory::K8s, "k8s"),
        (AuditCategory::Sandbox, "sandbox"),
        (AuditCategory::Config, "config"),
    ];
    for (category, name) in categories {
        assert_eq!(json_of(category), format!("{name:?}"));
        assert_eq!(serde_json::from_str::<AuditCategory>(&format!("{name:?}")).ok(), Some(category));
        // Exhaustive: a tenth would not compile.
        match category {
            AuditCategory::Api
            | AuditCategory::ToolExecution
            | AuditCategory::Session
            | AuditCategory::Cognition
            | AuditCategory::Swarm
            | AuditCategory::Auth
            | AuditCategory::K8s
            | AuditCategory::Sandbox
            | AuditCategory::Config => {}
        }
    }
    for (outcome, name) in [
        (AuditOutcome::Success, "success"),
        (AuditOutcome::Failure, "failure"),
        (AuditOutcome::Denied, "denied"),
    ] {
        assert_eq!(json_of(outcome), format!("{name:?}"));
        match outcome {
            AuditOutcome::Success | AuditOutcome::Failure | AuditOutcome::Denied => {}
        }
    }
}

#[test]
fn the_types_implement_what_the_contract_asks() {
    fn word<
        T: Debug + Clone + Copy + PartialEq + Eq + Serialize + DeserializeOwned + Send + Sync + 'static,
    >() {
    }
    fn entry<T: Debug + Clone + Serialize + DeserializeOwned + Send + Sync + 'static>() {}
    fn log<T: Debug + Clone + Default + Send + Sync + 'static>() {}
    word::<AuditCategory>();
    word::<AuditOutcome>();
    entry::<AuditEntry>();
    log::<AuditLog>();
    let _: fn(usize, Option<PathBuf>) -> AuditLog = AuditLog::new;
    let _: fn() -> AuditLog = AuditLog::from_env;
    let _: fn(AuditLog) -> Result<(), AuditLog> = init_audit_log;
    let _: fn() -> &'static AuditLog = audit_log;
    let _: fn() -> Option<&'static AuditLog> = try_audit_log;
}

#[test]
fn the_json_of_an_entry() {
    let line = r#"{"id":"1","timestamp":"2026-02-03T04:05:06.789Z","category":"auth","action":"login","principal":null,"outcome":"denied"}"#;
    let entry: AuditEntry = serde_json::from_str(line).expect("an entry");
    assert!(entry.detail.is_none() && entry.duration_ms.is_none() && entry.principal.is_none());
    assert_eq!(json_of(&entry), line);
    // Lines of later versions, with more fields, can be read too.
    let later =
        line.replace("\"denied\"", "\"denied\",\"detail\":{\"a\":1},\"duration_ms\":7,\"okr_id\":\"o\"");
    let AuditEntry { id, timestamp: _, category, action, principal, outcome, detail, duration_ms } =
        serde_json::from_str(&later).expect("an entry");
    assert_eq!((id.as_str(), category, action.as_str()), ("1", AuditCategory::Auth, "login"));
    assert_eq!(
        (principal, outcome, detail, duration_ms),
        (None, AuditOutcome::Denied, Some(json!({"a": 1})), Some(7))
    );
}

#[test]
fn the_futures_are_send_and_lazy() {
    fn send<F: Future + Send>(future: F) -> F {
        future
    }
    fn send_unit<F: Future<Output = ()> + Send>(future: F) -> F {
        future
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lazy.jsonl");
    let log = AuditLog::new(128, Some(path));
    let unpolled = send(log.log(AuditCategory::Swarm, "never", AuditOutcome::Success, None, None));
    drop(unpolled);
    block_on(async {
        assert_eq!(send(log.count()).await, 0);
        let principal = Some("alice".to_string());
        let detail = Some(json!({}));
        let action = String::from("once");
        send_unit(log.log(AuditCategory::Swarm, action, AuditOutcome::Success, principal, detail)).await;
        let some = || Some(String::from("x"));
        let log_with = log.log_with_correlation(
            AuditCategory::Cognition,
            "twice",
            AuditOutcome::Failure,
            None,
            None,
            some(),
            some(),
            some(),
            some(),
        );
        send_unit(log_with).await;
        let entry: AuditEntry = send(log.recent(1)).await.remove(0);
        send_unit(log.record(AuditEntry { id: "3".into(), ..entry })).await;
        assert_eq!(send(log.by_category(AuditCategory::Cognition, 10)).await.len(), 2);
        let receipt = send(log.try_record(log.recent(1).await.remove(0))).await.expect("recorded");
        assert_eq!((receipt.index, log.failures()), (3, 0));
        assert!(log.trail().is_some());
    });
}

#[test]
fn it_is_used_from_many_tasks() {
    patience::must_end();
    let folder = tempfile::tempdir().expect("a folder");
    let state = AppState { audit: AuditLog::new(128, Some(folder.path().join("server.jsonl"))) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    runtime.block_on(async {
        let state = Arc::new(state);
        let tasks: Vec<_> = [200, 201, 401, 403, 404, 500]
            .into_iter()
            .map(|status| {
                let state = Arc::clone(&state);
                tokio::spawn(
                    async move { middleware(&state, "GET", "/v1/x", status, Some("bob".into())).await },
                )
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        let all = list(&state, None, None).await.expect("a list");
        let outcome_of = |status: u64| {
            let entry = all.as_array()?.iter().find(|entry| entry["detail"]["status"] == status)?;
            entry["outcome"].as_str()
        };
        let outcomes = [200, 201, 401, 403, 404, 500].map(outcome_of);
        assert_eq!(
            outcomes,
            [
                Some("success"),
                Some("success"),
                Some("denied"),
                Some("denied"),
                Some("failure"),
                Some("failure")
            ]
        );
        assert_eq!(
            list(&state, Some(2), Some("api")).await.expect("a list").as_array().map(Vec::len),
            Some(2)
        );
        assert_eq!(list(&state, None, Some("tool")).await, Ok(json!([])));
        assert_eq!(list(&state, None, Some("nonsense")).await, Err(400));
    });
}

#[test]
fn the_log_of_the_process() {
    assert!(try_audit_log().is_none());
    let panic = catch_unwind(audit_log).expect_err("not there yet");
    let message =
        panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    assert!(
        message.is_some_and(|message| message.contains("init_audit_log") && message.contains("startup")),
        "{message:?}"
    );

    init_audit_log(AuditLog::default()).expect("the first");
    // The second comes back: the very one, with what it holds.
    let second = AuditLog::new(128, None);
    block_on(second.log(AuditCategory::Config, "mine", AuditOutcome::Success, None, None));
    let back = init_audit_log(second).expect_err("there is one already");
    assert_eq!(block_on(back.recent(1))[0].action, "mine");

    block_on(tool("bash", true));
    let recent = block_on(audit_log().recent(10));
    assert_eq!((recent.len(), recent[0].action.as_str()), (1, "tool:bash"));
    assert!(try_audit_log().is_some_and(|log| std::ptr::eq(log, audit_log())));
}

/// Set for this program when it runs itself with another environment.
const CHILD: &str = "CONTRACT_PROGRAM_CHILD";

#[test]
fn the_environment_describes_a_log() {
    if env::var_os(CHILD).is_some() {
        println!("log: {}", in_the_environment());
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).into_os_string();
    let graven = [("GRAVEN_AUDIT_MAX_ENTRIES", "200".into()), ("GRAVEN_AUDIT_LOG_PATH", path("graven"))];
    let older =
        [("CODETETHER_AUDIT_MAX_ENTRIES", "150".into()), ("CODETETHER_AUDIT_LOG_PATH", path("older"))];
    let empty = [("GRAVEN_AUDIT_MAX_ENTRIES", "".into()), ("GRAVEN_AUDIT_LOG_PATH", "".into())];
    let unparsable = [("CODETETHER_AUDIT_MAX_ENTRIES", "many".into())];
    let few = [("GRAVEN_AUDIT_MAX_ENTRIES", "3".into())];
    child("10000 None", &[]);
    child("150 older", &[&older]);
    child("200 graven", &[&older, &graven]);
    child("150 older", &[&older, &empty]);
    child("10000 None", &[&unparsable]);
    child("128 None", &[&few]);
}

/// Runs this test in a process of its own, and checks what it prints.
fn child(expected: &str, variables: &[&[(&str, std::ffi::OsString)]]) {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args(["--exact", "the_environment_describes_a_log", "--nocapture"]).env(CHILD, "yes");
    for name in ["MAX_ENTRIES", "LOG_PATH"] {
        command.env_remove(format!("GRAVEN_AUDIT_{name}")).env_remove(format!("CODETETHER_AUDIT_{name}"));
    }
    command.envs(variables.iter().copied().flatten().map(|(name, value)| (name, value)));
    patience::must_end();
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&format!("log: {expected}\n")), "{expected} is not what it says: {said}");
}

/// How many entries the log of the environment keeps, and the name of its file.
fn in_the_environment() -> String {
    let log = AuditLog::from_env();
    block_on(async {
        let count = {
            let mut entries = 0;
            // One at a time is enough: without a file nothing waits.
            loop {
                log.log(AuditCategory::Sandbox, "fill", AuditOutcome::Success, None, None).await;
                let count = log.count().await;
                if count == entries {
                    break count;
                }
                entries = count;
            }
        };
        let file =
            log.trail().and_then(|trail| trail.layout().live().file_name().map(|name| name.to_owned()));
        match file {
            Some(name) => format!("{count} {}", name.display()),
            None => format!("{count} None"),
        }
    })
}

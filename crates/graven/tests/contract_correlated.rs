//! A program written against the contract of versions 2.1 to 4.7 and against nothing else, with every warning denied.

#![deny(warnings)]

#[path = "it/support/patience.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod patience;
#[path = "contract_server/server.rs"]
mod server;

use std::fmt::Debug;
use std::path::PathBuf;

use chrono::Utc;
use graven::audit::correlated as audit;
use graven::{Category, Entry, ErrorKind, Outcome};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use audit::{AuditCategory, AuditEntry, AuditLog, AuditOutcome, audit_log, init_audit_log, try_audit_log};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A literal names every field: one more or less would not compile.
fn entry(id: &str) -> AuditEntry {
    AuditEntry {
        id: id.to_owned(),
        timestamp: Utc::now(),
        category: AuditCategory::Cognition,
        action: "plan".to_string(),
        principal: some("alice"),
        outcome: AuditOutcome::Success,
        detail: Some(json!({ "steps": 3 })),
        duration_ms: Some(12),
        okr_id: some("okr-7"),
        okr_run_id: None,
        relay_id: some("relay-1"),
        session_id: some("session-9"),
    }
}

#[test]
fn the_types_implement_what_the_contract_asks() {
    fn entry<T: Debug + Clone + Serialize + DeserializeOwned + Send + Sync + 'static>() {}
    fn log<T: Debug + Clone + Default + Send + Sync + 'static>() {}
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
    let plain: AuditEntry = serde_json::from_str(line).expect("a line of the first versions");
    assert_eq!(serde_json::to_string(&plain).expect("plain data"), line);
    let whole = line.replace(
        "\"denied\"}",
        "\"denied\",\"detail\":{\"a\":1},\"duration_ms\":7,\"okr_id\":\"o\",\"okr_run_id\":\"n\",\"relay_id\":\"r\",\"session_id\":\"s\"}",
    );
    let entry: AuditEntry = serde_json::from_str(&whole).expect("a line of these versions");
    assert_eq!(serde_json::to_string(&entry).expect("plain data"), whole);
    let AuditEntry { okr_id, okr_run_id, relay_id, session_id, .. } = entry;
    assert_eq!([okr_id, okr_run_id, relay_id, session_id], [some("o"), some("n"), some("r"), some("s")]);
}

/// In memory, in the file, and after a restart.
#[tokio::test]
async fn what_an_entry_belongs_to_is_kept() {
    patience::must_end();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("audit.jsonl");
    for log in [AuditLog::default(), AuditLog::new(128, Some(path.clone()))] {
        log.record(entry("1")).await;
        log.log_with_correlation(
            AuditCategory::Swarm,
            format!("swarm:{}", 2),
            AuditOutcome::Failure,
            None,
            None,
            some("okr-8"),
            some("run-8"),
            None,
            None,
        )
        .await;
        log.log(AuditCategory::Api, "GET /", AuditOutcome::Denied, None, None).await;
        assert_eq!(log.count().await, 3);
        check(&log.recent(10).await);
    }
    let restarted = AuditLog::new(128, Some(path));
    check(&restarted.recent(10).await);
    assert_eq!(restarted.by_category(AuditCategory::Swarm, 9).await[0].okr_run_id, some("run-8"));
}

fn check(newest_first: &[AuditEntry]) {
    let belongs = |entry: &AuditEntry| {
        [&entry.okr_id, &entry.okr_run_id, &entry.relay_id, &entry.session_id].map(Clone::clone)
    };
    let all: Vec<_> = newest_first.iter().rev().map(belongs).collect();
    assert_eq!(
        all,
        [
            [some("okr-7"), None, some("relay-1"), some("session-9")],
            [some("okr-8"), some("run-8"), None, None],
            [None, None, None, None],
        ]
    );
}

#[tokio::test]
async fn the_log_of_the_process_is_one_for_both_shapes() {
    patience::must_end();
    let folder = tempfile::tempdir().expect("a folder");
    assert!(try_audit_log().is_none() && graven::audit::try_audit_log().is_none());
    server::runs_on(AuditLog::new(1_000, Some(folder.path().join("server.jsonl")))).await;

    // A part of the program is still of the first shape.
    let plain = graven::audit::audit_log();
    plain.log(AuditCategory::Config, "reload", AuditOutcome::Success, None, None).await;
    assert_eq!(audit_log().recent(1).await[0].action, "reload");
    audit_log().record(entry("both")).await;
    let seen: graven::audit::AuditEntry = plain.recent(1).await.remove(0);
    assert_eq!((seen.id.as_str(), seen.detail), ("both", Some(json!({ "steps": 3 }))));

    let second = graven::audit::AuditLog::new(128, None);
    second.log(AuditCategory::Auth, "mine", AuditOutcome::Success, None, None).await;
    let back = graven::audit::init_audit_log(second).expect_err("there is one already");
    assert_eq!(back.recent(1).await[0].action, "mine");
}

#[test]
fn an_entry_of_a_trail_becomes_one_of_either_shape() {
    let time = "2026-01-31T23:59:59Z".parse().expect("a time");
    let native = Entry::new(Category::Auth, "login", Outcome::Denied).id("1").timestamp(time).session_id("s");
    let whole = AuditEntry::try_from(&native).expect("there are words for all of it");
    assert_eq!((whole.category, whole.session_id), (AuditCategory::Auth, some("s")));
    let plain = graven::audit::AuditEntry::try_from(&native).expect("there are words for all of it");
    assert_eq!((plain.outcome, plain.action.as_str()), (AuditOutcome::Denied, "login"));

    let own = Category::custom("billing").expect("a name");
    let intent = Entry::intent(Category::Auth, "login").id("1").timestamp(time);
    for (entry, word) in [
        (Entry::new(own, "pay", Outcome::Success).id("1").timestamp(time), "`billing`"),
        (intent, "`pending`"),
        (Entry::new(Category::Auth, "login", Outcome::Success).timestamp(time), "`id`"),
        (Entry::new(Category::Auth, "login", Outcome::Success).id("1"), "`timestamp`"),
    ] {
        let error = AuditEntry::try_from(&entry).expect_err("there is no word for it");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(word), "{error}");
        assert!(graven::audit::AuditEntry::try_from(&entry).is_err());
        assert!(AuditEntry::from_entry(&entry).is_none());
    }
}

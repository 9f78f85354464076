//! The audit log on standard output or standard error: lines that nothing verifies.

use std::path::PathBuf;
use std::process::{Command, Output};

use chrono::DateTime;
use graven::audit::{AuditCategory, AuditEntry, AuditLog, AuditOutcome};
use graven::{Actor, ErrorKind};
use serde_json::{Value, json};
use tracing::Level;

use crate::support::events::Events;
use crate::support::patience::must_end;
use crate::support::plain::block_on;

/// Tells another process where the log is.
const STREAM: &str = "GRAVEN_TEST_AUDIT_STREAM";

const TEST: &str = "audit_streams::each_entry_is_one_line_and_none_has_a_receipt";

fn entry(n: usize) -> AuditEntry {
    AuditEntry {
        id: format!("entry-{n}"),
        timestamp: DateTime::UNIX_EPOCH,
        category: AuditCategory::Auth,
        action: "login --password hunter2Zk9q".to_owned(),
        principal: Some("alice".into()),
        outcome: AuditOutcome::Denied,
        detail: Some(json!("x".repeat(70_000))),
        duration_ms: Some(3),
    }
}

#[test]
fn each_entry_is_one_line_and_none_has_a_receipt() {
    if let Some(path) = std::env::var_os(STREAM) {
        return in_the_other_process(path.into());
    }
    for (path, on_output) in [("/dev/stdout", true), ("-", true), ("/dev/stderr", false)] {
        let Output { status, stdout, stderr } = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST, "--nocapture"])
            .env(STREAM, path)
            .output()
            .unwrap();
        assert!(status.success(), "{path}: {}", String::from_utf8_lossy(&stderr));
        let (said, other) = if on_output { (stdout, stderr) } else { (stderr, stdout) };
        assert!(!String::from_utf8_lossy(&other).contains("\"entry-"), "{path}");
        let said = String::from_utf8(said).unwrap();
        let lines =
            said.lines().filter_map(|line| serde_json::from_str::<Value>(&line[line.find('{')?..]).ok());
        let lines: Vec<Value> = lines.collect();
        assert_eq!(lines.len(), 3 + 4 * 25, "{path}");
        let first = &lines[0];
        assert_eq!((&first["id"], &first["session_id"]), (&json!("entry-0"), &json!("s")));
        assert_eq!(first["detail"].as_str().unwrap().len(), 70_000);
        assert!(!said.contains("hunter2Zk9q"));
        // It is the contract's form.
        assert_eq!(
            serde_json::from_value::<AuditEntry>(first.clone()).unwrap().outcome,
            AuditOutcome::Denied
        );
    }
}

fn in_the_other_process(path: PathBuf) {
    must_end();
    let events = Events::listen();
    let log = AuditLog::new(128, Some(path.clone()));
    block_on(Actor::default().session_id("s").scope(async { log.record(entry(0)).await }));
    for n in 1..3 {
        let error = block_on(log.try_record(entry(n))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = &log;
            scope.spawn(move || (0..25).for_each(|n| block_on(log.record(entry(100 * thread + n + 3)))));
        }
    });
    assert_eq!((log.failures(), block_on(log.count())), (0, 103));
    assert!(log.trail().is_none());
    assert_eq!(events.of(Level::WARN).len(), 1, "said once");
    assert!(events.of(Level::ERROR).is_empty());
    assert!(format!("{log:?}").contains(path.to_str().unwrap()));
    assert!(!PathBuf::from("-.d").exists());
}

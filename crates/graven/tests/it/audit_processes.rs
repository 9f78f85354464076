//! The audit log on real files, beside other processes: two servers on one path, and a file that logrotate replaces.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use chrono::Utc;
use graven::audit::{AuditCategory, AuditEntry, AuditLog, AuditOutcome};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Category, Entry, Settings, Trail};

use crate::support::another_process::again;
use crate::support::assert_intact;
use crate::support::patience::{must_end, until};
use crate::support::plain::block_on;

/// Tells another process what it is, and where the log is.
const SERVER: &str = "GRAVEN_TEST_AUDIT_SERVER";
const RUNS: usize = 3;
const EACH: usize = 40;

fn entry(action: String) -> AuditEntry {
    AuditEntry {
        id: action.clone(),
        timestamp: Utc::now(),
        category: AuditCategory::Session,
        action,
        principal: None,
        outcome: AuditOutcome::Success,
        detail: None,
        duration_ms: None,
    }
}

/// The entries of programs in the log.
fn stored(path: &Path) -> Vec<Entry> {
    let reader = Reader::open(path).unwrap();
    let entries = reader.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap());
    entries.filter(|entry| entry.category != Category::Trail).collect()
}

fn actions(path: &Path) -> Vec<String> {
    stored(path).into_iter().map(|entry| entry.action).collect()
}

/// Two servers record at the same time, and each is restarted twice meanwhile.
#[test]
fn two_processes_on_one_path_lose_nothing_over_restarts() {
    if let Some(server) = std::env::var_os(SERVER) {
        let server = server.into_string().unwrap();
        let (name, path) = server.split_once(' ').unwrap();
        return serve(name, path.as_ref());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let test = "audit_processes::two_processes_on_one_path_lose_nothing_over_restarts";
    thread::scope(|scope| {
        for server in ["a", "b"] {
            let path = path.display();
            scope.spawn(move || {
                for run in 0..RUNS {
                    again(test, SERVER, format!("{server}{run} {path}"));
                }
            });
        }
    });
    let stored = actions(&path);
    assert_eq!(stored.len(), 2 * RUNS * EACH, "each entry once");
    for server in ["a", "b"] {
        let of_server = stored.iter().filter(|action| action.starts_with(server));
        let sent = (0..RUNS).flat_map(|run| (0..EACH).map(move |n| format!("{server}{run}:{n}")));
        assert!(of_server.cloned().eq(sent), "those of server {server} in its order");
    }
    assert_intact(&Layout::beside_live(&path));
}

/// In the other process: each request is answered when its entry is recorded. The log is opened again and again, so
/// that one process often opens it while the other closes it.
fn serve(name: &str, path: &Path) {
    must_end();
    let mut log = AuditLog::new(128, Some(path.to_owned()));
    for n in 0..EACH {
        if n % 2 == 0 {
            assert_eq!(log.failures(), 0);
            drop(log);
            log = AuditLog::new(128, Some(path.to_owned()));
        }
        let entry = entry(format!("{name}:{n}"));
        if n % 2 == 0 {
            block_on(log.record(entry));
        } else {
            block_on(log.try_record(entry)).unwrap();
        }
    }
    assert_eq!(log.failures(), 0);
}

/// logrotate renames the live file and creates another one. Requests are refused, or kept in memory, until `repair` has
/// put the file back; then everything that was kept is recorded.
#[test]
fn a_file_that_logrotate_replaced_is_used_again_once_it_is_put_back() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = AuditLog::new(128, Some(path.clone()));
    block_on(log.try_record(entry("before".into()))).unwrap();
    let mut expected = vec!["before".to_owned()];
    for round in 0..3 {
        rotate(&path);
        let mut times = Vec::new();
        for n in 0..5 {
            let kept = entry(format!("kept:{round}:{n}"));
            times.push(kept.timestamp);
            expected.push(kept.action.clone());
            block_on(log.record(kept));
            let refused = block_on(log.try_record(entry("refused".into()))).unwrap_err();
            assert!(!refused.may_be_recorded(), "{}", refused.chain());
            assert!(log.trail().is_none());
        }
        assert_eq!(fs::read(&path).unwrap(), b"", "nothing goes into a file that is not the trail");

        Trail::repair(Settings::live_file(&path)).unwrap().close_blocking().unwrap();
        let after = format!("after:{round}");
        // The next attempt comes after a pause.
        until("the log opens its file again", || block_on(log.try_record(entry(after.clone()))).is_ok());
        expected.push(after);
        assert_eq!(actions(&path), expected, "round {round}");
        let late = stored(&path);
        let late = late.iter().filter(|entry| entry.action.starts_with(&format!("kept:{round}:")));
        assert!(late.map(|entry| entry.timestamp.unwrap()).eq(times), "with their own times");
    }
    assert!(log.failures() >= 3 * 5 * 2);
    drop(log);
    assert_intact(&Layout::beside_live(&path));
}

/// As logrotate does with `create`.
fn rotate(path: &Path) {
    let mut renamed = path.as_os_str().to_owned();
    renamed.push(".1");
    fs::rename(path, PathBuf::from(renamed)).unwrap();
    fs::write(path, b"").unwrap();
}

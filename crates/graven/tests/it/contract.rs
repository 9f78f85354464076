//! The audit log keeps its contract: what is in the file, in memory and in the events.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use graven::audit::{AuditCategory, AuditEntry, AuditLog, AuditOutcome};
use graven::reader::Reader;
use graven::{Category, Entry, ErrorKind, Outcome, Phase};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Builder;
use tracing::Level;

use crate::support::events::Events;
use crate::support::patience::must_end;
use crate::support::plain::block_on;

/// A folder, and a path for a live file in it.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    (folder, path)
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::seconds(second)
}

fn entry(n: i64) -> AuditEntry {
    AuditEntry {
        id: format!("entry-{n}"),
        timestamp: at(n),
        category: AuditCategory::ToolExecution,
        action: format!("tool:{n}"),
        principal: None,
        outcome: AuditOutcome::Success,
        detail: None,
        duration_ms: None,
    }
}

fn actions(entries: &[AuditEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.action.as_str()).collect()
}

fn text(path: &Path) -> String {
    #[expect(clippy::disallowed_methods, reason = "looks at the file as anybody may")]
    fs::read_to_string(path).unwrap()
}

fn write(path: &Path, text: &str) {
    #[expect(clippy::disallowed_methods, reason = "somebody else's file")]
    fs::write(path, text).unwrap();
}

#[test]
fn one_is_recorded_and_read_back() {
    let log = AuditLog::default();
    block_on(log.log(AuditCategory::Api, "GET /health", AuditOutcome::Success, Some("alice".into()), None));
    let recent = block_on(log.recent(10));
    assert_eq!(actions(&recent), ["GET /health"]);
    assert_eq!(recent[0].principal.as_deref(), Some("alice"));
    assert_eq!(recent[0].category, AuditCategory::Api);
    assert!(uuid::Uuid::parse_str(&recent[0].id).is_ok());
}

#[test]
fn a_full_ring_lets_the_oldest_go() {
    let (_folder, path) = place();
    for sink in [None, Some(path)] {
        // Fewer than 128 count as 128.
        let log = AuditLog::new(1, sink);
        for n in 0..200 {
            block_on(log.record(entry(n)));
        }
        assert_eq!(block_on(log.count()), 128);
        let recent = block_on(log.recent(usize::MAX));
        assert_eq!(recent.len(), 128);
        assert_eq!((recent[0].action.as_str(), recent[127].action.as_str()), ("tool:199", "tool:72"));
        assert_eq!(actions(&block_on(log.recent(2))), ["tool:199", "tool:198"]);
        assert!(block_on(log.recent(0)).is_empty());
    }
}

#[test]
fn a_large_ring_holds_as_many_as_it_says() {
    let (_folder, path) = place();
    let log = AuditLog::new(10_100, Some(path));
    let entries = (0..10_100).map(|n| Entry::new(Category::Api, n.to_string(), Outcome::Success)).collect();
    log.trail().unwrap().record_batch_blocking(entries).unwrap();
    assert_eq!(block_on(log.count()), 10_100);
    assert_eq!(block_on(log.recent(10_100)).last().unwrap().action, "0");
}

#[test]
fn the_file_holds_each_entry_as_its_json() {
    let (_folder, path) = place();
    let log = AuditLog::new(128, Some(path.clone()));
    assert_eq!(text(&path), "", "the live file is there from the start");
    let mut full = entry(1);
    full.principal = Some("alice \"the\" \u{1F980}\n\u{7f}\u{2028}".into());
    full.outcome = AuditOutcome::Denied;
    full.timestamp += TimeDelta::nanoseconds(120_000_000);
    full.detail = Some(json!({"z": 1.5e300, "a": [0.1, -0.0, u64::MAX, i64::MIN, null, "x\u{0}"], "": {}}));
    full.duration_ms = Some(u64::MAX);
    let null = AuditEntry { detail: Some(Value::Null), category: AuditCategory::K8s, ..entry(2) };
    let mut expected = String::new();
    for entry in [full, null, entry(3)] {
        expected += &(serde_json::to_string(&entry).unwrap() + "\n");
        block_on(log.record(entry));
        assert_eq!(text(&path), expected, "the entry is in the file when `record` returns");
    }
    let plain = expected.lines().last().unwrap();
    assert_eq!(
        plain,
        r#"{"id":"entry-3","timestamp":"2026-01-01T00:00:03Z","category":"tool_execution","action":"tool:3","principal":null,"outcome":"success"}"#
    );
}

#[test]
fn the_ring_is_filled_from_the_file_after_a_restart() {
    let (_folder, path) = place();
    let log = AuditLog::new(128, Some(path.clone()));
    for n in 0..150 {
        block_on(log.record(entry(n)));
    }
    let before = block_on(log.recent(1000));
    drop(log);
    assert!(text(&path.with_file_name("audit.jsonl.d").join("closed")).starts_with("graven/closed/v1\n"));

    let log = AuditLog::new(200, Some(path));
    let after = block_on(log.recent(128));
    assert_eq!(serde_json::to_string(&after).unwrap(), serde_json::to_string(&before).unwrap());
    assert_eq!(block_on(log.count()), 150);
    assert_eq!(log.failures(), 0);
}

#[test]
fn tasks_at_once_break_no_line() {
    must_end();
    const TASKS: usize = 8;
    const EACH: usize = 400;
    let (_folder, path) = place();
    let log = AuditLog::new(10_000, Some(path.clone()));
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let tasks = (0..TASKS).map(|task| {
            let log = log.clone();
            tokio::spawn(async move {
                for n in 0..EACH {
                    let detail = Some(json!({"text": "y".repeat(n)}));
                    let action = format!("tool:{task}:{n}");
                    log.log(AuditCategory::ToolExecution, action, AuditOutcome::Success, None, detail).await;
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(log.count().await, TASKS * EACH);
    });
    let stored: Vec<AuditEntry> =
        text(&path).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(stored.len(), TASKS * EACH);
    for task in 0..TASKS {
        let prefix = format!("tool:{task}:");
        let of_task = stored.iter().filter_map(|entry| entry.action.strip_prefix(&prefix));
        assert!(
            of_task.map(|n| n.parse::<usize>().unwrap()).eq(0..EACH),
            "task {task}: in its own order, none missing"
        );
    }
}

#[test]
fn plain_threads_record_without_a_runtime() {
    must_end();
    let (_folder, path) = place();
    let log = AuditLog::new(128, Some(path.clone()));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = &log;
            scope.spawn(move || (0..20).for_each(|n| block_on(log.record(entry(thread * 100 + n)))));
        }
    });
    assert_eq!(text(&path).lines().count(), 80);
}

#[test]
fn queries_leave_out_what_the_contract_has_no_words_for() {
    let (_folder, path) = place();
    write(&path, "not ours\n");
    let log = AuditLog::new(128, Some(path));
    let trail = log.trail().unwrap();
    let custom = Category::custom("billing").unwrap();
    let intent = Entry::new(Category::Auth, "login", Outcome::Pending).phase(Phase::Intent);
    let rich = Entry::new(Category::Auth, "rich", Outcome::Denied).reason("why").principal("bob");
    for entry in [Entry::new(custom, "invoice", Outcome::Success), intent, rich] {
        trail.record_blocking(entry).unwrap();
    }
    block_on(log.record(entry(1)));
    // And the engine's own entry about the file that was there.
    assert_eq!(trail.count(), 5);
    assert_eq!(block_on(log.count()), 2);
    let recent = block_on(log.recent(2));
    assert_eq!(recent.len(), 2, "what is left out does not count towards the limit");
    let rich = recent.iter().find(|entry| entry.action == "rich").unwrap();
    assert_eq!((rich.principal.as_deref(), rich.outcome), (Some("bob"), AuditOutcome::Denied));
    assert_eq!(actions(&block_on(log.by_category(AuditCategory::Auth, 10))), ["rich"]);
    assert!(block_on(log.by_category(AuditCategory::Swarm, 10)).is_empty());
}

#[test]
fn by_category_counts_only_that_category() {
    let (_folder, path) = place();
    for sink in [None, Some(path)] {
        let log = AuditLog::new(128, sink);
        for n in 0..10 {
            let category = if n % 2 == 0 { AuditCategory::Session } else { AuditCategory::Config };
            block_on(log.record(AuditEntry { category, ..entry(n) }));
        }
        assert_eq!(actions(&block_on(log.by_category(AuditCategory::Session, 2))), ["tool:8", "tool:6"]);
        assert_eq!(block_on(log.by_category(AuditCategory::Config, 100)).len(), 5);
    }
}

#[test]
fn large_and_marker_like_details_come_back_whole() {
    let (_folder, path) = place();
    let large = json!({"text": "z".repeat(100_000)});
    let forged = json!({"$blob": {"sha256": "00", "bytes": 1}});
    let log = AuditLog::new(128, Some(path.clone()));
    block_on(log.record(AuditEntry { detail: Some(large.clone()), ..entry(1) }));
    block_on(log.record(AuditEntry { detail: Some(forged.clone()), ..entry(2) }));
    assert_eq!(log.failures(), 0);
    for log in [log.clone(), AuditLog::new(128, Some(path.clone()))] {
        let recent = block_on(log.recent(2));
        assert_eq!([recent[0].detail.as_ref(), recent[1].detail.as_ref()], [Some(&forged), Some(&large)]);
    }
    assert!(text(&path).len() < 1000, "they are beside the log");
}

#[test]
fn texts_of_any_length_come_back_whole() {
    let (_folder, path) = place();
    let long = |text: &str| text.repeat(100_000 / text.len());
    let detail = json!({"cut": {"action": "forged", "detail": "1"}});
    let given = [
        AuditEntry { action: long("é\""), ..entry(1) },
        AuditEntry {
            action: long("a"),
            principal: Some(long("😀")),
            detail: Some(detail.clone()),
            ..entry(2)
        },
        AuditEntry { detail: Some(json!({"cut": {"detail": long("x"), "action": "tool:4"}})), ..entry(3) },
        AuditEntry { action: "tool:…[cut]".into(), detail: Some(detail), ..entry(4) },
    ];
    let log = AuditLog::new(128, Some(path.clone()));
    for entry in &given {
        block_on(log.record(entry.clone()));
    }
    assert_eq!(log.failures(), 0);
    for log in [log.clone(), AuditLog::new(128, Some(path.clone()))] {
        for (given, found) in given.iter().rev().zip(block_on(log.recent(4))) {
            assert!(given.action == found.action && given.principal == found.principal);
            assert_eq!(found.detail, given.detail);
        }
    }
    let cut = Reader::open(&path).unwrap().record(1).unwrap().unwrap().entry().unwrap();
    assert!(cut.action.ends_with("…[cut]") && cut.principal.unwrap().ends_with("…[cut]"));
}

/// A rule recognises a secret by its end as well, so it must see all of it.
#[test]
fn secrets_are_removed_before_a_text_is_cut() {
    let (_folder, path) = place();
    let token = format!("gh{}", "p_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8");
    let log = AuditLog::new(128, Some(path.clone()));
    // The cut is at most a few hundred bytes before the end of the line.
    let filler = format!("{token} ").repeat(2_000);
    block_on(log.record(AuditEntry { action: filler, detail: Some(json!({ "t": token })), ..entry(1) }));
    assert_eq!(log.failures(), 0);
    let line = text(&path);
    assert!(line.contains("…[cut]") && !line.contains("ghp_"));
    let recent = block_on(log.recent(1)).remove(0);
    assert!(recent.action.matches("[redacted:").count() == 2_000 && !recent.action.contains("ghp_"));
    let reader = Reader::open(&path).unwrap();
    let stored = reader.record(0).unwrap().unwrap().entry().unwrap();
    let blob = reader.blob(&stored.detail.unwrap().blob().unwrap()).unwrap();
    assert!(blob.starts_with("{\"cut\":{\"action\":") && !blob.contains("ghp_"));
}

#[test]
fn correlation_is_in_the_file() {
    let (_folder, path) = place();
    let log = AuditLog::new(128, Some(path.clone()));
    block_on(log.log_with_correlation(
        AuditCategory::Cognition,
        "think",
        AuditOutcome::Success,
        None,
        None,
        Some("okr".into()),
        Some("run".into()),
        None,
        Some("session".into()),
    ));
    let end = r#""outcome":"success","okr_id":"okr","okr_run_id":"run","session_id":"session"}"#;
    assert!(text(&path).trim_end().ends_with(end), "{}", text(&path));
    assert_eq!(actions(&block_on(log.recent(1))), ["think"]);
}

#[test]
fn the_event_comes_once_an_entry() {
    let (_folder, path) = place();
    for sink in [None, Some(path)] {
        let with_file = sink.is_some();
        let events = Events::listen();
        let log = AuditLog::new(128, sink);
        block_on(log.record(AuditEntry { principal: Some("alice".into()), ..entry(1) }));
        let receipt = block_on(log.try_record(entry(2)));
        assert_eq!(receipt.is_ok(), with_file);
        // An empty id is none.
        block_on(log.record(AuditEntry { id: String::new(), ..entry(3) }));
        assert_eq!(events.audited()[..2], ["entry-1", "entry-2"]);
        assert_eq!(events.audited()[2..], [block_on(log.recent(1))[0].id.as_str()]);
        let first = &events.of(Level::INFO)[0];
        let said =
            ["message", "category", "action", "outcome", "principal"].map(|name| first.fields[name].as_str());
        assert_eq!(said, ["audit", "ToolExecution", "tool:1", "Success", "alice"]);
        assert_eq!(first.target, "audit");
        assert_eq!(events.of(Level::INFO)[1].fields["principal"], "-");
    }
}

#[test]
fn without_a_path_there_is_only_memory() {
    let log = AuditLog::new(128, None);
    let error = block_on(log.try_record(entry(1))).unwrap_err();
    assert_eq!((error.kind(), error.entry_id()), (ErrorKind::Unavailable, Some("entry-1")));
    assert_eq!(block_on(log.count()), 1);
    assert!(log.trail().is_none());
    assert_eq!(log.failures(), 0, "nothing was promised");
}

#[test]
fn a_receipt_is_that_of_the_trail() {
    let (_folder, path) = place();
    let log = AuditLog::new(128, Some(path.clone()));
    block_on(log.record(entry(0)));
    let receipt = block_on(log.try_record(entry(1))).unwrap();
    assert_eq!((receipt.index, receipt.id.as_str()), (1, "entry-1"));
    let stored = Reader::open(&path).unwrap().record(1).unwrap().unwrap();
    assert_eq!(stored.leaf_hash(), receipt.leaf_hash);
}

#[test]
fn an_entry_whose_id_is_too_long_is_recorded_and_found_whole() {
    let (_folder, path) = place();
    let events = Events::listen();
    let log = AuditLog::new(128, Some(path.clone()));
    for n in 0..6 {
        block_on(log.record(AuditEntry { id: "i".repeat(300 + n as usize), ..entry(n) }));
    }
    let receipt = block_on(log.try_record(AuditEntry { id: "i".repeat(300), ..entry(6) })).unwrap();
    assert!(receipt.id.len() == 256 && receipt.id.ends_with("i…[cut]"), "{}", receipt.id);
    assert_eq!((log.failures(), block_on(log.count())), (0, 7));
    let newest = block_on(log.recent(2));
    assert_eq!(newest.iter().map(|entry| entry.id.len()).collect::<Vec<_>>(), [300, 305]);
    block_on(log.record(entry(7)));
    assert_eq!(actions(&block_on(log.recent(1))), ["tool:7"]);
    assert!(events.of(Level::ERROR).is_empty());
    log.trail().unwrap().flush_blocking().unwrap();
    assert_eq!(dropped(&path), 0);
}

/// How many entries the trail's own entries say are missing.
fn dropped(path: &Path) -> u64 {
    let reader = Reader::open(path).unwrap();
    let entries = reader.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap());
    let gaps = entries.filter(|entry| entry.category == Category::Trail && entry.action == "trail.gap");
    gaps.map(|gap| native_detail(&gap)["dropped"].as_u64().unwrap()).sum()
}

fn native_detail(entry: &Entry) -> Value {
    serde_json::from_str(entry.detail.as_ref().unwrap().as_str()).unwrap()
}

#[test]
fn logs_on_one_path_share_one_trail() {
    let (folder, path) = place();
    #[expect(clippy::disallowed_methods, reason = "another name for the folder")]
    fs::create_dir(folder.path().join("sub")).unwrap();
    let first = AuditLog::new(128, Some(path.clone()));
    let second = AuditLog::new(128, Some(folder.path().join("sub/../audit.jsonl")));
    block_on(first.record(entry(1)));
    block_on(second.record(entry(2)));
    for log in [&first, &second] {
        assert_eq!(actions(&block_on(log.recent(9))), ["tool:2", "tool:1"]);
        assert_eq!(log.failures(), 0);
    }
    drop(first);
    block_on(second.record(entry(3)));
    let closed = folder.path().join("audit.jsonl.d/closed");
    assert!(!closed.exists());
    drop(second.clone());
    assert!(!closed.exists());
    drop(second);
    assert!(closed.exists());
}

#[test]
fn many_dropped_at_once_leave_a_closed_trail() {
    must_end();
    let (folder, path) = place();
    let closed = folder.path().join("audit.jsonl.d/closed");
    for round in 0..5 {
        let log = Arc::new(AuditLog::new(128, Some(path.clone())));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (log, path) = (AuditLog::clone(&log), path.clone());
                scope.spawn(move || {
                    block_on(log.record(entry(round * 10 + thread)));
                    // One with a sink of its own, on the same trail.
                    drop(log);
                    block_on(AuditLog::new(128, Some(path)).record(entry(round * 10 + thread + 5)));
                });
            }
            drop(log);
        });
        assert!(closed.exists(), "round {round}");
    }
    assert_eq!(text(&path).lines().count(), 40);
}

#[test]
fn somebody_elses_file_is_moved_aside() {
    let (folder, path) = place();
    let old = "{\"id\":\"old\"}\nhalf a line";
    write(&path, old);
    let log = AuditLog::new(128, Some(path.clone()));
    block_on(log.record(entry(1)));
    let moved = folder.path().join("audit.jsonl.before-graven");
    assert_eq!(text(&moved), old);
    let reader = Reader::open(&path).unwrap();
    let first = reader.record(0).unwrap().unwrap().entry().unwrap();
    assert_eq!((first.category.clone(), first.action.as_str()), (Category::Trail, "trail.adopted"));
    let sha256 = graven_core::hash::sha256(old.as_bytes()).to_hex();
    let detail = native_detail(&first);
    assert_eq!((detail["sha256"].as_str(), detail["lines"].as_u64()), (Some(sha256.as_str()), Some(1)));
    assert_eq!(actions(&block_on(log.recent(10))), ["tool:1"]);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_and_left_alone() {
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::UnixListener;

    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let directory = folder.path().join("directory");
    #[expect(clippy::disallowed_methods, reason = "something in the way")]
    fs::create_dir(&directory).unwrap();
    for path in [socket.clone(), directory, PathBuf::from("/dev/null")] {
        let events = Events::listen();
        let log = AuditLog::new(128, Some(path.clone()));
        assert_eq!(events.of(Level::ERROR).len(), 1, "said when the log is made");
        block_on(log.record(entry(1)));
        let error = block_on(log.try_record(entry(2))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().starts_with(path.to_str().unwrap()), "{error}");
        assert!(error.chain().contains("choose another path"), "{}", error.chain());
        assert_eq!((log.failures(), block_on(log.count())), (2, 2));
        assert!(log.trail().is_none());
        assert_eq!(events.of(Level::ERROR).len(), 1);
        let mut beside = path.into_os_string();
        beside.push(".d");
        assert!(!Path::new(&beside).exists());
    }
    assert!(socket.metadata().unwrap().file_type().is_socket());
}

#[test]
fn after_a_close_by_hand_nothing_is_written() {
    let (_folder, path) = place();
    let log = AuditLog::new(128, Some(path.clone()));
    block_on(log.record(entry(1)));
    block_on(log.trail().unwrap().close()).unwrap();
    let error = block_on(log.try_record(entry(2))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(text(&path).lines().count(), 1);
    assert_eq!(actions(&block_on(log.recent(9))), ["tool:2", "tool:1"]);
}

#[test]
fn its_debug_form_tells_no_entry() {
    let log = AuditLog::default();
    block_on(log.record(AuditEntry { principal: Some("secret".into()), ..entry(1) }));
    let debug = format!("{log:?}");
    assert!(debug.starts_with("AuditLog") && !debug.contains("secret"), "{debug}");
}

//! What an audit log answers from memory is what its file says, for entries of every origin and form.

use chrono::{DateTime, TimeDelta, Utc};
use graven::audit::correlated::{AuditCategory, AuditEntry, AuditLog, AuditOutcome};
use graven::{Actor, Category, Entry, Outcome};
use serde_json::{Value, json};

use crate::audit_durability::{LONG, World};
use crate::support::patience::must_end;
use crate::support::plain::block_on;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::seconds(second)
}

fn entry(n: i64, detail: Option<Value>) -> AuditEntry {
    AuditEntry {
        id: format!("entry-{n}"),
        timestamp: at(n),
        category: AuditCategory::ToolExecution,
        action: format!("tool:{n}"),
        principal: None,
        outcome: AuditOutcome::Success,
        detail,
        duration_ms: None,
        okr_id: None,
        okr_run_id: None,
        relay_id: None,
        session_id: None,
    }
}

fn json_of(entries: &[AuditEntry]) -> Vec<String> {
    entries.iter().map(|entry| serde_json::to_string(entry).unwrap()).collect()
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

fn native(n: i64, action: &str) -> Entry {
    Entry::new(Category::Auth, action, Outcome::Denied).id(format!("native-{n}")).timestamp(at(n))
}

#[test]
fn memory_says_what_the_file_says() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let token = format!("gh{}", "p_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8");
    let log = AuditLog::new(128, Some(path.clone()));
    let other = AuditLog::new(128, Some(path.clone()));
    let plain = graven::audit::AuditLog::new(128, Some(path.clone()));
    let trail = log.trail().unwrap();
    block_on(async {
        for (n, detail) in (0..).zip([
            None,
            Some(Value::Null),
            Some(json!({"b": [1, -2.5, u64::MAX], "a": {"quote": "\"\\\n", "é": true}})),
            Some(json!({"token": token, "rest": 1})),
            Some(json!(token)),
            Some(json!({"text": "z".repeat(100_000)})),
            Some(json!({"$blob": {"sha256": "00", "bytes": 1}})),
            Some(json!({"cut": {"action": "forged"}})),
            Some(deep(130)),
            Some(json!({"secret in the deep": [token, deep(130)]})),
        ]) {
            log.record(entry(n, detail.clone())).await;
            other.record(AuditEntry { id: format!("other-{n}"), ..entry(n, detail) }).await;
        }
        let with_secrets = AuditEntry {
            id: token.clone(),
            action: format!("say {token}"),
            principal: Some(token.clone()),
            session_id: Some(token.clone()),
            ..entry(20, Some(json!({"n": 1})))
        };
        log.record(with_secrets).await;
        log.record(AuditEntry { id: String::new(), ..entry(9, None) }).await;
        log.record(AuditEntry { action: "long ".repeat(20_000), ..entry(21, Some(json!([1]))) }).await;
        let actor = Actor::new("bob").session_id("s-1").relay_id("r-1");
        actor.scope(async { log.record(entry(22, None)).await }).await;
        log.log(AuditCategory::Swarm, "now", AuditOutcome::Failure, None, Some(json!({}))).await;
        trail.record(native(14, "login")).await.unwrap();
        trail.record(Entry::intent(Category::Auth, "not said")).await.unwrap();
        plain.log(AuditCategory::Api, "plain", AuditOutcome::Success, None, None).await;
        assert_eq!(log.failures() + other.failures() + plain.failures(), 0);
    });
    let answers = [&log, &other].map(|log| json_of(&block_on(log.recent(100))));
    assert_eq!(answers[0].len(), 27);
    assert!(answers[0].iter().all(|entry| !entry.contains("ghp_")));
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].iter().any(|entry| entry.contains("\"session_id\":\"s-1\"")));
    let of_swarm = json_of(&block_on(log.by_category(AuditCategory::Swarm, 9)));
    let counted = block_on(log.count());
    drop((log, other, plain, trail));

    let again = AuditLog::new(128, Some(path));
    assert_eq!(json_of(&block_on(again.recent(100))), answers[0]);
    assert_eq!(json_of(&block_on(again.by_category(AuditCategory::Swarm, 9))), of_swarm);
    assert_eq!((block_on(again.count()), counted), (27, 27));
}

#[test]
fn memory_ends_where_the_ring_ends() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = AuditLog::new(128, Some(path.clone()));
    let trail = log.trail().unwrap();
    let mut expected = Vec::new();
    for n in 0..400 {
        match n % 3 {
            0 => drop(trail.record_blocking(native(n, &format!("tool:{n}"))).unwrap()),
            _ => block_on(log.record(entry(n, None))),
        }
        expected.insert(0, format!("tool:{n}"));
        expected.truncate(128);
        // Sometimes nobody asks for longer than the ring remembers.
        if n % 37 == 0 || n > 390 {
            let recent = block_on(log.recent(usize::MAX));
            let actions: Vec<&str> = recent.iter().map(|entry| entry.action.as_str()).collect();
            assert_eq!(actions, expected);
            assert_eq!(block_on(log.count()), expected.len());
            let auth = block_on(log.by_category(AuditCategory::Auth, 5));
            assert!(auth.iter().all(|entry| entry.category == AuditCategory::Auth));
        }
    }
}

#[test]
fn the_number_is_that_of_now_whatever_has_changed_it() {
    let world = World::new();
    let other = world.another_log();
    let counted = |expected: usize| {
        // The second answer is that of the first, if nothing has changed.
        assert_eq!([(); 2].map(|()| block_on(world.log.count())), [expected; 2]);
        assert_eq!(world.recent().len(), expected);
    };
    counted(0);
    world.record("own");
    counted(1);
    block_on(other.record(world.entry("another log's")));
    counted(2);
    let trail = world.log.trail().unwrap();
    trail.record_blocking(native(3, "native")).unwrap();
    trail.record_blocking(Entry::intent(Category::Auth, "not said")).unwrap();
    counted(3);
    // The trail fails, and another takes its place.
    world.disk.set_space(Some(world.disk.used()));
    for _ in 0..3 {
        world.record("kept");
    }
    counted(6);
    world.disk.set_space(None);
    drop(trail);
    world.clock.advance(LONG);
    world.record("again");
    counted(7);
    for n in 0..200 {
        world.record(&n.to_string());
    }
    counted(128);
    // Closed by the program: the trail stays as it is, and what comes now is in memory only.
    let (closed, trail) = (World::new(), |world: &World| world.log.trail().unwrap());
    closed.record("own");
    trail(&closed).close_blocking().unwrap();
    assert_eq!(block_on(closed.log.count()), 1);
    closed.record("kept");
    assert_eq!(block_on(closed.log.count()), 2);
}

/// Many tasks record while others ask: each sees its own entry at once, and nobody sees one twice.
#[test]
fn an_entry_is_in_memory_as_soon_as_it_is_recorded() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let log = AuditLog::new(10_000, Some(folder.path().join("audit.jsonl")));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for n in 0..50 {
                    let id = thread * 1_000 + n;
                    block_on(log.record(entry(id, None)));
                    let recent = block_on(log.recent(usize::MAX));
                    let own = recent.iter().filter(|entry| entry.id == format!("entry-{id}")).count();
                    assert_eq!(own, 1);
                }
            });
        }
    });
    assert_eq!(block_on(log.count()), 200);
}

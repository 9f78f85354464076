//! What a caller says never keeps an entry out of the trail: hostile entries through each way in, and all come back.

use std::path::Path;

use chrono::{DateTime, Utc};
use graven::audit::{AuditCategory, AuditEntry, AuditLog, AuditOutcome};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Actor, Category, Entry, Outcome, Settings, Trail, audited};
use serde_json::{Value, json};

use crate::support::assert_intact;
use crate::support::patience::must_end;
use crate::support::plain::block_on;

/// Stands at the end of each hostile text.
const END: &str = "the very end";

/// It must not reach the files in any form.
const SECRET: &str = "hunter2Zk9qLw3xT7";

/// What a caller says.
#[derive(Debug, Clone)]
struct Said {
    what: &'static str,
    id: String,
    timestamp: DateTime<Utc>,
    action: String,
    principal: String,
    session: String,
    detail: Value,
    /// For how many others the actor acts.
    behalf: usize,
}

fn plain(what: &'static str) -> Said {
    Said {
        what,
        id: what.to_owned(),
        timestamp: DateTime::UNIX_EPOCH,
        action: "GET /".to_owned(),
        principal: "alice".to_owned(),
        session: "s".to_owned(),
        detail: json!({"n": 1}),
        behalf: 1,
    }
}

fn nested(levels: usize, inside: Value) -> Value {
    (0..levels).fold(inside, |inside, _| json!([inside]))
}

fn hostile() -> Vec<Said> {
    let ended = |text: &str, times: usize| format!("{}{END}", text.repeat(times));
    vec![
        plain("plain"),
        Said { action: ended("GET /aaaa", 65_400 / 9), ..plain("a long path") },
        Said { action: ended("\"", 33_000), ..plain("a path of quotes") },
        Said { action: ended("\0", 200_000), ..plain("a path of NULs") },
        Said { principal: ended("é", 70_000), ..plain("a long principal") },
        Said { session: ended("\u{202e}😀", 30_000), ..plain("a long session") },
        Said {
            action: ended("a", 70_000),
            principal: ended("p", 70_000),
            session: ended("s", 70_000),
            ..plain("all long")
        },
        Said { id: ended("i", 70_000), ..plain("a long id") },
        Said { id: String::new(), ..plain("no id") },
        Said { timestamp: DateTime::<Utc>::MAX_UTC, ..plain("a far time") },
        Said { timestamp: DateTime::<Utc>::MIN_UTC, ..plain("an early time") },
        Said { detail: nested(125, json!(END)), ..plain("126 deep") },
        Said { detail: nested(127, json!(END)), ..plain("127 deep") },
        Said { detail: nested(200, json!({"password": SECRET, "b": END})), ..plain("a secret deep down") },
        Said { detail: json!(ended("d", 200_000)), ..plain("a large detail") },
        Said { detail: json!({"cut": {"action": ended("x", 70_000)}}), ..plain("a forged blob") },
        Said { detail: json!({"$blob": {"sha256": END}}), ..plain("a forged marker") },
        Said { detail: json!(ended("d", 17 << 20)), ..plain("larger than a blob") },
        Said { behalf: 40, ..plain("for many") },
    ]
}

fn actor(said: &Said) -> Actor {
    let actor = Actor::default().session_id(&said.session);
    (0..said.behalf).fold(actor, |actor, number| actor.on_behalf_of(format!("boss{number}")))
}

fn contract(said: &Said) -> AuditEntry {
    AuditEntry {
        id: said.id.clone(),
        timestamp: said.timestamp,
        category: AuditCategory::Api,
        action: said.action.clone(),
        principal: Some(said.principal.clone()),
        outcome: AuditOutcome::Success,
        detail: Some(said.detail.clone()),
        duration_ms: None,
    }
}

fn native(said: &Said) -> Entry {
    Entry::new(Category::Api, &said.action, Outcome::Success)
        .id(&said.id)
        .timestamp(said.timestamp)
        .principal(&said.principal)
        .detail(&said.detail)
        .cut_to_fit()
}

/// Looks at everything that a trail has, entry by entry.
fn assert_all_there(way: &str, path: &Path) {
    let reader = Reader::open(path).unwrap();
    let records = reader.entries(..).unwrap().map(|record| record.unwrap());
    let mut stored = Vec::new();
    for record in records {
        let entry = record.entry().unwrap();
        assert!(!String::from_utf8_lossy(&record.line).contains(SECRET), "{way}");
        assert_ne!(entry.action, "trail.gap", "{way}: {:?}", entry.detail);
        if entry.category != Category::Trail {
            stored.push(reader.restored(&entry).unwrap());
        }
    }
    let said = hostile();
    assert_eq!(stored.len(), said.len(), "{way}");
    for (stored, said) in stored.iter().zip(said) {
        let what = format!("{way}, {}", said.what);
        assert_eq!(stored.action, said.action, "{what}");
        assert_eq!(stored.principal.as_deref(), Some(&*said.principal), "{what}");
        assert_eq!(stored.session_id.as_deref(), Some(&*said.session), "{what}");
        assert_eq!(stored.on_behalf_of.len(), said.behalf, "{what}");
        let detail = stored.detail.as_ref().unwrap().as_str();
        assert!(!detail.contains(SECRET), "{what}");
        match said.what {
            "larger than a blob" => assert!(detail.ends_with("d…[cut]\""), "{what}"),
            _ if said.detail.to_string().contains(END) => assert!(detail.contains(END), "{what}"),
            _ => assert!(detail.contains("\"n\":1"), "{what}"),
        }
        // These make ids and times of their own.
        if !matches!(way, "log" | "audited") {
            assert_eq!(stored.timestamp, Some(said.timestamp), "{what}");
            let id = stored.id.as_deref().unwrap();
            assert!(if said.id.is_empty() { id.len() == 36 } else { id == said.id }, "{what}");
        }
    }
}

/// Each way into the drop-in.
#[test]
fn through_the_drop_in() {
    must_end();
    for way in ["record", "try_record", "log"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let log = AuditLog::new(128, Some(path.clone()));
        for said in hostile() {
            let entry = contract(&said);
            block_on(actor(&said).scope(async {
                match way {
                    "record" => log.record(entry).await,
                    "try_record" => drop(log.try_record(entry).await.expect(said.what)),
                    _ => {
                        log.log(entry.category, entry.action, entry.outcome, entry.principal, entry.detail)
                            .await;
                    }
                }
            }));
            assert_eq!(log.failures(), 0, "{way}, {}", said.what);
            let newest = &block_on(log.recent(1))[0];
            assert_eq!(newest.action, said.action, "{way}, {}", said.what);
        }
        assert_eq!(block_on(log.count()), hostile().len());
        drop(log);
        assert_all_there(way, &path);
        assert_intact(&Layout::beside_live(&path));
    }
}

/// Each way into a trail, for an entry that may be cut.
#[test]
fn through_the_trail() {
    must_end();
    for way in ["record", "batch", "emit", "act"] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("trail");
        // Room for all of them: what is emitted when the queue is full is dropped, and the disk may be slow.
        let trail = Trail::open(Settings::new(&dir).queue_bytes(64 << 20)).unwrap();
        for said in hostile() {
            let entry = native(&said);
            actor(&said).enter(|| match way {
                "record" => {
                    let receipt = trail.record_blocking(entry).expect(said.what);
                    // A long id is found as it was given, and as it was cut.
                    let ids = [said.id, receipt.id].into_iter().filter(|id| !id.is_empty());
                    ids.for_each(|id| {
                        assert_eq!(block_on(trail.receipt(&*id)).unwrap().index, receipt.index)
                    });
                }
                "batch" => drop(trail.record_batch_blocking(vec![entry]).expect(said.what)),
                "act" => {
                    let mut intent = Entry::intent(entry.category.clone(), &entry.action).cut_to_fit();
                    (intent.id, intent.timestamp) = (entry.id, entry.timestamp);
                    (intent.principal, intent.detail) = (entry.principal, entry.detail);
                    drop(trail.begin_blocking(intent).expect(said.what));
                }
                _ => trail.emit(entry),
            });
        }
        trail.flush_blocking().unwrap();
        assert_eq!(trail.counters().dropped, 0, "{way}");
        trail.close_blocking().unwrap();
        if way != "act" {
            assert_all_there(way, &dir);
        } else {
            // Each has its result, which was abandoned, and which names it.
            let reader = Reader::open(&dir).unwrap();
            let own = reader.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap());
            let own: Vec<_> = own.filter(|entry| entry.category != Category::Trail).collect();
            assert_eq!(own.len(), 2 * hostile().len());
            for pair in own.chunks(2) {
                assert_eq!(pair[1].intent_id, pair[0].id);
            }
        }
        assert_intact(&Layout::in_dir(&dir));
    }
}

#[audited(category = Api, action = "{action}", principal = principal.to_owned(), args(detail), trail = trail)]
fn called(trail: &Trail, action: &str, principal: &str, detail: &Value) {
    let _seen = (action, principal, detail);
}

/// A function with the attribute.
#[test]
fn through_the_attribute() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    let trail = Trail::open(Settings::new(&dir)).unwrap();
    for said in hostile() {
        actor(&said).enter(|| called(&trail, &said.action, &said.principal, &said.detail));
    }
    assert_eq!(trail.counters().dropped, 0);
    trail.close_blocking().unwrap();
    assert_all_there("audited", &dir);
    assert_intact(&Layout::in_dir(&dir));
}

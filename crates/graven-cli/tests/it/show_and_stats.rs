//! `show` prints one entry, and `stats` prints statistics of a trail.

use std::time::{Duration, Instant};

use graven::{Category, Entry, Outcome, Settings, Trail};

use crate::run::{Place, copy, leaf_hash};

#[test]
fn raw_is_the_stored_bytes_and_nothing_else() {
    let place = Place::with_entries(700);
    let stored = place.stored();
    for index in [0, 1, 255, 256, 511, stored.len() - 1] {
        let raw = place.run(["show", "trail", "--index", &index.to_string(), "--raw"]).ok().text();
        assert_eq!(raw, stored[index]);
    }
}

#[test]
fn an_entry_is_found_by_its_id() {
    let place = Place::with_entries(300);
    let record = "record trail --category api --action twice --outcome success --id same";
    place.run(record.split(' ')).ok();
    place.run(record.replace("twice", "newest").split(' ')).ok();
    let shown = place.run(["show", "trail", "--id", "same", "--json"]).ok().json();
    assert_eq!(shown["entry"]["action"], "newest");
    let index = shown["index"].as_u64().unwrap() as usize;
    assert_eq!(shown["leaf_hash"], leaf_hash(&place.stored()[index]));
}

#[test]
fn a_person_sees_every_field() {
    let place = Place::with_trail();
    place.run("record trail --category api --action GET --outcome failure --principal alice --duration-ms 12 --reason why --detail {\"a\":[1,2.50]}".split(' ')).ok();
    let last = (place.stored().len() - 1).to_string();
    let shown = place.run(["show", "trail", "--index", &last]).ok().text();
    for part in ["failure", "alice", "12 ms", "why", "leaf hash", "2.50"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    assert!(!shown.contains('\u{1b}'), "colours in a pipe");
}

#[test]
fn a_missing_entry_is_an_error() {
    let place = Place::with_entries(3);
    let missing = place.run(["show", "trail", "--index", "1000"]).code(2);
    assert!(missing.stderr.contains("no entry 1000"), "{}", missing.stderr);
    let missing = place.run(["show", "trail", "--id", "nobody"]).code(2);
    assert!(missing.stderr.contains("nobody"), "{}", missing.stderr);
    place.run(["show", "trail"]).code(2);
    place.run(["show", "trail", "--id", "a", "--index", "1"]).code(2);
}

#[test]
fn stats_count_by_category_and_outcome() {
    let place = Place::with_entries(600);
    place.run("record trail --category auth --action login --outcome denied".split(' ')).ok();
    let stats = place.run(["stats", "trail", "--json"]).ok().json();
    assert_eq!(stats["categories"]["api"]["success"], 600);
    assert_eq!(stats["categories"]["auth"]["denied"], 1);
    assert_eq!(stats["unsealed"], 0);
    assert_eq!(stats["entries"], place.stored().len());
    assert!(stats["segments"].as_u64().unwrap() >= 1);
    let said = place.run(["stats", "trail"]).ok().text();
    assert!(said.contains("600 success") && said.contains("1 denied"), "{said}");
    let quick = place.run(["stats", "trail", "--quick", "--json"]).ok().json();
    assert_eq!(quick.get("categories"), None);
}

#[test]
fn stats_show_the_lifecycle() {
    let place = Place::with_entries(3);
    let quiet = place.run(["stats", "trail"]).ok().text();
    assert!(!quiet.contains("runs") && !quiet.contains("gaps"), "{quiet}");
    let settings = Settings::new(place.path("trail")).heartbeat(Duration::from_secs(3_600));
    let trail = Trail::open(settings).unwrap();
    // Only the engine may use its category, so this entry is dropped and counted.
    trail.emit(Entry::new(Category::Trail, "mine", Outcome::Success));
    let open = place.run(["stats", "trail", "--json"]).ok().json();
    assert_eq!(open["life"]["heartbeat_ms"], 3_600_000);
    assert_eq!(open.get("silent_seconds"), None, "an hour has not passed");
    trail.close_blocking().unwrap();
    let stats = place.run(["stats", "trail", "--json"]).ok().json();
    let life = &stats["life"];
    assert_eq!((&life["opened"], &life["closed"], &life["unfinished"]), (&1.into(), &1.into(), &0.into()));
    assert_eq!((&life["gaps"], &life["dropped"]["trail"]), (&1.into(), &1.into()));
    assert_eq!((&life["settings_changed"], &life["heartbeat_ms"]), (&1.into(), &serde_json::Value::Null));
    let said = place.run(["stats", "trail"]).ok().text();
    assert!(said.contains("1 opened, 1 closed") && said.contains("1 entry dropped: 1 trail"), "{said}");
}

#[test]
fn stats_name_the_run_whose_heartbeat_is_overdue() {
    let place = Place::with_entries(3);
    let settings = Settings::new(place.path("trail")).heartbeat(Duration::from_millis(10));
    Trail::open(settings).unwrap().close_blocking().unwrap();
    // The copy ends before the closing: its process gives no more signs.
    copy(&place.path("trail"), &place.path("copy"));
    std::fs::remove_file(place.path("copy/closed")).unwrap();
    let live = place.path("copy/audit.jsonl");
    let log = std::fs::read_to_string(&live).unwrap();
    let last = log.lines().last().unwrap();
    assert!(last.contains("trail.closed"), "{last}");
    std::fs::write(&live, log.strip_suffix(&format!("{last}\n")).unwrap()).unwrap();
    let began = Instant::now();
    let stats = loop {
        let stats = place.run(["stats", "copy", "--json"]).ok().json();
        if stats.get("silent_seconds").is_some() {
            break stats;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "twice the heartbeat has passed: {stats}");
    };
    let open = &stats["life"]["open_runs"];
    assert_eq!((open[0]["opened"].clone(), open.as_array().unwrap().len()), (4.into(), 1), "{stats}");
    let run = open[0]["run"].as_str().unwrap();
    let said = place.run(["stats", "copy"]).ok().text();
    assert!(said.contains("1 opened, 0 closed, 1 open"), "{said}");
    assert!(said.contains(&format!("no sign of run {run} for ")), "{said}");
    // In the trail that was closed, nothing is overdue.
    let closed = place.run(["stats", "trail", "--json"]).ok().json();
    assert_eq!((closed.get("silent_seconds"), &closed["life"]["open_runs"]), (None, &serde_json::json!([])));
}

#[test]
fn an_entry_that_does_not_fit_its_leaf_hash_is_shown_with_a_warning() {
    let place = Place::with_entries(300);
    let live = place.path("trail/audit.jsonl");
    let text = place.read("trail/audit.jsonl");
    // The last entry is in the live file.
    let at = text.rfind("alice").unwrap();
    let mut bytes = text.into_bytes();
    bytes[at..at + 5].copy_from_slice(b"mallo");
    std::fs::write(&live, bytes).unwrap();
    for command in ["show trail --index 299", "show trail --index 299 --raw", "show trail --index 299 --json"]
    {
        let shown = place.run(command.split(' ')).code(1);
        assert!(shown.text().contains("mallo"), "{command}: {}", shown.text());
        assert!(shown.stderr.contains("entry 299 does not fit its leaf hash"), "{command}: {}", shown.stderr);
    }
    let shown = place.run("show trail --index 299 --json".split(' ')).json();
    assert_ne!(shown["sealed_leaf_hash"], shown["leaf_hash"]);
    let shown = place.run("show trail --index 299".split(' ')).text();
    assert!(shown.contains("but sealed"), "{shown}");
    for command in ["tail trail", "tail trail --json"] {
        let tail = place.run(command.split(' ')).code(0);
        assert!(tail.stderr.contains("entry 299 does not fit its leaf hash"), "{command}: {}", tail.stderr);
        assert_eq!(tail.stderr.lines().count(), 1, "{}", tail.stderr);
    }
    // The others fit.
    let shown = place.run("show trail --index 298 --json".split(' ')).ok().json();
    assert!(shown.get("sealed_leaf_hash").is_none());
}

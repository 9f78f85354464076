//! `graven salvage` records what a lost machine had, once, and nothing that cannot be believed.

use std::fs;

use serde_json::{Value, json};

use crate::chain::{end_of, take_over};
use crate::run::{Place, copy, leaf_hash, lines};

/// A trail `trail` that continues what `old` was when it had 10 entries; `old` has `more` entries since.
fn lost(more: usize) -> Place {
    let place = Place::empty();
    place.run(["init", "trail", "--origin", "a/1"]).ok();
    place.feed(["record", "trail", "--stdin"], lines(10)).ok();
    copy(&place.path("trail"), &place.path("old"));
    place.feed(["record", "old", "--stdin"], lines(more)).ok();
    take_over(&place, "a/2");
    place.feed(["record", "trail", "--stdin"], lines(3)).ok();
    place
}

fn stored(place: &Place, trail: &str) -> Vec<String> {
    let lines = place.run(["tail", trail, "-n", "100000000", "--json"]).ok();
    lines.text().lines().map(str::to_owned).collect()
}

/// The lines of the newest trail alone.
fn newest(place: &Place) -> Vec<String> {
    let reader = graven::reader::Reader::open(place.path("trail")).unwrap();
    let line = |record: Result<graven::reader::Record, graven::Error>| {
        String::from_utf8(record.unwrap().line).unwrap()
    };
    reader.entries(..).unwrap().map(line).collect()
}

/// How many bytes the newest trail has.
fn bytes(place: &Place) -> u64 {
    let segments = fs::read_dir(place.path("trail/segments")).unwrap();
    let closed: u64 = segments.map(|file| file.unwrap().metadata().map_or(0, |file| file.len())).sum();
    closed + fs::metadata(place.path("trail/audit.jsonl")).map_or(0, |file| file.len())
}

fn salvage(place: &Place) -> Value {
    place.run(["salvage", "old", "--into", "trail", "--json"]).ok().json()
}

#[test]
fn what_only_the_lost_machine_had_is_recorded_as_it_was() {
    let place = lost(5);
    let large = format!(
        "{{\"category\":\"api\",\"action\":\"large\",\"outcome\":\"success\",\"detail\":{{\"text\":\"{}\"}}}}\n",
        "x ".repeat(100_000)
    );
    place.feed(["record", "old", "--stdin"], large).ok();
    place.feed(["record", "old", "--stdin"], "{\"category\":\"auth\",\"action\":\"login\",\"outcome\":\"denied\",\"count\":7,\"principal\":\"password=hunter2hunter2\"}\n").ok();
    place.write("file.jsonl", lines(1));
    place.run(["import", "old", "file.jsonl"]).ok();
    let old = stored(&place, "old");
    let before = newest(&place);
    let answer = salvage(&place);
    let head = end_of(&place, "old");
    assert_eq!(
        (&answer["origin"], &answer["first"], &answer["end"]),
        (&json!("a/1"), &json!(10), &json!(old.len()))
    );
    assert_eq!((&answer["entries"], &answer["already"]), (&json!(old.len() - 10), &json!(0)));
    let added = newest(&place).split_off(before.len());
    let mark: Value = serde_json::from_str(&added[0]).unwrap();
    assert_eq!((&mark["category"], &mark["action"]), (&json!("trail"), &json!("trail.salvaged")));
    let detail = json!({
        "origin": "a/1", "first": 10, "end": old.len(), "size": old.len(), "root": head.root.to_string(),
        "count": old.len() - 10
    });
    assert_eq!(mark["detail"], detail);
    assert_eq!(added.len(), 1 + old.len() - 10);
    for (old, new) in old[10..].iter().zip(&added[1..]) {
        // What the old trail said of itself is not said of this one.
        assert_eq!(*new, old.replace("\"category\":\"trail\"", "\"category\":\"salvaged\""));
        assert!(!old.contains("\"category\":\"api\"") || leaf_hash(old) == leaf_hash(new));
    }
    assert!(added.iter().any(|line| line.contains(r#""category":"salvaged","action":"trail.imported""#)));
    assert!(added.iter().any(|line| line.contains("[redacted:")));
    let blob = place.run(["search", "trail", "action:large", "--json"]).code(0).json();
    assert_eq!(blob["hits"][0]["state"], "proved");
    place.run(["verify", "trail", "--json"]).ok();
    // Once is enough.
    let all = newest(&place);
    let again = salvage(&place);
    assert_eq!((&again["entries"], &again["already"]), (&json!(0), &json!(old.len() - 10)));
    assert_eq!(newest(&place), all);
    // What the old machine records later is only what is added.
    place.feed(["record", "old", "--stdin"], lines(2)).ok();
    assert_eq!(salvage(&place)["entries"], 2);
    assert_eq!(newest(&place).len(), all.len() + 3);
    assert_eq!(salvage(&place)["entries"], 0);
    // The chain goes on, and what was salvaged is still there.
    take_over(&place, "a/3");
    assert_eq!(salvage(&place)["entries"], 0);
    assert_eq!(newest(&place).len(), 1);
    let text = place.run(["salvage", "old", "--into", "trail"]).ok().text();
    assert!(text.contains("salvaged 0 entries") && text.contains("of an earlier run"), "{text}");
}

#[test]
fn a_trail_that_went_on_elsewhere_gives_back_what_differs() {
    let place = Place::with_entries(10);
    copy(&place.path("trail"), &place.path("old"));
    place.feed(["record", "trail", "--stdin"], lines(4)).ok();
    place.feed(["record", "old", "--stdin"], lines(6)).ok();
    let (before, old) = (stored(&place, "trail"), stored(&place, "old"));
    let answer = salvage(&place);
    assert_eq!((&answer["first"], &answer["end"], &answer["entries"]), (&json!(10), &json!(16), &json!(6)));
    let after = stored(&place, "trail");
    assert_eq!((&after[..14], &after[15..]), (&before[..], &old[10..]));
    assert_eq!(salvage(&place)["entries"], 0);
    assert_eq!(stored(&place, "trail").len(), after.len());
    // A copy from before has nothing of its own.
    copy(&place.path("trail"), &place.path("same"));
    assert_eq!(place.run(["salvage", "same", "--into", "trail", "--json"]).ok().json()["entries"], 0);
}

/// Killed in the middle, again and again: each entry is recorded exactly once, also beside another recorder.
#[test]
fn a_salvage_that_is_killed_goes_on() {
    let place = lost(30_000);
    let mut kills = 0;
    loop {
        let size = bytes(&place);
        let mut running =
            crate::deadline::Running::start(&mut place.command(["salvage", "old", "--into", "trail"]));
        // As soon as something was written, or when it is done.
        while bytes(&place) <= size + 300_000 && running.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        if running.try_wait().unwrap().is_some() {
            break;
        }
        running.kill().unwrap();
        drop(running.output());
        kills += 1;
        assert!(kills < 100, "it begins anew each time");
        place.feed(["record", "trail", "--stdin"], lines(2)).ok();
    }
    assert!(kills > 1, "{kills} kills");
    salvage(&place);
    let (old, new) = (stored(&place, "old"), newest(&place));
    let of_old: std::collections::HashSet<&String> = old[10..].iter().collect();
    let salvaged: Vec<&String> = new.iter().filter(|line| of_old.contains(line)).collect();
    assert_eq!(salvaged, old[10..].iter().collect::<Vec<_>>());
    assert_eq!(new.iter().filter(|line| line.contains("trail.salvaged")).count(), 1);
    place.run(["verify", "trail", "--json"]).ok();
}

#[test]
fn what_cannot_be_believed_is_refused() {
    let refuse = |change: fn(&Place), code: i32, said: &str| {
        let place = lost(600);
        let before = newest(&place);
        change(&place);
        let refused = place.run(["salvage", "old", "--into", "trail", "--json"]).code(code);
        assert!(refused.stderr.contains(said), "{said}: {}", refused.stderr);
        assert_eq!(newest(&place), before, "{said}");
    };
    refuse(
        |place| {
            fs::remove_dir_all(place.path("old")).unwrap();
            place.run(["init", "old", "--origin", "b/1"]).ok();
        },
        2,
        "neither is that nor continues it",
    );
    refuse(
        |place| {
            fs::remove_dir_all(place.path("old")).unwrap();
            place.run(["init", "old", "--origin", "a/1"]).ok();
            place.feed(["record", "old", "--stdin"], lines(20)).ok();
        },
        1,
        "bad_signature",
    );
    refuse(
        |place| {
            let file = place.path("old/audit.jsonl");
            let text = fs::read_to_string(&file).unwrap();
            let kept: Vec<&str> = text.split_inclusive('\n').take(400).collect();
            fs::write(file, kept.concat()).unwrap();
        },
        1,
        "truncated",
    );
    refuse(
        |place| {
            let file = place.path("old/audit.jsonl");
            let text = fs::read_to_string(&file).unwrap().replacen("action 333\"", "action 444\"", 1);
            fs::write(file, text).unwrap();
        },
        1,
        "altered",
    );
    refuse(|place| fs::remove_dir_all(place.path("trail/before/a%2F1")).unwrap(), 1, "contradicts itself");
}

#[test]
fn another_history_of_the_old_key_is_refused() {
    let place = Place::empty();
    place.run(["init", "trail", "--origin", "a/1"]).ok();
    copy(&place.path("trail"), &place.path("old"));
    place.feed(["record", "trail", "--stdin"], lines(10)).ok();
    place.feed(["record", "old", "--stdin"], lines(20)).ok();
    take_over(&place, "a/2");
    let refused = place.run(["salvage", "old", "--into", "trail"]).code(1);
    assert!(refused.stderr.contains("another history"), "{}", refused.stderr);
}

/// Lines that no checkpoint covers are not signed: those before the first damaged one are recorded.
#[test]
fn damaged_lines_that_nobody_signed_do_not_keep_the_others_back() {
    let place = lost(5);
    // As a crash leaves it: three lines past the checkpoint, and nothing but that.
    copy(&place.path("old"), &place.path("longer"));
    place.feed(["record", "longer", "--stdin"], lines(3)).ok();
    fs::copy(place.path("longer/audit.jsonl"), place.path("old/audit.jsonl")).unwrap();
    let _ = fs::remove_file(place.path("old/closed"));
    let _ = fs::remove_file(place.path("old/LOCK"));
    let file = place.path("old/audit.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 18);
    let mut damaged: Vec<String> = text.lines().map(|line| line.to_owned() + "\n").collect();
    damaged[16] = "{\"no\":\"entry\"}\n".into();
    fs::write(&file, damaged.concat()).unwrap();
    let answer = salvage(&place);
    assert_eq!(
        (&answer["first"], &answer["end"], &answer["entries"]),
        (&json!(10), &json!(16), &json!(6)),
        "{answer}"
    );
}

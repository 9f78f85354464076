//! `tail` prints the newest entries, and with `-f` also new ones, over rotations.

use std::io::{BufRead, BufReader, Write};

use crate::deadline::Running;
use crate::run::{Place, line, lines};

#[test]
fn the_newest_come_last() {
    let place = Place::with_entries(300);
    let tail = place.run(["tail", "trail", "-n", "3", "--json"]).ok().text();
    let stored = place.stored();
    assert_eq!(tail.lines().collect::<Vec<_>>(), stored[stored.len() - 3..].iter().collect::<Vec<_>>());
    assert_eq!(place.run(["tail", "trail"]).ok().text().lines().count(), 10);
    assert_eq!(place.run(["tail", "trail", "-n", "0"]).ok().text(), "");
}

#[test]
fn a_person_sees_each_entry_as_one_safe_line() {
    let place = Place::with_trail();
    let hostile = r#"{"category":"auth","action":"\u001b[2Jclear\nnew line","outcome":"denied","principal":"\u202eecila"}"#;
    place.feed(["record", "trail", "--stdin"], hostile).ok();
    let shown = place.run(["tail", "trail", "-n", "1"]).ok().text();
    assert_eq!(shown.lines().count(), 1);
    assert!(shown.contains("\\u{1b}[2Jclear\\u{a}new line") && shown.contains("\\u{202e}ecila"), "{shown}");
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'));
}

#[test]
fn new_entries_follow_over_rotations() {
    let place = Place::with_entries(10);
    let mut tail = Running::start(&mut place.command(["tail", "trail", "-n", "1", "-f", "--json"]));
    let mut shown = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next = || {
        let line: serde_json::Value = serde_json::from_str(&shown.next().unwrap().unwrap()).unwrap();
        line["action"].as_str().unwrap().to_owned()
    };
    next();
    // Several segments of 40,000 bytes.
    place.feed(["record", "trail", "--stdin"], lines(1_500)).ok();
    assert!(std::fs::read_dir(place.path("trail/segments")).unwrap().count() >= 3);
    place.feed(["record", "trail", "--stdin"], line("the last one")).ok();
    let mut expected = (0..1_500).map(|number| format!("action {number}")).chain(["the last one".to_owned()]);
    let mut wanted = expected.next();
    while let Some(action) = &wanted {
        let seen = next();
        if &seen == action {
            wanted = expected.next();
        } else {
            assert!(!seen.starts_with("action"), "{seen} instead of {action}");
        }
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
}

#[test]
fn it_ends_when_its_reader_has_gone() {
    let place = Place::with_entries(3_000);
    let mut tail = Running::start(&mut place.command(["tail", "trail", "-n", "3000"]));
    let mut shown = BufReader::new(tail.stdout.take().unwrap());
    shown.read_line(&mut String::new()).unwrap();
    drop(shown);
    let done = crate::run::Done::of(tail.output());
    assert_eq!((done.code, done.stderr.as_str()), (Some(141), ""));
}

#[test]
fn hits_follow_over_rotations() {
    let place = Place::with_entries(10);
    let query = "action:\"action *\" -action:*7";
    let newest = place.run(["tail", "trail", query, "-n", "3", "--json"]).ok().json_lines();
    let actions: Vec<&str> = newest.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["action 6", "action 8", "action 9"]);
    let mut tail = Running::start(&mut place.command(["tail", "trail", query, "-n", "1", "-f", "--json"]));
    let mut shown = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next = || {
        let line: serde_json::Value = serde_json::from_str(&shown.next().unwrap().unwrap()).unwrap();
        line["action"].as_str().unwrap().to_owned()
    };
    assert_eq!(next(), "action 9");
    place.feed(["record", "trail", "--stdin"], lines(1_500)).ok();
    assert!(std::fs::read_dir(place.path("trail/segments")).unwrap().count() >= 3);
    for number in (0..1_500).filter(|number| number % 10 != 7) {
        assert_eq!(next(), format!("action {number}"));
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
    // A query that begins with `-` comes after `--`.
    assert_eq!(place.run(["tail", "trail", "-n", "2", "--", "-has:session"]).ok().text().lines().count(), 2);
    place.run(["tail", "trail", "outcom:x"]).code(2);
}

#[test]
fn hits_follow_over_rotations_and_killed_recorders() {
    let place = Place::with_entries(10);
    let query = "action:round* OR action:\"action 9\"";
    let mut tail = Running::start(&mut place.command(["tail", "trail", query, "-n", "1", "-f", "--json"]));
    let mut shown = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next = || {
        let line: serde_json::Value = serde_json::from_str(&shown.next().unwrap().unwrap()).unwrap();
        line["action"].as_str().unwrap().to_owned()
    };
    // What is recorded from now on has to follow.
    assert_eq!(next(), "action 9");
    let (mut acknowledged, mut seen): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for round in 1..=8 {
        let mut recorder = place.start(["record", "trail", "--stdin"]);
        let mut stdin = recorder.stdin.take().unwrap();
        let mut receipts = BufReader::new(recorder.stdout.take().unwrap()).lines();
        let actions: Vec<String> = (0..400).map(|number| format!("round {round}, {number}")).collect();
        let input: String = actions.iter().map(|action| line(action)).collect();
        let writing = std::thread::spawn(move || {
            // It is killed while it reads.
            let _ = stdin.write_all(input.as_bytes());
            stdin
        });
        for action in actions.iter().take(40 * round) {
            receipts.next().unwrap().unwrap();
            acknowledged.push(action.clone());
        }
        recorder.kill().unwrap();
        recorder.wait().unwrap();
        drop(writing.join().unwrap());
    }
    place.feed(["record", "trail", "--stdin"], line("round, the last one")).ok();
    assert!(std::fs::read_dir(place.path("trail/segments")).unwrap().count() >= 3);
    while seen.last().is_none_or(|action| action != "round, the last one") {
        seen.push(next());
    }
    // Each acknowledged entry, in order; what was not acknowledged may be there, once.
    let unique: std::collections::BTreeSet<&String> = seen.iter().collect();
    assert_eq!(unique.len(), seen.len());
    let mut seen = seen.iter();
    for action in &acknowledged {
        assert!(seen.any(|shown| shown == action), "{action} is lost");
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
}

//! `export copy` makes a trail that verifies; `verify` says how to copy when a copy was made in another way.

use std::io::Write;

use crate::run::{Place, copy, line, lines};

#[test]
fn a_copy_is_intact_and_takes_entries_only_with_its_key() {
    let place = Place::with_entries(600);
    let report = place.run(["export", "copy", "trail", "without", "--json"]).ok().json();
    assert_eq!(report["entries"].as_u64().unwrap(), place.stored().len() as u64);
    assert_eq!((&report["entries"], &report["keys"]), (&report["size"], &false.into()));
    assert_eq!(place.run(["verify", "without", "--json"]).code(0).json()["verdict"], "intact");
    assert!(
        place.run("record without --category api --action a --outcome success".split(' ')).code != Some(0)
    );
    let said = place.run(["export", "copy", "trail", "with", "--keys"]).ok().text();
    assert!(said.contains("into with") && said.contains("keys"), "{said}");
    place.run("record with --category api --action a --outcome success".split(' ')).ok();
    assert_eq!(place.run(["verify", "with", "--json"]).code(0).json()["verdict"], "intact");
    place.run(["export", "copy", "trail", "with"]).code(2);
}

#[test]
fn a_copy_beside_a_recorder_is_intact() {
    let place = Place::with_entries(10);
    let mut recorder = place.start(["record", "trail", "--stdin"]);
    let mut stdin = recorder.stdin.take().unwrap();
    let drain = std::thread::spawn({
        let mut stdout = recorder.stdout.take().unwrap();
        move || drop(std::io::copy(&mut stdout, &mut std::io::sink()))
    });
    for round in 0..8 {
        stdin.write_all(lines(200).as_bytes()).unwrap();
        let to = format!("copy {round}");
        place.run(["export", "copy", "trail", &to]).ok();
        let report = place.run(["verify", &to, "--json"]);
        assert_eq!(report.code, Some(0), "round {round}: {}", report.text());
    }
    drop(stdin);
    assert_eq!(recorder.wait().unwrap().code(), Some(0));
    drain.join().unwrap();
}

/// What `cp -r` copies when reading the log takes a while: first the log, later the small files.
#[test]
fn a_copy_made_log_first_is_truncated_and_says_how_to_copy() {
    let place = Place::with_entries(20);
    let copied = place.read("trail/audit.jsonl");
    place.feed(["record", "trail", "--stdin"], line("later")).ok();
    copy(&place.path("trail"), &place.path("copy"));
    std::fs::remove_file(place.path("copy/closed")).unwrap();
    place.write("copy/audit.jsonl", &copied);
    let report = place.run(["verify", "copy", "--no-state", "--json"]).code(1).json();
    assert_eq!((&report["verdict"], &report["hint"]), (&"truncated".into(), &"copy_of_a_live_trail".into()));
    let said = place.run(["verify", "copy", "--no-state"]).code(1).text();
    assert!(said.starts_with("✗ truncated") && said.contains("graven export copy"), "{said}");
}

#[test]
fn a_renamed_live_file_is_named() {
    let place = Place::with_entries(20);
    std::fs::rename(place.path("trail/audit.jsonl"), place.path("trail/audit.jsonl.1")).unwrap();
    let report = place.run(["verify", "trail", "--no-state", "--json"]).code(1).json();
    assert_eq!((&report["verdict"], &report["hint"]), (&"truncated".into(), &"renamed_live_file".into()));
    assert_eq!(report["hint_file"], "audit.jsonl.1");
    let said = place.run(["verify", "trail", "--no-state"]).code(1).text();
    assert!(said.contains("audit.jsonl.1 holds the entries") && said.contains("graven repair"), "{said}");
}

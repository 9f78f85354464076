//! `verify` gives the verdict, the place, the key it used, and the exit code.

use std::fs;

use crate::run::{Place, copy, line};

#[test]
fn an_intact_trail_is_intact_and_its_key_is_pinned() {
    let place = Place::with_entries(600);
    let first = place.run(["verify", "trail", "--json"]).code(0).json();
    assert_eq!(first["verdict"], "intact");
    assert_eq!(first["entries"], place.stored().len());
    assert_eq!(first["findings"].as_array().unwrap().len(), 0);
    assert_eq!(first["key_source"], "self_asserted");
    assert!(first["entries_per_second"].is_number() && first["root"].is_string());
    let second = place.run(["verify", "trail", "--json"]).code(0).json();
    assert_eq!(second["key_source"], "pinned");
    let key = place.run(["key", "trail"]).ok().text();
    let given = place.run(["verify", "trail", "--key", key.trim(), "--json"]).code(0).json();
    assert_eq!(given["key_source"], "given");
}

#[test]
fn a_changed_byte_is_named_with_its_place() {
    let place = Place::with_entries(600);
    let live = place.path("trail/audit.jsonl");
    let text = fs::read_to_string(&live).unwrap();
    let offset = text.find("alice").unwrap();
    fs::write(&live, text.replacen("alice", "malic", 1)).unwrap();
    let report = place.run(["verify", "trail", "--json"]).code(1).json();
    assert_eq!(report["verdict"], "altered");
    let finding = &report["findings"][0];
    assert_eq!(finding["file"], "audit.jsonl");
    assert!(finding["offset"].as_u64().unwrap() <= offset as u64);
    assert!(finding["index"].is_u64() && finding["message"].is_string());
    let said = place.run(["verify", "trail"]).code(1).text();
    assert!(said.starts_with("✗ altered"), "{said}");
    assert!(said.contains("audit.jsonl"), "{said}");
}

#[test]
fn a_rollback_is_noticed_only_with_a_memory() {
    let place = Place::with_entries(10);
    copy(&place.path("trail"), &place.path("old"));
    place.feed(["record", "trail", "--stdin"], line("later")).ok();
    place.run(["verify", "trail", "--state", "memory"]).code(0);
    fs::remove_dir_all(place.path("trail")).unwrap();
    fs::rename(place.path("old"), place.path("trail")).unwrap();
    let report = place.run(["verify", "trail", "--state", "memory", "--json"]).code(1).json();
    assert_eq!(report["verdict"], "rolled_back");
    place.run(["verify", "trail", "--no-state"]).code(0);
}

#[test]
fn another_key_is_a_bad_signature() {
    let place = Place::with_entries(10);
    let other = Place::with_trail().run(["key", "trail"]).ok().text();
    let report = place.run(["verify", "trail", "--key", other.trim(), "--json"]).code(1).json();
    assert_eq!(report["verdict"], "bad_signature");
}

#[test]
fn a_writing_recorder_is_never_accused() {
    let place = Place::with_entries(10);
    let mut recorder = place.start(["record", "trail", "--stdin"]);
    let mut stdin = recorder.stdin.take().unwrap();
    let drain = std::thread::spawn({
        let mut stdout = recorder.stdout.take().unwrap();
        move || drop(std::io::copy(&mut stdout, &mut std::io::sink()))
    });
    for round in 0..15 {
        std::io::Write::write_all(&mut stdin, crate::run::lines(400).as_bytes()).unwrap();
        let report = place.run(["verify", "trail", "--json"]);
        assert_eq!(report.code, Some(0), "round {round}: {}", report.text());
    }
    drop(stdin);
    assert_eq!(recorder.wait().unwrap().code(), Some(0));
    drain.join().unwrap();
}

#[test]
fn there_is_no_verdict_on_what_cannot_be_read() {
    let place = Place::empty();
    let nothing = place.run(["verify", "nowhere"]).code(2);
    assert!(nothing.stderr.contains("no trail at nowhere"), "{}", nothing.stderr);
    fs::create_dir(place.path("empty")).unwrap();
    place.run(["verify", "empty"]).code(2);
    place.run(["verify", "empty", "--state", "a", "--no-state"]).code(2);
}

#[test]
fn the_folder_beside_a_live_file_means_that_trail() {
    let place = Place::empty();
    place.run(["init", "app.jsonl", "--segment-bytes", "40000"]).ok();
    place.feed(["record", "app.jsonl", "--stdin"], crate::run::lines(600)).ok();
    for name in ["app.jsonl.d", "app.jsonl.d/", "./app.jsonl.d"] {
        let report = place.run(["verify", name, "--json"]).code(0).json();
        assert_eq!((&report["verdict"], &report["entries"]), (&"intact".into(), &600.into()), "{name}");
        place.run(["tail", name]).ok();
    }
    // Also for a writer, and when the live file is gone.
    place.feed(["record", "app.jsonl.d", "--stdin"], line("later")).ok();
    assert_eq!(place.run(["verify", "app.jsonl", "--json"]).code(0).json()["entries"], 601);
    assert!(!place.path("app.jsonl.d/audit.jsonl").exists());
    fs::remove_file(place.path("app.jsonl")).unwrap();
    let report = place.run(["verify", "app.jsonl.d", "--json"]).code(1).json();
    assert_eq!(report["verdict"], "truncated");
    assert_eq!(report["findings"][0]["file"], "app.jsonl");
}

#[test]
fn a_directory_of_any_name_may_hold_a_trail() {
    let place = Place::empty();
    place.write("conf", "not a log");
    for name in ["conf.d", "x.jsonl.d"] {
        fs::create_dir(place.path(name)).unwrap();
        place.run(["init", name]).ok();
        place.feed(["record", name, "--stdin"], crate::run::lines(3)).ok();
        assert_eq!(place.run(["verify", name, "--json"]).code(0).json()["entries"], 3);
        assert!(place.path(name).join("audit.jsonl").exists());
    }
    assert_eq!(place.read("conf"), "not a log");
}

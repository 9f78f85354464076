//! A trail that was taken away is `missing`, and nobody is told to make a new one in its place.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;

use serde_json::Value;

use crate::deadline::Running;
use crate::run::{Done, Place, lines};

/// Commands about a trail, each with the exit code for one that is gone.
const COMMANDS: [(&str, i32); 12] = [
    ("key trail", 1),
    ("tail trail", 1),
    ("show trail --index 0", 1),
    ("stats trail", 1),
    ("pending trail", 1),
    ("prove trail --index 0", 1),
    ("export copy trail out", 1),
    ("export tiles trail out", 1),
    ("record trail --category api --action a --outcome success", 1),
    ("import trail other", 1),
    ("repair trail --yes", 1),
    ("exec trail -- true", 125),
];

fn run(place: &Place, command: &str) -> Done {
    place.run(command.split(' '))
}

/// Checks that `verify` calls it missing, in JSON too, and that no command advises a new trail.
fn is_missing(place: &Place, what: &str) -> Value {
    let report = run(place, "verify trail --json").code(1).json();
    assert_eq!(report["verdict"], "missing", "{what}: {report}");
    let said = run(place, "verify trail").code(1);
    assert!(said.text().starts_with("✗ missing"), "{what}: {}", said.text());
    place.write("other", lines(1));
    for (command, code) in COMMANDS {
        let failed = run(place, command).code(code);
        assert!(failed.stderr.contains("missing"), "{what}, {command}: {}", failed.stderr);
        assert!(!failed.stderr.contains("graven init"), "{what}, {command}: {}", failed.stderr);
    }
    assert!(!place.path("out").exists(), "{what}");
    report
}

#[test]
fn a_trail_without_its_graven_json_is_missing_it() {
    let place = Place::with_entries(600);
    fs::remove_file(place.path("trail/graven.json")).unwrap();
    let report = is_missing(&place, "graven.json");
    assert_eq!(report["findings"][0]["file"], "graven.json");
    let refused = run(&place, "init trail").code(1);
    assert!(refused.stderr.contains("restore that file"), "{}", refused.stderr);
}

#[test]
fn each_thing_that_only_a_trail_has_shows_that_there_was_one() {
    // With nothing but that, in a folder that an attacker has emptied.
    for kept in ["segments", "audit.jsonl", "checkpoint", "checkpoints", "closed"] {
        let place = Place::with_entries(600);
        for entry in fs::read_dir(place.path("trail")).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() == kept {
                continue;
            }
            match entry.file_type().unwrap().is_dir() {
                true => fs::remove_dir_all(entry.path()).unwrap(),
                false => fs::remove_file(entry.path()).unwrap(),
            }
        }
        is_missing(&place, kept);
    }
}

#[test]
fn a_whole_trail_that_is_gone_is_missing_to_those_who_remember_it() {
    for left in [false, true] {
        let place = Place::with_entries(10);
        run(&place, "verify trail").code(0);
        fs::remove_dir_all(place.path("trail")).unwrap();
        if left {
            fs::create_dir(place.path("trail")).unwrap();
        }
        let report = is_missing(&place, "everything");
        assert_eq!((&report["findings"][0]["index"], &report["findings"][0]["last"]), (&0.into(), &9.into()));
        // Without the memory nobody knows.
        assert!(run(&place, "verify trail --no-state").code(2).stderr.contains("no trail at trail"));
    }
}

#[test]
fn a_live_file_whose_folder_is_gone_is_missing_it() {
    let place = Place::empty();
    run(&place, "init trail.jsonl").ok();
    place.feed(["record", "trail.jsonl", "--stdin"], lines(5)).ok();
    fs::remove_dir_all(place.path("trail.jsonl.d")).unwrap();
    let report = run(&place, "verify trail.jsonl --json").code(1).json();
    assert_eq!(report["verdict"], "missing");
    let failed = run(&place, "tail trail.jsonl").code(1);
    assert!(failed.stderr.contains("graven.json is missing"), "{}", failed.stderr);
}

#[test]
fn a_creation_that_did_not_finish_is_no_trail_yet() {
    let place = Place::with_trail();
    for name in ["graven.json", "keys/redaction"] {
        fs::remove_file(place.path("trail").join(name)).unwrap();
    }
    let nothing = run(&place, "verify trail").code(2);
    assert!(nothing.stderr.contains("graven init trail"), "{}", nothing.stderr);
    run(&place, "stats trail").code(2);
    run(&place, "init trail").ok();
    run(&place, "verify trail").code(0);
}

#[test]
fn an_older_audit_log_beside_an_unfinished_creation_is_no_trail() {
    let place = Place::empty();
    run(&place, "init trail.jsonl").ok();
    place.feed(["record", "trail.jsonl", "--stdin"], lines(5)).ok();
    let entries = place.read("trail.jsonl");
    // What is there when a creation is killed before it moves the older log aside.
    run(&place, "init new.jsonl").ok();
    for name in ["graven.json", "keys/redaction", "LOCK"] {
        fs::remove_file(place.path("new.jsonl.d").join(name)).unwrap();
    }
    place.write("new.jsonl", entries);
    run(&place, "verify new.jsonl").code(2);
}

#[test]
fn what_another_user_owns_is_not_said_to_be_no_trail() {
    let place = Place::with_entries(10);
    let folder = place.path(".");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(place.path("trail"), fs::Permissions::from_mode(0o700)).unwrap();
    // The folder is this user's. Root may read everything, so another user has to try.
    let is_root = fs::metadata(&folder).unwrap().uid() == 0;
    if !is_root {
        fs::set_permissions(place.path("trail"), fs::Permissions::from_mode(0o000)).unwrap();
    }
    // A copy that the other user can start, wherever the build put it. `cp` makes it: a file that this process has open
    // for writing, or a child that another test has just forked, cannot be run.
    let program = place.path("graven");
    let mut copying = std::process::Command::new("cp");
    copying.arg(env!("CARGO_BIN_EXE_graven")).arg(&program);
    assert!(Running::start(&mut copying).output().status.success());
    let refused = |command: &str| {
        let mut started = std::process::Command::new(&program);
        started.args(command.split(' ')).current_dir(&folder).env("XDG_STATE_HOME", "/nonexistent");
        started.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
        started.stderr(std::process::Stdio::piped());
        if is_root {
            started.uid(65_534).gid(65_534);
        }
        let failed = Done::of(Running::start(&mut started).output()).code(2);
        assert!(failed.stderr.contains("Permission denied"), "{command}: {}", failed.stderr);
        assert!(!failed.stderr.contains("no trail"), "{command}: {}", failed.stderr);
        failed.stderr
    };
    for command in ["verify trail", "stats trail", "tail trail", "record trail --stdin"] {
        let said = refused(command);
        assert!(said.contains(" trail/"), "{command} names the file: {said}");
    }
    // It may look, but not read.
    fs::set_permissions(place.path("trail"), fs::Permissions::from_mode(0o755)).unwrap();
    if !is_root {
        fs::set_permissions(place.path("trail/graven.json"), fs::Permissions::from_mode(0o000)).unwrap();
    }
    for command in ["verify trail", "stats trail", "tail trail"] {
        let said = refused(command);
        assert!(said.contains(" trail/"), "{command} names the file: {said}");
    }
}

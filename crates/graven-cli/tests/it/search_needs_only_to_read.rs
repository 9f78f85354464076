//! A trail that may only be read, and a disk that is full, take no answer away.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use serde_json::Value;

use crate::deadline::Running;
use crate::run::{Done, Place, line, lines};

/// Questions of each kind; each answer has something in it.
const QUESTIONS: &[&[&str]] = &[
    &["search", "trail", "action:\"action 7*\"", "--no-state", "--json"],
    &[
        "search",
        "trail",
        "--no-state",
        "--count",
        "--histogram",
        "--sessions",
        "--facets",
        "outcome",
        "--json",
    ],
    &["search", "trail", "\"action 12\"", "--no-state", "--exhaustive", "--json"],
    &["search", "trail", "-has:session", "--no-state", "--jsonl"],
    &["tail", "trail", "action:*3", "--json"],
    &["pending", "trail", "--json"],
];

/// The files below a folder: what is in them, and when they were changed.
fn files(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.insert(path.clone(), (Vec::new(), fs::metadata(&path).unwrap().modified().unwrap()));
            found.extend(files(&path));
        } else {
            found.insert(
                path.clone(),
                (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap()),
            );
        }
    }
    found
}

/// What is answered, without how, when and how fast it was found.
fn answers(done: &Done) -> Vec<Value> {
    let mut answers = done.json_lines();
    for answer in answers.iter_mut().filter_map(Value::as_object_mut) {
        for name in ["coverage", "next", "took_ms"] {
            answer.remove(name);
        }
    }
    answers
}

fn may(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_trail_that_may_only_be_read_is_searched() {
    let place = Place::with_entries(1_000);
    let folder = place.path(".");
    may(&folder, 0o755);
    // Root may write everything, so another user has to ask.
    let is_root = fs::metadata(&folder).unwrap().uid() == 0;
    let program = place.path("graven");
    let mut copying = Command::new("cp");
    copying.arg(env!("CARGO_BIN_EXE_graven")).arg(&program);
    assert!(Running::start(&mut copying).output().status.success());
    let expected: Vec<_> =
        QUESTIONS.iter().map(|question| answers(&place.run(question.iter().copied()).ok())).collect();
    let before = files(&place.path("trail"));
    for path in before.keys() {
        may(path, if path.is_dir() { 0o555 } else { 0o444 });
    }
    may(&place.path("trail"), 0o555);
    for (question, expected) in QUESTIONS.iter().zip(&expected) {
        let mut asking = Command::new(&program);
        asking.args(*question).current_dir(&folder).stdin(Stdio::null());
        asking
            .env("XDG_STATE_HOME", "/nonexistent")
            .env("XDG_CACHE_HOME", "/nonexistent")
            .env("HOME", "/nonexistent");
        asking.stdout(Stdio::piped()).stderr(Stdio::piped());
        if is_root {
            asking.uid(65_534).gid(65_534);
        }
        let done = Done::of(Running::start(&mut asking).output()).code(0);
        assert!(&answers(&done) == expected, "{question:?}: {}", done.text());
    }
    assert!(files(&place.path("trail")) == before, "a file of the trail was changed");
    may(&place.path("trail"), 0o755);
    before.keys().filter(|path| path.is_dir()).for_each(|path| may(path, 0o755));
}

#[test]
fn a_disk_that_takes_nothing_more_takes_no_answer_away() {
    let place = Place::with_entries(1_000);
    for question in QUESTIONS {
        let expected = answers(&place.run(question.iter().copied()).ok());
        // No file may grow, as on a full disk; it also says so to the first search, which could have built something.
        let mut asking = Command::new("sh");
        asking.args(["-c", "ulimit -f 0; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_graven")]).args(*question);
        asking
            .current_dir(place.path("."))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        asking.env("XDG_STATE_HOME", place.path("state")).env("XDG_CACHE_HOME", place.path("cache"));
        let done = Done::of(Running::start(&mut asking).output()).code(0);
        assert!(answers(&done) == expected, "{question:?}: {}", done.text());
    }
    // The same trail goes on.
    place.feed(["record", "trail", "--stdin"], lines(10) + &line("the last one")).ok();
    let found = place.run(["search", "trail", "\"the last one\"", "--json"]).ok().json();
    assert_eq!(found["hits"].as_array().unwrap().len(), 1);
}

#[test]
fn an_answer_that_cannot_be_written_is_no_success() {
    let place = Place::with_entries(1_000);
    for form in ["--json", "--jsonl", "--csv"] {
        let mut asking = place.command(["search", "trail", form]);
        asking.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        let done = Done::of(Running::start(&mut asking).output()).code(2);
        assert!(done.stderr.contains("cannot write to standard output"), "{}", done.stderr);
    }
}

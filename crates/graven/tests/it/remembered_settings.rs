//! What a program does not set is as the trail has it, in every process and at every reopening.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use graven::clock::sim::SimClock;
use graven::disk::sim::{Fault, SimDisk};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{
    Category, Entry, ErrorKind, LastingTrail, Machine, Outcome, Redaction, Redactor, Settings, Trail,
};
use tempfile::TempDir;

use crate::support::patience::{must_end, until};

const ID: &str = "BDG-12345678";

fn own() -> Redaction {
    Redaction::default().rule("badge", "BDG-[0-9]{8}").unwrap()
}

fn trail_with(settings: impl Fn(Settings) -> Settings) -> (TempDir, std::path::PathBuf) {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    Trail::open(settings(Settings::new(&dir))).unwrap().close_blocking().unwrap();
    (folder, dir)
}

fn actions(dir: &Path) -> Vec<String> {
    let reader = Reader::open(dir).unwrap();
    reader.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap().action).collect()
}

fn entry(action: &str) -> Entry {
    Entry::new(Category::Api, action, Outcome::Success)
}

#[test]
fn the_rules_of_the_trail_hold_for_a_program_that_gives_none() {
    let (_folder, dir) = trail_with(|settings| settings.redaction(own()).life_signs(true));
    let trail = Trail::open(Settings::new(&dir)).unwrap();
    trail.record_blocking(entry(ID)).unwrap();
    let redacted = trail.recent(1).remove(0).action;
    assert!(redacted.starts_with("[redacted:badge:"), "{redacted}");
    trail.close_blocking().unwrap();
    drop(trail);
    let run = ["trail.opened", "trail.closed", "trail.opened", redacted.as_str(), "trail.closed"];
    assert_eq!(actions(&dir), run);
    // The same redaction without a trail that is open.
    let beside = Redactor::of_trail(&dir, Redaction::of_trail(&dir).unwrap()).unwrap();
    assert_eq!(beside.text(ID), redacted);
    let back = Settings::new(&dir).redaction(Redaction::default()).life_signs(false);
    let trail = Trail::open(back.clone()).unwrap();
    trail.record_blocking(entry(ID)).unwrap();
    trail.close_blocking().unwrap();
    drop(trail);
    assert_eq!(actions(&dir)[run.len()..], ["trail.settings", ID], "what is given wins, and is on record");
    assert!(Redaction::of_trail(&dir).unwrap().is_on());
    Trail::open(back).unwrap().close_blocking().unwrap();
    assert_eq!(actions(&dir).len(), run.len() + 2);
}

#[test]
fn patterns_are_in_a_file_for_the_owner_alone_and_in_no_entry() {
    let (_folder, dir) = trail_with(|settings| settings.redaction(own()));
    let file = dir.join("settings.json");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let change = Settings::new(&dir).redaction(own().rule("desk", "DSK-[0-9]+").unwrap()).life_signs(true);
    Trail::open(change).unwrap().close_blocking().unwrap();
    assert!(std::fs::read_to_string(&file).unwrap().contains("DSK-[0-9]+"));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(actions(&dir), ["trail.settings", "trail.opened", "trail.closed"]);
    let log = std::fs::read_to_string(dir.join("audit.jsonl")).unwrap();
    assert!(log.contains("desk") && !log.contains("DSK") && !log.contains("BDG"), "{log}");
}

#[test]
fn settings_that_cannot_be_understood_keep_the_trail_closed() {
    let (_folder, dir) = trail_with(|settings| settings.redaction(own()));
    let file = dir.join("settings.json");
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, &good[..good.len() / 2]).unwrap();
    for settings in [Settings::new(&dir), Settings::new(&dir).redaction(own())] {
        let error = Trail::open(settings).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().contains("settings.json is not what Graven writes"), "{error}");
    }
    std::fs::write(&file, good).unwrap();
    Trail::open(Settings::new(&dir)).unwrap().close_blocking().unwrap();
    assert!(actions(&dir).is_empty());
}

#[test]
fn rules_kept_as_hashes_by_version_0_1_are_asked_for() {
    let (_folder, dir) = trail_with(|settings| settings.redaction(own()));
    let file = dir.join("settings.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let rules = r#"[{"name":"badge","pattern":"BDG-[0-9]{8}"}]"#;
    assert!(text.contains(rules), "{text}");
    let hash = &graven_core::hash::sha256(b"BDG-[0-9]{8}").to_hex()[..16];
    std::fs::write(&file, text.replace(rules, &format!(r#"{{"badge":"{hash}"}}"#))).unwrap();
    let error = Trail::open(Settings::new(&dir)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let message = error.to_string();
    assert!(message.contains("the rules badge") && message.contains(dir.to_str().unwrap()), "{message}");
    Trail::open(Settings::new(&dir).redaction(own())).unwrap().close_blocking().unwrap();
    Trail::open(Settings::new(&dir)).unwrap().close_blocking().unwrap();
    assert!(actions(&dir).is_empty(), "they were the same rules all the time");
}

/// A reopening with the terms of the first opening would change the trail back.
#[test]
fn a_reopening_takes_what_the_trail_has_by_then() {
    let (_folder, dir) = trail_with(|settings| settings);
    let trail = Trail::open(Settings::new(&dir)).unwrap();
    trail.close_blocking().unwrap();
    Trail::open(Settings::new(&dir).life_signs(true)).unwrap().close_blocking().unwrap();
    let before = actions(&dir);
    assert_eq!(before, ["trail.settings", "trail.opened", "trail.closed"]);
    trail.reopen().unwrap().close_blocking().unwrap();
    assert_eq!(actions(&dir)[before.len()..], ["trail.opened", "trail.closed"]);
}

#[test]
fn a_lasting_trail_takes_what_the_trail_has_by_then() {
    must_end();
    let disk = SimDisk::new();
    let clock = SimClock::new(1);
    let machine = || Machine { disk: Arc::new(disk.clone()), clock: Arc::new(clock.clone()) };
    let trail = Trail::open_on(Settings::new("/t"), machine()).unwrap();
    let lasting = LastingTrail::from(trail.clone());
    disk.inject(Fault::when(|step| step.path.ends_with("audit.jsonl") && step.op.changes()).forever());
    graven::block_on(lasting.record(entry("lost"))).unwrap_err();
    until("the trail has failed", || trail.poisoned().is_some());
    disk.heal();
    drop(trail);
    let changes = until_open(|| Trail::open_on(Settings::new("/t").life_signs(true), machine()));
    changes.close_blocking().unwrap();
    drop(changes);
    clock.advance(Duration::from_secs(60));
    graven::block_on(lasting.record(entry("kept"))).unwrap();
    drop(lasting);
    let reader = Reader::open_on(&machine(), Layout::in_dir("/t")).unwrap();
    let actions: Vec<String> =
        reader.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap().action).collect();
    let changed = actions.iter().filter(|action| *action == "trail.settings").count();
    assert_eq!((changed, actions.last().map(String::as_str)), (1, Some("trail.closed")), "{actions:?}");
}

/// Tries until the failed trail is gone.
fn until_open(open: impl Fn() -> Result<Trail, graven::Error>) -> Trail {
    let mut opened = None;
    until("the trail opens", || {
        opened = open().ok();
        opened.is_some()
    });
    opened.expect("it was waited for")
}

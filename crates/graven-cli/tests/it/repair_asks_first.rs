//! `repair` does nothing without the operator's confirmation, and records a repair.

use crate::run::Place;

/// A trail that was closed cleanly, with a line added afterwards.
fn contradicted() -> Place {
    let place = Place::with_entries(20);
    let live = place.read("trail/audit.jsonl");
    let last = live.lines().last().unwrap();
    place.write("trail/audit.jsonl", format!("{live}{last}\n"));
    place
}

#[test]
fn without_a_confirmation_nothing_changes() {
    let place = contradicted();
    let before = place.read("trail/audit.jsonl");
    place.run(["repair", "trail"]).code(2);
    place.feed(["repair", "trail"], "no\n").code(2);
    assert_eq!(place.read("trail/audit.jsonl"), before);
    let refused = place.run("record trail --category api --action a --outcome success".split(' ')).code(1);
    assert!(refused.stderr.contains("graven verify"), "{}", refused.stderr);
}

#[test]
fn with_a_confirmation_the_trail_can_be_used_and_records_the_repair() {
    let place = contradicted();
    place.run(["repair", "trail", "--yes"]).code(0);
    place.run("record trail --category api --action after --outcome success".split(' ')).ok();
    assert!(place.stored().iter().any(|line| line.contains("\"trail\"") && line.contains("repair")));
    assert_eq!(place.run(["verify", "trail", "--no-state", "--json"]).code(0).json()["verdict"], "intact");
}

#[test]
fn a_good_trail_needs_no_repair() {
    let place = Place::with_entries(5);
    let said = place.run(["repair", "trail", "--yes"]).code(0);
    assert!(said.text().contains("nothing to repair"), "{}", said.text());
    assert_eq!(place.entries().len(), place.stored().len());
}

#[test]
fn a_contradicted_checkpoint_cannot_be_repaired() {
    let place = Place::with_entries(20);
    let live = place.read("trail/audit.jsonl");
    let cut: String = live.lines().take(10).map(|line| format!("{line}\n")).collect();
    place.write("trail/audit.jsonl", &cut);
    let refused = place.run(["repair", "trail", "--yes"]).code(1);
    assert!(refused.stderr.contains("missing"), "{}", refused.stderr);
    assert_eq!(place.read("trail/audit.jsonl"), cut);
}

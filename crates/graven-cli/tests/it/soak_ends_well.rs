//! `soak` finds no error, and its report says what it did.

use crate::run::Place;

#[test]
fn a_few_rounds_lose_nothing_and_name_every_tampering() {
    let place = Place::empty();
    std::fs::create_dir(place.path("soaks")).unwrap();
    let arguments = ["soak", "--rounds", "12", "--seed", "7", "--dir", "soaks", "--json"];
    let report = place.run(arguments).code(0).json();
    assert_eq!((&report["all_well"], &report["rounds"]), (&true.into(), &12.into()));
    assert_eq!((&report["lost"], &report["false_verdicts"]), (&0.into(), &0.into()));
    assert_eq!(report["kills"].as_u64().unwrap() + report["clean_closes"].as_u64().unwrap(), 12);
    assert!(report["kills"].as_u64() > Some(0) && report["acknowledged"].as_u64() > Some(1_000), "{report}");
    let tampering = report["tampering"].as_object().unwrap();
    assert!(
        !tampering.is_empty() && tampering.values().all(|tally| tally["tried"] == tally["named"]),
        "{report}"
    );
    assert_eq!(std::fs::read_dir(place.path("soaks")).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_person_gets_a_report() {
    let place = Place::empty();
    let told = place.run(["soak", "--rounds", "1", "--dir", "."]).code(0);
    for part in ["all well", "kills", "lost", "tampered"] {
        assert!(told.text().contains(part), "{part} is not in {}", told.text());
    }
    assert!(told.stderr.contains("--seed"));
}

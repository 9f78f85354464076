//! `demo` succeeds only when every act of tampering was named.

use crate::deadline::Running;
use crate::run::Place;

#[test]
fn every_act_is_named() {
    let place = Place::empty();
    let answer = place.run(["demo", "--json"]).code(0).json();
    assert_eq!(answer["all_named"], true);
    assert_eq!((&answer["verdict"], &answer["proof"]), (&"intact".into(), &"intact".into()));
    let words: Vec<&str> = answer["tampering"]
        .as_array()
        .unwrap()
        .iter()
        .map(|told| told["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["altered", "missing", "truncated", "rolled_back"]);
    assert!(answer["entries"].as_u64().unwrap() >= 100_003);
}

#[test]
fn a_person_sees_every_step_and_nothing_is_left_behind() {
    let place = Place::empty();
    std::fs::create_dir(place.path("tmp")).unwrap();
    let told = Running::start(place.command(["demo"]).env("TMPDIR", place.path("tmp"))).output();
    let text = String::from_utf8(told.stdout).unwrap();
    assert_eq!(told.status.code(), Some(0), "{text}");
    for part in [
        "durable entries a second",
        "proved",
        "altered",
        "missing",
        "truncated",
        "rolled_back",
        "exit code 126",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(std::fs::read_dir(place.path("tmp")).unwrap().count(), 0);
}

//! `bench search` records its own trail, asks every kind of question, and leaves nothing behind.

use crate::run::Place;

/// The rows of the table, in order.
const ROWS: &[&str] = &[
    "building the index, entries a CPU second",
    "size of the index",
    "memory of the builder",
    "category + outcome + principal, newest 100",
    "a common filter, newest 100",
    "a prefix of the action, newest 100",
    "a range of numbers, newest 100",
    "a phrase, newest 100",
    "two common words that never meet",
    "an absent word",
    "the timeline of a session",
    "one trace id",
    "category + outcome + principal, exact count",
    "8 facets and histogram of everything",
    "memory of a program that asks",
    "every entry with --exhaustive",
    "the first answer after kill -9",
    "lag of the index behind a recorder",
    "memory of the follower",
    "a recorder with the index beside it",
];

#[test]
fn every_row_is_measured_on_a_small_trail() {
    let place = Place::empty();
    std::fs::create_dir(place.path("benches")).unwrap();
    let arguments = ["bench", "search", "--entries", "1500", "--seconds", "0", "--dir", "benches", "--json"];
    let report = place.run(arguments).code(0).json();
    let figures = report["figures"].as_array().unwrap();
    let names: Vec<_> = figures.iter().map(|figure| figure["name"].as_str().unwrap()).collect();
    assert_eq!(names, ROWS);
    // A small trail gets no index, and is searched all the same.
    for figure in figures.iter().filter(|figure| !figure["name"].as_str().unwrap().contains("index")) {
        assert!(figure["graven"].as_f64() > Some(0.0), "{figure}");
        let is_time = figure["unit"] == "ms";
        assert!(!is_time || figure["p99"].as_f64() >= figure["graven"].as_f64(), "{figure}");
        assert!(!is_time || figure["cpu"].as_f64() > Some(0.0), "{figure}");
    }
    let with_floor = figures.iter().filter(|figure| figure["ratio"].as_f64() > Some(0.0)).count();
    assert_eq!(with_floor, 10, "{report}");
    assert_eq!(report["limits"]["entries of the trail"], 1500.0);
    assert_eq!(std::fs::read_dir(place.path("benches")).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_person_gets_a_table_and_hears_how_much_room_it_needs() {
    let place = Place::empty();
    let told = place.run(["bench", "search", "--entries", "300", "--seconds", "0"]).code(0);
    for part in ROWS.iter().copied().chain(["p99", "CPU", "goals are met"]) {
        assert!(told.text().contains(part), "{part} is not in {}", told.text());
    }
    assert!(told.stderr.contains("they are removed afterwards"), "{}", told.stderr);
}

#[test]
fn a_trail_that_does_not_fit_the_disk_is_not_begun() {
    let place = Place::empty();
    let refused = place.run(["bench", "search", "--entries", "10000000000000"]).code(2);
    assert!(
        refused.stderr.contains("are free") && refused.stderr.contains("--entries"),
        "{}",
        refused.stderr
    );
    assert_eq!(std::fs::read_dir(place.path(".")).unwrap().count(), 0);
    place.run(["bench", "search", "--entries", "0"]).code(2);
}

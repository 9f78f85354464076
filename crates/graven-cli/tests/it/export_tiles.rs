//! `export tiles` writes the files that a checkpoint implies, and no others.

use crate::run::Place;

#[test]
fn the_checkpoint_is_copied_and_the_files_follow_from_it() {
    let place = Place::with_entries(300);
    let report = place.run(["export", "tiles", "trail", "out", "--json"]).ok().json();
    assert_eq!(place.read("out/checkpoint"), place.read("trail/checkpoint"));
    assert_eq!(report["size"].as_u64().unwrap(), place.stored().len() as u64);
    assert!(place.path("out/tile/0/000").exists());
    assert!(place.path("out/tile/entries/000").exists());
    assert_eq!(report["bundles"], 2);
}

#[test]
fn nothing_is_overwritten() {
    let place = Place::with_entries(10);
    std::fs::create_dir(place.path("out")).unwrap();
    place.write("out/mine", "mine");
    let refused = place.run(["export", "tiles", "trail", "out"]).code(2);
    assert!(refused.stderr.contains("out"), "{}", refused.stderr);
    assert_eq!(place.read("out/mine"), "mine");
}

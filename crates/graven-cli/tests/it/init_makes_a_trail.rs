//! `init` creates a trail, and `key` prints its key and nothing else.

use crate::run::Place;

#[test]
fn a_new_trail_has_a_key_and_an_empty_live_file() {
    let place = Place::empty();
    let init = place.run(["init", "trail", "--json"]).ok().json();
    let key = place.run(["key", "trail"]).ok().text();
    assert_eq!(key, format!("{}\n", init["key"].as_str().unwrap()));
    assert!(init["origin"].as_str().unwrap().starts_with("graven.local/"));
    assert_eq!(place.read("trail/audit.jsonl").lines().filter(|line| !line.contains("\"trail\"")).count(), 0);
    let verify = place.run(["verify", "trail", "--json"]).code(0).json();
    assert_eq!(verify["verdict"], "intact");
}

#[test]
fn two_trails_never_share_an_origin() {
    let place = Place::empty();
    let one = place.run(["init", "one", "--json"]).ok().json();
    let two = place.run(["init", "two", "--json"]).ok().json();
    assert_ne!(one["origin"], two["origin"]);
    assert_ne!(one["key"], two["key"]);
}

#[test]
fn origin_and_segment_size_are_kept() {
    let place = Place::empty();
    place.run(["init", "trail", "--origin", "example.com/audit", "--segment-bytes", "1234567"]).ok();
    let key = place.run(["key", "trail"]).ok().text();
    assert!(key.starts_with("example.com/audit+"), "{key}");
    assert!(place.read("trail/graven.json").contains("1234567"));
}

#[test]
fn a_path_that_ends_in_jsonl_is_a_live_file() {
    let place = Place::empty();
    place.run(["init", "app.jsonl"]).ok();
    place.run(["record", "app.jsonl", "--category", "api", "--action", "GET /", "--outcome", "success"]).ok();
    assert!(place.read("app.jsonl").contains("\"GET /\""));
    assert!(place.path("app.jsonl.d/graven.json").exists());
    place.run(["verify", "app.jsonl"]).code(0);
}

#[test]
fn a_file_that_is_there_is_no_trail_and_stays_as_it_is() {
    let place = Place::empty();
    for name in ["notes.jsonl", "notes.txt"] {
        for text in ["somebody's notes\n", ""] {
            std::fs::write(place.path(name), text).unwrap();
            let refused = place.run(["init", name]).code(2);
            assert!(refused.stderr.contains("graven import"), "{}", refused.stderr);
            assert_eq!(place.read(name), text);
            assert!(!place.path(&format!("{name}.d")).exists());
        }
    }
}

#[test]
fn an_attempt_that_was_cut_short_is_made_again() {
    let place = Place::empty();
    place.run(["init", "app.jsonl"]).ok();
    // As a crash leaves it just before the end.
    std::fs::remove_file(place.path("app.jsonl.d/graven.json")).unwrap();
    std::fs::remove_file(place.path("app.jsonl.d/keys/redaction")).unwrap();
    place.run(["init", "app.jsonl"]).ok();
    place.run(["verify", "app.jsonl"]).code(0);
}

#[test]
fn the_live_file_inside_a_directory_names_the_trail_too() {
    let place = Place::with_trail();
    let by_file = place.run(["key", "trail/audit.jsonl"]).ok().text();
    assert_eq!(by_file, place.run(["key", "trail"]).ok().text());
}

#[test]
fn a_trail_is_never_made_over_another() {
    let place = Place::with_trail();
    let key = place.run(["key", "trail"]).ok().text();
    let again = place.run(["init", "trail"]).code(2);
    assert!(again.stderr.contains("already a trail"), "{}", again.stderr);
    assert_eq!(place.run(["key", "trail"]).ok().text(), key);
}

#[test]
fn a_name_that_no_key_can_have_is_refused() {
    let place = Place::empty();
    for origin in ["has space", "has+plus", ""] {
        let refused = place.run(["init", "trail", "--origin", origin]).code(2);
        assert!(!refused.stderr.is_empty());
    }
    place.run(["init", "trail", "--segment-bytes", "0"]).code(2);
    assert!(!place.path("trail/graven.json").exists());
}

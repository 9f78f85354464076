//! `verify` judges each trail of a chain under its own key, and names what contradicts the chain.

use std::fs;

use serde_json::{Value, json};

use crate::chain::{end_of, key, of_three, take_over, take_over_at};
use crate::run::{Place, copy, lines};

const FIRST: &str = "trail/before/a%2F1";
const SECOND: &str = "trail/before/a%2F2";

fn sources(report: &Value) -> [String; 2] {
    let source = |report: &Value| report["continued"]["key_source"].as_str().unwrap_or("none").to_owned();
    [source(&report["before"][1]), source(report)]
}

#[test]
fn a_chain_of_three_is_intact_and_its_keys_are_known_step_by_step() {
    let place = of_three();
    let keys = [key(&place, FIRST), key(&place, SECOND), key(&place, "trail")];
    for _ in 0..2 {
        let report = place.run(["verify", "trail", "--json"]).ok().json();
        assert_eq!((&report["verdict"], &report["findings"]), (&json!("intact"), &json!([])));
        assert_eq!(report["before"].as_array().unwrap().len(), 2);
        assert_eq!(report["before"][0].get("continued"), None);
        let continued = &report["continued"];
        assert_eq!((&continued["origin"], &continued["key"]), (&json!("a/3"), &json!(keys[2])));
        assert_eq!(sources(&report), ["self_asserted", "self_asserted"]);
        assert_eq!((&report["entries"], &report["before"][0]["sealed"]), (&json!(21), &json!(300)));
    }
    // The oldest was remembered at the first look, and those that continue it were not.
    let report = place.run(["verify", "trail", "--json"]).ok().json();
    assert_eq!(
        (&report["before"][0]["key_source"], &report["key_source"]),
        (&json!("pinned"), &json!("self_asserted"))
    );
    let given = |given: &[usize]| {
        let mut arguments = vec!["verify", "trail", "--json", "--no-state"];
        given.iter().for_each(|number| arguments.extend(["--key", &keys[*number]]));
        place.run(arguments)
    };
    assert_eq!(sources(&given(&[0, 1]).ok().json()), ["given", "self_asserted"]);
    assert_eq!(sources(&given(&[0, 2, 1]).ok().json()), ["given", "given"]);
    let text = place.run(["verify", "trail"]).ok().text();
    assert!(text.contains("trail 3 of 3 trails") && text.contains("--accept-continuation"), "{text}");
    let report = place.run(["verify", "trail", "--accept-continuation", "--json"]).ok().json();
    assert_eq!(sources(&report), ["pinned", "pinned"]);
    let report = place.run(["verify", "trail", "--json"]).ok().json();
    assert_eq!((sources(&report), &report["memory"]), (["pinned".into(), "pinned".into()], &json!("path")));
    // Another trail that goes on from the same end is not the accepted one.
    for origin in ["a/3", "a/4"] {
        if place.path("real").exists() {
            fs::remove_dir_all(place.path("trail")).unwrap();
            fs::rename(place.path("real"), place.path("trail")).unwrap();
        }
        replace_newest(&place, origin);
        let report = place.run(["verify", "trail", "--json"]).code(1).json();
        assert_eq!(report["verdict"], "bad_signature", "{origin}");
        let accepted = place.run(["verify", "trail", "--json", "--accept-continuation"]).code(1).json();
        assert_eq!(accepted["verdict"], "bad_signature", "{origin}");
        let found = place.run(["search", "trail", "--json"]).code(1).json();
        assert_eq!(found["findings"][0]["verdict"], "bad_signature", "{origin}");
    }
}

/// Puts another trail in the place of the newest one, which goes to `real`.
fn replace_newest(place: &Place, origin: &str) {
    fs::rename(place.path("trail"), place.path("real")).unwrap();
    copy(&place.path("real/before"), &place.path("trail/before"));
    fs::rename(place.path(SECOND), place.path("again")).unwrap();
    let before = place.path("trail/before");
    fs::rename(&before, place.path("before")).unwrap();
    fs::remove_dir(place.path("trail")).unwrap();
    fs::rename(place.path("again"), place.path("trail")).unwrap();
    fs::rename(place.path("before"), &before).unwrap();
    take_over(place, origin);
}

#[test]
fn a_chain_of_one_is_as_before() {
    let place = Place::with_entries(10);
    let report = place.run(["verify", "trail", "--json"]).ok().json();
    assert!(report.get("continued").is_none() && report.get("before").is_none(), "{report}");
}

#[test]
fn a_first_key_that_is_not_the_oldest_ones_is_refused() {
    let place = of_three();
    Place::run(&place, ["init", "other", "--origin", "b/1"]).ok();
    let other = key(&place, "other");
    let report = place.run(["verify", "trail", "--no-state", "--json", "--key", &other]).code(1).json();
    assert_eq!(report["before"][0]["verdict"], "bad_signature");
    // A verifier that knew the old trail at this path still does.
    let place = Place::empty();
    place.run(["init", "trail", "--origin", "a/1"]).ok();
    place.feed(["record", "trail", "--stdin"], lines(5)).ok();
    place.run(["verify", "trail"]).ok();
    take_over(&place, "a/2");
    let report = place.run(["verify", "trail", "--json"]).ok().json();
    assert_eq!(
        (&report["before"][0]["key_source"], &report["key_source"]),
        (&json!("pinned"), &json!("self_asserted"))
    );
    fs::remove_dir_all(place.path("trail/before")).unwrap();
    let report = place.run(["verify", "trail", "--json"]).code(1).json();
    assert_eq!(
        (&report["verdict"], &report["findings"][0]["verdict"]),
        (&json!("missing"), &json!("missing"))
    );
}

/// What is done to a chain, the verdict of the whole, and a word of the place.
type Tampering = (&'static str, fn(&Place), &'static str, &'static str);

#[test]
fn whatever_contradicts_a_chain_is_named_with_its_place() {
    let cases: [Tampering; 8] = [
        ("the oldest is gone", |p| fs::remove_dir_all(p.path(FIRST)).unwrap(), "missing", "before/a%2F1"),
        (
            "the middle one is gone",
            |p| fs::remove_dir_all(p.path(SECOND)).unwrap(),
            "missing",
            "before/a%2F2",
        ),
        (
            "the oldest was swapped",
            |p| {
                fs::remove_dir_all(p.path(FIRST)).unwrap();
                p.run(["init", "swapped", "--origin", "a/1"]).ok();
                fs::rename(p.path("swapped"), p.path(FIRST)).unwrap();
            },
            "bad_signature",
            "before/a%2F1",
        ),
        (
            "two were exchanged",
            |p| {
                fs::rename(p.path(FIRST), p.path("x")).unwrap();
                fs::rename(p.path(SECOND), p.path(FIRST)).unwrap();
                fs::rename(p.path("x"), p.path(SECOND)).unwrap();
            },
            "bad_signature",
            "before/a%2F2",
        ),
        (
            "a line of the oldest was changed",
            |p| {
                let file = p.path(FIRST).join("segments/00000000000000000000.jsonl");
                let text = fs::read_to_string(&file).unwrap().replacen("action 17\"", "action 71\"", 1);
                fs::write(file, text).unwrap();
            },
            "altered",
            "segments/00000000000000000000.jsonl",
        ),
        (
            "the old one went on",
            |p| drop(p.feed(["record", SECOND, "--stdin"], lines(3)).ok()),
            "inserted",
            "checkpoint",
        ),
        (
            "a trail that belongs to none",
            |p| {
                p.run(["init", "x", "--origin", "b/1"]).ok();
                fs::rename(p.path("x"), p.path("trail/before/b%2F1")).unwrap();
            },
            "inserted",
            "before/b%2F1",
        ),
        (
            "the entry that names the older trail was changed",
            |p| {
                let file = p.path("trail/audit.jsonl");
                let text = fs::read_to_string(&file).unwrap().replacen("\"size\":201", "\"size\":200", 1);
                fs::write(file, text).unwrap();
            },
            "forked",
            "audit.jsonl",
        ),
    ];
    for (what, tamper, verdict, place_named) in cases {
        let place = of_three();
        tamper(&place);
        let done = place.run(["verify", "trail", "--no-state", "--json"]).code(1);
        let report = done.json();
        assert_eq!(report["verdict"], verdict, "{what}: {report}");
        assert!(done.text().contains(&format!("\"file\":\"{place_named}")), "{what}: {report}");
        let text = place.run(["verify", "trail", "--no-state"]).code(1).text();
        assert!(text.contains(place_named), "{what}: {text}");
        // A search says so too, and so it does not pass for a whole answer.
        let found = place.run(["search", "trail", "action", "--no-state", "--json"]);
        assert!(
            found.code == Some(1) || what.contains("line of") || what.contains("entry that"),
            "{what}: {found:?}"
        );
    }
}

#[test]
fn an_end_that_was_not_is_named() {
    for (change, verdict) in [("root", "forked"), ("more", "truncated"), ("fewer", "inserted")] {
        let place = Place::empty();
        place.run(["init", "trail", "--origin", "a/1"]).ok();
        place.feed(["record", "trail", "--stdin"], lines(10)).ok();
        let (early, mut end) = (end_of(&place, "trail"), end_of(&place, "trail"));
        match change {
            "root" => end.root = graven::Hash::EMPTY_TREE,
            "more" => end.size += 5,
            _ => {
                place.feed(["record", "trail", "--stdin"], lines(5)).ok();
                end = early;
            }
        }
        take_over_at(&place, "a/2", end);
        let report = place.run(["verify", "trail", "--no-state", "--json"]).code(1).json();
        assert_eq!(report["before"][0]["findings"][0]["verdict"], verdict, "{report}");
        assert_eq!(report["verdict"], verdict);
        let accepted = place.run(["verify", "trail", "--accept-continuation", "--json"]).code(1).json();
        assert_eq!(accepted["continued"]["key_source"], "self_asserted");
    }
}

#[test]
fn lines_past_the_end_that_nobody_sealed_are_a_fact() {
    let place = Place::empty();
    place.run(["init", "trail", "--origin", "a/1"]).ok();
    place.feed(["record", "trail", "--stdin"], lines(10)).ok();
    copy(&place.path("trail"), &place.path("longer"));
    place.feed(["record", "longer", "--stdin"], lines(3)).ok();
    take_over(&place, "a/2");
    fs::copy(place.path("longer/audit.jsonl"), place.path("trail/before/a%2F1/audit.jsonl")).unwrap();
    fs::remove_file(place.path("trail/before/a%2F1/closed")).unwrap();
    fs::remove_file(place.path("trail/before/a%2F1/LOCK")).unwrap();
    let report = place.run(["verify", "trail", "--no-state", "--json"]).ok().json();
    assert_eq!((&report["verdict"], &report["before"][0]["verdict"]), (&json!("intact"), &json!("unsealed")));
    assert_eq!((&report["before"][0]["entries"], &report["before"][0]["sealed"]), (&json!(13), &json!(10)));
}

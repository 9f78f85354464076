//! `index` makes the index of a trail and compares it with the log; `search` uses it, and makes it behind an answer.

use serde_json::{Value, json};

use crate::run::Place;

/// A trail with one shelf of the index and some entries more.
fn place() -> Place {
    let place = Place::empty();
    place.run(["init", "trail"]).ok();
    let line = |number: u32| {
        let outcome = if number.is_multiple_of(9_000) { "denied" } else { "success" };
        json!({"category":"api","action":format!("act {}", number % 7),"outcome":outcome,"session_id":format!("s-{}", number / 100)})
            .to_string()
    };
    let lines: Vec<String> = (0..66_000).map(line).collect();
    place.feed(["record", "trail", "--stdin"], lines.join("\n")).ok();
    place
}

fn ask(place: &Place, arguments: &[&str]) -> Value {
    place.run(["search", "trail", "--json"].into_iter().chain(arguments.iter().copied())).code(0).json()
}

fn without_time(mut answer: Value) -> Value {
    let answer = answer.as_object_mut().unwrap();
    answer.remove("took_ms");
    answer.remove("coverage");
    Value::Object(answer.clone())
}

#[test]
fn an_index_is_made_used_and_compared() {
    let place = place();
    let query = ["outcome:denied", "--count", "--facets", "session", "--histogram"];
    let plain = ask(&place, &[&query[..], &["--no-index"]].concat());
    assert_eq!(plain["coverage"]["index"], "none");
    assert!(!place.path("cache").exists(), "--no-index makes none");
    let made = place.run(["index", "trail", "--json"]).ok().json();
    assert_eq!((&made["made"], &made["own"], &made["entries"]), (&json!(1), &json!(1), &json!(65_536)));
    assert!(place.path("trail/search/00000000000000000000.shelf").exists());
    let done = place.run(["search", "trail", "outcome:denied"]).ok().text();
    assert!(done.contains("with the index of 65,536 entries"), "{done}");
    let indexed = place.run(["search", "trail", "--json"].into_iter().chain(query)).ok().json();
    assert_eq!(without_time(indexed.clone()), without_time(plain));
    assert_eq!(
        (&indexed["coverage"]["index"], &indexed["coverage"]["indexed_to"]),
        (&json!("own"), &json!(65_536))
    );
    assert!(indexed["coverage"]["scanned"].as_u64().unwrap() < 2_000, "{indexed}");
    let text = place.run(["index", "trail"]).ok().text();
    assert!(text.contains("nothing to make: the index has all that can be in it"), "{text}");
    // Somebody else has not made it.
    let other = place.run(["search", "trail", "absent", "--json", "--state", "other"]).ok().json();
    assert_eq!(other["coverage"]["index"], "unchecked");
    let text = place.run(["search", "trail", "absent", "--state", "other"]).ok().text();
    assert!(text.contains("an unchecked index of 65,536 entries, which can hide entries"), "{text}");
    let text = place.run(["index", "trail", "--check", "--state", "other"]).ok().text();
    assert!(text.contains("1 file of the index is what the log says"), "{text}");
    let other = place.run(["search", "trail", "absent", "--json", "--state", "other"]).ok().json();
    assert_eq!(other["coverage"]["index"], "own");
    // Sessions and acts use it too.
    let session = place.run(["session", "trail", "s-17", "--json"]).ok().json();
    assert_eq!(
        (&session["coverage"]["index"], session["timeline"].as_array().unwrap().len()),
        (&json!("own"), 100)
    );
    assert_eq!(place.run(["pending", "trail", "--json"]).ok().json(), json!([]));
    // Damage is found, and mended.
    let path = place.path("trail/search/00000000000000000000.shelf");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let done = place.run(["index", "trail", "--check"]).code(1);
    assert!(
        done.stderr.contains("it is not what the log says") && done.stderr.contains("--rebuild"),
        "{}",
        done.stderr
    );
    let made = place.run(["index", "trail", "--rebuild", "--json"]).ok().json();
    assert_eq!(made["made"], 1);
    place.run(["index", "trail", "--check"]).ok();
    place.run(["verify", "trail"]).ok();
}

#[test]
fn the_first_search_makes_it_behind_its_answer() {
    let place = place();
    let done = place.run(["search", "trail", "outcome:denied", "--json"]).code(0);
    assert_eq!(done.json()["coverage"]["index"], "none");
    assert!(
        done.stderr.contains("making the index of 65,536 entries for the next search; --no-index"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("the index is in"), "{}", done.stderr);
    assert!(!place.path("trail/search").exists(), "a search writes nothing into the trail");
    let done = place.run(["search", "trail", "outcome:denied", "--json"]).ok();
    assert_eq!(done.json()["coverage"]["index"], "own");
    // What is in the user's cache is not there for others.
    let made = place.run(["index", "trail", "--json"]).ok().json();
    assert_eq!(made["made"], 1, "{made}");
    assert!(place.path("trail/search/00000000000000000000.shelf").exists());
    let again = place.run(["index", "trail", "--json"]).ok().json();
    assert_eq!(again["made"], 0, "{again}");
    let anew = place.run(["index", "trail", "--rebuild", "--json"]).ok().json();
    assert_eq!(anew["made"], 1, "{anew}");
    // In a folder of the user's choice.
    let made = place.run(["index", "trail", "--index", "mine", "--json"]).ok().json();
    assert_eq!(made["made"], 1);
    let done = place.run(["search", "trail", "absent", "--index", "mine", "--explain"]).ok().text();
    assert!(done.contains("ask 1 shelf of the index"), "{done}");
    place.run(["search", "trail", "--index", "mine", "--no-index"]).code(2);
}

#[test]
fn a_small_trail_has_nothing_to_make() {
    let place = Place::with_entries(10);
    let text = place.run(["index", "trail"]).ok().text();
    assert!(text.contains("nothing to make") && text.contains("65,536"), "{text}");
    assert!(!place.path("trail/search").exists());
    place.run(["search", "trail", "action:x"]).ok();
    assert_eq!(
        place.run(["index", "trail", "--check"]).ok().text().lines().next(),
        Some("there is no index")
    );
    place.run(["index", "nowhere"]).code(2);
}

#[test]
fn a_builder_that_is_killed_leaves_nothing_wrong() {
    let place = place();
    let plain = without_time(ask(&place, &["outcome:denied", "--no-index"]));
    for _ in 0..4 {
        let mut child = place.start(["index", "trail", "--rebuild"]);
        // From the moment on that it works, at whatever step it is. It may also have ended.
        while !place.path("trail/search").exists() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        drop(child);
        assert_eq!(without_time(ask(&place, &["outcome:denied", "--index", "none"])), plain);
        // This one uses what there is, and makes what is missing in the user's cache.
        assert_eq!(
            without_time(place.run(["search", "trail", "outcome:denied", "--json"]).code(0).json()),
            plain
        );
        place.run(["verify", "trail"]).ok();
    }
    place.run(["index", "trail"]).ok();
    place.run(["index", "trail", "--check"]).ok();
    let names: Vec<_> = std::fs::read_dir(place.path("trail/search"))
        .unwrap()
        .map(|name| name.unwrap().file_name())
        .collect();
    assert_eq!(names, ["00000000000000000000.shelf"], "nothing half made is left");
}

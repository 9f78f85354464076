//! `verify` says what it remembers of a trail, and is not talked out of it by another path, a link or another verifier.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::deadline::Running;
use crate::run::{Done, Place, copy, lines};

/// A trail of which `old` is an earlier copy.
fn grown() -> Place {
    let place = Place::with_entries(300);
    copy(&place.path("trail"), &place.path("old"));
    place.feed(["record", "trail", "--stdin"], lines(300)).ok();
    place
}

fn files_of_the_memory(place: &Place) -> Vec<String> {
    let names = fs::read_dir(place.path("state/graven")).unwrap();
    let mut names: Vec<String> = names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn which_memory_there_was_is_in_the_answer() {
    let place = Place::with_entries(10);
    copy(&place.path("trail"), &place.path("copy"));
    let nothing = place.run(["verify", "trail", "--no-state", "--json"]).ok().json();
    assert_eq!((&nothing["memory"], nothing.get("older_copy")), (&json!("none"), None));
    for (path, memory, said) in [
        ("trail", "none", "nothing is remembered of this trail"),
        ("trail", "path", "seen before at this path"),
        ("./trail/../trail/", "path", "seen before at this path"),
        ("copy", "key", "seen of its key before, at another path"),
    ] {
        let state = ["--state", "memory"];
        // The answer for a person comes first: it does not remember in between.
        fs::create_dir_all(place.path("memory")).unwrap();
        copy(&place.path("memory"), &place.path("before"));
        let text = place.run(["verify", path].into_iter().chain(state)).ok().text();
        assert!(text.contains(said), "{text}");
        fs::remove_dir_all(place.path("memory")).unwrap();
        fs::rename(place.path("before"), place.path("memory")).unwrap();
        let answer = place.run(["verify", path, "--json"].into_iter().chain(state)).ok().json();
        assert_eq!(answer["memory"], memory, "{path}");
    }
}

#[test]
fn without_a_home_nothing_is_remembered_and_that_is_said() {
    let place = Place::with_entries(10);
    let run = |arguments: &[&str]| {
        let mut command = place.command(arguments.iter().copied());
        command.env_remove("XDG_STATE_HOME").env_remove("HOME");
        Done::of(Running::start(&mut command).output()).code(0)
    };
    let text = run(&["verify", "trail"]);
    assert!(text.text().contains("nothing is remembered of this trail"), "{}", text.text());
    assert!(text.stderr.contains("neither XDG_STATE_HOME nor HOME"), "{}", text.stderr);
    let answer = run(&["verify", "trail", "--json"]).json();
    assert_eq!(answer["memory"], "none");
    assert!(answer["warnings"][0].as_str().unwrap().contains("--state DIR"), "{answer}");
    // Who asks for no memory is not told why there is none.
    let asked = run(&["verify", "trail", "--no-state", "--json"]).json();
    assert_eq!((&asked["memory"], &asked["warnings"]), (&json!("none"), &json!([])));
}

#[test]
fn an_older_copy_is_a_fact_unless_the_newest_is_expected() {
    let place = grown();
    let newest = place.run(["verify", "trail", "--expect-newest", "--json"]).ok().json();
    let expected = |answer: &Value| {
        assert_eq!((&answer["verdict"], &answer["memory"]), (&json!("intact"), &json!("key")));
        assert_eq!(answer["older_copy"]["seen"], newest["sealed"]);
        assert_eq!(answer["older_copy"]["size"], answer["sealed"]);
        assert!(answer["sealed"].as_u64() < newest["sealed"].as_u64());
    };
    let remembered = files_of_the_memory(&place);
    expected(&place.run(["verify", "old", "--expect-newest", "--json"]).code(1).json());
    let text = place.run(["verify", "old", "--expect-newest"]).code(1).text();
    assert!(text.contains("older_copy") && text.contains("could not be compared"), "{text}");
    assert!(!text.contains("\\u{"), "a line end that the command prints itself is escaped: {text}");
    assert_eq!(files_of_the_memory(&place), remembered, "what is refused is not remembered");
    expected(&place.run(["verify", "old", "--json"]).ok().json());
    place.run(["verify", "old", "--expect-newest", "--no-state"]).code(2);
}

#[test]
fn a_forged_trail_behind_a_link_is_not_believed() {
    let place = Place::with_entries(10);
    place.run(["init", "forged"]).ok();
    for (link, trail, forged) in
        [("link", "trail", "forged"), ("link.jsonl", "trail/audit.jsonl", "forged/audit.jsonl")]
    {
        symlink(trail, place.path(link)).unwrap();
        place.run(["verify", link]).ok();
        fs::remove_file(place.path(link)).unwrap();
        symlink(forged, place.path(link)).unwrap();
        let report = place.run(["verify", link, "--json"]).code(1).json();
        assert_eq!((&report["verdict"], &report["memory"]), (&json!("bad_signature"), &json!("path")));
    }
}

#[test]
fn two_trails_with_one_live_file_are_refused() {
    let place = Place::with_entries(10);
    place.run(["verify", "trail"]).ok();
    place.run(["init", "forged"]).ok();
    copy(&place.path("forged"), &place.path("trail/audit.jsonl.d"));
    for path in ["trail", "trail/audit.jsonl"] {
        for command in ["verify", "tail", "stats"] {
            let refused = place.run([command, path]).code(2);
            assert!(refused.stderr.contains("the live file of two trails"), "{}", refused.stderr);
        }
        let refused = place.feed(["record", path, "--stdin"], lines(1)).code(2);
        assert!(refused.stderr.contains("the live file of two trails"), "{}", refused.stderr);
    }
}

#[test]
fn a_memory_that_cannot_be_used_is_no_answer() {
    let place = Place::with_entries(10);
    place.run(["verify", "trail"]).ok();
    for name in files_of_the_memory(&place) {
        let file = place.path("state/graven").join(&name);
        let good = fs::read(&file).unwrap();
        fs::write(&file, "").unwrap();
        let failed = place.run(["verify", "trail"]).code(2);
        assert!(failed.stderr.contains(&name) && failed.stderr.contains("damaged"), "{}", failed.stderr);
        assert!(!failed.stderr.contains("run `graven verify`"), "{}", failed.stderr);
        fs::write(&file, good).unwrap();
    }
    place.write("file", "");
    let failed = place.run(["verify", "trail", "--state", "file"]).code(2);
    assert!(failed.stderr.contains("cannot read the verifier's memory file/"), "{}", failed.stderr);
    // Where nothing is remembered and nothing can be, that is only said.
    let warned = place.run(["verify", "trail", "--state", "/proc/graven", "--json"]).code(0).json();
    assert_eq!((&warned["verdict"], &warned["memory"]), (&json!("intact"), &json!("none")));
    assert!(warned["warnings"][0].as_str().unwrap().contains("/proc/graven"), "{warned}");
}

#[test]
fn processes_share_a_memory_of_a_trail_that_grows() {
    let place = Place::with_entries(10);
    let mut newest = 0;
    for round in 0..6 {
        place.feed(["record", "trail", "--stdin"], lines(20)).ok();
        let verifiers: Vec<Running> =
            (0..4).map(|_| Running::start(&mut place.command(["verify", "trail", "--json"]))).collect();
        for name in fs::read_dir(place.path("state/graven")).into_iter().flatten() {
            let path = name.unwrap().path();
            if path.extension() == Some("json".as_ref()) {
                serde_json::from_slice::<Value>(&fs::read(&path).unwrap()).unwrap();
            }
        }
        for verifier in verifiers {
            let done = Done::of(verifier.output()).code(0);
            let report = done.json();
            assert_eq!(report["warnings"], json!([]), "round {round}");
            newest = newest.max(report["sealed"].as_u64().unwrap());
        }
        let names = files_of_the_memory(&place);
        assert_eq!(names.len(), 2, "{names:?}");
        for name in names {
            let remembered: Value =
                serde_json::from_str(&place.read(&format!("state/graven/{name}"))).unwrap();
            assert_eq!(remembered["size"], newest, "round {round}");
        }
    }
}

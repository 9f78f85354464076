//! With `--json` every command answers with JSON and nothing else.

use crate::run::{Place, lines};

#[test]
fn every_answer_is_one_json_value() {
    let place = Place::empty();
    let commands = [
        "init trail",
        "key trail",
        "record trail --category api --action a --outcome success",
        "show trail --index 0",
        "prove trail --index 0",
        "prove trail --index 0 --out p.tlog-proof",
        "stats trail",
        "verify trail",
        "export tiles trail out",
        "token new --role writer --data data",
        "token list --data data",
        "config --data data",
        "serve --check --data data",
        "completions bash",
        "man",
        "man --out pages",
    ];
    for command in commands {
        let done = place.run(command.split(' ').chain(["--json"]));
        assert_eq!(done.code, Some(0), "{command}: {}", done.stderr);
        assert!(done.json().is_object(), "{command}");
    }
}

#[test]
fn tail_is_the_stored_lines() {
    let place = Place::with_trail();
    place.feed(["record", "trail", "--stdin", "--json"], lines(3)).ok();
    let tail = place.run(["tail", "trail", "--json"]).ok();
    assert!(place.read("trail/audit.jsonl").ends_with(&tail.text()));
}

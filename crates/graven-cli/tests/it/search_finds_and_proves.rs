//! `search` finds entries, shows them as a table, JSON, JSON Lines or CSV, and says what does not fit.

use serde_json::{Value, json};

use crate::run::Place;

/// A closed trail with a few entries of each kind.
fn place() -> Place {
    let place = Place::empty();
    place.run(["init", "trail", "--segment-bytes", "40000"]).ok();
    let lines = [
        json!({"category":"api","action":"GET /","outcome":"success","principal":"alice","session_id":"s-1"}),
        json!({"category":"tool_execution","action":"tool:bash","outcome":"denied","principal":"alice","session_id":"s-1",
            "detail":{"command":"sudo rm -rf /"},"reason":"not allowed"}),
        json!({"category":"api","action":"=cmd()","outcome":"failure","principal":"+bob","resource":"@x"}),
        json!({"category":"api","action":"\u{1b}[2Jclear","outcome":"success","principal":"\u{202e}eve","detail":"needle \u{9b}1m"}),
        json!({"category":"billing","action":"pay","outcome":"success","count":7}),
    ];
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    place.feed(["record", "trail", "--stdin"], lines.join("\n")).ok();
    place
}

fn indexes(answer: &Value) -> Vec<u64> {
    answer["hits"].as_array().unwrap().iter().map(|hit| hit["index"].as_u64().unwrap()).collect()
}

/// The JSON answer to a query.
fn ask(place: &Place, arguments: &[&str]) -> Value {
    place.run(["search", "trail", "--json"].into_iter().chain(arguments.iter().copied())).ok().json()
}

#[test]
fn a_query_may_begin_with_a_minus() {
    let place = place();
    let all = indexes(&ask(&place, &[]));
    let without = indexes(&ask(&place, &["-has:session_id"]));
    let with = indexes(&ask(&place, &["has:session_id"]));
    assert_eq!((with.len(), without.len() + with.len()), (2, all.len()));
    for query in ["-h", "-Version", "-outcome:success", "-for:alice", "-(a OR b)", "-c"] {
        place.run(["search", "trail", query]).ok();
        place.run(["search", "trail", query, "--count"]).ok();
    }
    assert!(place.run(["search", "--help"]).ok().text().contains("--exhaustive"));
}

#[test]
fn a_table_marks_what_was_searched_for_and_is_safe() {
    let place = place();
    let table = place.run(["search", "trail", "\"rm -rf\" OR needle", "--color", "always"]).ok().text();
    // The reason is not what matched, so the string that did is shown.
    let mark = |text: &str| format!("\u{1b}[33;1;4m{text}\u{1b}[0m");
    assert!(table.contains(&mark("rm -rf")) && table.contains(&mark("needle")), "{table:?}");
    let plain = place.run(["search", "trail"]).ok().text();
    assert!(plain.contains("\\u{1b}[2Jclear") && plain.contains("\\u{202e}eve"), "{plain}");
    assert!(!plain.contains(['\u{1b}', '\u{202e}', '\u{9b}']));
    assert!(plain.contains("judged by the trail's own key"), "{plain}");
}

#[test]
fn counts_are_shown_and_drawn() {
    let place = place();
    let arguments = [
        "search",
        "trail",
        "-category:trail",
        "--count",
        "--facets",
        "outcome,principal",
        "--histogram",
        "--sessions",
    ];
    let text = place.run(arguments).ok().text();
    assert!(text.contains("5 hits (11 events)") && text.contains('█'), "{text}");
    assert!(text.contains("s-1") && text.contains("2 entries, 1 denied"), "{text}");
    let answer = place.run(arguments.into_iter().chain(["--json"])).ok().json();
    assert_eq!(answer["count"], json!({"entries": 5, "events": 11, "exact": true}));
    assert_eq!(answer["facets"]["outcome"][0], json!({"value": "success", "entries": 3, "events": 9}));
    assert_eq!(answer["sessions"][0]["principals"], json!(["alice"]));
}

#[test]
fn csv_has_no_formulas_and_json_lines_have_every_hit() {
    let place = place();
    let csv = place.run(["search", "trail", "category:api", "--csv", "--oldest"]).ok().text();
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows[0], "index,state,timestamp,category,action,principal,outcome,resource,session_id,detail");
    assert!(rows[2].contains(",api,'=cmd(),'+bob,failure,'@x,,"), "{csv}");
    let lines = place.run(["search", "trail", "category:api", "--jsonl"]).ok().json_lines();
    let page = ask(&place, &["category:api"]);
    assert_eq!(Value::Array(lines), page["hits"]);
    assert_eq!(place.run(["search", "trail", "--jsonl", "--limit", "2"]).ok().json_lines().len(), 2);
}

#[test]
fn pages_go_on_by_their_cursor() {
    let place = Place::with_entries(250);
    let query = "action:\"action *\" since:1h";
    let mut found = Vec::new();
    let mut page = ask(&place, &[query, "--limit", "100"]);
    loop {
        found.extend(indexes(&page));
        let Some(next) = page["next"].as_str() else { break };
        // With the query once more, or without it.
        let query = if found.len() == 100 { vec![query] } else { vec![] };
        page = ask(&place, &[&query[..], &["--limit", "100", "--cursor", next]].concat());
    }
    assert_eq!(found.len(), 250);
    assert!(found.windows(2).all(|pair| pair[0] > pair[1]));
    let next = ask(&place, &["--limit", "1"])["next"].as_str().unwrap().to_owned();
    let done = place.run(["search", "trail", "outcome:denied", "--cursor", &next]).code(2);
    assert!(done.stderr.contains("the cursor belongs to another query"), "{}", done.stderr);
    place.run(["search", "trail", "--cursor", "x"]).code(2);
}

#[test]
fn a_mistake_is_pointed_at() {
    let place = place();
    let done = place.run(["search", "trail", "rm outcom:denied"]).code(2);
    assert!(
        done.stderr.starts_with(
            "  rm outcom:denied\n     ^^^^^^\ngraven: the query, character 4: unknown field `outcom`"
        ),
        "{}",
        done.stderr
    );
    let done = place.run(["search", "trail", "outcom:denied", "--json"]).code(2);
    let error: Value = serde_json::from_str(&done.stderr).unwrap();
    assert!(error["advice"].as_str().unwrap().contains("\"outcom:denied\""));
    // What looks like a secret is not repeated.
    let secret = format!("gh{}_{}", "p", "a1B2".repeat(9));
    let done = place.run(["search", "trail", &format!("\"{secret}")]).code(2);
    assert!(!done.stderr.contains(&secret), "{}", done.stderr);
    for wrong in [
        &["--limit", "1001"][..],
        &["--limit", "0"],
        &["--facets", "outcom"],
        &["--tz", "Mars"],
        &["--budget", "5"],
    ] {
        place.run(["search", "trail"].into_iter().chain(wrong.iter().copied())).code(2);
    }
}

#[test]
fn the_reading_is_explained() {
    let place = place();
    let text = place
        .run(["search", "trail", "at:2026-11-29 (a OR b)", "--tz", "Europe/Berlin", "--explain"])
        .ok()
        .text();
    assert!(text.contains("since:2026-11-28T23:00:00Z") && text.contains("at least one of:"), "{text}");
    assert!(text.contains("times from 2026-11-28T23:00:00Z to before 2026-11-29T23:00:00Z"), "{text}");
    let answer = ask(&place, &["a", "--explain"]);
    assert_eq!(answer["explain"]["query"], "a");
}

#[test]
fn what_does_not_fit_ends_with_one() {
    let place = place();
    let log = place.read("trail/audit.jsonl").replace("sudo rm -rf /", "sudo ls -la /");
    place.write("trail/audit.jsonl", log);
    let done = place.run(["search", "trail", "tool:bash"]).code(1);
    assert!(done.stderr.contains("altered (entry ") && done.text().contains("no hits"), "{}", done.stderr);
    let answer = place.run(["search", "trail", "tool:bash", "--json"]).code(1).json();
    assert_eq!((answer["findings"][0]["verdict"].as_str(), indexes(&answer).len()), (Some("altered"), 0));
    place.run(["search", "trail", "category:billing"]).ok();
    place.run(["search", "trail", "category:billing", "--exhaustive"]).code(1);
    place.run(["search", "trail", "--csv"]).code(1);
    place.run(["session", "trail", "s-1"]).code(1);
    place.run(["search", "nowhere"]).code(2);
    // The key that was seen before is another one.
    place.run(["init", "other"]).ok();
    let key = place.run(["key", "other"]).ok().text();
    let done = place.run(["search", "trail", "billing", "--key", key.trim(), "--json"]).code(1);
    assert_eq!(done.json()["coverage"]["key_source"], "given");
}

#[test]
fn a_session_is_told_from_its_first_entry() {
    let place = place();
    let text = place.run(["session", "trail", "s-1"]).ok().text();
    assert!(
        text.contains("2 entries, 1 denied") && text.contains("tool:bash") && text.contains("not allowed"),
        "{text}"
    );
    let answer = place.run(["session", "trail", "s-1", "--json"]).ok().json();
    assert_eq!(
        (answer["session"]["entries"].as_u64(), answer["timeline"].as_array().unwrap().len()),
        (Some(2), 2)
    );
    assert!(place.run(["session", "trail", "\u{1b}[2J"]).ok().text().contains("\\u{1b}"));
}

#[test]
fn the_commands_on_the_page_run() {
    let place = place();
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/SEARCH.md"));
    let commands = page.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_graven"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-e", "-u", "-c", commands]).current_dir(place.path("."));
    shell.env("PATH", &path).env("XDG_STATE_HOME", place.path("state")).stdin(std::process::Stdio::null());
    shell.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    crate::run::Done::of(crate::deadline::Running::start(&mut shell).output()).ok();
    assert!(
        place.read("hits.csv").starts_with("index,") && place.read("hits.jsonl").starts_with("{\"index\"")
    );
}

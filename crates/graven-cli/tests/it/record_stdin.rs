//! `record --stdin` prints a receipt for each line, in the order of the input, when the entry is durable.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Command;

use serde_json::Value;

use crate::run::{Done, Place, leaf_hash, line, lines};

const STDIN: [&str; 3] = ["record", "trail", "--stdin"];

#[test]
fn receipts_come_in_input_order_and_match_what_is_stored() {
    let place = Place::with_trail();
    let receipts = place.feed(STDIN, lines(5_000)).ok().json_lines();
    assert_eq!(receipts.len(), 5_000);
    let stored = place.stored();
    for (number, receipt) in receipts.iter().enumerate() {
        let line = &stored[receipt["index"].as_u64().unwrap() as usize];
        assert_eq!(receipt["leaf_hash"], leaf_hash(line));
        let entry: Value = serde_json::from_str(line).unwrap();
        assert_eq!(entry["action"], format!("action {number}"));
        assert_eq!(entry["id"], receipt["id"]);
    }
    place.run(["verify", "trail"]).code(0);
}

#[test]
fn a_bad_line_is_answered_in_its_place_and_the_others_go_on() {
    let place = Place::with_trail();
    let input = [
        line("first").as_str(),
        "not json\n",
        r#"{"category":"api","action":"a","outcome":"success","principle":"x"}"#,
        "\n",
        r#"{"category":"api","action":"a"}"#,
        "\n",
        r#"{"category":"api","action":7,"outcome":"success"}"#,
        "\n\n",
        &format!("{{\"category\":\"api\",\"outcome\":\"success\",\"action\":\"{}\"}}\n", "x".repeat(70_000)),
        r#"{"category":"trail","action":"a","outcome":"success"}"#,
        "\n",
        line("last").as_str(),
    ]
    .concat();
    let answers = place.feed(STDIN, input).code(1).json_lines();
    assert_eq!(answers.len(), 9);
    assert!(answers[0]["index"].is_u64() && answers[8]["index"].is_u64());
    for (place, about) in
        [(1, ""), (2, "principal"), (3, "outcome"), (4, "action"), (5, "empty"), (7, "trail")]
    {
        assert_eq!(answers[place]["line"], place + 1);
        let error = answers[place]["error"].as_str().unwrap();
        assert!(error.contains(about), "{error}");
    }
    let actions: Vec<_> = place.entries().iter().map(|entry| entry["action"].clone()).collect();
    // What is only too long is no bad line.
    assert!(answers[6]["index"].is_u64(), "{}", answers[6]);
    assert_eq!((&actions[0], &actions[2], actions.len()), (&"first".into(), &"last".into(), 3));
    assert!(actions[1].as_str().unwrap().ends_with("x…[cut]"));
}

#[test]
fn what_only_a_server_says_is_refused_by_name() {
    let place = Place::with_trail();
    let with = |field: &str| line("a").replacen('{', &format!("{{{field},"), 1);
    let input = [
        with(r#""recorded_by":"root""#),
        with(r#""received_at":"2026-01-31T12:00:00Z""#),
        with(r#""timestamp":"+10000-01-01T00:00:00Z""#),
        with(r#""approval":{"decision":"asked"},"recorded_by":null"#),
    ];
    let answers = place.feed(STDIN, input.concat()).code(1).json_lines();
    for (answer, about) in answers.iter().zip(["recorded_by", "received_at", "0000 to 9999"]) {
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(about) && (about.starts_with('0') || error.contains("server")), "{error}");
    }
    assert!(answers[3]["index"].is_u64(), "{}", answers[3]);
    assert_eq!(place.entries()[0]["approval"]["decision"], "asked");
}

#[test]
fn ids_times_and_digits_are_kept_when_given() {
    let place = Place::with_trail();
    let given = r#" {"outcome":"success", "category":"api", "action":"a", "id":"mine", "timestamp":"2026-01-01T00:00:00.5Z", "detail": {"n": 100000000000000000000000000000.10, "e": 1e400}} "#;
    place.feed(STDIN, given).ok();
    assert_eq!(
        place.stored().pop().unwrap(),
        r#"{"id":"mine","timestamp":"2026-01-01T00:00:00.500Z","category":"api","action":"a","principal":null,"outcome":"success","detail":{"n":100000000000000000000000000000.10,"e":1e400}}"#
    );
}

#[test]
fn a_last_line_without_newline_is_a_line_and_no_input_is_no_entry() {
    let place = Place::with_trail();
    let receipts = place.feed(STDIN, lines(2).trim_end()).ok().json_lines();
    assert_eq!(receipts.len(), 2);
    assert_eq!(place.feed(STDIN, "").ok().text(), "");
    assert_eq!(place.entries().len(), 2);
}

#[test]
fn a_line_that_is_much_too_long_is_refused() {
    let place = Place::with_trail();
    let huge = format!("{}\n{}", "x".repeat(40 << 20), line("after"));
    let answers = place.feed(STDIN, huge).code(1).json_lines();
    assert!(answers[0]["error"].as_str().unwrap().contains("too large"), "{}", answers[0]);
    assert_eq!(answers[0]["line"], 1);
    assert!(answers[1]["index"].is_u64());
}

#[test]
fn a_detail_that_is_too_large_is_refused_in_its_place() {
    let place = Place::with_trail();
    let detail = |bytes| {
        let text = "x".repeat(bytes);
        format!("{{\"category\":\"api\",\"action\":\"a\",\"outcome\":\"success\",\"detail\":\"{text}\"}}\n")
    };
    let input = [line("first"), detail((16 << 20) + 10), detail(200_000), line("last")].concat();
    let answers = place.feed(STDIN, input).code(1).json_lines();
    let refused: Vec<bool> = answers.iter().map(|answer| answer["error"].is_string()).collect();
    assert_eq!(refused, [false, true, false, false]);
    let order: Vec<_> = place.entries().iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(order, ["first", "a", "last"]);
}

#[test]
fn each_line_is_answered_while_the_sender_waits() {
    let place = Place::with_trail();
    let mut child = place.start(STDIN);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for number in 0..20 {
        stdin.write_all(line(&format!("action {number}")).as_bytes()).unwrap();
        // If the answer waited for more input, this would wait until the deadline.
        let mut answer = String::new();
        stdout.read_line(&mut answer).unwrap();
        assert!(answer.starts_with("{\"index\":"), "{answer}");
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_that_closes_early_loses_no_entry() {
    let place = Place::with_trail();
    let mut child = place.start(STDIN);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(lines(1).as_bytes()).unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0]).unwrap();
    drop(stdout);
    stdin.write_all(lines(20_000).as_bytes()).unwrap();
    drop(stdin);
    let done = Done::of(child.output());
    assert_ne!(done.code, Some(0));
    assert_eq!(done.stderr, "");
    assert_eq!(place.entries().len(), 20_001);
}

#[test]
fn a_signal_to_end_closes_the_trail_with_every_acknowledged_entry() {
    let place = Place::with_trail();
    let mut child = place.start(STDIN);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(line("before").as_bytes()).unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
    assert!(place.path("trail/closed").exists());
    assert_eq!(place.entries().len(), 1);
    drop(stdin);
}

#[test]
fn two_recorders_write_one_trail() {
    let place = Place::with_trail();
    let mut child = place.start(STDIN);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut record = |action: &str| {
        stdin.write_all(line(action).as_bytes()).unwrap();
        let mut receipt = String::new();
        stdout.read_line(&mut receipt).unwrap();
        serde_json::from_str::<serde_json::Value>(&receipt).unwrap()["index"].as_u64().unwrap()
    };
    assert_eq!(record("first"), 0);
    place.feed(STDIN, lines(3)).ok();
    // It has read what the other one recorded.
    assert_eq!(record("last"), 4);
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(place.entries().len(), 5);
    place.run(["verify", "trail", "--no-state"]).ok();
}

#[test]
fn a_recorder_is_kept_out_by_one_that_wants_to_be_alone() {
    let place = Place::with_trail();
    let alone = std::fs::File::options().write(true).open(place.path("trail/LOCK")).unwrap();
    alone.try_lock().unwrap();
    let refused = place.feed(STDIN, lines(1)).code(2);
    assert!(refused.stderr.contains("wants to be alone"), "{}", refused.stderr);
    drop(alone);
    place.feed(STDIN, lines(1)).ok();
}

#[test]
fn flags_and_stdin_exclude_each_other() {
    let place = Place::with_trail();
    place.feed(STDIN.into_iter().chain(["--action", "a"]), lines(1)).code(2);
    assert_eq!(place.entries().len(), 0);
}

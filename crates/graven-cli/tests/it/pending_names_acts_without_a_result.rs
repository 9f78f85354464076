//! `pending` names the acts that have an intent and no result, also after the program was killed.

use std::io::{BufRead, BufReader, Write};

use serde_json::Value;

use crate::deadline::Running;
use crate::run::{Place, lines};

fn intent(id: &str, action: &str) -> String {
    format!(
        "{{\"id\":\"{id}\",\"category\":\"tool_execution\",\"action\":\"{action}\",\"principal\":\"alice\",\
         \"outcome\":\"pending\",\"session_id\":\"s-1\",\"phase\":\"intent\"}}\n"
    )
}

fn result(intent_id: &str, outcome: &str) -> String {
    format!(
        "{{\"category\":\"tool_execution\",\"action\":\"a\",\"principal\":\"alice\",\"outcome\":\"{outcome}\",\
         \"phase\":\"result\",\"intent_id\":\"{intent_id}\"}}\n"
    )
}

fn pending(place: &Place) -> Vec<Value> {
    let answer = place.run(["pending", "trail", "--json"]).ok().json();
    answer.as_array().unwrap().clone()
}

fn ids(place: &Place) -> Vec<String> {
    pending(place).iter().map(|act| act["id"].as_str().unwrap().to_owned()).collect()
}

/// A recorder that has acknowledged these lines and still runs.
fn recording(place: &Place, lines: &[String]) -> Running {
    let mut child = place.start(["record", "trail", "--stdin", "--json"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut receipts = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines {
        stdin.write_all(line.as_bytes()).unwrap();
        receipts.next().unwrap().unwrap();
    }
    child.stdin = Some(stdin);
    child
}

#[test]
fn after_kill_9_it_names_the_interrupted_act_and_no_other() {
    let place = Place::with_trail();
    let said = [
        intent("done", "tool:ls"),
        result("done", "success"),
        intent("open", "tool:bash"),
        intent("left", "tool:rm"),
        result("left", "failure"),
    ];
    let mut child = recording(&place, &said);
    // While the recorder still runs and holds the lock.
    assert_eq!(ids(&place), ["open"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let acts = pending(&place);
    assert_eq!(acts.len(), 1, "{acts:?}");
    assert_eq!(acts[0]["id"], "open");
    assert_eq!(acts[0]["action"], "tool:bash");
    assert_eq!(acts[0]["category"], "tool_execution");
    assert_eq!(acts[0]["principal"], "alice");
    assert_eq!(acts[0]["session_id"], "s-1");
    assert!(acts[0]["timestamp"].as_str().unwrap().ends_with('Z'));
    assert!(acts[0]["age_seconds"].as_u64().unwrap() < 3_600);
    let index = acts[0]["index"].as_u64().unwrap().to_string();
    let shown = place.run(["show", "trail", "--index", &index, "--json"]).ok().json();
    assert_eq!(shown["entry"]["id"], "open");
    place.run(["verify", "trail", "--no-state"]).code(0);
    let table = place.run(["pending", "trail"]).ok().text();
    assert!(table.contains("1 act without a result") && table.contains("tool:bash"), "{table}");
}

#[test]
fn a_trail_without_acts_has_none_pending() {
    let place = Place::with_entries(300);
    assert_eq!(place.run(["pending", "trail", "--json"]).ok().text(), "[]\n");
    assert_eq!(place.run(["pending", "trail"]).ok().text(), "every act has its result\n");
}

#[test]
fn every_segment_is_searched() {
    let place = Place::with_trail();
    let input =
        intent("first", "tool:a") + &intent("second", "tool:b") + &lines(2_000) + &result("first", "denied");
    place.feed(["record", "trail", "--stdin", "--json"], input).code(0);
    assert_eq!(ids(&place), ["second"]);
}

#[test]
fn an_id_that_is_used_again_needs_a_result_each_time() {
    let place = Place::with_trail();
    let input = intent("same", "tool:a") + &intent("same", "tool:b") + &result("same", "success");
    place.feed(["record", "trail", "--stdin", "--json"], input).code(0);
    let acts = pending(&place);
    assert_eq!((acts.len(), acts[0]["action"].as_str()), (1, Some("tool:a")), "{acts:?}");
}

#[test]
fn field_names_in_a_detail_are_not_an_act() {
    let place = Place::with_trail();
    let line = "{\"category\":\"api\",\"action\":\"a\",\"principal\":null,\"outcome\":\"success\",\
                \"detail\":{\"phase\":\"intent\",\"intent_id\":\"x\"}}\n";
    place.feed(["record", "trail", "--stdin", "--json"], line).code(0);
    assert_eq!(place.run(["pending", "trail", "--json"]).ok().text(), "[]\n");
}

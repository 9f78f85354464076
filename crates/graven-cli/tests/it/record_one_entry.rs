//! `record` with flags: one entry, durable when the command ends.

use serde_json::json;

use crate::run::{Place, leaf_hash};

const REQUIRED: [&str; 8] =
    ["record", "trail", "--category", "tool_execution", "--action", "tool:bash", "--outcome", "denied"];

#[test]
fn the_receipt_is_about_the_stored_line() {
    let place = Place::with_trail();
    let receipt = place.run(REQUIRED.into_iter().chain(["--json"])).ok().json();
    let index = receipt["index"].to_string();
    let raw = place.run(["show", "trail", "--index", &index, "--raw"]).ok().text();
    assert_eq!(receipt["leaf_hash"], leaf_hash(&raw));
    let entry: serde_json::Value = serde_json::from_str(&raw).unwrap();
    assert_eq!(receipt["id"], entry["id"]);
    assert_eq!(entry["outcome"], "denied");
    assert_eq!(entry["principal"], json!(null));
}

#[test]
fn every_flag_has_its_field() {
    let place = Place::with_trail();
    let flags = "--principal alice --detail {\"n\":12345678901234567890.10} --duration-ms 7 --id my-id --timestamp \
        2026-01-31T12:00:00+01:00 --resource r --session-id s --request-id q --trace-id t --span-id p --okr-id o \
        --okr-run-id u --relay-id l --on-behalf-of bob --on-behalf-of carol --reason because --phase result \
        --intent-id i --approval allowed --approval-by dora --approval-kind human --approval-rule ask";
    place.run(REQUIRED.into_iter().chain(flags.split_whitespace())).ok();
    let stored = place.stored().pop().unwrap();
    assert_eq!(
        stored,
        r#"{"id":"my-id","timestamp":"2026-01-31T11:00:00Z","category":"tool_execution","action":"tool:bash","principal":"alice","outcome":"denied","detail":{"n":12345678901234567890.10},"duration_ms":7,"okr_id":"o","okr_run_id":"u","relay_id":"l","session_id":"s","trace_id":"t","span_id":"p","request_id":"q","resource":"r","on_behalf_of":["bob","carol"],"phase":"result","intent_id":"i","reason":"because","approval":{"by":"dora","kind":"human","rule":"ask","decision":"allowed"}}"#
    );
}

#[test]
fn custom_categories_are_accepted_and_the_trails_own_is_not() {
    let place = Place::with_trail();
    let with =
        |category| ["record", "trail", "--action", "a", "--outcome", "success", "--category", category];
    place.run(with("my_own")).ok();
    for bad in ["trail", "My Own", "", "tool-execution"] {
        let refused = place.run(with(bad)).code(2);
        assert!(refused.stderr.contains("categor"), "{bad}: {}", refused.stderr);
    }
    assert_eq!(place.entries().len(), 1);
}

#[test]
fn missing_and_wrong_flags_are_named() {
    let place = Place::with_trail();
    let refused = place.run(["record", "trail", "--category", "api"]).code(2);
    assert!(
        refused.stderr.contains("--action") && refused.stderr.contains("--outcome"),
        "{}",
        refused.stderr
    );
    let refused = place.run(REQUIRED.into_iter().chain(["--detail", "{not json"])).code(2);
    assert!(refused.stderr.contains("--detail"), "{}", refused.stderr);
    let refused = place.run(REQUIRED.into_iter().chain(["--timestamp", "yesterday"])).code(2);
    assert!(refused.stderr.contains("2026-01-31T12:00:00Z"), "{}", refused.stderr);
    let refused = place.run(REQUIRED.into_iter().chain(["--timestamp", "9999-12-31T23:59:59-01:00"])).code(2);
    assert!(refused.stderr.contains("0000 to 9999"), "{}", refused.stderr);
    let refused = place.run(REQUIRED.into_iter().chain(["--approval-by", "dora"])).code(2);
    assert!(refused.stderr.contains("--approval"), "{}", refused.stderr);
    let refused = place.run(REQUIRED.into_iter().chain(["--approval", "maybe"])).code(2);
    assert!(refused.stderr.contains("allowed, denied, asked"), "{}", refused.stderr);
    let pending = ["record", "trail", "--category", "api", "--action", "a", "--outcome", "pending"];
    place.run(pending).code(2);
    place.run(pending.into_iter().chain(["--phase", "intent"])).ok();
    assert_eq!(place.entries().len(), 1);
}

#[test]
fn a_large_detail_is_kept_beside_the_log() {
    let place = Place::with_trail();
    let detail = format!("{{\"text\":\"{}\"}}", "x".repeat(100_000));
    place.run(REQUIRED.into_iter().chain(["--detail", &detail, "--id", "large"])).ok();
    let shown = place.run(["show", "trail", "--id", "large", "--json"]).ok().json();
    assert_eq!(shown["entry"]["detail"]["$blob"]["bytes"], detail.len());
    assert_eq!(shown["blob"].to_string(), detail);
    place.run(["verify", "trail"]).code(0);
}

#[test]
fn a_category_that_is_nearly_a_known_one_is_recorded_with_a_warning() {
    let place = Place::with_trail();
    let done =
        place.run("record trail --category tool_exection --action a --outcome success".split(' ')).code(0);
    assert!(done.stderr.contains("did you mean tool_execution?"), "{}", done.stderr);
    let line = "{\"category\":\"sesion\",\"action\":\"a\",\"outcome\":\"success\"}\n";
    let done = place.feed(["record", "trail", "--stdin"], line.repeat(3)).code(0);
    assert_eq!(done.json_lines().len(), 3);
    assert_eq!(done.stderr.matches("did you mean session?").count(), 1, "once is enough: {}", done.stderr);
    place.write("other", line.repeat(2));
    let done = place.run(["import", "trail", "other"]).code(0);
    assert_eq!(done.stderr.matches("did you mean session?").count(), 1, "{}", done.stderr);
    let stored: Vec<_> = place.entries().iter().map(|entry| entry["category"].clone()).collect();
    assert_eq!(stored, ["tool_exection", "sesion", "sesion", "sesion", "sesion", "sesion"]);
    // A category of one's own is nobody's business.
    place.run("record trail --category billing --action a --outcome success".split(' ')).ok();
}

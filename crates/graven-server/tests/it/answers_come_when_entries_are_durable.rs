//! A receipt names an entry that is in the log, and a refusal says why it is not.

use graven_server::auth::Role;
use serde_json::{Value, json};

use crate::support::{JSON, NDJSON, Running, now, stored};

fn entry(action: &str) -> Value {
    json!({"category": "api", "action": action, "outcome": "success"})
}

#[tokio::test(flavor = "multi_thread")]
async fn one_object_has_one_receipt_for_the_line_in_the_log() {
    let server = Running::start().await;
    let before = now();
    let text = r#"{"id":"e-1","category":"tool_execution","action":"tool:bash","outcome":"denied","principal":"alice",
        "detail":{"n":1.50}}"#;
    let answer = server.admin.post("/v1/trails/main/entries", JSON, text).await;
    let answer = answer.is(201).json();
    let receipt = &answer["receipts"][0];
    assert_eq!((&receipt["id"], answer["receipts"].as_array().unwrap().len()), (&json!("e-1"), 1));
    // Read from the files while the server runs: it is there already.
    let reader = graven::reader::Reader::open(server.trail("main")).unwrap();
    let record = reader.record(receipt["index"].as_u64().unwrap()).unwrap().unwrap();
    assert_eq!(receipt["leaf_hash"], record.leaf_hash().to_string());
    let entry = record.entry().unwrap();
    assert_eq!(entry.id.as_deref(), Some("e-1"));
    assert_eq!(entry.principal.as_deref(), Some("alice"));
    assert_eq!(entry.recorded_by.as_deref(), Some("admin"));
    assert_eq!(entry.detail.unwrap().as_str(), r#"{"n":1.50}"#);
    let received = entry.received_at.unwrap();
    assert!(received >= before && received <= now(), "{received}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_is_answered_in_its_order() {
    let server = Running::start().await;
    let many: Vec<Value> = (0..3_000).map(|number| entry(&format!("a{number}"))).collect();
    let answer = server.admin.record(json!(many)).await;
    let receipts = answer.is(201).json()["receipts"].as_array().unwrap().clone();
    let entries = stored(&server.trail("main"));
    assert_eq!(receipts.len(), many.len());
    for (number, receipt) in receipts.iter().enumerate() {
        assert_eq!(entries[receipt["index"].as_u64().unwrap() as usize].action, format!("a{number}"));
    }
    let indexes: Vec<u64> = receipts.iter().map(|receipt| receipt["index"].as_u64().unwrap()).collect();
    assert!(indexes.is_sorted(), "in the order in which they were sent");
    assert_eq!(server.admin.record(json!([])).await.is(200).text(), r#"{"receipts":[]}"#);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_named_and_the_others_are_recorded() {
    let server = Running::start().await;
    let mixed = json!([
        entry("good"),
        {"category": "trail", "action": "a", "outcome": "success"},
        7,
        {"category": "api", "action": "a", "outcome": "success", "received_at": "2026-01-01T00:00:00Z"},
        {"category": "api", "action": "a", "outcome": "success", "colour": "red"},
        entry("good too"),
    ]);
    let answer = server.admin.record(mixed).await;
    let receipts = answer.is(207).json()["receipts"].as_array().unwrap().clone();
    let refused: Vec<u64> = receipts.iter().filter_map(|receipt| receipt["at"].as_u64()).collect();
    assert_eq!(refused, [1, 2, 3, 4]);
    for at in refused {
        let error = &receipts[at as usize]["error"];
        assert_eq!(
            (&error["type"], &error["status"]),
            (&json!("urn:graven:problem:not-an-entry"), &json!(422))
        );
    }
    let actions: Vec<String> = stored(&server.trail("main")).into_iter().map(|entry| entry.action).collect();
    assert!(actions.contains(&"good".to_owned()) && actions.contains(&"good too".to_owned()));
    assert!(!actions.contains(&"a".to_owned()));
    let state = server.admin.get("/v1/trails/main").await.json();
    assert_eq!((&state["counters"]["recorded"], &state["counters"]["refused"]), (&json!(2), &json!(4)));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_are_refused_the_answer_is_a_problem() {
    let server = Running::start().await;
    let problem = server.admin.record(json!({"category": "api"})).await.is_problem(422, "not-an-entry");
    assert_eq!(problem["receipts"][0]["at"], 0);
    let path = "/v1/trails/main/entries";
    for text in ["", "{", "nonsense", "[{},", "\u{0}", r#"{"category":"api"#] {
        server.admin.post(path, JSON, text).await.is_problem(400, "not-json");
    }
    server.admin.post(path, JSON, vec![0xff, b'{']).await.is_problem(400, "not-json");
    // A secret in what is refused is not repeated.
    let secret = format!("ghp_{}", "a1B2".repeat(9));
    let answer = server.admin.record(json!({"category": secret, "action": "a", "outcome": "success"})).await;
    assert!(answer.is(422).text().len() < 2_000 && !answer.text().contains(&secret), "{}", answer.text());
    let entries = stored(&server.trail("main"));
    assert_eq!(entries.len(), 1, "only the server's own entry");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_answered_with_a_line_each() {
    let server = Running::start().await;
    let body = format!("{}\n\nno\n{}", entry("one"), entry("two"));
    let answer = server.admin.post("/v1/trails/main/entries", NDJSON, body).await;
    answer.is(200);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let lines = answer.lines();
    assert_eq!(lines.len(), 4);
    assert!(lines[0]["index"].is_u64() && lines[3]["index"].is_u64());
    assert_eq!((&lines[1]["at"], &lines[2]["at"]), (&json!(1), &json!(2)));
    assert_eq!(lines[2]["error"]["type"], "urn:graven:problem:not-json");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_some_categories_records_only_those() {
    let server = Running::start().await;
    let writer = server.client(Role::Writer, |new| {
        new.categories = graven_server::auth::Scope::Only(vec!["k8s".parse().unwrap()]);
    });
    let k8s = json!({"category": "k8s", "action": "apply", "outcome": "success"});
    let answer = writer.record(json!([entry("other"), k8s])).await;
    let receipts = &answer.is(207).json()["receipts"];
    assert_eq!(receipts[0]["error"]["type"], "urn:graven:problem:out-of-scope");
    assert!(receipts[1]["index"].is_u64());
    writer.record(entry("other")).await.is_problem(403, "out-of-scope");
    server.stop().await;
}

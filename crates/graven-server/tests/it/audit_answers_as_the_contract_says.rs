//! `GET /v1/audit` answers as the module did that Graven began from.

use graven_server::auth::Role;
use serde_json::{Value, json};

use crate::support::{Client, JSON, NDJSON, Running};

async fn audit(client: &Client, query: &str) -> Vec<Value> {
    client.get(&format!("/v1/audit{query}")).await.is(200).json().as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_come_first_in_the_contracts_form() {
    let server = Running::start().await;
    let time = "2026-01-31T23:59:59.123456Z";
    let large = "x".repeat(100_000);
    let entries = json!([
        {"id": "1", "timestamp": time, "category": "api", "action": "POST /api/session", "outcome": "success",
         "principal": "alice", "detail": {"status": 200}, "duration_ms": 12},
        {"id": "2", "timestamp": time, "category": "tool_execution", "action": "tool:bash", "outcome": "denied"},
        {"id": "3", "timestamp": time, "category": "swarm", "action": "promote", "outcome": "failure",
         "okr_id": "o", "session_id": "s", "resource": "left out"},
        {"id": "4", "category": "billing", "action": "an own category", "outcome": "success"},
        {"id": "5", "timestamp": time, "category": "k8s", "action": "deploy", "outcome": "success",
         "detail": {"large": large}},
    ]);
    let admin = server.client(Role::Admin, |new| new.assert_principal = true);
    admin.record(entries).await.is(201);
    let intent = json!({"category": "api", "action": "an intent", "phase": "intent", "outcome": "pending"});
    admin.post("/v1/trails/main/entries", JSON, intent.to_string()).await;
    let newest = audit(&admin, "?limit=4").await;
    let ids: Vec<_> = newest.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["5", "3", "2", "1"]);
    assert_eq!(newest[0]["detail"]["large"], large, "a large detail is there too");
    let text = admin.get("/v1/audit?limit=4").await;
    assert_eq!(text.header("content-type"), "application/json");
    let one = concat!(
        r#"{"id":"1","timestamp":"2026-01-31T23:59:59.123456Z","category":"api","action":"POST /api/session","#,
        r#""principal":"alice","outcome":"success","detail":{"status":200},"duration_ms":12}"#
    );
    assert!(text.text().ends_with(&format!("{one}]")), "{}", &text.text()[text.text().len() - 300..]);
    assert!(newest[2]["principal"].is_string() && newest[2].get("detail").is_none());
    assert_eq!((&newest[1]["okr_id"], newest[1].get("resource")), (&json!("o"), None));

    let tools = audit(&admin, "?category=tool").await;
    assert_eq!(tools, audit(&admin, "?category=tool_execution").await);
    assert_eq!((tools.len(), &tools[0]["action"]), (1, &json!("tool:bash")));
    admin.get("/v1/audit?category=billing").await.is_problem(400, "bad-parameter");
    admin.get("/v1/audit?category=API").await.is_problem(400, "bad-parameter");
    admin.get("/v1/audit?limit=x").await.is_problem(400, "bad-parameter");
    for role in [Role::Writer, Role::Reader, Role::Auditor] {
        server.client(role, |_| {}).get("/v1/audit").await.is_problem(403, "forbidden");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_are_given_and_never_more_than_a_thousand() {
    let server = Running::start().await;
    let line = json!({"category": "session", "action": "a", "outcome": "success"}).to_string() + "\n";
    server.admin.post("/v1/trails/main/entries", NDJSON, line.repeat(1_200)).await.is(200);
    for (query, count) in [
        ("", 100),
        ("?limit=7", 7),
        ("?limit=0", 0),
        ("?limit=100000", 1_000),
        ("?category=session&limit=1000", 1_000),
    ] {
        assert_eq!(audit(&server.admin, query).await.len(), count, "{query}");
    }
    assert!(audit(&server.admin, "?category=auth").await.is_empty());
    server.stop().await;
}

//! Admins make, list and revoke tokens over HTTP, and each of that is an entry.

use graven_server::auth::Role;
use serde_json::{Value, json};

use crate::support::{Client, JSON, Running, stored};

async fn make(server: &Running, wanted: Value) -> (Value, Client) {
    let answer = server.admin.post("/v1/tokens", JSON, wanted.to_string()).await;
    let made = answer.is(201).json();
    assert_eq!(answer.header("cache-control"), "no-store");
    let client = server.with_token(made["token"].as_str().unwrap());
    (made, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_counts_from_the_next_request_until_it_is_revoked() {
    let server = Running::start().await;
    let wanted =
        json!({"role": "writer", "name": "ci", "trails": ["main"], "categories": ["k8s"], "expires": "30d"});
    let (made, ci) = make(&server, wanted).await;
    let entry = json!({"category": "k8s", "action": "apply", "outcome": "success"});
    ci.record(entry.clone()).await.is(201);
    let listed = server.admin.get("/v1/tokens").await.is(200).json();
    let listed = listed["tokens"].as_array().unwrap();
    let ours = listed.iter().find(|token| token["id"] == made["id"]).unwrap();
    assert_eq!((&ours["name"], &ours["categories"]), (&json!("ci"), &json!(["k8s"])));
    assert!(ours["last_used"].is_string() && ours.get("token").is_none() && ours.get("sha256").is_none());
    let path = format!("/v1/tokens/{}", made["id"].as_str().unwrap());
    server.admin.send("DELETE", &path, &[], "").await.is(200);
    ci.record(entry).await.is_problem(401, "unauthorized");
    server.admin.send("DELETE", &path, &[], "").await.is_problem(404, "unknown-token");

    let folder = server.stop().await.unwrap();
    let entries = stored(&folder.path().join("data/trails/main"));
    for action in ["token.made", "token.revoked"] {
        let entry = entries.iter().find(|entry| entry.action == action).unwrap();
        let detail: Value = serde_json::from_str(entry.detail.as_ref().unwrap().as_str()).unwrap();
        assert_eq!((entry.principal.as_deref(), &detail["id"]), (Some("admin"), &made["id"]));
    }
    let whole = std::fs::read_to_string(folder.path().join("data/trails/main/audit.jsonl")).unwrap();
    assert!(!whole.contains("gvn_"), "no token is in the trail");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_and_only_what_can_be() {
    let server = Running::start().await;
    for role in [Role::Writer, Role::Reader, Role::Auditor] {
        let client = server.client(role, |_| {});
        client.get("/v1/tokens").await.is_problem(403, "forbidden");
        client.post("/v1/tokens", JSON, r#"{"role":"admin"}"#).await.is_problem(403, "forbidden");
        client.send("DELETE", "/v1/tokens/x", &[], "").await.is_problem(403, "forbidden");
    }
    for (text, status, name) in [
        ("{", 400, "not-json"),
        ("{}", 422, "not-a-token"),
        (r#"{"role":"king"}"#, 422, "not-a-token"),
        (r#"{"role":"writer","colour":"red"}"#, 422, "not-a-token"),
        (r#"{"role":"writer","trails":["NO"]}"#, 422, "not-a-token"),
        (r#"{"role":"writer","expires":"yesterday"}"#, 422, "not-a-token"),
        (r#"{"role":"admin","trails":["main"]}"#, 422, "not-a-token"),
    ] {
        server.admin.post("/v1/tokens", JSON, text).await.is_problem(status, name);
    }
    server.stop().await;
}

//! Without a good token nothing is answered but whether the server lives, and refused requests are in the trail.

use graven_server::auth::{Role, Scope};
use serde_json::json;

use crate::support::{JSON, Running, stored};

#[tokio::test(flavor = "multi_thread")]
async fn each_address_asks_for_a_token() {
    let server = Running::start().await;
    let stranger = server.stranger();
    stranger.get("/healthz").await.is(200);
    assert_eq!(stranger.get("/readyz").await.is(200).json()["status"], "ready");
    for path in [
        "/v1/trails",
        "/v1/trails/main",
        "/v1/trails/main/entries",
        "/v1/trails/main/entries/0",
        "/v1/trails/main/entries/by-id?id=a",
        "/v1/trails/main/entries/0/proof",
        "/v1/trails/main/entries/0/blob",
        "/v1/trails/nope",
    ] {
        let answer = stranger.get(path).await;
        answer.is_problem(401, "unauthorized");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        for token in ["nonsense", "gvn_0", "Bearer", ""] {
            let header = format!("Bearer {token}");
            stranger.get_with(path, &[("authorization", &header)]).await.is_problem(401, "unauthorized");
        }
    }
    let entry = json!({"category": "api", "action": "a", "outcome": "success"}).to_string();
    stranger.post("/v1/trails/main/entries", JSON, entry).await.is_problem(401, "unauthorized");
    let folder = server.stop().await.unwrap();
    let entries = stored(&folder.path().join("data/trails/main"));
    let refused = entries.iter().filter(|entry| entry.action == "login.refused");
    let counts: Vec<_> = refused
        .map(|entry| (entry.reason.clone().unwrap(), entry.detail.as_ref().unwrap().as_str().to_owned()))
        .collect();
    // One entry for each reason tells of all.
    assert!(counts.contains(&("no token".to_owned(), r#"{"count":17}"#.to_owned())), "{counts:?}");
    assert!(counts.contains(&("not a token".to_owned(), r#"{"count":24}"#.to_owned())), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_and_a_scope_say_what_a_token_is_for() {
    let server = Running::start().await;
    let writer = server.client(Role::Writer, |_| {});
    let reader = server.client(Role::Reader, |_| {});
    let entry = json!({"category": "api", "action": "a", "outcome": "success"});
    writer.record(entry.clone()).await.is(201);
    reader.record(entry).await.is_problem(403, "forbidden");
    writer.get("/v1/trails/main/entries").await.is_problem(403, "forbidden");
    reader.get("/v1/trails/main/entries").await.is(200);
    reader.get("/v1/trails/main/entries/0/proof").await.is_problem(403, "forbidden");
    let elsewhere =
        server.client(Role::Auditor, |new| new.trails = Scope::Only(vec!["other".parse().unwrap()]));
    elsewhere.get("/v1/trails/main").await.is_problem(403, "out-of-scope");
    elsewhere.get("/v1/trails/other").await.is_problem(404, "unknown-trail");
    assert_eq!(elsewhere.get("/v1/trails").await.is(200).json(), json!({"trails": []}));
    server.admin.get("/v1/trails/nope").await.is_problem(404, "unknown-trail");
    server.admin.get("/v1/trails/NOPE").await.is_problem(404, "unknown-trail");
    server.admin.get("/v1/nope").await.is_problem(404, "not-found");
    server.admin.send("DELETE", "/v1/trails", &[], "").await.is_problem(405, "method-not-allowed");
    server.stop().await;
}

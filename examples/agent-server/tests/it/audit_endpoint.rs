//! `GET /v1/audit` is as the contract says.

use serde_json::{Value, json};

use crate::server::Server;

fn audit(server: &Server, query: &str) -> Vec<Value> {
    let answer = server.admin.ask("GET", &format!("/v1/audit{query}"), None).unwrap();
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    answer.json.as_array().unwrap().clone()
}

#[test]
fn it_gives_the_newest_first_in_the_contracts_form() {
    let server = Server::start();
    let session = server.session();
    server.tool(&session, "echo", &["hello"]);
    let entries = audit(&server, "");
    let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        [
            "auth:token",
            "POST /v1/sessions/{id}/tools/{tool}",
            "tool:echo",
            "sandbox:decide",
            "POST /v1/sessions",
            "session:create",
            "auth:token",
        ]
    );
    let keys = ["action", "category", "detail", "duration_ms", "id", "outcome", "principal", "timestamp"];
    for entry in &entries {
        let entry = entry.as_object().unwrap();
        assert!(entry.keys().all(|key| keys.contains(&key.as_str())), "{entry:?}");
        assert!(["success", "failure", "denied"].contains(&entry["outcome"].as_str().unwrap()));
    }
    assert_eq!(entries[2]["detail"], json!({"exit_code": 0, "output_bytes": 6, "timed_out": false}));
    assert_eq!(
        (&entries[2]["category"], &entries[2]["principal"]),
        (&json!("tool_execution"), &json!("user"))
    );
}

#[test]
fn it_can_be_asked_for_a_category_and_a_number() {
    let server = Server::start();
    let session = server.session();
    for _ in 0..120 {
        assert_eq!(server.user.ask("GET", &session, None).unwrap().status, 200);
    }
    assert_eq!(audit(&server, "").len(), 100);
    assert_eq!(audit(&server, "?limit=7").len(), 7);
    assert_eq!(audit(&server, "?limit=0").len(), 0);
    let sessions = audit(&server, "?category=session&limit=1000");
    assert_eq!(sessions.len(), 121);
    assert!(sessions.iter().all(|entry| entry["category"] == "session"));
    // One of them is behind hundreds of others.
    assert_eq!(audit(&server, "?category=auth&limit=2").len(), 2);
    assert!(audit(&server, "?limit=100000").len() > 240);
    server.tool(&session, "echo", &["hello"]);
    assert_eq!(audit(&server, "?category=tool"), audit(&server, "?category=tool_execution"));
    assert_eq!(audit(&server, "?category=tool").len(), 1);
    assert_eq!(audit(&server, "?category=k8s"), [] as [Value; 0]);
}

#[test]
fn it_refuses_who_may_not_and_what_is_not() {
    // Each refusal is an entry of its own.
    let server = Server::start_with(&["--strangers-window", "0"]);
    let status = |client: &crate::client::Client, query: &str| {
        client.ask("GET", &format!("/v1/audit{query}"), None).unwrap().status
    };
    assert_eq!(status(&server.admin.with(None), ""), 401);
    assert_eq!(status(&server.admin.with(Some("guessed")), "?category=nonsense"), 401);
    assert_eq!(status(&server.user, ""), 403);
    assert_eq!(status(&server.user, "?category=nonsense"), 403);
    for query in ["?category=nonsense", "?category=trail", "?category=API", "?limit=many", "?limit=-1"] {
        assert_eq!(status(&server.admin, query), 400, "{query}");
    }
    let denied: Vec<_> =
        audit(&server, "?category=auth").into_iter().filter(|e| e["outcome"] == "denied").collect();
    assert_eq!(denied.len(), 4);
    let api = audit(&server, "?category=api");
    let refused = api.iter().filter(|entry| entry["outcome"] == "denied").count();
    assert_eq!(refused, 4);
}

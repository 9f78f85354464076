//! The principal of an entry is the token's name, unless the token may name others.

use graven_server::auth::Role;
use serde_json::{Value, json};

use crate::support::{Client, Running, stored};

async fn principal(server: &Running, client: &Client, entry: Value) -> (Option<String>, Option<String>) {
    let answer = client.record(entry).await;
    let index = answer.is(201).json()["receipts"][0]["index"].as_u64().unwrap();
    let entry = stored(&server.trail("main")).swap_remove(index as usize);
    (entry.principal, entry.recorded_by)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_tokens_that_may_name_others_do() {
    let server = Running::start().await;
    let name = |name: &str| Some(name.to_owned());
    let plain = server.client(Role::Writer, |new| new.name = name("ci"));
    let asserting = server.client(Role::Writer, |new| {
        (new.name, new.assert_principal) = (name("gateway"), true);
    });
    let alice = json!({"category": "api", "action": "a", "outcome": "success", "principal": "alice"});
    let nobody = json!({"category": "api", "action": "a", "outcome": "success"});
    assert_eq!(principal(&server, &plain, alice.clone()).await, (name("ci"), name("ci")));
    assert_eq!(principal(&server, &plain, nobody.clone()).await, (name("ci"), name("ci")));
    assert_eq!(principal(&server, &asserting, alice.clone()).await, (name("alice"), name("gateway")));
    assert_eq!(principal(&server, &asserting, nobody.clone()).await, (None, name("gateway")));
    assert_eq!(principal(&server, &server.admin, alice).await, (name("alice"), name("admin")));
    // What the server sets, a client never does.
    for field in ["received_at", "recorded_by"] {
        let mut entry = nobody.clone();
        entry[field] = json!("2026-01-01T00:00:00Z");
        server.admin.record(entry).await.is_problem(422, "not-an-entry");
    }
    server.stop().await;
}

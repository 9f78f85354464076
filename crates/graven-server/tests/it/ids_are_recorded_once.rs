//! A client that got no answer sends an entry again with its id, and it is recorded once.

use graven_server::auth::Role;
use serde_json::{Value, json};

use crate::support::{Client, NDJSON, Running, stored, within};

fn entry(id: &str, action: &str) -> Value {
    json!({"id": id, "category": "api", "action": action, "outcome": "success", "detail": {"n": 1}})
}

async fn receipt(client: &Client, entry: Value) -> Value {
    client.record(entry).await.is(201).json()["receipts"][0].clone()
}

fn count(server: &Running, action: &str) -> usize {
    stored(&server.trail("main")).iter().filter(|entry| entry.action == action).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_entry_gets_the_first_receipt_again() {
    let server = Running::start().await;
    let first = receipt(&server.admin, entry("a", "once")).await;
    assert!(first.get("duplicate").is_none());
    for _ in 0..3 {
        let mut again = receipt(&server.admin, entry("a", "once")).await;
        assert_eq!(again.as_object_mut().unwrap().remove("duplicate"), Some(json!(true)));
        assert_eq!(again, first);
    }
    assert_eq!(count(&server, "once"), 1);
    // A secret is stored as a mark, and that is the same one again.
    let secret = format!("ghp_{}", "a1B2".repeat(9));
    let mut with_secret = entry(&format!("id-{secret}"), "secret");
    with_secret["detail"] = json!({"token": secret, "text": "x".repeat(100_000)});
    with_secret["timestamp"] = json!("2026-01-31T12:00:00.123Z");
    receipt(&server.admin, with_secret.clone()).await;
    assert_eq!(receipt(&server.admin, with_secret).await["duplicate"], true);
    assert_eq!(count(&server, "secret"), 1);
    let counters = server.admin.get("/v1/trails/main").await.json()["counters"].clone();
    assert_eq!((&counters["recorded"], &counters["duplicates"]), (&json!(2), &json!(4)));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_content_under_an_id_is_refused_and_the_refusal_is_an_entry() {
    let server = Running::start().await;
    receipt(&server.admin, entry("a", "first")).await;
    server.admin.record(entry("a", "second")).await.is_problem(409, "id-conflict");
    let mixed = server.admin.record(json!([entry("a", "third"), entry("b", "other")])).await;
    assert_eq!(mixed.is(207).json()["receipts"][0]["error"]["status"], 409);
    let folder = server.stop().await.unwrap();
    let entries = stored(&folder.path().join("data/trails/main"));
    let conflicts = entries.iter().filter(|entry| entry.action == "id.conflict");
    let told: Vec<_> =
        conflicts.map(|entry| (entry.principal.as_deref(), entry.resource.as_deref())).collect();
    assert_eq!(told, [(Some("admin"), Some("a")); 2]);
    assert!(entries.iter().all(|entry| !["second", "third"].contains(&entry.action.as_str())));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_another_token_is_another_id() {
    let server = Running::start().await;
    let [one, two] =
        ["one", "two"].map(|name| server.client(Role::Writer, |new| new.name = Some(name.into())));
    let first = receipt(&one, entry("a", "act")).await;
    let second = receipt(&two, entry("a", "another act")).await;
    assert_ne!(first["index"], second["index"]);
    assert_eq!(receipt(&one, entry("a", "act")).await["index"], first["index"]);
    assert_eq!(receipt(&two, entry("a", "another act")).await["index"], second["index"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_sent_many_times_at_the_same_moment_is_recorded_once() {
    let server = Running::start().await;
    for round in 0..10 {
        let sending = (0..16).map(|number| {
            let client = server.admin.clone();
            let mut entries = vec![entry(&format!("r{round}"), "raced")];
            // Others beside it, in any order.
            entries.insert(number % 2, entry(&format!("r{round}-{number}"), "beside"));
            tokio::spawn(async move { client.record(json!(entries)).await })
        });
        let mut indexes = Vec::new();
        for (number, answer) in sending.collect::<Vec<_>>().into_iter().enumerate() {
            let answer = within(answer).await.unwrap();
            indexes.push(answer.is(201).json()["receipts"][1 - number % 2]["index"].as_u64().unwrap());
        }
        indexes.dedup();
        assert_eq!(indexes.len(), 1, "{indexes:?}");
    }
    assert_eq!((count(&server, "raced"), count(&server, "beside")), (10, 160));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_twice_in_one_body_is_recorded_once() {
    let server = Running::start().await;
    let body: String =
        ["a", "b", "a", "a"].iter().map(|id| entry(id, "twice").to_string() + "\n").collect::<String>()
            + &entry("b", "other").to_string();
    let lines = server.admin.post("/v1/trails/main/entries", NDJSON, body).await.is(200).lines();
    assert_eq!(lines[2]["index"], lines[0]["index"]);
    assert_eq!((&lines[2]["duplicate"], &lines[3]["duplicate"]), (&json!(true), &json!(true)));
    assert_eq!(lines[4]["error"]["status"], 409);
    assert_eq!(count(&server, "twice"), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_known_after_a_new_start_and_from_other_writers() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Running::at(&data, &[]).await;
    let first = receipt(&server.admin, entry("a", "before")).await;
    server.stop().await;

    let server = Running::at(&data, &[]).await;
    let again = receipt(&server.admin, entry("a", "before")).await;
    assert_eq!((&again["index"], &again["duplicate"]), (&first["index"], &json!(true)));
    // Another writer of the same trail hands in for the same token, as a second server does.
    let other = graven::Trail::open(graven::Settings::new(server.trail("main"))).unwrap();
    for number in 0..100 {
        let theirs = graven::Entry::from_input(entry(&format!("o{number}"), "theirs").to_string().as_bytes());
        let theirs = theirs.unwrap().recorded_by("admin").received_at(crate::support::now());
        let index = other.record_blocking(theirs).unwrap().index;
        let again = receipt(&server.admin, entry(&format!("o{number}"), "theirs")).await;
        assert_eq!((again["index"].as_u64(), &again["duplicate"]), (Some(index), &json!(true)));
    }
    drop(other);
    server.stop().await;
}

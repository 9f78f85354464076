//! `ack=archived` is answered when a head in the archive covers the entries, and the end of a server ships the rest.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::bucket::{Bucket, metric, standing, until};
use crate::support::{JSON, NDJSON, Running, next};

const ARCHIVED: &str = "/v1/trails/main/entries?ack=archived";

fn entry(category: &str) -> Value {
    json!({"category": category, "action": "a", "outcome": "success"})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_is_under_a_head() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::in_folder(folder.path());
    // Nobody waits as long as that: who waits for the archive hurries it.
    let server = Running::with(&[("archive.url", &bucket.url()), ("archive.every", "1h")]).await;
    let client = &server.admin;
    let there = |receipt: &Value| {
        assert_eq!(receipt["archived"], true, "{receipt}");
        let (head, index) = (bucket.head("main"), receipt["index"].as_u64().unwrap());
        assert!(head > index, "{head} {index}");
    };
    for _ in 0..3 {
        let answer = client.post(ARCHIVED, JSON, entry("api").to_string()).await;
        there(&answer.is(201).json()["receipts"][0]);
    }
    let lines = format!("{}\n", entry("api")).repeat(3_000);
    let answer = client.post(ARCHIVED, NDJSON, lines).await;
    assert_eq!(answer.is(200).lines().len(), 3_000);
    answer.lines().iter().for_each(there);
    let (mut sender, response) = client.stream(&format!("{ARCHIVED}&stream=1"), NDJSON).await;
    let mut body = response.into_body();
    sender.send_data(Bytes::from(format!("{}\n", entry("api")))).await.unwrap();
    there(&serde_json::from_slice(&next(&mut body).await.unwrap()).unwrap());
    drop(sender);
    let intent = json!({"id": "act", "category": "api", "action": "a"}).to_string();
    let answer = client.post("/v1/trails/main/acts?ack=archived", JSON, intent).await;
    there(&answer.is(201).json()["receipt"]);
    let result = json!({"outcome": "success"}).to_string();
    let answer = client.post("/v1/trails/main/acts/act?ack=archived", JSON, result).await;
    there(&answer.is(201).json()["receipt"]);
    // Nobody waited for this one.
    let answer = client.record(entry("api")).await;
    assert_eq!(answer.is(201).json()["receipts"][0]["archived"], Value::Null);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_some_categories_always_wait() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::in_folder(folder.path());
    let settings = [("archive.url", &*bucket.url()), ("archive.required_for", "auth, config")];
    let server = Running::with(&settings).await;
    let answer = server.admin.record(json!([entry("api"), entry("auth"), entry("api")])).await;
    let receipts = answer.is(201).json()["receipts"].clone();
    assert_eq!(receipts[1]["archived"], true, "{receipts}");
    assert!(bucket.head("main") > receipts[1]["index"].as_u64().unwrap());
    assert!(receipts[0]["archived"].is_null() && receipts[2]["archived"].is_null(), "{receipts}");
    // What other programs send too.
    let event = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [{"auditID": "7", "stage": "ResponseComplete", "verb": "get"}]});
    server.admin.post("/v1/trails/main/kubernetes", JSON, event.to_string()).await.is(200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_is_refused() {
    let server = Running::start().await;
    let problem = server.admin.post(ARCHIVED, JSON, entry("api").to_string()).await;
    let problem = problem.is_problem(400, "bad-parameter");
    assert!(problem["detail"].as_str().unwrap().contains("archive.url"), "{problem}");
    for wrong in ["ack=sent", "timeout=6m", "timeout=soon"] {
        let path = format!("/v1/trails/main/entries?{wrong}");
        server.admin.post(&path, JSON, entry("api").to_string()).await.is_problem(400, "bad-parameter");
    }
    server.admin.post("/v1/trails/main/entries?ack=durable", JSON, entry("api").to_string()).await.is(201);
    assert_eq!(standing(&server.admin).await, Value::Null);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_ships_the_rest_and_the_next_start_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::in_folder(folder.path());
    let data = folder.path().join("data");
    let settings = [("archive.url", &*bucket.url()), ("archive.every", "1h"), ("archive.name", "first")];
    let server = Running::at(&data, &settings).await;
    until(&server.admin, |standing| standing["epoch"] == 0).await;
    server.admin.record(Value::Array(vec![entry("api"); 500])).await.is(201);
    server.stop().await;
    let entries = crate::support::stored(&data.join("trails/main")).len() as u64;
    assert!(entries > 500 && bucket.head("main") == entries, "{entries}");
    assert!(bucket.has("main", "closed/0"));
    let server = Running::at(&data, &[("archive.url", &*bucket.url()), ("archive.every", "100ms")]).await;
    let now =
        until(&server.admin, |standing| standing["epoch"] == 1 && standing["lag"]["entries"] == 0).await;
    assert_eq!(now["state"], "shipping");
    assert!(now["url"].as_str().unwrap().ends_with("/bucket/main"), "{now}");
    assert!(now["entries"].as_u64().unwrap() > entries, "{now}");
    for (name, is) in [("archive_shipping", 1.0), ("archive_fenced", 0.0), ("archive_epoch", 1.0)] {
        assert_eq!(metric(&server.admin, name).await, is, "{name}");
    }
    assert!(metric(&server.admin, "archive_entries").await > entries as f64);
    for name in ["archive_lag_entries", "archive_lag_bytes", "archive_lag_seconds"] {
        assert!(metric(&server.admin, name).await >= 0.0);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_closed_segments_have_replaced_is_removed_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::in_folder(folder.path());
    let data = folder.path().join("data");
    let small = graven::Settings::new(data.join("trails/main")).segment_bytes(64 << 10);
    graven::Trail::open(small).unwrap().close_blocking().unwrap();
    for (gc, kept) in [("false", true), ("true", false)] {
        let settings = [("archive.url", &*bucket.url()), ("archive.every", "100ms"), ("archive.gc", gc)];
        let server = Running::at(&data, &settings).await;
        for _ in 0..3 {
            server
                .admin
                .post(ARCHIVED, JSON, Value::Array(vec![entry("api"); 500]).to_string())
                .await
                .is(201);
        }
        until(&server.admin, |standing| standing["lag"]["entries"] == 0).await;
        server.stop().await;
        let packed = bucket.names("main", "tail").into_iter().filter(|name| name.starts_with("0-"));
        // The first objects of the tail begin at entry 0, and the first segment is closed.
        assert!(bucket.has("main", "segments/0") && (packed.count() > 0) == kept, "gc {gc}");
    }
}

//! While the archive is away, entries are recorded, answers say that they are here only, and the trail says so too.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bucket::{Bucket, entry, metric, standing, until};
use crate::support::{JSON, Running};

fn one(category: &str) -> String {
    json!({"category": category, "action": "a", "outcome": "success"}).to_string()
}

const SOON: &str = "/v1/trails/main/entries?ack=archived&timeout=300ms";

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_recorded_and_the_trail_says_that_they_are_here_only() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::in_folder(folder.path());
    let url = bucket.url();
    let server = Running::edited(|settings| {
        settings.archive.url = Some(url);
        settings.archive.every = Duration::from_millis(100);
        settings.archive.patience = Duration::from_secs(1);
        settings.archive.required_for = vec!["auth".parse().unwrap()];
    })
    .await;
    let client = &server.admin;
    client.post("/v1/trails/main/entries?ack=archived", JSON, one("api")).await.is(201);
    bucket.goes("main");
    let begun = Instant::now();
    let receipts = client.post(SOON, JSON, one("api")).await.is(202).json();
    assert_eq!(receipts["receipts"][0]["archived"], false, "{receipts}");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let index = receipts["receipts"][0]["index"].as_u64().unwrap();
    client.get(&format!("/v1/trails/main/entries/{index}")).await.is(200);
    let lines = client.post(SOON, ("content-type", "application/x-ndjson"), one("api")).await;
    assert_eq!(lines.is(202).lines()[0]["archived"], false);
    // A category that must be there waits without being asked for.
    let auth = "/v1/trails/main/entries?timeout=300ms";
    assert_eq!(client.post(auth, JSON, one("auth")).await.is(202).json()["receipts"][0]["archived"], false);
    // It records on.
    client.record(json!({"category": "api", "action": "a", "outcome": "success"})).await.is(201);
    let failing = until(client, |standing| standing["state"] == "failing").await;
    assert!(failing["error"].is_string() && failing["lag"]["entries"].as_u64() > Some(2), "{failing}");
    assert_eq!(metric(client, "archive_shipping").await, 0.0);
    let behind = entry(client, "archive.behind").await;
    assert_eq!((&behind["category"], &behind["outcome"]), (&json!("config"), &json!("failure")));
    assert!(behind["detail"]["lag"]["entries"].as_u64() > Some(0), "{behind}");
    let ready = server.stranger().get("/readyz").await.is(200).json();
    assert_eq!(ready["status"], "degraded", "{ready}");
    assert!(ready["reasons"][0]["reason"].as_str().unwrap().contains("on this machine only"), "{ready}");
    bucket.comes_back("main");
    let receipts =
        client.post("/v1/trails/main/entries?ack=archived&timeout=1m", JSON, one("api")).await.is(201).json();
    assert_eq!(receipts["receipts"][0]["archived"], true, "{receipts}");
    let caught_up = entry(client, "archive.caught_up").await;
    assert!(caught_up["detail"]["shipped"].as_u64() > Some(3), "{caught_up}");
    assert_eq!(server.stranger().get("/readyz").await.is(200).json()["status"], "ready");
    until(client, |standing| standing["state"] == "shipping" && standing["lag"]["entries"] == 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_and_ends_without_its_archive() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::in_folder(folder.path());
    // The folder cannot be made.
    std::fs::write(folder.path().join("bucket"), "").unwrap();
    let settings = [("archive.url", &*bucket.url()), ("archive.required", "true")];
    let server = Running::with(&settings).await;
    server.admin.record(json!({"category": "api", "action": "a", "outcome": "success"})).await.is(201);
    server.admin.post(SOON, JSON, one("api")).await.is(202);
    until(&server.admin, |standing| standing["state"] == "failing").await;
    server.stranger().get("/readyz").await.is(200);
    std::fs::remove_file(folder.path().join("bucket")).unwrap();
    server.admin.post("/v1/trails/main/entries?ack=archived&timeout=1m", JSON, one("api")).await.is(201);
    bucket.goes("main");
    server.admin.record(json!({"category": "api", "action": "a", "outcome": "success"})).await.is(201);
    // A client that waits is answered before the server ends, and what it does not ship waits for the next start.
    let client = server.admin.clone();
    let waiting = tokio::spawn(async move {
        client.post("/v1/trails/main/entries?ack=archived&timeout=5m", JSON, one("api")).await
    });
    until(&server.admin, |standing| standing["state"] == "failing").await;
    crate::support::within(async {
        while standing(&server.admin).await["lag"]["entries"].as_u64() < Some(2) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    server.stop().await;
    let receipts: Value = waiting.await.unwrap().is(202).json();
    assert_eq!(receipts["receipts"][0]["archived"], false, "{receipts}");
}

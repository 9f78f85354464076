//! No body takes more memory than the settings say, and what is too large records nothing.

use bytes::Bytes;
use serde_json::json;

use crate::support::{JSON, NDJSON, Running, stored};

const PATH: &str = "/v1/trails/main/entries";

fn line(action: &str) -> String {
    json!({"category": "api", "action": action, "outcome": "success"}).to_string() + "\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_whole() {
    let server = Running::with(&[("limits.body_bytes", "64KiB")]).await;
    let many = line("many").repeat(1_200);
    assert!(many.len() > 64 << 10);
    // Announced, and without a length.
    server.admin.post(PATH, NDJSON, many.clone()).await.is_problem(413, "too-large");
    let (mut sender, response) = {
        let client = server.admin.clone();
        let (sender, channel) = http_body_util::channel::Channel::<Bytes, std::convert::Infallible>::new(16);
        let body = axum::body::Body::new(channel);
        (sender, tokio::spawn(async move { client.begin("POST", PATH, &[NDJSON], body).await }))
    };
    for piece in many.as_bytes().chunks(8 << 10) {
        // The server may have answered, and read no more.
        let _ = sender.send_data(Bytes::copy_from_slice(piece)).await;
    }
    drop(sender);
    assert_eq!(crate::support::within(response).await.unwrap().status(), 413);
    assert!(stored(&server.trail("main")).iter().all(|entry| entry.action != "many"));
    server.admin.post(PATH, NDJSON, line("one")).await.is(200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_too_many_entries_is_refused_whole() {
    let server = Running::start().await;
    server.admin.post(PATH, NDJSON, "\n".repeat(300_000)).await.is_problem(413, "too-large");
    let array = format!("[{}0]", "0,".repeat(300_000));
    server.admin.post(PATH, JSON, array).await.is_problem(413, "too-large");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_media_types_are_refused() {
    let server = Running::start().await;
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let answer = server.admin.post(PATH, ("content-type", media_type), line("a")).await;
        answer.is_problem(415, "unsupported-media-type");
    }
    let answer = server.admin.post(PATH, ("x-none", "1"), line("a")).await;
    answer.is_problem(415, "unsupported-media-type");
    let answer =
        server.admin.post(PATH, ("content-type", "Application/JSON; charset=utf-8"), line("a")).await;
    answer.is(201);
    server
        .admin
        .post("/v1/trails/main/entries?stream=1", JSON, line("a"))
        .await
        .is_problem(400, "bad-parameter");
    server
        .admin
        .post("/v1/trails/main/entries?streem=1", NDJSON, line("a"))
        .await
        .is_problem(400, "bad-parameter");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_body_is_refused() {
    let server = Running::start().await;
    for path in [PATH, "/v1/trails/main/entries?stream=1", "/v1/trails/main/acts"] {
        let media_type = if path.ends_with('1') { NDJSON } else { JSON };
        let headers = [media_type, ("content-encoding", "gzip")];
        server.admin.send("POST", path, &headers, line("a")).await.is_problem(415, "unsupported-media-type");
    }
    let headers = [JSON, ("content-encoding", "identity")];
    server.admin.send("POST", PATH, &headers, line("a")).await.is(201);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_detail_is_recorded_and_can_be_read_again() {
    let server = Running::start().await;
    let text = "ä".repeat(500_000);
    let entry = json!({"category": "api", "action": "large", "outcome": "success", "detail": {"text": text}});
    let answer = server.admin.record(entry.clone()).await;
    let index = answer.is(201).json()["receipts"][0]["index"].as_u64().unwrap();
    let blob = server.admin.get(&format!("/v1/trails/main/entries/{index}/blob")).await;
    assert_eq!(blob.is(200).json(), entry["detail"]);
    server.stop().await;
}

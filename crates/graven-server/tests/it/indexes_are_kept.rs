//! The server keeps the index of a trail beside its writer, and its searches use it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{NDJSON, Running, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_search_uses_the_index_that_the_server_makes() {
    let server = Running::start().await;
    let line = json!({"category": "api", "action": "many", "outcome": "success"}).to_string() + "\n";
    server.admin.post("/v1/trails/main/entries", NDJSON, line.repeat(66_000)).await.is(200);
    let state = within(async {
        loop {
            let state: Value = server.admin.get("/v1/trails/main").await.is(200).json();
            if state["index"]["shelves"] == 1 {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert_eq!(state.await["index"]["own"], 1);
    let page = server.admin.get("/v1/trails/main/entries?q=nothing&count=true").await.is(200).json();
    assert_eq!(page["coverage"]["index"], "own");
    assert!(page["coverage"]["scanned"].as_u64().unwrap() < 5_000, "{page}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_cannot_be_written_is_a_reason_and_recording_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (own, cache) = (data.join("trails/main/search"), data.join("index"));
    std::fs::create_dir_all(own.parent().unwrap()).unwrap();
    for in_the_way in [&own, &cache] {
        std::fs::write(in_the_way, "a file where a folder has to be").unwrap();
    }
    let server = Running::at(&data, &[]).await;
    let line = json!({"category": "api", "action": "many", "outcome": "success"}).to_string() + "\n";
    server.admin.post("/v1/trails/main/entries", NDJSON, line.repeat(66_000)).await.is(200);
    let ready_is = async |status: &str| loop {
        let answer = server.stranger().get("/readyz").await;
        let ready: Value = answer.is(200).json();
        if ready["status"] == status {
            return ready;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let ready = within(ready_is("degraded")).await;
    assert_eq!(ready["reasons"][0]["trail"], "main");
    assert!(ready["reasons"][0]["reason"].as_str().unwrap().contains("index"), "{ready}");
    server.admin.post("/v1/trails/main/entries", NDJSON, line).await.is(200);
    std::fs::remove_file(&own).unwrap();
    within(ready_is("ready")).await;
    server.stop().await;
}

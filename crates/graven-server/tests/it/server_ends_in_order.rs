//! A server that is asked to end answers what it accepted, ends streams first, and closes its trails.

use std::time::Duration;

use bytes::Bytes;
use graven_server::serve::Ended;
use serde_json::json;

use crate::support::{NDJSON, Running, next, stored, within};

fn line(action: &str) -> String {
    json!({"category": "api", "action": action, "outcome": "success"}).to_string() + "\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_first_and_what_was_accepted_is_answered() {
    let server = Running::start().await;
    let mut streams = Vec::new();
    for _ in 0..50 {
        let (mut sender, response) = server.admin.stream("/v1/trails/main/entries?stream=1", NDJSON).await;
        let mut body = response.into_body();
        sender.send_data(Bytes::from(line("streamed"))).await.unwrap();
        assert!(next(&mut body).await.is_some());
        streams.push((sender, body));
    }
    let (busy, asked) = (server.admin.clone(), server.address);
    let many = line("batch").repeat(2_000);
    let batch = tokio::spawn(async move { busy.post("/v1/trails/main/entries", NDJSON, many).await });
    // It is accepted: the first of its entries is there.
    let dir = server.trail("main");
    within(async {
        while !stored(&dir).iter().any(|entry| entry.action == "batch") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    server.ask_to_end();
    let answer = within(batch).await.unwrap();
    assert_eq!(answer.is(200).lines().iter().filter(|line| line["index"].is_u64()).count(), 2_000);
    for (sender, mut body) in streams {
        assert!(next(&mut body).await.is_none(), "it ends, and not in the middle");
        drop(sender);
    }
    let (ended, folder) = server.ended().await;
    assert_eq!(ended, Ended::InOrder);
    assert!(std::net::TcpStream::connect(asked).is_err(), "nobody listens any more");
    let entries = stored(&folder.unwrap().path().join("data/trails/main"));
    assert_eq!(entries.iter().filter(|entry| entry.action == "batch").count(), 2_000);
    assert_eq!(entries.last().unwrap().action, "server.stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_to_end_is_obeyed_at_once() {
    let server = Running::start().await;
    // A request whose body never ends.
    let (client, (sender, channel)) =
        (server.admin.clone(), http_body_util::channel::Channel::<Bytes>::new(1));
    let body = axum::body::Body::new(channel);
    let waiting =
        tokio::spawn(async move { client.begin("POST", "/v1/trails/main/entries", &[NDJSON], body).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.ask_to_end();
    server.ask_to_end();
    let (ended, _folder) = server.ended().await;
    assert_eq!(ended, Ended::AtOnce);
    waiting.abort();
    drop(sender);
}

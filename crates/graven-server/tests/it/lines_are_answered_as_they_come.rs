//! With `?stream=1` a client knows of each line that it is durable, while it goes on sending.

use bytes::Bytes;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::support::{NDJSON, Running, next, stored, within};

const PATH: &str = "/v1/trails/main/entries?stream=1";

fn line(action: &str) -> String {
    json!({"category": "api", "action": action, "outcome": "success"}).to_string() + "\n"
}

/// The next answers: as many lines as were sent.
async fn lines(body: &mut Incoming, count: usize) -> Vec<Value> {
    let mut text = Vec::new();
    while text.iter().filter(|byte| **byte == b'\n').count() < count {
        text.extend_from_slice(&next(body).await.expect("more answers"));
    }
    String::from_utf8(text).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_is_answered_before_the_next_is_sent() {
    let server = Running::start().await;
    let (mut sender, response) = server.admin.stream(PATH, NDJSON).await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    for number in 0..5 {
        sender.send_data(Bytes::from(line(&format!("a{number}")))).await.unwrap();
        let answered = lines(&mut body, 1).await;
        let index = answered[0]["index"].as_u64().unwrap();
        assert_eq!(stored(&server.trail("main"))[index as usize].action, format!("a{number}"));
    }
    // In pieces, several at once, and one that is no entry.
    let pieces = line("in pieces") + "no\n" + &line("at once");
    let (before, behind) = pieces.split_at(10);
    sender.send_data(Bytes::copy_from_slice(before.as_bytes())).await.unwrap();
    sender.send_data(Bytes::copy_from_slice(behind.as_bytes())).await.unwrap();
    let answered = lines(&mut body, 3).await;
    assert!(answered[0]["index"].is_u64() && answered[2]["index"].is_u64());
    assert_eq!(answered[1]["at"], 6);
    // The last line needs no newline.
    sender.send_data(Bytes::from(line("last").trim().to_owned())).await.unwrap();
    drop(sender);
    assert!(lines(&mut body, 1).await[0]["index"].is_u64());
    assert!(next(&mut body).await.is_none());
    assert_eq!(stored(&server.trail("main")).last().unwrap().action, "last");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_too_long_is_refused_and_the_next_ones_are_not() {
    let server = Running::start().await;
    let (mut sender, response) = server.admin.stream(PATH, NDJSON).await;
    let mut body = response.into_body();
    let piece = Bytes::from(vec![b'x'; 1 << 20]);
    for _ in 0..17 {
        within(sender.send_data(piece.clone())).await.unwrap();
    }
    sender.send_data(Bytes::from("\n".to_owned() + &line("good"))).await.unwrap();
    let answered = lines(&mut body, 2).await;
    assert_eq!(answered[0]["error"]["type"], "urn:graven:problem:too-large");
    assert_eq!(answered[0]["at"], 0);
    assert!(answered[1]["index"].is_u64(), "{}", answered[1]);
    drop(sender);
    assert!(next(&mut body).await.is_none());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_whose_client_has_gone_is_no_entry() {
    let server = Running::start().await;
    let (mut sender, response) = server.admin.stream(PATH, NDJSON).await;
    let mut body = response.into_body();
    sender.send_data(Bytes::from(line("whole"))).await.unwrap();
    lines(&mut body, 1).await;
    sender.send_data(Bytes::from(line("half").trim().to_owned())).await.unwrap();
    // The connection breaks: it does not end the body.
    drop(body);
    let folder = server.stop().await.unwrap();
    assert!(stored(&folder.path().join("data/trails/main")).iter().all(|entry| entry.action != "half"));
    drop(sender);
}

//! Over HTTP: a flood by one client is answered with 429 or closed, and another client records meanwhile.

use std::net::SocketAddr;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use graven_server::auth::Role;
use http_body_util::channel::Channel;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Answer, Client, NDJSON, Running, stored, within};

fn entry() -> Value {
    json!({"category": "api", "action": "a", "outcome": "success"})
}

/// Sends one request after the other, until one is answered with 429.
async fn until_refused(client: &Client) -> Answer {
    for _ in 0..10_000 {
        let answer = client.record(entry()).await;
        if answer.status != 201 {
            return answer;
        }
    }
    panic!("no request was refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_of_one_token() {
    let server = Running::with(&[("limits.rate_per_token", "2")]).await;
    let (loud, quiet) = (server.client(Role::Writer, |_| {}), server.client(Role::Writer, |_| {}));
    let refused = until_refused(&loud).await;
    let problem = refused.is_problem(429, "too-many-requests");
    assert_eq!((refused.header("retry-after"), &problem["retry_after"]), ("1", &json!(1)));
    quiet.record(entry()).await.is(201);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_of_one_address() {
    let server = Running::with(&[("limits.rate_per_address", "2")]).await;
    until_refused(&server.admin).await.is_problem(429, "too-many-requests");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_at_a_time() {
    let server = Running::with(&[("limits.requests_per_token", "2")]).await;
    let (loud, quiet) = (server.client(Role::Writer, |_| {}), server.client(Role::Writer, |_| {}));
    // Two requests whose bodies do not end.
    let begun = || {
        let (sender, channel) = Channel::<Bytes>::new(1);
        let client = loud.clone();
        let request = async move {
            client.begin("POST", "/v1/trails/main/entries", &[NDJSON], Body::new(channel)).await
        };
        (sender, tokio::spawn(request))
    };
    let mut held = [begun(), begun()];
    within(async {
        while loud.record(entry()).await.status != 429 {
            // It came while the entry had a place.
            held.iter_mut().filter(|one| one.1.is_finished()).for_each(|one| *one = begun());
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    quiet.record(entry()).await.is(201);
    // The place is free again when the answer has ended.
    let [one, two] = held;
    drop(one.0);
    within(async {
        while loud.record(entry()).await.status != 201 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    drop(two);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_take_places_of_their_own() {
    let server =
        Running::with(&[("limits.requests_per_token", "1"), ("limits.streams_per_token", "2")]).await;
    let (one, other) = (server.client(Role::Reader, |_| {}), server.client(Role::Reader, |_| {}));
    let path = "/v1/trails/main/stream";
    let begin = async |client: &Client| client.begin("GET", path, &[], Body::empty()).await;
    let held = (begin(&one).await, begin(&one).await);
    assert_eq!((held.0.status(), held.1.status()), (StatusCode::OK, StatusCode::OK));
    one.get(path).await.is_problem(429, "too-many-requests");
    // They leave its other requests alone, and the streams of others.
    one.get("/v1/trails/main").await.is(200);
    assert_eq!(begin(&other).await.status(), StatusCode::OK);
    drop(held);
    within(async { while begin(&one).await.status() != StatusCode::OK {} }).await;
    server.stop().await;
}

/// A connection from an address of this machine.
async fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    within(socket.connect(to)).await.unwrap()
}

/// Whether the server answers on a connection.
async fn is_served(stream: &mut TcpStream) -> bool {
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut answer = [0; 12];
    let sent = within(stream.write_all(request)).await;
    sent.is_ok() && within(stream.read_exact(&mut answer)).await.is_ok() && answer == *b"HTTP/1.1 200"
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_connections_of_one_address() {
    let server = Running::with(&[("limits.connections_per_address", "3")]).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(connect("127.0.0.2", server.address).await);
        assert!(is_served(held.last_mut().unwrap()).await);
    }
    assert!(!is_served(&mut connect("127.0.0.2", server.address).await).await);
    server.admin.record(entry()).await.is(201);
    held.clear();
    within(async { while !is_served(&mut connect("127.0.0.2", server.address).await).await {} }).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_end() {
    let server = Running::with(&[("limits.header_time", "1s")]).await;
    let mut slow = connect("127.0.0.1", server.address).await;
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost: loc").await.unwrap();
    let mut idle = connect("127.0.0.1", server.address).await;
    assert!(is_served(&mut idle).await);
    let mut rest = Vec::new();
    for connection in [&mut slow, &mut idle] {
        // Closed by the server, with or without a last word.
        let _ended = within(connection.read_to_end(&mut rest)).await;
    }
    server.admin.record(entry()).await.is(201);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_takes_its_answers() {
    let settings = [
        ("limits.answer_pause", "1s"),
        ("limits.header_time", "10m"),
        ("limits.connections_per_address", "1"),
    ];
    let server = Running::with(&settings).await;
    let mut deaf = connect("127.0.0.2", server.address).await;
    // More answers than the two ends of a connection keep.
    let request = b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n";
    deaf.write_all(&request.repeat(1_000)).await.unwrap();
    // Its place is free only after the server has closed its connection.
    within(async { while !is_served(&mut connect("127.0.0.2", server.address).await).await {} }).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_logins_are_slowed_down_and_counted() {
    let server = Running::with(&[("limits.refused_logins", "1")]).await;
    let stranger = server.stranger();
    let mut sent = 1;
    let mut answer = stranger.get("/v1/trails").await;
    while answer.status == 401 && sent < 1_000 {
        answer = stranger.get("/v1/trails").await;
        sent += 1;
    }
    answer.is_problem(429, "too-many-requests");
    assert_ne!(answer.header("retry-after"), "");
    // From the same address.
    server.admin.record(entry()).await.is(201);
    let folder = server.stop().await.unwrap();
    let entries = stored(&folder.path().join("data/trails/main"));
    let told: Vec<_> = entries.iter().filter(|entry| entry.action == "login.refused").collect();
    assert_eq!(told.len(), 1, "one entry tells of all");
    assert_eq!(told[0].detail.as_ref().unwrap().as_str(), format!("{{\"count\":{sent}}}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_another_host() {
    let server = Running::with(&[("hosts", "audit.example.com")]).await;
    let ask = async |host: &str| {
        let mut stream = connect("127.0.0.1", server.address).await;
        let request = format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        within(stream.read_to_string(&mut answer)).await.unwrap();
        answer
    };
    for good in ["localhost", "audit.example.com", &server.address.to_string()] {
        assert!(ask(good).await.starts_with("HTTP/1.1 200"), "{good}");
    }
    let refused = ask("evil.example").await;
    assert!(
        refused.starts_with("HTTP/1.1 421") && refused.contains("urn:graven:problem:wrong-host"),
        "{refused}"
    );
    server.stop().await;
}

//! Every request leaves one entry: served, refused, unmatched, cut off, or ended by a panic.

use std::future::pending;
use std::sync::Arc;
use std::task::Context;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::{get, post};
use bytes::Bytes;
use graven_tower::AuditLayer;
use http_body::Frame;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};

use crate::bodies_pass_untouched::Frames;
use crate::support::{Place, ask, send, serve};

/// Says when it is dropped.
struct Gone(Arc<Semaphore>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

fn app(place: &Place) -> Router {
    Router::new()
        .route("/", get(|| async { "root" }))
        .route("/v1/sessions/{id}", get(|| async { "a session" }).delete(|| async { StatusCode::NO_CONTENT }))
        .route("/status/{code}", get(|code: axum::extract::Path<u16>| async move { status(*code) }))
        .route("/panic", get(faulty))
        .route("/upload", post(|body: String| async move { body.len().to_string() }))
        .nest("/nested", Router::new().route("/deep/{name}", get(|| async { "deep" })))
        .layer(AuditLayer::new(place.trail.clone()))
}

async fn faulty() -> StatusCode {
    panic!("the handler has a fault")
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap()
}

#[tokio::test]
async fn a_served_request_says_what_the_contract_says() {
    let place = Place::new();
    let address = serve(app(&place)).await;
    let answer = ask(address, "GET /v1/sessions/7?token=abc&x=1", "User-Agent: tester/1\r\n").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "a session"));
    let entry = place.entry();
    assert_eq!(entry["category"], "api");
    assert_eq!(entry["action"], "GET /v1/sessions/{id}");
    assert_eq!(entry["resource"], "/v1/sessions/7");
    assert_eq!(entry["outcome"], "success");
    assert_eq!(entry["detail"], json!({"status": 200}));
    assert_eq!(entry["principal"], json!(null));
    assert!(entry["duration_ms"].is_u64());
    assert_eq!(entry["source"], json!({"ip": "127.0.0.1", "user_agent": "tester/1"}));
    assert_eq!(entry["request_id"], answer.header("x-request-id").unwrap());
    assert!(!entry.to_string().contains("token"), "the query is nowhere: {entry}");
}

#[tokio::test]
async fn statuses_become_outcomes() {
    let place = Place::new();
    let address = serve(app(&place)).await;
    let expected = [
        (204, "success"),
        (301, "success"),
        (399, "success"),
        (400, "failure"),
        (401, "denied"),
        (403, "denied"),
        (404, "failure"),
        (500, "failure"),
    ];
    for (code, _) in expected {
        assert_eq!(ask(address, &format!("GET /status/{code}"), "").await.status, code);
    }
    let entries = place.entries();
    assert_eq!(entries.len(), expected.len());
    for (entry, (code, outcome)) in entries.iter().zip(expected) {
        assert_eq!((&entry["detail"]["status"], &entry["outcome"]), (&json!(code), &json!(outcome)));
        assert_eq!(entry["action"], "GET /status/{code}");
    }
}

#[tokio::test]
async fn what_matches_no_route_or_no_method_is_recorded() {
    let place = Place::new();
    let address = serve(app(&place)).await;
    for (line, status) in [
        ("GET /nowhere/at?all=1", 404),
        ("PUT /v1/sessions/7", 405),
        ("GET /nested/nowhere", 404),
        ("GET /nested/deep/x", 200),
        ("BREW /", 405),
        ("OPTIONS *", 404),
    ] {
        assert_eq!(ask(address, line, "").await.status, status, "{line}");
    }
    let seen: Vec<_> = place.entries().iter().map(|e| (e["action"].clone(), e["resource"].clone())).collect();
    let expected = [
        ("GET (unmatched)", "/nowhere/at"),
        ("PUT /v1/sessions/{id}", "/v1/sessions/7"),
        ("GET (unmatched)", "/nested/nowhere"),
        ("GET /nested/deep/{name}", "/nested/deep/x"),
        ("BREW /", "/"),
        ("OPTIONS (unmatched)", "*"),
    ];
    assert_eq!(seen, expected.map(|(action, resource)| (json!(action), json!(resource))));
}

#[tokio::test]
async fn head_and_answers_without_a_body_are_whole() {
    let place = Place::new();
    let address = serve(app(&place)).await;
    assert_eq!(ask(address, "HEAD /v1/sessions/7", "").await.body, "");
    assert_eq!(ask(address, "DELETE /v1/sessions/7", "").await.status, 204);
    let entries = place.entries();
    assert_eq!(entries[0]["action"], "HEAD /v1/sessions/{id}");
    assert_eq!(entries[0]["detail"], json!({"status": 200}));
    assert_eq!(entries[1]["detail"], json!({"status": 204}));
}

#[tokio::test]
async fn a_panic_in_the_handler_leaves_a_failure() {
    let place = Place::new();
    let address = serve(app(&place)).await;
    assert_eq!(ask(address, "GET /panic", "").await.head, "", "the connection just ends");
    let entry = place.entry();
    assert_eq!((&entry["outcome"], &entry["reason"]), (&json!("failure"), &json!("panicked")));
    assert_eq!(entry["detail"], json!({"aborted": true}));
    assert_eq!(entry["action"], "GET /panic");
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_leaves_a_failure() {
    let place = Place::new();
    let (started, gone) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (begin, end) = (Arc::clone(&started), Arc::clone(&gone));
    let handler = move || {
        let (begin, gone) = (Arc::clone(&begin), Gone(Arc::clone(&end)));
        async move {
            let _gone = gone;
            begin.add_permits(1);
            pending::<StatusCode>().await
        }
    };
    let app = Router::new().route("/slow", get(handler)).layer(AuditLayer::new(place.trail.clone()));
    let address = serve(app).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n").await.unwrap();
    started.acquire().await.unwrap().forget();
    drop(stream);
    gone.acquire().await.unwrap().forget();
    let entry = place.entry();
    assert_eq!((&entry["outcome"], &entry["reason"]), (&json!("failure"), &json!("abandoned")));
    assert_eq!(entry["detail"], json!({"aborted": true}));
}

#[tokio::test]
async fn a_client_that_leaves_amid_the_body_leaves_how_much_it_got() {
    let place = Place::new();
    let (frames, source) = mpsc::channel::<Bytes>(1);
    let source = Arc::new(std::sync::Mutex::new(Some(source)));
    let gone = Arc::new(Semaphore::new(0));
    let end = Arc::clone(&gone);
    let handler = move || {
        let mut source = source.lock().unwrap().take().unwrap();
        let gone = Gone(Arc::clone(&end));
        let frames = Frames(move |context: &mut Context<'_>| {
            let _held = &gone;
            source.poll_recv(context).map(|data| data.map(|data| Ok(Frame::data(data))))
        });
        async move { Body::new(frames) }
    };
    let app = Router::new().route("/stream", get(handler)).layer(AuditLayer::new(place.trail.clone()));
    let address = serve(app).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /stream HTTP/1.1\r\nHost: here\r\n\r\n").await.unwrap();
    frames.send(Bytes::from_static(b"first ")).await.unwrap();
    frames.send(Bytes::from_static(b"second")).await.unwrap();
    let mut seen = Vec::new();
    while !seen.windows(6).any(|window| window == b"second") {
        let mut buffer = [0; 512];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the server has closed the connection: {seen:?}");
        seen.extend_from_slice(&buffer[..count]);
    }
    drop(stream);
    gone.acquire().await.unwrap().forget();
    let entry = place.entry();
    assert_eq!(entry["detail"], json!({"status": 200, "aborted": true, "bytes_sent": 12}));
    assert_eq!(entry["outcome"], "success");
}

#[tokio::test]
async fn hostile_heads_are_recorded_and_bounded() {
    let place = Place::new();
    let address = serve(app(&place)).await;
    let long = "a".repeat(20_000);
    let agent = "é".repeat(3_000);
    ask(address, &format!("GET /{long}"), &format!("User-Agent: {agent}\r\n")).await;
    let method = "M".repeat(500);
    ask(address, &format!("{method} /"), "").await;
    ask(address, "GET /%0d%0aSet-Cookie:x/..%2f..%2fetc/%ff", "").await;
    let mut bytes =
        b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\nX-Request-Id: \xff\xfe\r\n".to_vec();
    bytes.extend_from_slice(b"User-Agent: a\xffb\ttab\r\nTraceparent: \x80\r\nX-Forwarded-For: \xff\r\n\r\n");
    assert_eq!(send(address, bytes).await.status, 200);
    let entries = place.entries();
    assert_eq!(entries.len(), 4);
    // Whole, while the line has room: a blob for each would let a client force a sync.
    assert_eq!(entries[0]["resource"], format!("/{long}"));
    assert_eq!(entries[0]["source"]["user_agent"], "é".repeat(3_000));
    assert_eq!(entries[0]["detail"], json!({"status": 404}));
    assert_eq!(entries[1]["action"], format!("{method} /"));
    assert_eq!(entries[2]["resource"], "/%0d%0aSet-Cookie:x/..%2f..%2fetc/%ff");
    assert_eq!(entries[3]["source"]["user_agent"], "a\u{fffd}b\ttab");
    assert_eq!(entries[3]["request_id"].as_str().unwrap().len(), 36);
    assert!(entries[3].get("trace_id").is_none());
}

#[tokio::test]
async fn a_secret_at_the_place_of_the_cut_is_removed_before_the_cut() {
    let place = Place::new();
    let address = serve(app(&place)).await;
    let token = format!("gh{}", "p_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8");
    for before in [230, 235, 239, 240, 248] {
        let agent = format!("{} {token} {}", "x".repeat(before), "y".repeat(300));
        ask(address, "GET /", &format!("User-Agent: {agent}\r\n")).await;
        let path = format!("/{}/{token}/{}", "x".repeat(1_800 + before), "y".repeat(300));
        ask(address, &format!("GET {path}"), "").await;
    }
    for entry in place.entries() {
        let line = entry.to_string();
        assert!(!line.contains("ghp_") && line.contains("[redacted:"), "{line}");
        assert!(line.contains(&"y".repeat(300)), "the text behind it stays: {line}");
    }
}

#[tokio::test]
async fn a_head_that_does_not_fit_a_line_is_kept_beside_the_log() {
    let place = Place::new();
    let address = serve(app(&place)).await;
    let (long, agent) = ("a".repeat(40_000), "b".repeat(40_000));
    ask(address, &format!("GET /{long}"), &format!("User-Agent: {agent}\r\n")).await;
    assert_eq!(place.entries().len(), 1);
    let entry = place.trail.recent(1).remove(0);
    assert!(entry.detail.as_ref().unwrap().blob().is_some());
    let resource = entry.resource.clone().unwrap();
    let beginning = resource.strip_suffix("…[cut]").unwrap();
    assert!(beginning.len() > 30_000 && format!("/{long}").starts_with(beginning));
    let entry = place.trail.restored(&entry).unwrap();
    assert_eq!(entry.resource.unwrap(), format!("/{long}"));
    assert_eq!(entry.source.unwrap().user_agent.unwrap(), agent);
    assert_eq!(entry.detail.unwrap().as_str(), r#"{"status":404}"#);
    // The longest path that a server takes, and one that takes twice its length in JSON.
    for path in ["a".repeat(65_400), "\"".repeat(33_000)] {
        assert_eq!(ask(address, &format!("GET /{path}"), "").await.status, 404);
        place.trail.flush_blocking().unwrap();
        let entry = place.trail.recent(1).remove(0);
        assert!(entry.resource.as_ref().unwrap().ends_with("…[cut]"));
        assert_eq!(place.trail.restored(&entry).unwrap().resource.unwrap(), format!("/{path}"));
    }
}

#[tokio::test]
async fn what_a_handler_records_has_the_beginning_of_what_a_client_says() {
    let place = Place::new();
    let trail = place.trail.clone();
    let handler = || async move {
        let inner = graven::Entry::new(graven::Category::Session, "create", graven::Outcome::Success);
        trail.record(inner).await.unwrap();
    };
    let layer = AuditLayer::new(place.trail.clone())
        .principal(|head| Some(head.headers.get("user-agent")?.to_str().ok()?.to_owned()));
    let address = serve(Router::new().route("/", get(handler)).layer(layer)).await;
    let agent = "b".repeat(64_000);
    ask(address, "GET /", &format!("User-Agent: {agent}\r\n")).await;
    place.trail.flush_blocking().unwrap();
    let [own, inner]: [graven::Entry; 2] = place.trail.recent(2).try_into().unwrap();
    assert_eq!((inner.action.as_str(), inner.request_id), ("create", own.request_id.clone()));
    assert_eq!(inner.principal, Some(format!("{}…[cut]", "b".repeat(512))));
    assert_eq!(inner.source.unwrap().user_agent, Some(format!("{}…[cut]", "b".repeat(256))));
    let own = place.trail.restored(&own).unwrap();
    assert_eq!((own.principal, own.source.unwrap().user_agent), (Some(agent.clone()), Some(agent)));
}

#[tokio::test]
async fn a_body_that_the_client_sends_reaches_the_handler_and_all_are_recorded_under_load() {
    let place = Place::new();
    let address = serve(app(&place)).await;
    let asks = (0..60).map(|number| async move {
        let body = "x".repeat(number * 1_000);
        let head = format!("Host: here\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        let answer = send(address, format!("POST /upload HTTP/1.1\r\n{head}\r\n{body}")).await;
        assert_eq!(answer.body, body.len().to_string());
    });
    for task in asks.map(tokio::spawn).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let entries = place.entries();
    assert_eq!(entries.len(), 60);
    let mut ids: Vec<_> = entries.iter().map(|entry| entry["request_id"].to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 60);
}

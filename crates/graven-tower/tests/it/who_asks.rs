//! Who asks, from where and in which trace: in the request's entry, and in all that is recorded below.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use graven::{Category, Entry, Outcome, Trail};
use graven_tower::{AuditLayer, RequestAudit, TrustedProxies};
use http::request::Parts;
use serde_json::{Value, json};

use crate::support::{Place, ask, serve};

/// A handler that records, also from a task of its own.
async fn work(State(trail): State<Trail>) -> &'static str {
    trail.record(Entry::new(Category::ToolExecution, "tool:ls", Outcome::Success)).await.unwrap();
    let spawned = trail.clone();
    tokio::spawn(graven::Actor::carry(async move {
        spawned.record(Entry::new(Category::Swarm, "spawned", Outcome::Success)).await.unwrap();
    }))
    .await
    .unwrap();
    let own = Entry::new(Category::Session, "of bob", Outcome::Success).principal("bob").request_id("own");
    trail.record(own).await.unwrap();
    "done"
}

fn bearer(parts: &Parts) -> Option<String> {
    let token = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    (token == "of-alice").then(|| "alice".to_owned())
}

async fn auth(request: Request, next: Next) -> Response {
    let audit = RequestAudit::of(request.extensions()).unwrap();
    let (parts, body) = request.into_parts();
    let Some(principal) = bearer(&parts) else {
        audit.set_reason("no such token");
        return StatusCode::UNAUTHORIZED.into_response();
    };
    audit.detail("scheme", "bearer");
    audit.identify(principal, next.run(Request::from_parts(parts, body))).await
}

fn check_all_carry(entries: &[Value], request_id: &str) {
    let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["tool:ls", "spawned", "of bob", "GET /work"]);
    for entry in entries {
        let own = entry["action"] == "of bob";
        assert_eq!(entry["principal"], if own { "bob" } else { "alice" });
        assert_eq!(entry["request_id"], if own { "own" } else { request_id });
        assert_eq!(entry["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(entry["span_id"], "00f067aa0ba902b7");
        assert_eq!(entry["source"], json!({"ip": "127.0.0.1", "user_agent": "t", "service": "svc"}));
    }
}

const HEADERS: &str = "Authorization: Bearer of-alice\r\nUser-Agent: t\r\nX-Request-Id: req-1\r\n\
                       Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";

#[tokio::test]
async fn an_extractor_names_the_principal_of_everything_below() {
    let place = Place::new();
    let app = Router::new()
        .route("/work", get(work))
        .with_state(place.trail.clone())
        .layer(AuditLayer::new(place.trail.clone()).principal(bearer).service_name("svc"));
    let answer = ask(serve(app).await, "GET /work", HEADERS).await;
    assert_eq!((answer.status, answer.header("x-request-id")), (200, Some("req-1")));
    check_all_carry(&place.entries(), "req-1");
}

#[tokio::test]
async fn middleware_names_the_principal_of_everything_below() {
    let place = Place::new();
    let app = Router::new()
        .route("/work", get(work))
        .with_state(place.trail.clone())
        .layer(middleware::from_fn(auth))
        .layer(AuditLayer::new(place.trail.clone()).service_name("svc"));
    let address = serve(app).await;
    assert_eq!(ask(address, "GET /work", HEADERS).await.status, 200);
    let entries = place.entries();
    check_all_carry(&entries, "req-1");
    assert_eq!(entries[3]["detail"], json!({"status": 200, "scheme": "bearer"}));

    assert_eq!(ask(address, "GET /work", "Authorization: Bearer x\r\n").await.status, 401);
    let refused = place.entries().pop().unwrap();
    assert_eq!((&refused["outcome"], &refused["reason"]), (&json!("denied"), &json!("no such token")));
    assert_eq!((&refused["principal"], &refused["action"]), (&json!(null), &json!("GET /work")));
}

#[tokio::test]
async fn an_id_that_the_service_gives_stays() {
    let place = Place::new();
    let app = Router::new()
        .route("/", get(|| async { [("x-request-id", "the-services")] }))
        .layer(AuditLayer::new(place.trail.clone()));
    let answer = ask(serve(app).await, "GET /", "X-Request-Id: mine\r\n").await;
    assert_eq!(answer.header("x-request-id"), Some("the-services"));
    assert_eq!(place.entry()["request_id"], "mine");
}

async fn ip(layer: impl Fn(AuditLayer) -> AuditLayer, headers: &str) -> Value {
    let place = Place::new();
    let app = Router::new().route("/", get(|| async {})).layer(layer(AuditLayer::new(place.trail.clone())));
    ask(serve(app).await, "GET /", headers).await;
    place.entry()["source"]["ip"].clone()
}

#[tokio::test]
async fn a_client_cannot_choose_its_address() {
    let spoofed = "X-Forwarded-For: 8.8.8.8\r\nForwarded: for=9.9.9.9\r\nX-Real-Ip: 7.7.7.7\r\n";
    assert_eq!(ip(|layer| layer, spoofed).await, "127.0.0.1");
    let elsewhere =
        |layer: AuditLayer| layer.trusted_proxies(TrustedProxies::x_forwarded_for(["10.0.0.0/8"]).unwrap());
    assert_eq!(ip(elsewhere, spoofed).await, "127.0.0.1");
    let trusted = |layer: AuditLayer| {
        layer.trusted_proxies(TrustedProxies::x_forwarded_for(["127.0.0.0/8", "10.0.0.0/8"]).unwrap())
    };
    let through_two = "X-Forwarded-For: 8.8.8.8, 198.51.100.7\r\nX-Forwarded-For: 10.1.1.1\r\n";
    assert_eq!(ip(trusted, through_two).await, "198.51.100.7");
    let standard =
        |layer: AuditLayer| layer.trusted_proxies(TrustedProxies::forwarded(["127.0.0.1"]).unwrap());
    assert_eq!(ip(standard, spoofed).await, "9.9.9.9");
    let by_hand = |layer: AuditLayer| layer.peer(|_| Some(([192, 0, 2, 1], 80).into()));
    assert_eq!(ip(by_hand, spoofed).await, "192.0.2.1");
}

#[tokio::test]
async fn what_is_said_of_a_request_is_bounded() {
    let place = Place::new();
    let handler = |request: Request| async move {
        let audit = RequestAudit::of(request.extensions()).unwrap();
        audit.set_principal("p".repeat(100_000));
        audit.set_reason("r".repeat(100_000));
        audit.set_resource("doc:7");
        audit.detail("large", "d".repeat(100_000));
        audit.detail("status", 1);
        (0..100).for_each(|number| audit.detail(format!("n{number:02}"), number));
    };
    let app = Router::new().route("/", get(handler)).layer(AuditLayer::new(place.trail.clone()));
    ask(serve(app).await, "GET /", "").await;
    let entry = place.entry();
    for name in ["principal", "reason"] {
        let text = entry[name].as_str().unwrap();
        assert!(text.len() > 30_000 && text.ends_with("…[cut]"), "{name}");
    }
    // The whole texts are in a blob, with the detail.
    let stored = place.trail.recent(1).remove(0);
    let whole = place.trail.restored(&stored).unwrap();
    let detail: Value = serde_json::from_str(whole.detail.unwrap().as_str()).unwrap();
    assert_eq!((&entry["resource"], &detail["path"]), (&json!("doc:7"), &json!("/")));
    assert_eq!(detail["large"], "d".repeat(100_000));
    // The handler gave 102 values; the status of the answer takes the place of its own.
    assert_eq!((&detail["status"], &detail["left_out"]), (&json!(200), &json!(70)));
    assert_eq!((whole.principal, whole.reason), (Some("p".repeat(100_000)), Some("r".repeat(100_000))));
    assert_eq!(detail.as_object().unwrap().len(), 34);
}

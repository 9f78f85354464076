//! Failed requests of strangers are counted, all others are recorded.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use graven::{Category, Entry, Outcome};
use graven_tower::{AuditLayer, RequestAudit, Rule, Strangers};
use serde_json::{Value, json};

use crate::support::{Place, ask, serve};

/// Longer than any test takes, so that the counts are written when the layer is dropped.
const WINDOW: Duration = Duration::from_secs(3_600);

/// Lets nobody in without a token, and records an intent for all others.
async fn auth(request: Request, next: Next) -> Response {
    let audit = RequestAudit::of(request.extensions()).unwrap();
    let Some(token) = request.headers().get(header::AUTHORIZATION) else {
        audit.set_reason("no token");
        audit.also(Entry::new(Category::Auth, "auth:token", Outcome::Denied));
        return StatusCode::UNAUTHORIZED.into_response();
    };
    audit.set_principal(token.to_str().unwrap());
    if audit.begin().await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    next.run(request).await
}

fn app(place: &Place) -> Router {
    let layer = AuditLayer::new(place.trail.clone())
        .count_strangers(Strangers::new(WINDOW))
        .rule(Rule::on("/healthz").skip());
    Router::new()
        .route("/work", get(|| async { "done" }))
        .route("/fails", get(|| async { StatusCode::NOT_FOUND }))
        .route_layer(middleware::from_fn(auth))
        .route("/healthz", get(|| async { "ok" }))
        .route("/public", get(|| async { "hello" }))
        .layer(layer)
}

/// Sends requests, then ends the server, and waits for this many entries with counts.
async fn after(place: &Place, requests: &[(&str, &str)], counts: usize) -> Vec<Value> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let address = runtime.spawn(serve(app(place))).await.unwrap();
    for (line, headers) in requests {
        ask(address, line, headers).await;
    }
    // Its last task drops the last clone of the layer, on a thread that nobody waits for.
    runtime.shutdown_background();
    let all_there = |entries: &[Value]| {
        entries.iter().filter(|entry| entry["detail"].get("statuses").is_some()).count() == counts
    };
    let mut entries = place.entries();
    // Until the test's deadline.
    while !all_there(&entries) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        entries = place.entries();
    }
    entries
}

const ALICE: &str = "Authorization: alice\r\n";

#[tokio::test]
async fn what_strangers_fail_at_is_one_entry_and_a_number() {
    let place = Place::new();
    let mut requests = vec![("GET /public", ""); 3];
    requests.extend(vec![("GET /healthz", ""); 3]);
    requests.extend(vec![("GET /work", ""); 5]);
    requests.extend([("GET /a", ""), ("PUT /b", ""), ("GET /c", "")]);
    let entries = after(&place, &requests, 2).await;

    let of = |action: &str| entries.iter().filter(|entry| entry["action"] == action).collect::<Vec<_>>();
    assert_eq!(of("GET /public").len(), 3, "what succeeds is recorded");
    assert_eq!(of("GET /healthz").len(), 0);
    assert_eq!(of("auth:token").len(), 1, "what is said of a request that is only counted is left out");
    let [first, counted] = of("GET /work")[..] else { panic!("{entries:#?}") };
    assert_eq!((&first["reason"], first.get("count")), (&json!("no token"), None));
    assert_eq!((&counted["outcome"], &counted["count"]), (&json!("denied"), &json!(4)));
    assert_eq!(counted["detail"], json!({"statuses": {"401": 4}}));
    assert_eq!((&counted["principal"], &counted["source"]), (&json!(null), &json!({"ip": "127.0.0.1"})));
    assert_eq!(of("GET (unmatched)").len(), 1);
    let several = of("(several)");
    assert_eq!(
        (several.len(), &several[0]["count"], &several[0]["outcome"]),
        (1, &json!(2), &json!("failure"))
    );
}

/// Each client in the window has an action in memory.
#[tokio::test]
async fn what_is_kept_of_a_stranger_is_short() {
    let place = Place::new();
    let line = format!("{} /work", "M".repeat(8_000));
    let entries = after(&place, &[(&*line, ""); 3], 1).await;
    let counted = entries.iter().find(|entry| entry.get("count").is_some()).unwrap();
    let action = counted["action"].as_str().unwrap();
    assert_eq!((&counted["count"], action.len() < 600), (&json!(2), true), "{action}");
    assert!(action.starts_with("MMMM") && action.ends_with("…[cut]"), "{action}");
}

#[tokio::test]
async fn who_is_known_is_recorded_each_time_with_an_intent() {
    let place = Place::new();
    let mut requests = vec![("GET /fails", ALICE); 5];
    requests.extend([("GET /fails", ""); 2]);
    let entries = after(&place, &requests, 1).await;
    let of_alice: Vec<_> = entries.iter().filter(|entry| entry["principal"] == "alice").collect();
    assert_eq!(of_alice.len(), 10);
    for pair in of_alice.chunks(2) {
        assert_eq!((&pair[0]["phase"], &pair[1]["phase"]), (&json!("intent"), &json!("result")));
        assert_eq!((&pair[1]["intent_id"], &pair[1]["request_id"]), (&pair[0]["id"], &pair[0]["request_id"]));
        assert_eq!((&pair[1]["outcome"], &pair[1]["detail"]), (&json!("failure"), &json!({"status": 404})));
    }
}

#[tokio::test]
async fn a_request_that_cannot_begin_says_why() {
    let (place, closed) = (Place::new(), Place::new());
    let trail = closed.trail.clone();
    trail.close().await.unwrap();
    let layer = AuditLayer::new(trail);
    let handler = |request: Request| async move {
        let audit = RequestAudit::of(request.extensions()).unwrap();
        let error = audit.begin().await.unwrap_err();
        format!("{:?}", error.kind())
    };
    let app = Router::new().route("/", get(handler)).layer(layer);
    assert_eq!(ask(serve(app).await, "GET /", "").await.body, "Closed");

    // Twice is once.
    let handler = |request: Request| async move {
        let audit = RequestAudit::of(request.extensions()).unwrap();
        audit.begin().await.unwrap();
        audit.begin().await.unwrap();
    };
    let app = Router::new().route("/", get(handler)).layer(AuditLayer::new(place.trail.clone()));
    ask(serve(app).await, "GET /", "").await;
    let phases: Vec<_> = place.entries().into_iter().map(|entry| entry["phase"].clone()).collect();
    assert_eq!(phases, ["intent", "result"]);
}

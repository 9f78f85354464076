//! What OTLP exports over HTTP is durable as a whole, or to be sent again, and then nothing is recorded twice.

use std::io::Write;

use bytes::Bytes;
use graven_server::auth::{NewToken, Role, Scope};
use http_body_util::channel::Channel;
use prost::Message;
use serde_json::{Value, json};

use crate::exports::{Status, id, ids, logs};
use crate::support::{Answer, Client, JSON, Running, stored, within};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const GZIP: (&str, &str) = ("content-encoding", "gzip");
const LOGS: &str = "/v1/trails/main/otlp/v1/logs";

/// The codes of gRPC.
const INVALID_ARGUMENT: i32 = 3;
const ALREADY_EXISTS: i32 = 6;
const PERMISSION_DENIED: i32 = 7;
const RESOURCE_EXHAUSTED: i32 = 8;
const UNAVAILABLE: i32 = 14;
const UNAUTHENTICATED: i32 = 16;

fn some(count: usize) -> Vec<u8> {
    logs((0..count).map(|number| format!("record {number}")))
}

fn all_ids(request: &[u8], count: usize) -> Vec<String> {
    (0..count).map(|place| id(request, place)).collect()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn only(trails: &[&str]) -> impl FnOnce(&mut NewToken) {
    let trails = Scope::Only(trails.iter().map(|name| name.parse().unwrap()).collect());
    move |new| new.trails = trails
}

/// A refusal with this status and this code, in the form of the request.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: i32) -> Status {
    assert_eq!(answer.status, status, "{:?}", String::from_utf8_lossy(&answer.body));
    match answer.header("content-type") {
        "application/x-protobuf" => {
            let said = Status::decode(&answer.body[..]).unwrap();
            assert_eq!(said.code, code, "{said:?}");
            said
        }
        "application/json" => {
            let said = answer.json();
            assert_eq!(said["code"], code, "{said}");
            let message = said["message"].as_str().unwrap().to_owned();
            Status { code, message, details: Vec::new() }
        }
        other => panic!("{other}: {answer:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_records_are_durable_and_a_retry_adds_none() {
    let server = Running::start().await;
    // More than are recorded together.
    let request = some(3_000);
    for sent in [request.clone(), request.clone()] {
        let answer = server.admin.post(LOGS, PROTOBUF, sent).await;
        answer.is(200);
        assert_eq!((answer.header("content-type"), answer.body.len()), ("application/x-protobuf", 0));
    }
    let answer = server.admin.send("POST", LOGS, &[PROTOBUF, GZIP], packed(&request)).await;
    answer.is(200);
    // In their order, and once.
    assert_eq!(ids(&stored(&server.trail("main"))), all_ids(&request, 3_000));
    let state = server.admin.get("/v1/trails/main").await.json();
    assert_eq!(
        (&state["counters"]["recorded"], &state["counters"]["duplicates"]),
        (&json!(3_000), &json!(6_000))
    );
    // The same records, and another request.
    let other = [&request[..], &some(1)].concat();
    server.admin.post(LOGS, PROTOBUF, other.clone()).await.is(200);
    assert_eq!(ids(&stored(&server.trail("main")))[3_000..], all_ids(&other, 3_001));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_answered_in_json_and_traces_have_their_address() {
    let server = Running::start().await;
    let span = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "act",
        "startTimeUnixNano": "1769860800000000000", "endTimeUnixNano": "1769860801000000000"}]}]}]});
    for (address, request) in [
        ("/v1/trails/main/otlp/v1/traces", span.to_string()),
        (
            LOGS,
            json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "a"}}]}]}]})
                .to_string(),
        ),
    ] {
        for _ in 0..2 {
            let answer = server.admin.post(address, JSON, request.clone()).await;
            assert_eq!(
                (answer.is(200).text(), answer.header("content-type")),
                (r#"{"partialSuccess":{}}"#, JSON.1)
            );
        }
        assert_eq!(ids(&stored(&server.trail("main"))).last(), Some(&id(request.as_bytes(), 0)));
    }
    assert_eq!(ids(&stored(&server.trail("main"))).len(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_trail_is_the_only_one_of_the_token_or_that_of_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let dir = |name: &str| folder.path().join(name);
    let server = Running::with_trails(folder.path(), &["a", "b"], &[("otlp.trail", "b")]).await;
    let one = server.client(Role::Writer, only(&["a"]));
    let any = server.client(Role::Writer, |_| {});
    let two = server.client(Role::Writer, only(&["main", "a"]));
    one.post("/v1/logs", PROTOBUF, some(1)).await.is(200);
    any.post("/v1/logs", PROTOBUF, some(2)).await.is(200);
    refused(&two.post("/v1/logs", PROTOBUF, some(3)).await, 403, PERMISSION_DENIED);
    two.post("/v1/trails/main/otlp/v1/logs", PROTOBUF, some(4)).await.is(200);
    assert_eq!(ids(&stored(&dir("a"))), all_ids(&some(1), 1));
    assert_eq!(ids(&stored(&dir("b"))), all_ids(&some(2), 2));
    assert_eq!(ids(&stored(&server.trail("main"))), all_ids(&some(4), 4));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_in_the_form_of_the_request_and_record_nothing() {
    let server = Running::with(&[("limits.body_bytes", "64KiB")]).await;
    let admin = &server.admin;
    for (kind, bad) in
        [(PROTOBUF, &b"\xff\xff"[..]), (JSON, b"{"), (JSON, b"[]"), (JSON, b""), (JSON, b"\xff")]
    {
        let said = refused(&admin.post(LOGS, kind, bad.to_vec()).await, 400, INVALID_ARGUMENT);
        assert!(said.message.contains("OTLP"), "{said:?}");
    }
    let large = some(10_000);
    assert!(large.len() > 64 << 10);
    refused(&admin.post(LOGS, PROTOBUF, large.clone()).await, 413, INVALID_ARGUMENT);
    // It is as large when it was small on its way.
    let bomb = packed(&large);
    assert!(bomb.len() < 64 << 10);
    refused(&admin.send("POST", LOGS, &[PROTOBUF, GZIP], bomb).await, 413, INVALID_ARGUMENT);
    refused(&admin.send("POST", LOGS, &[PROTOBUF, GZIP], some(1)).await, 400, INVALID_ARGUMENT);
    refused(
        &admin.send("POST", LOGS, &[JSON, ("content-encoding", "br")], "{}").await,
        415,
        INVALID_ARGUMENT,
    );
    for kind in [PROTOBUF, JSON] {
        refused(&server.stranger().post("/v1/logs", kind, some(1)).await, 401, UNAUTHENTICATED);
        let reader = server.client(Role::Reader, |_| {});
        refused(&reader.post("/v1/traces", kind, some(1)).await, 403, PERMISSION_DENIED);
        let elsewhere = server.client(Role::Writer, only(&["other"]));
        refused(&elsewhere.post(LOGS, kind, some(1)).await, 403, PERMISSION_DENIED);
    }
    admin.post(LOGS, ("content-type", "text/plain"), "a").await.is_problem(415, "unsupported-media-type");
    assert!(ids(&stored(&server.trail("main"))).is_empty());
    // Nobody may hand in a part of it.
    let k8s = server.client(Role::Writer, |new| new.categories = Scope::Only(vec!["k8s".parse().unwrap()]));
    refused(&k8s.post(LOGS, PROTOBUF, some(2)).await, 403, PERMISSION_DENIED);
    assert!(ids(&stored(&server.trail("main"))).is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_say_when_to_send_again() {
    let server = Running::with(&[("limits.rate_per_token", "2")]).await;
    let loud = server.client(Role::Writer, |_| {});
    let mut answer = loud.post(LOGS, PROTOBUF, some(1)).await;
    while answer.status == 200 {
        answer = loud.post(LOGS, PROTOBUF, some(1)).await;
    }
    let said = refused(&answer, 429, RESOURCE_EXHAUSTED);
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(said.details[0].type_url, "type.googleapis.com/google.rpc.RetryInfo");
    // One second, as `google.protobuf.Duration` in the first field.
    assert_eq!(said.details[0].value, [0x0a, 2, 0x08, 1]);
    server.stop().await;
}

/// While others have the memory for bodies.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_server_is_asked_again_and_records_it_once() {
    let server = Running::with(&[("limits.bodies_bytes", "1MiB"), ("limits.body_bytes", "1MiB")]).await;
    let request =
        logs((0..2_000).map(|number| format!("a record that is a bit longer than others {number}")));
    assert!(request.len() > 100 << 10 && request.len() < 256 << 10);
    let writer = server.client(Role::Writer, |_| {});
    let hold = || {
        let (sender, channel) = Channel::<Bytes>::new(1);
        let client = writer.clone();
        let announced = [JSON, ("content-length", "1000000")];
        let body = axum::body::Body::new(channel);
        let request = async move { client.begin("POST", "/v1/trails/main/entries", &announced, body).await };
        (sender, tokio::spawn(request))
    };
    let mut held = hold();
    within(async {
        while server.admin.post(LOGS, PROTOBUF, request.clone()).await.status == 200 {
            if held.1.is_finished() {
                // It came while the request had the memory.
                held = hold();
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    let answer = server.admin.post(LOGS, PROTOBUF, request.clone()).await;
    let said = refused(&answer, 503, UNAVAILABLE);
    assert_eq!((answer.header("retry-after"), said.details.len()), ("1", 1));
    drop(held.0);
    within(async {
        while server.admin.post(LOGS, PROTOBUF, request.clone()).await.status != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(ids(&stored(&server.trail("main"))), all_ids(&request, 2_000));
    server.stop().await;
}

/// Somebody has cut the log: an operator must look, and clients keep what they have.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_is_to_be_sent_again_whatever_the_reason() {
    let server = Running::start().await;
    server.admin.post(LOGS, PROTOBUF, some(1)).await.is(200);
    let live = server.trail("main").join("audit.jsonl");
    let length = std::fs::metadata(&live).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&live).unwrap().set_len(length - 1).unwrap();
    let answer = server.admin.post(LOGS, PROTOBUF, some(2)).await;
    let said = refused(&answer, 503, UNAVAILABLE);
    assert!(answer.header("retry-after") == "1" && said.details.len() == 1, "{said:?}");
    server.ask_to_end();
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_says_something_else_is_not_acknowledged() {
    let server = Running::start().await;
    let request = some(2);
    let taken: Value =
        json!({"id": id(&request, 1), "category": "api", "action": "mine", "outcome": "success"});
    server.admin.record(taken).await.is(201);
    refused(&server.admin.post(LOGS, PROTOBUF, request).await, 409, ALREADY_EXISTS);
    server.stop().await;
}

/// The event of a client that may not name others keeps who acted, and says who handed it in.
#[tokio::test(flavor = "multi_thread")]
async fn who_acts_in_an_event_is_kept_beside_who_hands_it_in() {
    let server = Running::start().await;
    let event = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "a", "stage": "ResponseComplete",
        "verb": "get", "requestURI": "/readyz", "user": {"username": "alice"}, "impersonatedUser": {"username": "bob"}});
    let plain = server.client(Role::Writer, |new| new.name = Some("api-server".into()));
    let asserting = server.client(Role::Writer, |new| {
        (new.name, new.assert_principal) = (Some("gateway".into()), true);
    });
    let recorded = async |client: &Client| {
        client.post("/v1/trails/main/kubernetes", JSON, event.to_string()).await.is(200);
        let entry = stored(&server.trail("main")).pop().unwrap();
        (entry.principal.unwrap(), entry.on_behalf_of, entry.recorded_by.unwrap())
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(recorded(&plain).await, ("api-server".into(), names(&["alice", "bob"]), "api-server".into()));
    assert_eq!(recorded(&asserting).await, ("alice".into(), names(&["bob"]), "gateway".into()));
    server.stop().await;
}

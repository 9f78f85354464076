//! The API server of Kubernetes and senders of CloudEvents hand in what they have, as they have it.

use graven_server::auth::{Role, Scope};
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::support::{Client, JSON, Running, stored};

const KUBERNETES: &str = "/v1/trails/main/kubernetes";
const ENTRIES: &str = "/v1/trails/main/entries";
const ONE: (&str, &str) = ("content-type", "application/cloudevents+json; charset=utf-8");
const BATCH: (&str, &str) = ("content-type", "application/cloudevents-batch+json");

/// An event as it stands in a list: without its kind and version.
fn audit(id: &str, stage: &str, user: &str) -> Value {
    json!({"level": "Metadata", "auditID": id, "stage": stage, "requestURI": "/api/v1/pods", "verb": "list",
        "user": {"username": user}, "objectRef": {"resource": "pods", "namespace": "default"},
        "requestReceivedTimestamp": "2026-01-31T12:00:00.000000Z", "stageTimestamp": "2026-01-31T12:00:00.500000Z"})
}

fn list(items: &[Value]) -> String {
    json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": items}).to_string()
}

/// The ids of the entries that clients have handed in.
fn ids(server: &Running) -> Vec<String> {
    let handed_in = stored(&server.trail("main")).into_iter().filter(|entry| entry.recorded_by.is_some());
    handed_in.filter_map(|entry| entry.id).collect()
}

async fn told(client: &Client, body: String) -> Value {
    client.post(KUBERNETES, JSON, body).await.is(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_audit_events_is_recorded_once() {
    let server = Running::start().await;
    let events = [
        audit("1", "RequestReceived", "a"),
        audit("1", "ResponseComplete", "a"),
        json!({"no": "event"}),
        json!(7),
    ];
    let first = told(&server.admin, list(&events)).await;
    assert_eq!(first["events"], 4, "{first}");
    assert_eq!((&first["duplicates"], &first["unmapped"]), (&json!(0), &json!({"other_kind": 2})));
    let again = told(&server.admin, list(&events[..2])).await;
    assert_eq!(again, json!({"events": 2, "duplicates": 2}));
    let entries = stored(&server.trail("main"));
    let complete = entries.iter().find(|entry| entry.id.as_deref() == Some("1:ResponseComplete")).unwrap();
    assert_eq!((complete.action.as_str(), complete.principal.as_deref()), ("list pods", Some("a")));
    // Whatever is JSON is kept.
    assert_eq!(told(&server.admin, json!([1, 2]).to_string()).await["events"], 1);
    assert_eq!(told(&server.admin, audit("2", "Panic", "a").to_string()).await["events"], 1);
    assert_eq!(told(&server.admin, list(&[])).await, json!({"events": 0, "duplicates": 0}));
    for bad in ["", "{", "[1,", "{\"items\":[}"] {
        server.admin.post(KUBERNETES, JSON, bad).await.is_problem(400, "not-json");
    }
    let yaml = ("content-type", "application/yaml");
    server.admin.post(KUBERNETES, yaml, "kind: EventList").await.is_problem(415, "unsupported-media-type");
    server.stop().await;
}

/// A client of Kubernetes names its own audit id, and must not hide what it does behind another one's.
#[tokio::test(flavor = "multi_thread")]
async fn two_events_with_one_id_are_both_kept() {
    let server = Running::start().await;
    let [one, other] = ["alice", "mallory"].map(|user| audit("1", "ResponseComplete", user));
    told(&server.admin, list(std::slice::from_ref(&one))).await;
    let both = list(&[one, audit("2", "ResponseComplete", "bob"), other]);
    assert_eq!(told(&server.admin, both.clone()).await["duplicates"], 1);
    assert_eq!(told(&server.admin, both).await["duplicates"], 3);
    let ids = ids(&server);
    assert_eq!(&ids[..2], ["1:ResponseComplete", "2:ResponseComplete"]);
    let renamed = ids[2].strip_prefix("1:ResponseComplete:").unwrap();
    assert!(renamed.len() == 32 && ids.len() == 3, "{ids:?}");
    let entries = stored(&server.trail("main"));
    let by = |user: &str| entries.iter().filter(|entry| entry.principal.as_deref() == Some(user)).count();
    assert_eq!([by("alice"), by("bob"), by("mallory")], [1, 1, 1]);
    server.stop().await;
}

/// Nobody may hand in a part of a list, also when the other part is far behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_some_categories_records_no_part_of_a_list() {
    let server = Running::start().await;
    let imported = server.client(Role::Writer, |new| {
        new.categories = Scope::Only(vec!["imported".parse().unwrap()]);
    });
    let mut events = vec![json!({"no": "event"}); 2_000];
    assert_eq!(told(&imported, list(&events)).await["unmapped"], json!({"other_kind": 2_000}));
    let before = ids(&server).len();
    events.push(audit("1", "ResponseComplete", "a"));
    imported.post(KUBERNETES, JSON, list(&events)).await.is_problem(403, "out-of-scope");
    assert_eq!(ids(&server).len(), before);
    server.stop().await;
}

/// Otherwise its API server would throw the list away.
#[tokio::test(flavor = "multi_thread")]
async fn a_very_large_event_is_kept() {
    let server = Running::start().await;
    let mut large = audit("1", "ResponseComplete", "a");
    large["requestObject"] = json!({"data": "x".repeat(20 << 20)});
    assert_eq!(told(&server.admin, list(&[large.clone()])).await["events"], 1);
    assert_eq!(told(&server.admin, list(&[large])).await["duplicates"], 1);
    assert_eq!(ids(&server).len(), 1);
    server.stop().await;
}

/// A kubeconfig names a token or a certificate, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_logs_in_by_its_certificate() {
    let authority = Authority::new();
    let issued = authority.loopback();
    let mut server = Running::edited(|settings| {
        settings.tls.cert_file = Some(issued.certificate());
        settings.tls.key_file = Some(issued.key());
        settings.tls.client_ca_file = Some(authority.file());
        settings.tls.clients = vec!["CN=kube-apiserver,O=Example=writer:main".parse().unwrap()];
    })
    .await;
    server.keep(issued);
    let shown = authority.client("kube-apiserver", |_| {});
    let api_server = server.stranger().over(Some(authority.trusted_with(Some(&shown))));
    assert_eq!(told(&api_server, list(&[audit("1", "ResponseComplete", "alice")])).await["events"], 1);
    let entry = stored(&server.trail("main")).pop().unwrap();
    assert_eq!(entry.principal.as_deref(), Some("cert:CN=kube-apiserver,O=Example"));
    assert_eq!(entry.on_behalf_of, ["alice"]);
    server.stop().await;
}

fn event(id: &str) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "/shop", "type": "order.paid", "data": {"sum": 5}})
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudevents_come_alone_in_batches_and_in_headers() {
    let server = Running::start().await;
    let binary = [
        ("ce-specversion", "1.0"),
        ("ce-id", "4"),
        ("ce-source", "/shop"),
        ("ce-type", "order.paid"),
        ("content-type", "application/json"),
    ];
    for duplicate in [None, Some(true)] {
        let alone = server.admin.post(ENTRIES, ONE, event("1").to_string()).await.is(201).json();
        let batch = json!([event("2"), event("3")]).to_string();
        let batch = server.admin.post(ENTRIES, BATCH, batch).await.is(201).json();
        let headers = server.admin.send("POST", ENTRIES, &binary, r#"{"sum":5}"#).await.is(201).json();
        let receipts =
            [&alone["receipts"][0], &batch["receipts"][0], &batch["receipts"][1], &headers["receipts"][0]];
        for (receipt, id) in receipts.into_iter().zip(["/shop:1", "/shop:2", "/shop:3", "/shop:4"]) {
            assert_eq!((&receipt["id"], receipt["duplicate"].as_bool()), (&json!(id), duplicate));
        }
    }
    let entries = stored(&server.trail("main"));
    let events: Vec<_> = entries.iter().filter(|entry| entry.action == "order.paid").collect();
    assert_eq!(events.len(), 4);
    assert!(
        events.iter().all(|entry| entry.detail.as_ref().unwrap().as_str().contains(r#""data":{"sum":5}"#))
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_kept_and_counted_and_what_is_no_json_is_refused() {
    let server = Running::start().await;
    let odd = server.admin.post(ENTRIES, BATCH, json!([event("1"), {"id": "2"}, 3]).to_string()).await;
    let answer = odd.is(201).json();
    assert_eq!(
        (&answer["unmapped"], answer["receipts"].as_array().unwrap().len()),
        (&json!({"other_kind": 2}), 3)
    );
    let mut other = event("1");
    other["data"] = json!("another one");
    server.admin.post(ENTRIES, ONE, other.to_string()).await.is_problem(409, "id-conflict");
    for kind in [ONE, BATCH] {
        server.admin.post(ENTRIES, kind, "{").await.is_problem(400, "not-json");
    }
    let stream = format!("{ENTRIES}?stream=1");
    server.admin.post(&stream, ONE, event("9").to_string()).await.is_problem(400, "bad-parameter");
    let avro = ("content-type", "application/cloudevents+avro");
    server.admin.post(ENTRIES, avro, "a").await.is_problem(415, "unsupported-media-type");
    let reader = server.client(Role::Reader, |_| {});
    reader.post(ENTRIES, ONE, event("8").to_string()).await.is_problem(403, "forbidden");
    server.stop().await;
}

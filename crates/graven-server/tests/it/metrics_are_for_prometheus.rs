//! `/metrics` has what an operator watches, in the text of Prometheus, and only of the trails that the token is for.

use graven_server::auth::{Role, Scope};
use serde_json::json;

use crate::support::{Client, JSON, Running};

/// The samples, by name and labels.
async fn samples(client: &Client) -> Vec<(String, f64)> {
    let answer = client.get("/metrics").await;
    assert_eq!(answer.is(200).header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let lines = answer.text().lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let sample = |line: &str| {
        let (name, number) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), number.parse().unwrap())
    };
    lines.map(sample).collect()
}

#[track_caller]
fn number(samples: &[(String, f64)], name: &str) -> f64 {
    let found = samples.iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("{name} is missing in {samples:#?}")).1
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_is_counted_and_how_trails_are_is_shown() {
    let server = Running::start().await;
    let entry = json!({"id": "a", "category": "api", "action": "a", "outcome": "success"});
    server.admin.record(entry.clone()).await.is(201);
    server.admin.record(entry).await.is(201);
    server.admin.record(json!({"category": "api"})).await.is(422);
    server.stranger().get("/v1/trails").await.is(401);
    server.admin.get("/v1/trails/main/entries/0").await.is(200);
    server.admin.get("/nowhere/at/all").await.is(404);
    server.admin.send("BREW", "/v1/trails", &[], "").await.is(405);
    let stream = server.admin.begin("GET", "/v1/trails/main/stream", &[], axum::body::Body::empty()).await;
    let seen = samples(&server.admin).await;
    let of = |name: &str| number(&seen, &format!("graven_{name}{{trail=\"main\"}}"));
    assert_eq!((of("recorded_entries_total"), of("duplicate_entries_total")), (1.0, 1.0));
    assert!(of("recorded_bytes_total") > 40.0 && of("queue_entries") == 0.0);
    assert_eq!(number(&seen, "graven_refused_entries_total{trail=\"main\",reason=\"not-an-entry\"}"), 1.0);
    assert_eq!(number(&seen, "graven_refusals_total{reason=\"unauthorized\"}"), 1.0);
    assert_eq!((of("can_record"), of("dropped_entries_total")), (1.0, 0.0));
    assert!(of("entries") >= 2.0 && of("log_bytes") > 100.0);
    assert!((0.0..60.0).contains(&of("last_entry_age_seconds")));
    assert!((0.0..600.0).contains(&of("checkpoint_age_seconds")));
    assert!(of("index_lag_entries") >= 2.0 && of("sync_seconds_count") >= 1.0);
    assert_eq!(
        number(&seen, "graven_sync_seconds_bucket{trail=\"main\",le=\"+Inf\"}"),
        of("sync_seconds_count")
    );
    assert!(of("sync_seconds_sum") > 0.0);
    assert_eq!(number(&seen, "graven_streams"), 1.0);
    let route = "method=\"POST\",route=\"/v1/trails/{trail}/entries\"";
    assert_eq!(number(&seen, &format!("graven_http_requests_total{{{route},status=\"201\"}}")), 2.0);
    let nowhere = "method=\"GET\",route=\"none\",status=\"404\"";
    assert_eq!(number(&seen, &format!("graven_http_requests_total{{{nowhere}}}")), 1.0);
    let made_up = "method=\"other\",route=\"/v1/trails\",status=\"405\"";
    assert_eq!(number(&seen, &format!("graven_http_requests_total{{{made_up}}}")), 1.0);
    assert!(!seen.iter().any(|(name, _)| name.starts_with("graven_verification_ok")), "none was done");
    drop(stream);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_verdict_is_a_metric_and_others_trails_are_not_shown() {
    let server = Running::start().await;
    server.admin.post("/v1/trails/main/verify", JSON, "").await.is(202);
    let verified = crate::support::within(async {
        loop {
            let seen = samples(&server.admin).await;
            let ok = "graven_verification_ok{trail=\"main\"}";
            if let Some((_, ok)) = seen.iter().find(|(name, _)| name == ok) {
                return *ok;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(verified, 1.0);
    let elsewhere =
        server.client(Role::Reader, |new| new.trails = Scope::Only(vec!["other".parse().unwrap()]));
    let seen = samples(&elsewhere).await;
    assert!(!seen.iter().any(|(name, _)| name.starts_with("graven_entries")), "{seen:#?}");
    let some = Scope::Only(vec!["api".parse().unwrap()]);
    let limited = server.client(Role::Reader, |new| new.categories = some);
    limited.get("/metrics").await.is_problem(403, "out-of-scope");
    server.client(Role::Writer, |_| {}).get("/metrics").await.is_problem(403, "forbidden");
    server.stranger().get("/metrics").await.is_problem(401, "unauthorized");
    server.stop().await;
}

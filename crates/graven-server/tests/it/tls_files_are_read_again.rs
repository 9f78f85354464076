//! A new certificate counts for the next connection, and those that are open go on; one that is not good counts for none.

use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::json;

use crate::authority::{Authority, put};
use crate::support::{PATIENCE, Running, next, stored, within};

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// What the trail says of the files that were read and are not good.
fn failures(server: &Running) -> String {
    let entries = stored(&server.trail("main"));
    let read = entries.iter().filter(|entry| entry.action == "server.tls_read");
    let failed = read.filter(|entry| entry.outcome == graven::Outcome::Failure);
    failed.map(|entry| entry.detail.as_ref().unwrap().as_str().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_counts_for_the_next_connection_and_a_stream_goes_on() {
    let (old, new) = (Authority::new(), Authority::new());
    let issued = old.loopback();
    let server = Running::over_tls(&old, &issued, &[]).await;
    let stream = server.admin.begin("GET", "/v1/trails/main/stream", &[], axum::body::Body::empty()).await;
    assert_eq!(stream.status(), 200);
    let mut stream = stream.into_body();
    assert!(next(&mut stream).await.is_some(), "it has begun");
    // By a change of the files alone.
    new.issue_into(&issued, &["127.0.0.1"], |_| {});
    let admin = server.admin.over(Some(new.trusted()));
    until("the new certificate is served", async || admin.connect().await.is_ok()).await;
    assert!(server.admin.connect().await.is_err(), "the old one is served no more");
    let metrics = admin.get("/metrics").await;
    let metrics = metrics.is(200).text();
    let left = metrics.lines().find_map(|line| line.strip_prefix("graven_tls_certificate_seconds "));
    assert!(left.unwrap().parse::<f64>().unwrap() > 0.0, "{metrics}");
    // The stream goes on, over the connection that began with the old certificate.
    let entry = json!({"category": "api", "action": "after", "outcome": "success"});
    admin.record(entry).await.is(201);
    let mut said = String::new();
    while !said.contains("\"after\"") {
        said += std::str::from_utf8(&next(&mut stream).await.expect("it goes on")).unwrap();
    }
    drop(stream);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_good_counts_for_nothing() {
    let authority = Authority::new();
    let issued = authority.loopback();
    let server = Running::over_tls(&authority, &issued, &[]).await;
    let other = authority.loopback();
    let expire = || {
        authority.issue_into(&issued, &["127.0.0.1"], |params| {
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        });
    };
    let steps: [(&str, &dyn Fn()); 4] = [
        ("no certificate in PEM", &|| put(&issued.certificate(), "-----BEGIN CERTIFICATE-----\nno\n")),
        ("No such file", &|| std::fs::remove_file(issued.certificate()).unwrap()),
        // The certificate was replaced, and its key was not yet.
        ("the key belongs to another certificate", &|| {
            put(&issued.certificate(), &std::fs::read_to_string(other.certificate()).unwrap());
        }),
        ("has expired", &expire),
    ];
    for (why, step) in steps {
        step();
        server.ask_to_read_again();
        until(why, async || failures(&server).contains(why)).await;
        server.admin.get("/v1/trails").await.is(200);
    }
    // It is mended.
    let next = Authority::new();
    next.issue_into(&issued, &["127.0.0.1"], |_| {});
    server.ask_to_read_again();
    let admin = server.admin.over(Some(next.trusted()));
    until("the new certificate is served", async || admin.connect().await.is_ok()).await;
    let answer = admin.begin("GET", "/v1/trails", &[], axum::body::Body::empty()).await;
    assert!(within(answer.into_body().collect()).await.is_ok());
    let folder = server.stop().await.unwrap();
    let entries = stored(&folder.path().join("data/trails/main"));
    let good = entries.iter().filter(|entry| entry.action == "server.tls_read");
    assert!(good.filter(|entry| entry.outcome == graven::Outcome::Success).count() >= 1);
}

//! A trail is verified in the background, when somebody asks or when it is due, and a bad verdict is told everywhere.

use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use graven_server::auth::Role;
use serde_json::{Value, json};

use crate::support::{Client, JSON, Running, stored, within};

const PATH: &str = "/v1/trails/main/verify";

/// Waits until no verification runs; the last one.
async fn last(client: &Client) -> Value {
    within(async {
        loop {
            let standing = client.get(PATH).await.is(200).json();
            if standing["running"].is_null() && !standing["last"].is_null() {
                return standing["last"].clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

fn entry(action: &str) -> Value {
    json!({"category": "api", "action": action, "outcome": "success"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_trail_and_then_a_changed_one() {
    let server = Running::start().await;
    let auditor = server.client(Role::Auditor, |new| new.name = Some("audit".into()));
    for action in ["a", "b", "c"] {
        server.admin.record(entry(action)).await.is(201);
    }
    assert_eq!(auditor.get(PATH).await.json(), json!({"running": null, "last": null}));
    let started = auditor.post(PATH, JSON, "").await;
    assert_eq!(started.is(202).header("location"), PATH);
    let good = last(&auditor).await;
    assert_eq!((&good["ok"], &good["by"], &good["error"]), (&json!(true), &json!("audit"), &json!(null)));
    assert!(good["report"]["entries"].as_u64().unwrap() >= 3, "{good}");
    assert_eq!(server.stranger().get("/readyz").await.is(200).json()["status"], "ready");

    // Seals them, so that a change is a change.
    server.admin.get("/v1/trails/main/entries/3/proof").await.is(200);
    let layout = graven::layout::Layout::in_dir(server.trail("main"));
    let text = std::fs::read_to_string(layout.live()).unwrap();
    let at = text.find("\"action\":\"b\"").unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(layout.live()).unwrap();
    file.write_all_at(b"\"action\":\"x\"", at as u64).unwrap();
    auditor.post(PATH, JSON, "").await.is(202);
    let bad = last(&auditor).await;
    assert_eq!((&bad["ok"], &bad["report"]["verdict"]), (&json!(false), &json!("altered")), "{bad}");
    let ready = server.stranger().get("/readyz").await.is(200).json();
    assert_eq!(ready["status"], "degraded", "it can still record");
    assert_eq!(ready["reasons"][0]["trail"], "main");
    assert!(ready["reasons"][0]["reason"].as_str().unwrap().contains("altered"), "{ready}");
    assert_eq!(server.admin.get("/v1/trails/main").await.json()["verify"]["verdict"], "altered");

    for role in [Role::Writer, Role::Reader] {
        let other = server.client(role, |_| {});
        other.post(PATH, JSON, "").await.is_problem(403, "forbidden");
        other.get(PATH).await.is_problem(403, "forbidden");
    }
    let dir = server.trail("main");
    // The entry about it is written behind the answer.
    let told = within(async {
        loop {
            let told: Vec<_> =
                stored(&dir).into_iter().filter(|entry| entry.action == "trail.verified").collect();
            if told.len() == 2 {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let outcomes: Vec<_> = told.iter().map(|entry| entry.outcome.as_str()).collect();
    assert_eq!(outcomes, ["success", "failure"]);
    assert!(told.iter().all(|entry| entry.principal.as_deref() == Some("audit")));
    assert!(told[1].detail.as_ref().unwrap().as_str().contains("\"verdict\":\"altered\""));
    server.ask_to_end();
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_done_when_it_is_due() {
    let server = Running::edited(|settings| settings.verify_every = Some(Duration::from_millis(100))).await;
    let auditor = server.client(Role::Auditor, |_| {});
    let first = last(&auditor).await;
    assert_eq!((&first["ok"], &first["by"]), (&json!(true), &json!(null)), "{first}");
    within(async {
        while last(&auditor).await["ended"] == first["ended"] {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_at_once_get_one() {
    let server = Running::start().await;
    server.admin.record(entry("a")).await.is(201);
    let asked = (0..20).map(|_| {
        let client = server.admin.clone();
        tokio::spawn(async move { client.post(PATH, JSON, "").await.is(202).json() })
    });
    for asked in asked.collect::<Vec<_>>() {
        let standing = within(asked).await.unwrap();
        assert!(standing["running"].is_object() || standing["last"].is_object(), "{standing}");
    }
    assert_eq!(last(&server.admin).await["ok"], true);
    server.stop().await;
}

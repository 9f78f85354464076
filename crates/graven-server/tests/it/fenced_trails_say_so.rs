//! A server whose trail another one ships says so, records on, and with `archive.required` refuses to.

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::json;

use crate::bucket::{Bucket, entry, metric, until};
use crate::support::{JSON, PATIENCE, Running};

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy_folder(&path, &target) } else { fs::copy(&path, &target).map(drop).unwrap() }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copy_of_a_machine_says_that_another_one_ships() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::in_folder(folder.path());
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
    let settings = [("archive.url", &*bucket.url()), ("archive.every", "100ms"), ("archive.name", "first")];
    let first = Running::at(&data, &settings).await;
    until(&first.admin, |standing| standing["epoch"] == 0 && standing["lag"]["entries"] == 0).await;
    first.stop().await;
    copy_folder(&data, &copy);
    let first = Running::at(&data, &settings).await;
    let now = until(&first.admin, |standing| standing["epoch"] == 1 && standing["lag"]["entries"] == 0).await;

    let in_k8s = [&settings[..], &[("archive.required_for", "k8s")]].concat();
    let second = Running::at(&copy, &in_k8s).await;
    let client = &second.admin;
    let said = entry(client, "archive.fenced").await;
    assert_eq!((&said["category"], &said["outcome"]), (&json!("config"), &json!("failure")));
    assert!(said["detail"]["writer"].as_str().unwrap().contains("\"first\", epoch 1"), "{said}");
    // Both have recorded their own start behind what they have in common.
    let differing = said["detail"]["first_differing"].as_u64().unwrap();
    assert!(differing > 0 && differing < now["entries"].as_u64().unwrap(), "{said}");
    let fenced = until(client, |standing| standing["state"] == "fenced").await;
    assert_eq!(fenced["fenced"]["first_differing"], differing, "{fenced}");
    assert_eq!(
        (metric(client, "archive_fenced").await, metric(client, "archive_shipping").await),
        (1.0, 0.0)
    );
    assert_eq!(metric(client, "can_record").await, 1.0);
    let ready = second.stranger().get("/readyz").await.is(200).json();
    assert_eq!(ready["status"], "degraded", "{ready}");
    assert!(ready["reasons"][0]["reason"].as_str().unwrap().contains("another writer"), "{ready}");
    // It records on, and nobody waits for what never comes.
    let begun = Instant::now();
    let body = json!({"category": "api", "action": "a", "outcome": "success"}).to_string();
    let answer = client.post("/v1/trails/main/entries?ack=archived&timeout=5m", JSON, body.clone()).await;
    assert_eq!(answer.is(202).json()["receipts"][0]["archived"], false);
    assert!(begun.elapsed() < PATIENCE);
    let intent = json!({"id": "intent", "category": "api", "action": "a"}).to_string();
    let answer = client.post("/v1/trails/main/acts?ack=archived", JSON, intent).await;
    assert_eq!(answer.is(202).json()["receipt"]["archived"], false);
    // An answer without receipts cannot say so: it is to be sent again.
    let event = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [{"auditID": "7", "stage": "ResponseComplete", "verb": "get"}]});
    let answer = client.post("/v1/trails/main/kubernetes", JSON, event.to_string()).await;
    answer.is_problem(503, "not-archived");
    let found = client.get("/v1/trails/main/entries?q=category:k8s").await;
    assert_eq!(found.is(200).json()["hits"].as_array().unwrap().len(), 1);
    second.stop().await;

    let required = [&settings[..], &[("archive.required", "true")]].concat();
    let second = Running::at(&copy, &required).await;
    until(&second.admin, |standing| standing["state"] == "fenced").await;
    let refused = crate::support::within(async {
        loop {
            let answer = second.admin.post("/v1/trails/main/entries", JSON, body.clone()).await;
            if answer.status != 201 {
                return answer;
            }
        }
    })
    .await;
    let problem = refused.is_problem(503, "not-archived");
    assert!(problem["detail"].as_str().unwrap().contains("another writer"), "{problem}");
    let intent = json!({"id": "act", "category": "api", "action": "a"}).to_string();
    second.admin.post("/v1/trails/main/acts", JSON, intent).await.is_problem(503, "not-archived");
    let ready = second.stranger().get("/readyz").await.is(503).json();
    assert_eq!(ready["status"], "unready", "{ready}");
    assert_eq!(metric(&second.admin, "can_record").await, 0.0);
    // What is there can be read, and the one that ships goes on.
    second.admin.get("/v1/trails/main/entries/0").await.is(200);
    first.admin.post("/v1/trails/main/entries?ack=archived", JSON, body).await.is(201);
    second.stop().await;
    first.stop().await;
}

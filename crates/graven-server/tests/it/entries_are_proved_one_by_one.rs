//! One entry: its stored bytes, what is known of it, and a proof that anybody can check.

use graven::VerifierKey;
use graven_core::tlog_proof::TlogProof;
use graven_server::auth::{Role, Scope};
use serde_json::json;

use crate::support::Running;

#[tokio::test(flavor = "multi_thread")]
async fn the_stored_bytes_have_the_leaf_hash_as_their_tag() {
    let server = Running::start().await;
    let entry = json!({"id": "x/1", "category": "api", "action": "a", "outcome": "success"});
    let receipt = server.admin.record(entry).await.is(201).json()["receipts"][0].clone();
    let (index, hash) = (receipt["index"].as_u64().unwrap(), receipt["leaf_hash"].as_str().unwrap());
    let path = format!("/v1/trails/main/entries/{index}");
    let bytes = server.admin.get_with(&path, &[("accept", "application/octet-stream")]).await;
    bytes.is(200);
    assert_eq!(graven_core::hash::leaf_hash(&bytes.body).to_string(), hash);
    assert_eq!(bytes.header("etag"), format!("\"{hash}\""));
    assert!(
        bytes.header("cache-control").contains("immutable")
            && bytes.header("cache-control").contains("private")
    );
    let again = [("accept", "application/octet-stream"), ("if-none-match", bytes.header("etag"))];
    let again = server.admin.get_with(&path, &again).await;
    assert!(again.is(304).body.is_empty());

    let shown = server.admin.get(&path).await;
    assert_eq!(shown.is(200).header("content-type"), "application/json");
    assert_eq!(shown.header("cache-control"), "private, no-cache");
    let shown = shown.json();
    assert_eq!((&shown["index"], &shown["leaf_hash"]), (&json!(index), &json!(hash)));
    assert_eq!(shown["entry"]["id"], "x/1");
    assert!(["proved", "unsealed"].contains(&shown["state"].as_str().unwrap()));
    // The entry is as it is stored.
    assert!(server.admin.get(&path).await.text().contains(bytes.text()));

    let by_id = server.admin.get("/v1/trails/main/entries/by-id?id=x%2F1").await;
    assert_eq!(by_id.is(200).json()["index"], index);
    server.admin.get("/v1/trails/main/entries/by-id?id=nope").await.is_problem(404, "unknown-entry");
    server.admin.get("/v1/trails/main/entries/by-id").await.is_problem(400, "bad-parameter");
    server.admin.get("/v1/trails/main/entries/99").await.is_problem(404, "unknown-entry");
    for wrong in ["x", "-1", "01", "99999999999999999999", "+1", "1.0"] {
        let path = format!("/v1/trails/main/entries/{wrong}");
        server.admin.get(&path).await.is_problem(400, "bad-parameter");
    }
    server.admin.get(&format!("{path}/blob")).await.is_problem(404, "unknown-entry");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_can_be_proved_as_soon_as_it_has_its_receipt() {
    let server = Running::start().await;
    let auditor = server.client(Role::Auditor, |_| {});
    let key: VerifierKey = {
        let state = server.admin.get("/v1/trails/main").await.json();
        VerifierKey::parse(state["key"].as_str().unwrap()).unwrap()
    };
    for number in 0..20 {
        let entry = json!({"category": "api", "action": format!("a{number}"), "outcome": "success"});
        let receipt = server.admin.record(entry).await.is(201).json()["receipts"][0].clone();
        let path = format!("/v1/trails/main/entries/{}", receipt["index"]);
        let proof = auditor.get(&format!("{path}/proof")).await;
        let proof: TlogProof = TlogProof::parse(&proof.is(200).body).unwrap();
        let line = auditor.get_with(&path, &[("accept", "application/octet-stream")]).await;
        proof.verify(&line.is(200).body, &key).unwrap();
    }
    auditor.get("/v1/trails/main/entries/999/proof").await.is_problem(404, "unknown-entry");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_some_categories_sees_no_others() {
    let server = Running::start().await;
    let entries = json!([
        {"id": "a", "category": "api", "action": "a", "outcome": "success"},
        {"id": "k", "category": "k8s", "action": "k", "outcome": "success"},
    ]);
    let receipts = server.admin.record(entries).await.is(201).json()["receipts"].clone();
    let (api, k8s) = (&receipts[0]["index"], &receipts[1]["index"]);
    let auditor =
        server.client(Role::Auditor, |new| new.categories = Scope::Only(vec!["k8s".parse().unwrap()]));
    auditor.get(&format!("/v1/trails/main/entries/{k8s}")).await.is(200);
    auditor.get(&format!("/v1/trails/main/entries/{k8s}/proof")).await.is(200);
    auditor.get("/v1/trails/main/entries/by-id?id=k").await.is(200);
    auditor.get(&format!("/v1/trails/main/entries/{api}")).await.is_problem(403, "out-of-scope");
    auditor.get(&format!("/v1/trails/main/entries/{api}/proof")).await.is_problem(403, "out-of-scope");
    auditor.get("/v1/trails/main/entries/by-id?id=a").await.is_problem(404, "unknown-entry");
    auditor.get(&format!("/v1/trails/main/entries/{k8s}/blob")).await.is_problem(403, "out-of-scope");
    server.stop().await;
}

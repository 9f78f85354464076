//! The log over HTTP is, byte for byte, the log that `graven export tiles` writes, with C2SP's types and caching.

use std::path::Path;

use graven_core::tile::{bundles, tiles};
use graven_server::auth::{Role, Scope};
use serde_json::json;

use crate::support::{NDJSON, Running};

const LOG: &str = "/v1/trails/main/log";

#[tokio::test(flavor = "multi_thread")]
async fn each_file_that_the_checkpoint_implies_is_there_and_no_other() {
    let server = Running::start().await;
    let auditor = server.client(Role::Auditor, |_| {});
    let entry = json!({"category": "api", "action": "a", "outcome": "success", "detail": {"text": "é\n"}});
    server
        .admin
        .post("/v1/trails/main/entries", NDJSON, (entry.to_string() + "\n").repeat(700))
        .await
        .is(200);
    // Seals them all.
    server.admin.get("/v1/trails/main/entries/700/proof").await.is(200);
    let checkpoint = auditor.get(&format!("{LOG}/checkpoint")).await;
    assert_eq!(checkpoint.is(200).header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(checkpoint.header("cache-control"), "private, no-cache");
    let again = [("if-none-match", checkpoint.header("etag"))];
    let size: u64 = checkpoint.text().lines().nth(1).unwrap().parse().unwrap();
    assert!(size > 700);

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("log");
    let reader = graven::reader::Reader::open(server.trail("main")).unwrap();
    let report = graven::export::export_tiles(&reader, &out).unwrap();
    assert_eq!(report.size, size, "nothing is recorded meanwhile");
    auditor.get_with(&format!("{LOG}/checkpoint"), &again).await.is(304);
    let written = |path: &str| std::fs::read(Path::new(&out).join(path)).unwrap();
    assert_eq!(checkpoint.body, written("checkpoint"));
    let paths = tiles(size).map(|tile| tile.path()).chain(bundles(size).map(|bundle| bundle.path()));
    for path in paths {
        let file = auditor.get(&format!("{LOG}/{path}")).await;
        assert_eq!(file.is(200).body, written(&path), "{path}");
        assert_eq!(file.header("content-type"), "application/octet-stream");
        assert_eq!(file.header("cache-control"), "private, max-age=31536000, immutable");
    }
    // Older checkpoints implied these.
    auditor.get(&format!("{LOG}/tile/0/002.p/1")).await.is(200);
    auditor.get(&format!("{LOG}/tile/entries/000.p/255")).await.is(200);
    for missing in [
        "tile/0/003",
        "tile/0/002.p/255",
        "tile/1/000.p/3",
        "tile/2/000.p/1",
        "tile/entries/002",
        "tile/entries/x000/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/00/000",
        "tile/64/000",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999",
        "tile",
        "checkpoint/x",
        "../audit.jsonl",
        "%2e%2e/graven.json",
    ] {
        let answer = auditor.get(&format!("{LOG}/{missing}")).await;
        assert_eq!(answer.status, 404, "{missing}: {}", answer.text());
    }
    server.client(Role::Reader, |_| {}).get(&format!("{LOG}/checkpoint")).await.is_problem(403, "forbidden");
    let some = Scope::Only(vec!["api".parse().unwrap()]);
    let limited = server.client(Role::Auditor, |new| new.categories = some);
    limited.get(&format!("{LOG}/checkpoint")).await.is_problem(403, "out-of-scope");
    limited.get(&format!("{LOG}/tile/0/000")).await.is_problem(403, "out-of-scope");
    server.stop().await;
}

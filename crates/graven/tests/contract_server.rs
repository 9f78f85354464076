//! The published agent server on the drop-in in its first shape, with every warning denied.

#![deny(warnings)]

#[path = "it/support/patience.rs"]
#[allow(dead_code, reason = "this test uses a part of it")]
mod patience;
#[path = "contract_server/server.rs"]
mod server;

use graven::audit;

#[tokio::test]
async fn it_runs_on_a_file() {
    patience::must_end();
    let folder = tempfile::tempdir().expect("a folder");
    server::runs_on(audit::AuditLog::new(1_000, Some(folder.path().join("server.jsonl")))).await;
}

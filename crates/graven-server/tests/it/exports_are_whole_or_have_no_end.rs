//! An export has every hit, in little memory; one that is not whole has no end, so that no client takes it for whole.

use std::os::unix::fs::FileExt as _;

use graven_server::auth::{Role, Scope};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Client, NDJSON, Running, stored, within};

/// What ends a body that is sent in chunks.
const END: &[u8] = b"\r\n0\r\n\r\n";

async fn record(client: &Client, count: usize, text: &str) {
    let line = |number: usize| {
        let entry = json!({
            "category": if number.is_multiple_of(2) { "api" } else { "auth" }, "action": format!("a{number}"),
            "outcome": "success", "detail": {"text": text},
        });
        entry.to_string() + "\n"
    };
    client.post("/v1/trails/main/entries", NDJSON, (0..count).map(line).collect::<String>()).await.is(200);
}

/// A client that knows only bytes; its answer is not read yet.
async fn raw(server: &Running, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let token = server.admin.token().unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hit_is_a_row() {
    let server = Running::start().await;
    record(&server.admin, 3_000, "=1,\"é\"").await;
    let auditor = server.client(Role::Auditor, |_| {});
    // The server's own entry of this export may be there already, and nobody has handed it in.
    let lines = auditor.get("/v1/trails/main/export?q=recorded_by:admin+category:api").await;
    assert_eq!(lines.is(200).header("content-type"), "application/x-ndjson");
    assert_eq!(lines.header("content-disposition"), "attachment; filename=\"main.jsonl\"");
    let hits = lines.lines();
    let actions: Vec<_> =
        hits.iter().map(|hit| hit["entry"]["action"].as_str().unwrap().to_owned()).collect();
    assert_eq!(actions, (0..3_000).step_by(2).map(|number| format!("a{number}")).collect::<Vec<_>>());
    // The same objects as a search has.
    let page = auditor.get("/v1/trails/main/entries?q=category:api&order=oldest&limit=1").await.json();
    for member in ["index", "leaf_hash", "entry"] {
        assert_eq!(page["hits"][0][member], hits[0][member]);
    }
    let newest =
        auditor.get("/v1/trails/main/export?q=recorded_by:admin+category:api&order=newest").await.lines();
    assert_eq!(newest[0]["index"], hits.last().unwrap()["index"]);
    let csv = auditor.get("/v1/trails/main/export?q=recorded_by:admin+category:auth&format=csv").await;
    assert_eq!(csv.is(200).header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(csv.text().lines().count(), 1_501);
    assert!(csv.text().starts_with("index,state,timestamp,category,action,"));

    let some = Scope::Only(vec!["auth".parse().unwrap()]);
    let limited = server.client(Role::Auditor, |new| new.categories = some);
    let hits = limited.get("/v1/trails/main/export").await.lines();
    assert!(hits.len() >= 1_500 && hits.iter().all(|hit| hit["entry"]["category"] == "auth"));
    let reader = server.client(Role::Reader, |_| {});
    reader.get("/v1/trails/main/export").await.is_problem(403, "forbidden");
    auditor.get("/v1/trails/main/export?format=xml").await.is_problem(400, "bad-parameter");
    auditor.get("/v1/trails/main/export?q=outcome:").await.is_problem(400, "bad-query");

    let folder = server.stop().await.unwrap();
    let entries = stored(&folder.path().join("data/trails/main"));
    let told = |action: &str| entries.iter().filter(|entry| entry.action == action).count();
    assert_eq!((told("export.started"), told("export.ended")), (4, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_leaves_the_answer_without_an_end() {
    let server = Running::start().await;
    record(&server.admin, 2_000, "text").await;
    server.admin.get("/v1/trails/main/entries/1500/proof").await.is(200);
    let path = "/v1/trails/main/export?q=category:api";
    let mut whole = Vec::new();
    within(raw(&server, path).await.read_to_end(&mut whole)).await.unwrap();
    assert!(whole.ends_with(END));

    let layout = graven::layout::Layout::in_dir(server.trail("main"));
    let text = std::fs::read_to_string(layout.live()).unwrap();
    let at = text.find("\"action\":\"a1000\"").unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(layout.live()).unwrap();
    file.write_all_at(b"\"action\":\"b1000\"", at as u64).unwrap();
    let mut cut = Vec::new();
    // The connection may be reset behind the last bytes.
    let _ = within(raw(&server, path).await.read_to_end(&mut cut)).await;
    assert!(!cut.ends_with(END), "it has no end");
    let cut = String::from_utf8(cut).unwrap();
    assert!(cut.starts_with("HTTP/1.1 200") && cut.contains("a998\"") && !cut.contains("b1000\""));
    server.ask_to_end();
    let (_, folder) = server.ended().await;
    let folder = folder.unwrap();
    let layout = graven::layout::Layout::in_dir(folder.path().join("data/trails/main"));
    let text = std::fs::read_to_string(layout.live()).unwrap();
    assert!(text.contains("do not fit what was signed"), "its end is in the trail");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_ends_with_the_server_and_has_no_end_then() {
    let server = Running::start().await;
    for _ in 0..20 {
        record(&server.admin, 1_000, &"x".repeat(1_000)).await;
    }
    // It reads nothing, so that the export has to wait.
    let mut slow = raw(&server, "/v1/trails/main/export").await;
    let mut begun = [0; 15];
    within(slow.read_exact(&mut begun)).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200 OK");
    server.ask_to_end();
    let ended = tokio::spawn(server.ended());
    let mut rest = Vec::new();
    let _ = within(slow.read_to_end(&mut rest)).await;
    assert!(!rest.ends_with(END), "{} bytes", rest.len());
    within(ended).await.unwrap();
}

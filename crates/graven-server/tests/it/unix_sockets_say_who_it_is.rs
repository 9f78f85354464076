//! At a Unix socket a program is who its user is, and a server never takes the place of another one that lives.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use axum::body::Body;
use graven_server::serve::{Ask, Ended, Server};
use graven_server::settings::{Effective, Given};
use http_body_util::BodyExt;
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use crate::support::{stored, within};

/// A server at a Unix socket.
struct Here {
    ask: UnboundedSender<Ask>,
    ended: JoinHandle<Ended>,
}

async fn start(folder: &Path, socket: &Path, more: &[&str]) -> Result<Here, String> {
    let own = [format!("data={}", folder.display()), format!("listen=unix:{}", socket.display())];
    let set = own.into_iter().chain(more.iter().map(|one| (*one).to_owned())).collect();
    let settings = Effective::read(&Given { set, ..Given::default() }).unwrap().settings;
    let server = Server::start(settings).await.map_err(|error| {
        format!("{error}: {}", std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default())
    })?;
    assert_eq!(server.url(), format!("unix:{}", socket.display()));
    assert!(server.link().is_none() && server.address().is_none());
    let (ask, asked) = tokio::sync::mpsc::unbounded_channel();
    Ok(Here { ask, ended: tokio::spawn(server.run(asked)) })
}

impl Here {
    async fn stop(self) {
        self.ask.send(Ask::End).unwrap();
        assert_eq!(within(self.ended).await.unwrap(), Ended::InOrder);
    }

    /// Ends without any order, as a kill does: the socket stays.
    async fn abort(self) {
        self.ended.abort();
        assert!(within(self.ended).await.is_err());
    }
}

/// Asks at a socket; the status and the answer.
async fn ask(socket: &Path, method: &str, path: &str, token: Option<&str>, body: &str) -> (u16, Value) {
    let stream = within(UnixStream::connect(socket)).await.unwrap();
    let (mut sender, connection) = within(http1::handshake(TokioIo::new(stream))).await.unwrap();
    // It ends with the answer.
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    request = request.header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let answer =
        within(sender.send_request(request.body(Body::from(body.to_owned())).unwrap())).await.unwrap();
    let status = answer.status().as_u16();
    let body = within(answer.into_body().collect()).await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn place() -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (data, socket) = (folder.path().join("data"), folder.path().join("graven.sock"));
    (folder, data, socket)
}

const ENTRIES: &str = "/v1/trails/main/entries";

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_recorded_by_its_user() {
    let (folder, data, socket) = place();
    let server = start(&data, &socket, &["socket.mode=0600"]).await.unwrap();
    let found = std::fs::symlink_metadata(&socket).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o7777, 0o600);
    let entry = json!({"category": "api", "action": "a", "outcome": "success"}).to_string();
    assert_eq!(ask(&socket, "POST", ENTRIES, None, &entry).await.0, 201);
    // It is a writer, and no more.
    assert_eq!(ask(&socket, "GET", ENTRIES, None, "").await.0, 403);
    // With a token, it is who the token says.
    let token = std::fs::read_to_string(data.join("admin-token")).unwrap();
    assert_eq!(ask(&socket, "GET", ENTRIES, Some(token.trim()), "").await.0, 200);
    assert_eq!(ask(&socket, "GET", ENTRIES, Some("nonsense"), "").await.0, 401);
    server.stop().await;
    assert!(!socket.exists(), "it is taken away at the end");
    let user = format!("uid:{}", std::fs::metadata(folder.path()).unwrap().uid());
    let entries = stored(&data.join("trails/main"));
    let recorded = entries.iter().find(|entry| entry.action == "a").unwrap();
    assert_eq!(recorded.recorded_by.as_deref(), Some(user.as_str()));
    assert_eq!(recorded.principal.as_deref(), Some(user.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_say_what_a_program_may_do() {
    let (_folder, data, socket) = place();
    let server = start(&data, &socket, &["socket.role=reader"]).await.unwrap();
    assert_eq!(std::fs::symlink_metadata(&socket).unwrap().permissions().mode() & 0o7777, 0o660);
    assert_eq!(ask(&socket, "GET", ENTRIES, None, "").await.0, 200);
    server.stop().await;
    let server = start(&data, &socket, &["socket.role=none"]).await.unwrap();
    assert_eq!(ask(&socket, "GET", ENTRIES, None, "").await.0, 401);
    assert_eq!(ask(&socket, "GET", "/healthz", None, "").await.0, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_nobody_listens_on_is_replaced() {
    let (folder, data, socket) = place();
    let first = start(&data, &socket, &[]).await.unwrap();
    let other = folder.path().join("other");
    let said = start(&other, &socket, &[]).await.err().unwrap();
    assert!(said.contains("another server listens there"), "{said}");
    assert_eq!(ask(&socket, "GET", "/healthz", None, "").await.0, 200, "it is as it was");
    // Killed, it leaves its socket behind.
    first.abort().await;
    assert!(std::os::unix::net::UnixStream::connect(&socket).is_err() && socket.exists());
    let second = start(&other, &socket, &[]).await.unwrap();
    assert_eq!(ask(&socket, "GET", "/healthz", None, "").await.0, 200);
    // What somebody else has put in its place stays.
    std::fs::remove_file(&socket).unwrap();
    std::fs::write(&socket, "a file").unwrap();
    second.stop().await;
    let said = start(&folder.path().join("third"), &socket, &[]).await.err().unwrap();
    assert!(said.contains("no socket"), "{said}");
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "a file");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
}

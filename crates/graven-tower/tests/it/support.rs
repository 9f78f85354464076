//! A trail to look into, servers on the loopback, and a client that sends just the bytes it is told.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use graven::fsck::{self, VerifyOptions};
use graven::reader::Reader;
use graven::{Category, Machine, Settings, Trail};
use graven_core::verdict::Verdict;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::deadline::Deadline;

/// A trail in a folder of its own.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) trail: Trail,
    _deadline: Deadline,
}

impl Place {
    pub(crate) fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(Settings::new(folder.path().join("trail"))).unwrap();
        Place { folder, trail, _deadline: Deadline::begin() }
    }

    /// What was recorded so far, oldest first, as it is stored.
    pub(crate) fn entries(&self) -> Vec<Value> {
        self.trail.flush_blocking().unwrap();
        stored(&Reader::open(self.folder.path().join("trail")).unwrap())
    }

    /// The same as bytes.
    pub(crate) fn lines(&self) -> Vec<Vec<u8>> {
        self.trail.flush_blocking().unwrap();
        let records = self.trail.entries(..).unwrap().map(Result::unwrap);
        let records = records.filter(|record| record.entry().unwrap().category != Category::Trail);
        records.map(|record| record.line.to_vec()).collect()
    }

    /// The one entry so far.
    #[track_caller]
    pub(crate) fn entry(&self) -> Value {
        let mut entries = self.entries();
        assert_eq!(entries.len(), 1, "{entries:#?}");
        entries.remove(0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.trail.checkpoint_blocking().unwrap();
        let options = VerifyOptions::default();
        let report = fsck::verify(&Machine::os(), self.trail.layout(), &options, &|_, _| ()).unwrap();
        assert_eq!(report.verdict, Verdict::Intact, "{:?}", report.findings);
    }
}

/// The stored entries but the engine's own.
pub(crate) fn stored(reader: &Reader) -> Vec<Value> {
    let records = reader.entries(..).unwrap().map(Result::unwrap);
    let records = records.filter(|record| record.entry().unwrap().category != Category::Trail);
    records.map(|record| serde_json::from_slice(&record.line).unwrap()).collect()
}

/// Serves an app on a port of its own.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service: IntoMakeServiceWithConnectInfo<Router, SocketAddr> =
        app.into_make_service_with_connect_info();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Sends bytes, and reads until the server closes the connection.
pub(crate) async fn send(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_ref()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// A request with these header lines more, each ending in `\r\n`.
pub(crate) async fn ask(address: SocketAddr, line: &str, headers: &str) -> Answer {
    send(address, format!("{line} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{headers}\r\n")).await
}

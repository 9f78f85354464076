//! A real server on a free port, and a real client.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use graven_server::auth::{NewToken, Role, Tokens};
use graven_server::data::DataFolder;
use graven_server::serve::{Ask, Ended, Server};
use graven_server::settings::{Effective, Given, Settings};
use http_body_util::channel::{Channel, Sender};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::authority::{Authority, Issued};

/// How long one step of a test may take, on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The media types.
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
pub(crate) const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

/// A server that runs.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    /// Where it listens for gRPC, if it does.
    #[cfg_attr(not(feature = "grpc"), expect(dead_code, reason = "nobody asks there"))]
    pub(crate) grpc: Option<SocketAddr>,
    /// The token of the first start.
    pub admin: Client,
    /// What it prints to log in once.
    pub(crate) link: Option<String>,
    folder: Option<TempDir>,
    /// What must stay as long as the server runs.
    kept: Vec<Issued>,
    data: DataFolder,
    ask: UnboundedSender<Ask>,
    ended: JoinHandle<Ended>,
}

/// Somebody who sends requests with one token.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    token: Option<String>,
    /// With whom it speaks over TLS. Without, it speaks in clear.
    tls: Option<TlsConnector>,
}

/// An answer, all of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Running {
    /// A server with one trail, `main`.
    pub(crate) async fn start() -> Running {
        Running::with(&[]).await
    }

    /// A server with settings: keys and values as in the table.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Running {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Running { folder: Some(folder), ..Running::at(&data, settings).await }
    }

    /// A server with settings as no file could have them, such as times that are shorter.
    pub(crate) async fn edited(edit: impl FnOnce(&mut Settings)) -> Running {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Running { folder: Some(folder), ..Running::begin(&data, &[], edit).await }
    }

    /// A server that speaks TLS with this certificate, and clients that trust its authority.
    pub(crate) async fn over_tls(authority: &Authority, issued: &Issued, more: &[(&str, &str)]) -> Running {
        let files = [("tls.cert_file", issued.certificate()), ("tls.key_file", issued.key())];
        let settings: Vec<_> = files.iter().map(|(key, file)| (*key, file.to_str().unwrap())).collect();
        let server = Running::with(&[&settings[..], more].concat()).await;
        Running { admin: server.admin.over(Some(authority.trusted())), ..server }
    }

    /// Keeps files for as long as the server runs.
    pub(crate) fn keep(&mut self, issued: Issued) {
        self.kept.push(issued);
    }

    /// A server with these trails beside `main`, in this folder.
    pub(crate) async fn with_trails(folder: &Path, names: &[&str], settings: &[(&str, &str)]) -> Running {
        let made = |name: &&str| {
            let dir = folder.join(name);
            drop(graven::Trail::open(graven::Settings::new(&dir)).unwrap());
            format!("{name}={}", dir.display())
        };
        let trails: Vec<String> = names.iter().map(made).collect();
        Running::with(&[settings, &[("trails", &trails.join(","))]].concat()).await
    }

    /// A server in a folder that stays.
    pub(crate) async fn at(data: &Path, settings: &[(&str, &str)]) -> Running {
        Running::begin(data, settings, |_| {}).await
    }

    async fn begin(data: &Path, settings: &[(&str, &str)], edit: impl FnOnce(&mut Settings)) -> Running {
        let own = [("data", data.to_str().unwrap()), ("listen", "127.0.0.1:0")];
        let set = own.iter().chain(settings).map(|(key, value)| format!("{key}={value}")).collect();
        let given = Given { set, ..Given::default() };
        let mut settings = Effective::read(&given).unwrap().settings;
        edit(&mut settings);
        let server = Server::start(settings).await.unwrap();
        let (address, link) = (server.address().unwrap(), server.link().map(str::to_owned));
        let grpc = server.grpc_address();
        let data = DataFolder::new(data);
        let admin = match std::fs::read_to_string(data.admin_token()) {
            Ok(token) => token.trim().to_owned(),
            Err(_) => new_token(&data, NewToken::new(Role::Admin)),
        };
        let admin = Client { address, token: Some(admin), tls: None };
        let (ask, asked) = tokio::sync::mpsc::unbounded_channel();
        let ended = tokio::spawn(server.run(asked));
        Running { address, grpc, admin, link, folder: None, kept: Vec::new(), data, ask, ended }
    }

    /// Where a trail in the server's folder lies.
    pub(crate) fn trail(&self, name: &str) -> PathBuf {
        self.data.trail(&name.parse().unwrap())
    }

    /// A client with a new token.
    pub(crate) fn client(&self, role: Role, edit: impl FnOnce(&mut NewToken)) -> Client {
        let mut new = NewToken::new(role);
        edit(&mut new);
        self.with_token(&new_token(&self.data, new))
    }

    /// A client with this token.
    pub(crate) fn with_token(&self, token: &str) -> Client {
        Client { token: Some(token.to_owned()), ..self.stranger() }
    }

    /// A client without a token.
    pub(crate) fn stranger(&self) -> Client {
        Client { address: self.address, token: None, tls: self.admin.tls.clone() }
    }

    /// Asks the server to read its files again, as SIGHUP does.
    pub(crate) fn ask_to_read_again(&self) {
        self.ask.send(Ask::ReadAgain).unwrap();
    }

    /// Asks the server to end.
    pub(crate) fn ask_to_end(&self) {
        self.ask.send(Ask::End).unwrap();
    }

    /// Waits until the server has ended.
    pub(crate) async fn ended(self) -> (Ended, Option<TempDir>) {
        (within(self.ended).await.unwrap(), self.folder)
    }

    /// Ends the server in order; the folder that it had.
    pub(crate) async fn stop(self) -> Option<TempDir> {
        self.ask_to_end();
        let (ended, folder) = self.ended().await;
        assert_eq!(ended, Ended::InOrder);
        folder
    }
}

/// Makes a token. The file with the first one goes, and that token stays good.
fn new_token(data: &DataFolder, new: NewToken) -> String {
    let made = Tokens::open(data).unwrap().create(new, now()).unwrap();
    made.secret.as_str().to_owned()
}

/// The time of day.
pub(crate) fn now() -> chrono::DateTime<chrono::Utc> {
    std::time::SystemTime::now().into()
}

/// No step waits for ever.
pub(crate) async fn within<T>(step: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, step).await.expect("a step of the test takes too long")
}

impl Client {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, "").await
    }

    pub(crate) async fn post(&self, path: &str, media_type: (&str, &str), body: impl Into<Bytes>) -> Answer {
        self.send("POST", path, &[media_type], body).await
    }

    /// Its token.
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Records what `json!` makes.
    pub(crate) async fn record(&self, entries: Value) -> Answer {
        self.post("/v1/trails/main/entries", JSON, entries.to_string()).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let body = Body::new(Full::new(body.into()));
        let response = self.begin(method, path, headers, body).await;
        let (parts, body) = response.into_parts();
        let body = within(body.collect()).await.expect("the answer is whole").to_bytes();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Sends a request whose body comes piece by piece; the answer's body can be read meanwhile.
    pub(crate) async fn stream(
        &self,
        path: &str,
        media_type: (&str, &str),
    ) -> (Sender<Bytes, Infallible>, Response<Incoming>) {
        let (sender, channel) = Channel::<Bytes, Infallible>::new(16);
        (sender, self.begin("POST", path, &[media_type], Body::new(channel)).await)
    }

    /// Sends a request; the answer's body is still to be read.
    pub(crate) async fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Response<Incoming> {
        let mut sender = self.connect().await.unwrap();
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.address.to_string());
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        within(sender.send_request(request.body(body).unwrap())).await.unwrap()
    }
}

impl Client {
    /// The same client over TLS, or in clear.
    pub(crate) fn over(&self, tls: Option<TlsConnector>) -> Client {
        Client { tls, ..self.clone() }
    }

    /// Connects, and speaks HTTP until the answer has ended.
    pub(crate) async fn connect(&self) -> std::io::Result<SendRequest<Body>> {
        let stream = within(TcpStream::connect(self.address)).await?;
        let Some(tls) = &self.tls else { return speak(stream).await };
        let name = ServerName::from(self.address.ip());
        speak(within(tls.connect(name, stream)).await?).await
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> std::io::Result<SendRequest<Body>> {
    let (sender, connection) = within(http1::handshake(TokioIo::new(stream))).await.unwrap();
    // It ends with the answer.
    tokio::spawn(connection);
    Ok(sender)
}

impl Answer {
    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> &Answer {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The lines, each as JSON.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A problem of this name, with this status.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, name: &str) -> Value {
        self.is(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:graven:problem:{name}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        problem
    }
}

/// The next bytes of a body that comes piece by piece; `None` at its end.
pub(crate) async fn next(body: &mut Incoming) -> Option<Bytes> {
    loop {
        let frame = within(body.frame()).await?.unwrap();
        if let Ok(data) = frame.into_data() {
            return Some(data);
        }
    }
}

/// The stored entries of a trail.
pub(crate) fn stored(dir: &Path) -> Vec<graven::Entry> {
    let reader = graven::reader::Reader::open(dir).unwrap();
    reader.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap()).collect()
}

//! OTLP over gRPC: the same promises as over HTTP, in the words of gRPC.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use graven_server::auth::{Role, Scope};
use graven_server::serve::Ended;
use http_body_util::channel::Channel as BodyChannel;
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::authority::Authority;
use crate::exports::{self, id, ids, logs};
use crate::support::{Client, Running, stored, within};

const LISTEN: (&str, &str) = ("otlp.grpc_listen", "127.0.0.1:0");
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// A client of gRPC with one token.
struct Sender {
    grpc: Grpc<Channel>,
    token: Option<String>,
}

impl Sender {
    async fn to(server: &Running, client: &Client) -> Sender {
        let endpoint = Endpoint::from_shared(format!("http://{}", server.grpc.unwrap())).unwrap();
        let channel = within(endpoint.connect()).await.unwrap();
        Sender { grpc: Grpc::new(channel), token: client.token().map(str::to_owned) }
    }

    async fn over_tls(server: &Running, client: &Client, tls: TlsConnector) -> Sender {
        let address = server.grpc.unwrap();
        let mut config = (**tls.config()).clone();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let tls = TlsConnector::from(Arc::new(config));
        let connect = move |_| {
            let tls = tls.clone();
            async move {
                let stream = TcpStream::connect(address).await?;
                let stream = tls.connect(ServerName::from(address.ip()), stream).await?;
                assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
                Ok::<_, std::io::Error>(TokioIo::new(stream))
            }
        };
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = within(endpoint.connect_with_connector(tower::service_fn(connect))).await.unwrap();
        Sender { grpc: Grpc::new(channel), token: client.token().map(str::to_owned) }
    }

    /// The message of the answer.
    async fn export(&mut self, method: &'static str, message: Vec<u8>) -> Result<Bytes, Status> {
        within(self.grpc.ready()).await.unwrap();
        let mut request = tonic::Request::new(Bytes::from(message));
        if let Some(token) = &self.token {
            let value = format!("Bearer {token}").parse().unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        let answer = self.grpc.unary(request, method.parse().unwrap(), Raw);
        within(answer).await.map(tonic::Response::into_inner)
    }
}

/// Messages as they are.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

fn some(count: usize) -> Vec<u8> {
    logs((0..count).map(|number| format!("record {number}")))
}

/// When to send again, by what the status says beside its text.
fn retry_after(status: &Status) -> Option<Vec<u8>> {
    let said = exports::Status::decode(status.details()).unwrap();
    assert!(said.details.iter().all(|one| one.type_url == "type.googleapis.com/google.rpc.RetryInfo"));
    said.details.into_iter().next().map(|info| info.value)
}

/// One second, as `google.protobuf.Duration` in the first field.
const A_SECOND: [u8; 4] = [0x0a, 2, 0x08, 1];

#[tokio::test(flavor = "multi_thread")]
async fn all_records_are_durable_and_a_retry_adds_none() {
    let server = Running::with(&[LISTEN]).await;
    let mut sender = Sender::to(&server, &server.admin).await;
    let request = some(3_000);
    for _ in 0..2 {
        assert_eq!(sender.export(LOGS, request.clone()).await.unwrap(), "");
    }
    // The id is that of what is sent, however it is compressed.
    sender.grpc = sender.grpc.clone().send_compressed(CompressionEncoding::Gzip);
    assert_eq!(sender.export(LOGS, request.clone()).await.unwrap(), "");
    let all: Vec<String> = (0..3_000).map(|place| id(&request, place)).collect();
    assert_eq!(ids(&stored(&server.trail("main"))), all);
    // No spans.
    assert_eq!(sender.export(TRACES, Vec::new()).await.unwrap(), "");
    let text = server.admin.get("/metrics").await.is(200).text().to_owned();
    assert!(text.contains(&format!("method=\"POST\",route=\"{LOGS}\",status=\"200\"")), "{text}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_is_that_of_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::with_trails(folder.path(), &["a"], &[LISTEN]).await;
    let only = server.client(Role::Writer, |new| new.trails = Scope::Only(vec!["a".parse().unwrap()]));
    Sender::to(&server, &only).await.export(LOGS, some(1)).await.unwrap();
    assert_eq!(ids(&stored(&folder.path().join("a"))), [id(&some(1), 0)]);
    assert!(ids(&stored(&server.trail("main"))).is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_code() {
    let server = Running::with(&[LISTEN, ("limits.body_bytes", "64KiB")]).await;
    let mut admin = Sender::to(&server, &server.admin).await;
    let refused = |answer: Result<Bytes, Status>, code: Code| {
        let status = answer.unwrap_err();
        assert_eq!(status.code(), code, "{status:?}");
        assert!(!status.message().is_empty() && retry_after(&status).is_none(), "{status:?}");
    };
    refused(admin.export(LOGS, b"\xff\xff".to_vec()).await, Code::InvalidArgument);
    // Clients send again what is exhausted or out of range.
    let large = some(10_000);
    refused(admin.export(LOGS, large.clone()).await, Code::InvalidArgument);
    let mut packing = Sender { grpc: admin.grpc.clone().send_compressed(CompressionEncoding::Gzip), ..admin };
    refused(packing.export(LOGS, large).await, Code::InvalidArgument);
    refused(
        packing.export("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", some(1)).await,
        Code::Unimplemented,
    );
    let stranger = server.stranger();
    refused(Sender::to(&server, &stranger).await.export(LOGS, some(1)).await, Code::Unauthenticated);
    let unknown = server.with_token("gvn_nonsense");
    refused(Sender::to(&server, &unknown).await.export(LOGS, some(1)).await, Code::Unauthenticated);
    let reader = server.client(Role::Reader, |_| {});
    refused(Sender::to(&server, &reader).await.export(LOGS, some(1)).await, Code::PermissionDenied);
    let k8s = server.client(Role::Writer, |new| new.categories = Scope::Only(vec!["k8s".parse().unwrap()]));
    refused(Sender::to(&server, &k8s).await.export(LOGS, some(1)).await, Code::PermissionDenied);
    assert!(ids(&stored(&server.trail("main"))).is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_says_when_to_send_again() {
    let server = Running::with(&[LISTEN, ("limits.rate_per_token", "2")]).await;
    let mut loud = Sender::to(&server, &server.client(Role::Writer, |_| {})).await;
    let status = loop {
        if let Err(status) = loud.export(LOGS, some(1)).await {
            break status;
        }
    };
    assert_eq!((status.code(), retry_after(&status)), (Code::ResourceExhausted, Some(A_SECOND.to_vec())));
    // Storage that is not as it was.
    let live = server.trail("main").join("audit.jsonl");
    let length = std::fs::metadata(&live).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&live).unwrap().set_len(length - 1).unwrap();
    let mut other = Sender::to(&server, &server.client(Role::Writer, |_| {})).await;
    let status = other.export(LOGS, some(2)).await.unwrap_err();
    assert_eq!((status.code(), retry_after(&status)), (Code::Unavailable, Some(A_SECOND.to_vec())));
    server.ask_to_end();
    server.ended().await;
}

/// Requests that no library makes.
#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_refused() {
    let server = Running::with(&[LISTEN]).await;
    let framed = |flag: u8, message: &[u8]| {
        [&[flag][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
    };
    let good = framed(0, &some(1));
    let token = format!("Bearer {}", server.admin.token().unwrap());
    let cases: [(&str, Vec<u8>, &str, &str); 8] = [
        ("application/grpc", Vec::new(), "identity", "3"),
        ("application/grpc", [&good[..], &good].concat(), "identity", "3"),
        ("application/grpc", good[..good.len() - 1].to_vec(), "identity", "3"),
        ("application/grpc+proto", framed(2, b"a"), "identity", "3"),
        ("application/grpc", framed(1, b"not gzip"), "gzip", "3"),
        ("application/grpc", framed(1, b"a"), "identity", "3"),
        ("application/grpc", good.clone(), "zstd", "12"),
        ("application/grpc", good, "identity", "0"),
    ];
    for (kind, body, encoding, code) in cases {
        let stream = TcpStream::connect(server.grpc.unwrap()).await.unwrap();
        let (mut http, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::post(format!("http://{}{LOGS}", server.grpc.unwrap()))
            .header("authorization", &token)
            .header("content-type", kind)
            .header("grpc-encoding", encoding)
            .body(http_body_util::Full::new(Bytes::from(body)))
            .unwrap();
        let answer = within(http.send_request(request)).await.unwrap();
        assert_eq!(answer.status(), 200);
        let (head, body) = answer.into_parts();
        let whole = within(http_body_util::BodyExt::collect(body)).await.unwrap();
        let ended = whole.trailers().and_then(|trailers| trailers.get("grpc-status"));
        let ended = ended.or(head.headers.get("grpc-status")).unwrap();
        assert_eq!(ended, code, "{kind} {encoding}");
    }
    assert_eq!(ids(&stored(&server.trail("main"))).len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_tls_a_token_in_clear_is_gone() {
    let authority = Authority::new();
    let server = Running::over_tls(&authority, &authority.loopback(), &[LISTEN]).await;
    let writer = server.client(Role::Writer, |_| {});
    Sender::over_tls(&server, &writer, authority.trusted()).await.export(LOGS, some(1)).await.unwrap();
    let status = Sender::to(&server, &writer).await.export(LOGS, some(2)).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    let status = Sender::over_tls(&server, &writer, authority.trusted())
        .await
        .export(LOGS, some(3))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
    assert_eq!(ids(&stored(&server.trail("main"))), [id(&some(1), 0)]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_clients_are_closed_and_keep_nobody_waiting() {
    let patience = Duration::from_millis(300);
    let server = Running::edited(|settings| {
        settings.otlp.grpc_listen = Some(([127, 0, 0, 1], 0).into());
        settings.limits.header_time = patience;
        settings.limits.body_pause = patience;
    })
    .await;
    // Nothing; the beginning and nothing more; a request that is half there.
    let hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let half = [&hello[..], b"\0\x01\0\x01\0\0\0\0\x01"].concat();
    for sent in [&b""[..], hello, &half] {
        let mut stream = TcpStream::connect(server.grpc.unwrap()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let begun = Instant::now();
        let mut said = Vec::new();
        // How it is closed is for nobody to rely on.
        let _ = within(stream.read_to_end(&mut said)).await;
        assert!(begun.elapsed() >= patience - Duration::from_millis(50), "{:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
    // A body that stops.
    let stream = TcpStream::connect(server.grpc.unwrap()).await.unwrap();
    let (mut http, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (_sender, body) = BodyChannel::<Bytes>::new(1);
    let request = Request::post(format!("http://{}{LOGS}", server.grpc.unwrap()))
        .header("authorization", format!("Bearer {}", server.admin.token().unwrap()))
        .header("content-type", "application/grpc")
        .body(body)
        .unwrap();
    let answer = within(http.send_request(request)).await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "3");
    // One that answers to nothing does not hold the server up.
    let mut silent = TcpStream::connect(server.grpc.unwrap()).await.unwrap();
    silent.write_all(hello).await.unwrap();
    server.ask_to_end();
    assert_eq!(server.ended().await.0, Ended::InOrder);
}

//! The layer around a plain hyper service: HTTP/1 and HTTP/2, upgrades and CONNECT.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use graven_tower::{AuditLayer, Peer};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, service_fn};

use crate::support::Place;

/// A service that upgrades, opens tunnels, and answers everything else with what it was sent.
async fn answer(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let upgrades = request.headers().contains_key(header::UPGRADE);
    if upgrades || request.method() == Method::CONNECT {
        let upgrading = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut stream = TokioIo::new(upgrading.await.unwrap());
            let mut word = [0; 4];
            stream.read_exact(&mut word).await.unwrap();
            stream.write_all(&word).await.unwrap();
        });
        let mut response = Response::new(Full::default());
        if upgrades {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            response.headers_mut().insert(header::CONNECTION, "upgrade".parse().unwrap());
            response.headers_mut().insert(header::UPGRADE, "echo".parse().unwrap());
        }
        return Ok(response);
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    Ok(Response::new(Full::new(body)))
}

async fn serve(layer: AuditLayer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let audited = layer.layer(service_fn(answer));
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer(peer));
                tower::ServiceExt::oneshot(audited.clone(), request)
            });
            tokio::spawn(async move {
                let service = TowerToHyperService::new(service);
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _closed = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

fn layer(place: &Place) -> AuditLayer {
    AuditLayer::new(place.trail.clone()).routes(["/echo", "/files/{*path}"])
}

#[tokio::test]
async fn http_1_and_http_2_clients_leave_the_same_entries() {
    let place = Place::new();
    let address = serve(layer(&place)).await;
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut first, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut second, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    for path in ["/echo?secret=1", "/files/a/b", "/else"] {
        let body = || Full::new(Bytes::from_static(b"hello"));
        let one = Request::post(path).header(header::HOST, "here").body(body()).unwrap();
        let one = first.send_request(one).await.unwrap();
        let uri = format!("http://here{path}");
        let other = second.send_request(Request::post(uri).body(body()).unwrap()).await.unwrap();
        for answer in [one, other] {
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hello");
        }
    }
    let seen: Vec<_> = place.entries().iter().map(|e| (e["action"].clone(), e["resource"].clone())).collect();
    let expected =
        [("POST /echo", "/echo"), ("POST /files/{*path}", "/files/a/b"), ("POST (unmatched)", "/else")];
    let twice = expected.iter().flat_map(|expected| [expected, expected]);
    assert_eq!(seen, twice.map(|(action, resource)| (json!(action), json!(resource))).collect::<Vec<_>>());
    for entry in place.entries() {
        assert_eq!(entry["source"]["ip"], "127.0.0.1");
        assert_eq!(entry["detail"], json!({"status": 200}));
    }
}

/// Sends a head, checks the answer's first line, and uses the connection for something else.
async fn through_a_tunnel(address: SocketAddr, head: &str, first_line: &str) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(first_line.as_bytes()), "{}", String::from_utf8_lossy(&answer));
    stream.write_all(b"ping").await.unwrap();
    let mut word = [0; 4];
    stream.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"ping");
}

#[tokio::test]
async fn upgrades_and_tunnels_work_and_are_recorded() {
    let place = Place::new();
    let address = serve(layer(&place)).await;
    let upgrade = "GET /echo HTTP/1.1\r\nHost: here\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    through_a_tunnel(address, upgrade, "HTTP/1.1 101 ").await;
    let connect = "CONNECT me:pass@example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n";
    through_a_tunnel(address, connect, "HTTP/1.1 200 ").await;
    let entries = place.entries();
    assert_eq!(
        (&entries[0]["action"], &entries[0]["detail"]),
        (&json!("GET /echo"), &json!({"status": 101}))
    );
    assert_eq!(entries[1]["action"], "CONNECT (unmatched)");
    assert_eq!(entries[1]["resource"], "example.com:443");
    assert_eq!((&entries[1]["outcome"], &entries[1]["detail"]), (&json!("success"), &json!({"status": 200})));
}

#[tokio::test]
async fn a_stream_that_http_2_resets_leaves_a_failure() {
    let place = Place::new();
    let gone = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let (started, begun) = tokio::sync::mpsc::unbounded_channel();
    struct Gone(std::sync::Arc<tokio::sync::Semaphore>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.add_permits(1);
        }
    }
    let end = std::sync::Arc::clone(&gone);
    let service = layer(&place).layer(service_fn(move |_: Request<Incoming>| {
        started.send(()).unwrap();
        let gone = Gone(std::sync::Arc::clone(&end));
        async move {
            let _gone = gone;
            std::future::pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
        }
    }));
    let (ours, theirs) = tokio::io::duplex(4_096);
    tokio::spawn(
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(theirs), TowerToHyperService::new(service)),
    );
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(ours)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://here/echo").body(Empty::<Bytes>::new()).unwrap();
    let asking = tokio::spawn(client.send_request(request));
    let mut begun = begun;
    begun.recv().await.unwrap();
    asking.abort();
    gone.acquire().await.unwrap().forget();
    let entry = place.entry();
    assert_eq!((&entry["outcome"], &entry["reason"]), (&json!("failure"), &json!("abandoned")));
    drop(client);
}

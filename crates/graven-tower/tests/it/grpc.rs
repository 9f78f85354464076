//! The layer around tonic: a gRPC status is the outcome, wherever it stands.

use std::convert::Infallible;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut};
use graven_tower::{AuditLayer, Rule};
use http::Uri;
use http::uri::PathAndQuery;
use serde_json::{Value, json};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};

use crate::support::Place;

/// Messages are text.
#[derive(Debug, Clone, Copy, Default)]
struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Text;
    type Decoder = Text;

    fn encoder(&mut self) -> Text {
        Text
    }

    fn decoder(&mut self) -> Text {
        Text
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let mut text = vec![0; from.remaining()];
        from.copy_to_slice(&mut text);
        Ok(Some(String::from_utf8(text).map_err(|_| Status::invalid_argument("no text"))?))
    }
}

/// Answers with the code that a message asks for.
#[derive(Clone)]
struct Teller;

fn tell(text: &str) -> Result<String, Status> {
    match text {
        "denied" => Err(Status::permission_denied("not you")),
        "unknown" => Err(Status::unauthenticated("who are you")),
        "broken" => Err(Status::internal("a fault")),
        _ => Ok(format!("told {text}")),
    }
}

impl UnaryService<String> for Teller {
    type Response = String;
    type Future = std::future::Ready<Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        std::future::ready(tell(request.get_ref()).map(Response::new))
    }
}

/// Three messages, then the end that was asked for.
struct Many(Vec<Result<String, Status>>);

impl tonic::codegen::tokio_stream::Stream for Many {
    type Item = Result<String, Status>;

    fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop())
    }
}

impl ServerStreamingService<String> for Teller {
    type Response = String;
    type ResponseStream = Many;
    type Future = std::future::Ready<Result<Response<Many>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let mut items = vec![tell(request.get_ref())];
        items.extend((0..3).map(|number| Ok(number.to_string())));
        std::future::ready(Ok(Response::new(Many(items))))
    }
}

impl NamedService for Teller {
    const NAME: &'static str = "test.Teller";
}

impl tower::Service<http::Request<Body>> for Teller {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(Text);
            Ok(match request.uri().path() {
                "/test.Teller/Tell" => grpc.unary(Teller, request).await,
                "/test.Teller/TellMany" => grpc.server_streaming(Teller, request).await,
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

async fn client(layer: AuditLayer) -> tonic::client::Grpc<Channel> {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap();
    let routes = ["/test.Teller/Tell", "/test.Teller/TellMany"];
    let layer = layer
        .routes(routes)
        .peer(|parts| parts.extensions.get::<tonic::transport::server::TcpConnectInfo>()?.remote_addr());
    let server = Server::builder().layer(layer).add_service(Teller).serve_with_incoming(incoming);
    tokio::spawn(server);
    let uri: Uri = format!("http://{address}").parse().unwrap();
    tonic::client::Grpc::new(Endpoint::from(uri).connect().await.unwrap())
}

async fn unary(
    client: &mut tonic::client::Grpc<Channel>,
    path: &'static str,
    text: &str,
) -> Result<String, Status> {
    client.ready().await.unwrap();
    let answer = client.unary(Request::new(text.to_owned()), PathAndQuery::from_static(path), Text).await;
    answer.map(Response::into_inner)
}

fn said(entry: &Value) -> (&str, &str, &Value) {
    (entry["action"].as_str().unwrap(), entry["outcome"].as_str().unwrap(), &entry["detail"])
}

#[tokio::test]
async fn the_grpc_status_is_the_outcome() {
    let place = Place::new();
    let mut client = client(AuditLayer::new(place.trail.clone())).await;
    let tell = "/test.Teller/Tell";
    assert_eq!(unary(&mut client, tell, "me").await.unwrap(), "told me");
    assert_eq!(unary(&mut client, tell, "denied").await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(unary(&mut client, tell, "unknown").await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(unary(&mut client, tell, "broken").await.unwrap_err().code(), Code::Internal);
    let nowhere = unary(&mut client, "/test.Nobody/Tell", "me").await.unwrap_err();
    assert_eq!(nowhere.code(), Code::Unimplemented);
    let entries = place.entries();
    let detail = |code: u32| json!({"status": 200, "grpc_status": code});
    assert_eq!(said(&entries[0]), ("POST /test.Teller/Tell", "success", &detail(0)));
    assert_eq!(said(&entries[1]), ("POST /test.Teller/Tell", "denied", &detail(7)));
    assert_eq!(said(&entries[2]), ("POST /test.Teller/Tell", "denied", &detail(16)));
    assert_eq!(said(&entries[3]), ("POST /test.Teller/Tell", "failure", &detail(13)));
    assert_eq!(said(&entries[4]), ("POST (unmatched)", "failure", &detail(12)));
    assert_eq!(entries[4]["resource"], "/test.Nobody/Tell");
    assert_eq!(entries[0]["source"]["ip"], "127.0.0.1");
}

#[tokio::test]
async fn the_status_behind_a_stream_counts() {
    let place = Place::new();
    let layer = AuditLayer::new(place.trail.clone()).rule(Rule::on("/test.Teller/*").intent());
    let mut client = client(layer).await;
    for (text, code) in [("me", Code::Ok), ("denied", Code::PermissionDenied)] {
        client.ready().await.unwrap();
        let path = PathAndQuery::from_static("/test.Teller/TellMany");
        let mut stream =
            client.server_streaming(Request::new(text.to_owned()), path, Text).await.unwrap().into_inner();
        let end = loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                Ok(None) => break Code::Ok,
                Err(status) => break status.code(),
            }
        };
        assert_eq!(end, code);
    }
    let entries = place.entries();
    let phases: Vec<_> = entries.iter().map(|entry| entry["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["intent", "result", "intent", "result"]);
    assert_eq!(said(&entries[1]).1, "success");
    assert_eq!(
        said(&entries[3]),
        ("POST /test.Teller/TellMany", "denied", &json!({"status": 200, "grpc_status": 7}))
    );
}

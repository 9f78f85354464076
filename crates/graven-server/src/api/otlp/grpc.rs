//! OTLP over gRPC: the two services, behind the same door and the same check as every address.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::post;
use bytes::{Buf, BufMut, Bytes};
use futures_util::FutureExt;
use futures_util::stream::once;
use graven_formats::otlp::{Encoding, Signal};
use http_body_util::Full;
use prost::Message;
use tonic::codec::{
    CompressionEncoding, DecodeBuf, Decoder, EncodeBody, EncodeBuf, Encoder,
    SingleMessageCompressionOverride, Streaming,
};
use tonic::{Code, Status as Ended};

use super::status::Status;
use super::{Target, export};
use crate::api::access::{self, Permitted};
use crate::api::{clear, measure, nothing};
use crate::archive::Ack;
use crate::auth::Right;
use crate::blocking;
use crate::intake::Intake;
use crate::problem::{Kind, Problem};
use crate::state::Shared;

/// The methods of the services.
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// What the media type of gRPC begins with.
const GRPC: &str = "application/grpc";

/// The bytes before a message: whether it is compressed, and its length.
const FRAME_BYTES: usize = 5;

/// The services. Whatever is not named here is not there.
pub(crate) fn router(state: &Shared) -> Router {
    let may = from_fn_with_state((Arc::clone(state), Some(Right::Record)), access::check);
    Router::new()
        .route(LOGS, post(logs).layer(may.clone()))
        .route(TRACES, post(traces).layer(may))
        .fallback(nothing)
        .layer(from_fn_with_state(Arc::clone(state), measure::measure))
        .layer(from_fn(answer))
        .with_state(Arc::clone(state))
}

/// Takes what comes in clear where there is TLS.
pub(crate) fn router_in_clear(state: &Shared) -> Router {
    clear::router(state).layer(from_fn(answer))
}

async fn logs(
    State(state): State<Shared>,
    Target(trail): Target,
    Permitted(caller): Permitted,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    record(Signal::Logs, Intake { state, trail, caller, ack: Ack::default() }, headers, body).await
}

async fn traces(
    State(state): State<Shared>,
    Target(trail): Target,
    Permitted(caller): Permitted,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    record(Signal::Traces, Intake { state, trail, caller, ack: Ack::default() }, headers, body).await
}

async fn record(signal: Signal, intake: Intake, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    if !is_grpc(&headers) {
        return Err(Problem::new(Kind::UnsupportedMediaType, "only gRPC is spoken here: application/grpc"));
    }
    let encoding = encoding(&headers)?;
    let room = &intake.state.room;
    let bytes_max = room.events_bytes_max();
    let (framed, mut taken) = room.read(&headers, body, bytes_max + FRAME_BYTES).await?;
    // Unpacking takes its memory before anybody knows how much it is, so only a few may do it at a time; and its time.
    let (unpacking, weight) = match encoding {
        None => (None, framed.len()),
        Some(_) => (room.unpacking().await, usize::MAX),
    };
    let unpack = move || Ok((message(framed, encoding, bytes_max)?, unpacking));
    let (message, unpacking) = blocking::apart(weight, unpack).await?;
    room.grow(&mut taken, message.len())?;
    drop(unpacking);
    export(&intake, signal, Encoding::Protobuf, message, taken).await?;
    Ok(recorded())
}

/// The only message of a request that was read whole.
fn message(framed: Bytes, encoding: Option<CompressionEncoding>, bytes_max: usize) -> Result<Bytes, Problem> {
    let mut messages = Streaming::new_request(Raw, Full::new(framed), encoding, Some(bytes_max));
    let mut next = || {
        let message = messages.message().now_or_never();
        message.ok_or_else(Problem::fault)?.map_err(|ended| undecodable(&ended, bytes_max))
    };
    match (next()?, next()?) {
        (Some(message), None) => Ok(message),
        (None, _) => Err(Problem::new(Kind::NotOtlp, "the request has no message")),
        (Some(_), Some(_)) => Err(Problem::new(Kind::NotOtlp, "the request has several messages")),
    }
}

fn undecodable(ended: &Ended, bytes_max: usize) -> Problem {
    match ended.code() {
        // What clients would send again for ever.
        Code::OutOfRange | Code::ResourceExhausted => Problem::new(
            Kind::TooLarge,
            format!("a message may have at most {bytes_max} bytes: send it in parts"),
        ),
        _ => Problem::new(Kind::NotOtlp, ended.message()),
    }
}

/// How the messages of a request are compressed.
fn encoding(headers: &HeaderMap) -> Result<Option<CompressionEncoding>, Problem> {
    match headers.get("grpc-encoding").map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(None),
        Some(b"gzip") => Ok(Some(CompressionEncoding::Gzip)),
        Some(_) => Err(Problem::new(Kind::MethodNotAllowed, "messages may be compressed by gzip only")),
    }
}

/// An empty `ExportLogsServiceResponse` or `ExportTraceServiceResponse`: all of it is recorded.
fn recorded() -> Response {
    let messages = once(std::future::ready(Ok(Bytes::new())));
    let body = EncodeBody::new_server(Raw, messages, None, SingleMessageCompressionOverride::Disable, None);
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(GRPC));
    response
}

/// Says a refusal as the status that clients of gRPC read. Others get the problem as it is.
async fn answer(request: Request, next: Next) -> Response {
    let is_grpc = is_grpc(request.headers());
    let response = next.run(request).await;
    match response.extensions().get::<Problem>().filter(|_| is_grpc) {
        Some(problem) => refused(problem),
        None => response,
    }
}

fn refused(problem: &Problem) -> Response {
    let status = Status::of(problem);
    let details = Bytes::from(status.encode_to_vec());
    Ended::with_details(Code::from_i32(status.code), status.message, details).into_http()
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    kind.strip_prefix(GRPC.as_bytes()).is_some_and(|rest| matches!(rest, b"" | b"+proto") || rest[0] == b';')
}

/// Hands messages over as they are: an id is the hash of what was sent.
struct Raw;

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Ended;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Ended> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Ended;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Ended> {
        into.put(message);
        Ok(())
    }
}

//! Answers to OTLP over HTTP: in the form of the request, also when it is refused.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use graven_formats::otlp::Encoding;
use prost::Message;

use super::status::Status;
use crate::problem::Problem;

/// The media types.
pub(super) const PROTOBUF: &str = "application/x-protobuf";
pub(super) const JSON: &str = "application/json";

/// An `ExportLogsServiceResponse` or `ExportTraceServiceResponse` without a partial success: in protobuf it has no bytes.
const ALL_RECORDED: &str = "{\"partialSuccess\":{}}";

/// The answer to a request that is recorded, all of it.
pub(super) fn recorded(encoding: Encoding) -> Response {
    let body = match encoding {
        Encoding::Protobuf => Body::empty(),
        Encoding::Json => Body::from(ALL_RECORDED),
    };
    ([(header::CONTENT_TYPE, HeaderValue::from_static(media_type(encoding)))], body).into_response()
}

/// Says a refusal as the status that clients of OTLP read, in the form of the request. Who sends neither form gets the
/// problem as it is.
pub(in crate::api) async fn answer(request: Request, next: Next) -> Response {
    let encoding = super::encoding(request.headers());
    let mut response = next.run(request).await;
    let Some(encoding) = encoding else { return response };
    let Some(problem) = response.extensions().get::<Problem>() else { return response };
    let status = Status::of(problem);
    let body = match encoding {
        Encoding::Protobuf => status.encode_to_vec(),
        Encoding::Json => serde_json::to_vec(&status).expect("a status is a number and a text"),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(encoding)));
    headers.remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(body);
    response
}

fn media_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Protobuf => PROTOBUF,
        Encoding::Json => JSON,
    }
}

//! The status of a refusal, `google.rpc.Status`: what clients of OTLP and gRPC read.

use prost::Message;
use serde::Serialize;

use crate::problem::{Kind, Problem};

/// The names of messages that a status may hold beside its text.
const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// The codes of gRPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Code {
    InvalidArgument = 3,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    /// Not in JSON: what it says is in the header `Retry-After` there.
    #[prost(message, repeated, tag = "3")]
    #[serde(skip)]
    pub(super) details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl Status {
    /// What a problem is to a client of gRPC. It says when to send again where that helps.
    pub(super) fn of(problem: &Problem) -> Status {
        let delay = problem.retry_after().and_then(|seconds| i64::try_from(seconds).ok());
        let info = delay.map(|seconds| RetryInfo { retry_delay: Some(Delay { seconds, nanos: 0 }) });
        let details = info.map(|info| Any { type_url: RETRY_INFO.to_owned(), value: info.encode_to_vec() });
        Status {
            code: code(problem.kind()) as i32,
            message: problem.detail().to_owned(),
            details: details.into_iter().collect(),
        }
    }
}

/// The code of a problem. Clients send again what is `Unavailable`, and with a time also what is `ResourceExhausted`; some do
/// so without, so what is too large is neither.
fn code(kind: Kind) -> Code {
    match kind {
        Kind::Unauthorized => Code::Unauthenticated,
        Kind::Forbidden | Kind::OutOfScope | Kind::ForeignPage | Kind::SentInClear | Kind::ReadOnly => {
            Code::PermissionDenied
        }
        Kind::TooManyRequests => Code::ResourceExhausted,
        Kind::Busy | Kind::NotArchived | Kind::Unavailable | Kind::TimedOut => Code::Unavailable,
        Kind::UnknownTrail | Kind::UnknownEntry | Kind::UnknownAct | Kind::UnknownToken => Code::NotFound,
        Kind::NotFound | Kind::MethodNotAllowed => Code::Unimplemented,
        Kind::IdConflict | Kind::ActEnded => Code::AlreadyExists,
        Kind::WrongHost => Code::FailedPrecondition,
        Kind::Damaged | Kind::Internal => Code::Internal,
        Kind::NotJson
        | Kind::NotOtlp
        | Kind::BadParameter
        | Kind::BadQuery
        | Kind::BadCursor
        | Kind::TooLarge
        | Kind::PastTheEnd
        | Kind::UnsupportedMediaType
        | Kind::NotAnEntry
        | Kind::NotAToken => Code::InvalidArgument,
    }
}

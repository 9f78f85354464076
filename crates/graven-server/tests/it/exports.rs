//! Requests of OTLP as a client makes them: the messages by their numbers, apart from those that the server reads with.

use graven_core::hash::sha256;
use prost::Message;

/// `ExportLogsServiceRequest`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Logs {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<OfResource>,
}

/// `ResourceLogs`.
#[derive(Clone, PartialEq, Message)]
struct OfResource {
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<OfScope>,
}

/// `ScopeLogs`.
#[derive(Clone, PartialEq, Message)]
struct OfScope {
    #[prost(message, repeated, tag = "2")]
    records: Vec<Record>,
}

/// `LogRecord`.
#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(fixed64, tag = "1")]
    time_unix_nano: u64,
    #[prost(string, tag = "3")]
    severity_text: String,
    #[prost(message, optional, tag = "5")]
    body: Option<Value>,
}

/// `AnyValue`.
#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Status {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Any {
    #[prost(string, tag = "1")]
    pub(crate) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

/// A request with these log records, in protobuf.
pub(crate) fn logs(bodies: impl IntoIterator<Item = String>) -> Vec<u8> {
    let record = |text: String| Record {
        time_unix_nano: 1_769_860_800_000_000_000,
        severity_text: "INFO".to_owned(),
        body: Some(Value { text: Some(text) }),
    };
    let records = bodies.into_iter().map(record).collect();
    Logs { resources: vec![OfResource { scopes: vec![OfScope { records }] }] }.encode_to_vec()
}

/// The id of an entry that comes of the record at this place of a request.
pub(crate) fn id(request: &[u8], place: usize) -> String {
    format!("otlp:{}:{place}", sha256(request).to_hex())
}

/// The ids of what came by OTLP, among the entries of a trail.
pub(crate) fn ids(entries: &[graven::Entry]) -> Vec<String> {
    entries.iter().filter_map(|entry| entry.id.clone()).filter(|id| id.starts_with("otlp:")).collect()
}

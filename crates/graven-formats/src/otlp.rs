//! OTLP 1.x, the protocol of OpenTelemetry: requests with log records or spans, in protobuf or in JSON.
//!
//! A record becomes one entry. Its detail has the record, the resource and the scope, with attributes as objects, so that a
//! search can name them. Both encodings go the same way from there: what `convention` maps is that detail.

mod batch;
mod convention;
mod json;
mod message;
mod outcome;
mod protobuf;
mod record;
mod write;

use graven_core::entry::Detail;
use graven_core::json::JsonError;
use serde::de::IgnoredAny;

use crate::event::{Event, Unmapped};
use crate::json::Json;
use crate::split::EVENT_BYTES_MAX;

use batch::Batch;
pub(crate) use json::is_event;

/// The most records that one request may have.
pub const RECORDS_MAX: usize = 262_144;

/// The most values that a record, a resource or a scope may have in protobuf: an empty one takes two bytes there, and much
/// more once it is read.
pub const VALUES_MAX: usize = 1_000_000;

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Log records: an `ExportLogsServiceRequest`.
    Logs,
    /// Spans: an `ExportTraceServiceRequest`.
    Traces,
}

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `application/x-protobuf`, and gRPC.
    Protobuf,
    /// `application/json`.
    Json,
}

/// Why a request cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It is not protobuf, or another message.
    #[error("not an OTLP request in protobuf: record {record}: {problem}")]
    Protobuf {
        /// How many records were read before.
        record: usize,
        /// What is wrong, and in which field.
        problem: String,
    },
    /// It is not JSON.
    #[error("not an OTLP request in JSON: {0}")]
    Json(#[from] JsonError),
    /// It is JSON, and no object.
    #[error("not an OTLP request in JSON: expected an object at byte 0")]
    NotAnObject,
    /// It is not UTF-8, as JSON has to be.
    #[error("not an OTLP request in JSON: no UTF-8 at byte {offset}")]
    NotUtf8 {
        /// The first byte that is none.
        offset: usize,
    },
    /// It has too many records for the memory that one request may take.
    #[error("more than {RECORDS_MAX} records in one request: send it in parts")]
    TooManyRecords,
    /// One of its records has too many values for it.
    #[error("record {record} has more than {VALUES_MAX} values")]
    TooManyValues {
        /// How many records were read before.
        record: usize,
    },
}

/// Decodes a request to events, in its order. The bytes are those of the request when it was decompressed. The ids are
/// `otlp:<SHA-256 of the bytes>:<position>`, so a request that is sent again has the same ones.
///
/// In JSON, `signal` is of no account: the request says itself what it has.
///
/// ```
/// use graven_formats::otlp::{Encoding, Signal, decode};
///
/// let request = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"user.login",
///     "attributes":[{"key":"user.id","value":{"stringValue":"alice"}}]}]}]}]}"#;
/// let events = decode(Signal::Logs, Encoding::Json, request)?;
/// let entry = &events[0].entry;
/// assert_eq!((entry.action.as_str(), entry.principal.as_deref()), ("user.login", Some("alice")));
///
/// let torn = decode(Signal::Logs, Encoding::Protobuf, &[0x0a, 0x7f]).unwrap_err();
/// assert_eq!(torn.to_string(), "not an OTLP request in protobuf: record 0: field 1 is cut off");
/// # Ok::<(), graven_formats::otlp::DecodeError>(())
/// ```
///
/// # Errors
///
/// [`DecodeError`] when it cannot be decoded. What it says is never an error: a part that is no record is kept as it is.
pub fn decode(signal: Signal, encoding: Encoding, bytes: &[u8]) -> Result<Vec<Event>, DecodeError> {
    let mut batch = Batch::new(bytes);
    match encoding {
        Encoding::Protobuf => protobuf::request(signal, bytes, &mut batch)?,
        Encoding::Json => {
            let text = str::from_utf8(bytes)
                .map_err(|error| DecodeError::NotUtf8 { offset: error.valid_up_to() })?;
            json_request(text, &mut batch)?;
        }
    }
    Ok(batch.into_events())
}

fn json_request(text: &str, batch: &mut Batch) -> Result<(), DecodeError> {
    match Detail::parse(text) {
        Ok(whole) if Json::of(&whole).is_object() => json::request(Json::of(&whole), batch),
        Ok(_) => Err(DecodeError::NotAnObject),
        // JSON all the same: who sends it would send it again and again, or drop it.
        Err(_) if text.len() <= EVENT_BYTES_MAX && serde_json::from_str::<IgnoredAny>(text).is_ok() => {
            batch.keep(Err(text), Unmapped::NotKept)
        }
        Err(error) => Err(error.into()),
    }
}

/// The events of a line of the collector's file exporter, which is a request in JSON. What has no record is kept whole.
pub(crate) fn line(line: &str, whole: Detail, events: &mut Vec<Event>) {
    let mut batch = Batch::new(line.as_bytes());
    let is_decoded = json::request(Json::of(&whole), &mut batch).is_ok();
    let made = batch.into_events();
    if is_decoded && !made.is_empty() {
        events.extend(made);
    } else {
        events.push(Event::unmapped(Ok(whole), Unmapped::OtherKind));
    }
}

#[cfg(test)]
mod tests;

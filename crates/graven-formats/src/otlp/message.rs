//! The messages of OTLP 1.x that a record is made of, with the numbers of their fields.
//!
//! Every field tells whether it was there, so that a message that was read has the length of what it was read from. One that
//! is shorter had something that is not known here.

use prost::{Message, Oneof};

/// The messages that values stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    LogRecord,
    Span,
    /// Of a span: an event.
    SpanEvent,
    /// Of a span: a link.
    Link,
    Resource,
    Scope,
    /// A key with its value.
    Pair,
    /// A value of any kind.
    Any,
    /// A list of values.
    List,
    /// A list of keys with values.
    Pairs,
}

impl Kind {
    /// What a field has, if it has values.
    pub(super) fn of_field(self, tag: u32) -> Option<Kind> {
        Some(match (self, tag) {
            (Kind::LogRecord, 5) | (Kind::Pair, 2) | (Kind::List, 1) => Kind::Any,
            (Kind::LogRecord, 6) | (Kind::Span, 9) | (Kind::Resource, 1) | (Kind::Pairs, 1) => Kind::Pair,
            (Kind::SpanEvent | Kind::Scope, 3) | (Kind::Link, 4) => Kind::Pair,
            (Kind::Span, 11) => Kind::SpanEvent,
            (Kind::Span, 13) => Kind::Link,
            (Kind::Any, 5) => Kind::List,
            (Kind::Any, 6) => Kind::Pairs,
            _ => return None,
        })
    }

    /// The numbers of the fields that are known of it.
    pub(super) fn is_known(self, tag: u32) -> bool {
        match self {
            Kind::LogRecord => (1..=12).contains(&tag) && tag != 4,
            Kind::Span => (1..=16).contains(&tag),
            Kind::Resource => (1..=3).contains(&tag),
            _ => (1..=4).contains(&tag),
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AnyValue {
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub(super) value: Option<Value>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Value {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(message, tag = "5")]
    List(ArrayValue),
    #[prost(message, tag = "6")]
    Pairs(KeyValueList),
    #[prost(bytes = "vec", tag = "7")]
    Bytes(Vec<u8>),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ArrayValue {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct KeyValueList {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct KeyValue {
    #[prost(string, optional, tag = "1")]
    pub(super) key: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub(super) value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Resource {
    #[prost(message, repeated, tag = "1")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(uint32, optional, tag = "2")]
    pub(super) dropped_attributes_count: Option<u32>,
    #[prost(message, repeated, tag = "3")]
    pub(super) entity_refs: Vec<EntityRef>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct EntityRef {
    #[prost(string, optional, tag = "1")]
    pub(super) schema_url: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) kind: Option<String>,
    #[prost(string, repeated, tag = "3")]
    pub(super) id_keys: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    pub(super) description_keys: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Scope {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) version: Option<String>,
    #[prost(message, repeated, tag = "3")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(uint32, optional, tag = "4")]
    pub(super) dropped_attributes_count: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LogRecord {
    #[prost(fixed64, optional, tag = "1")]
    pub(super) time: Option<u64>,
    #[prost(int32, optional, tag = "2")]
    pub(super) severity_number: Option<i32>,
    #[prost(string, optional, tag = "3")]
    pub(super) severity_text: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub(super) body: Option<AnyValue>,
    #[prost(message, repeated, tag = "6")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(uint32, optional, tag = "7")]
    pub(super) dropped_attributes_count: Option<u32>,
    #[prost(fixed32, optional, tag = "8")]
    pub(super) flags: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "9")]
    pub(super) trace_id: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "10")]
    pub(super) span_id: Option<Vec<u8>>,
    #[prost(fixed64, optional, tag = "11")]
    pub(super) observed_time: Option<u64>,
    #[prost(string, optional, tag = "12")]
    pub(super) event_name: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Span {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(super) trace_id: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) span_id: Option<Vec<u8>>,
    #[prost(string, optional, tag = "3")]
    pub(super) trace_state: Option<String>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(super) parent_span_id: Option<Vec<u8>>,
    #[prost(string, optional, tag = "5")]
    pub(super) name: Option<String>,
    #[prost(int32, optional, tag = "6")]
    pub(super) kind: Option<i32>,
    #[prost(fixed64, optional, tag = "7")]
    pub(super) start_time: Option<u64>,
    #[prost(fixed64, optional, tag = "8")]
    pub(super) end_time: Option<u64>,
    #[prost(message, repeated, tag = "9")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(uint32, optional, tag = "10")]
    pub(super) dropped_attributes_count: Option<u32>,
    #[prost(message, repeated, tag = "11")]
    pub(super) events: Vec<SpanEvent>,
    #[prost(uint32, optional, tag = "12")]
    pub(super) dropped_events_count: Option<u32>,
    #[prost(message, repeated, tag = "13")]
    pub(super) links: Vec<Link>,
    #[prost(uint32, optional, tag = "14")]
    pub(super) dropped_links_count: Option<u32>,
    #[prost(message, optional, tag = "15")]
    pub(super) status: Option<Status>,
    #[prost(fixed32, optional, tag = "16")]
    pub(super) flags: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SpanEvent {
    #[prost(fixed64, optional, tag = "1")]
    pub(super) time: Option<u64>,
    #[prost(string, optional, tag = "2")]
    pub(super) name: Option<String>,
    #[prost(message, repeated, tag = "3")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(uint32, optional, tag = "4")]
    pub(super) dropped_attributes_count: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Link {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(super) trace_id: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) span_id: Option<Vec<u8>>,
    #[prost(string, optional, tag = "3")]
    pub(super) trace_state: Option<String>,
    #[prost(message, repeated, tag = "4")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(uint32, optional, tag = "5")]
    pub(super) dropped_attributes_count: Option<u32>,
    #[prost(fixed32, optional, tag = "6")]
    pub(super) flags: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(string, optional, tag = "2")]
    pub(super) message: Option<String>,
    #[prost(int32, optional, tag = "3")]
    pub(super) code: Option<i32>,
}

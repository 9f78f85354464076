//! Requests in protobuf.
//!
//! A request is taken apart record by record: as one value it would take a hundred times its bytes when its records are
//! empty. Each record is read by what is derived for [`message`](super::message), which also bounds how deep values nest.

use std::borrow::Cow;

use graven_core::hash::hex;
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};

use super::batch::{Batch, Part};
use super::convention::Origin;
use super::message::{
    AnyValue, EntityRef, KeyValue, Kind, Link, LogRecord, Resource, Scope, Span, SpanEvent, Status, Value,
};
use super::write::{self, Object, Out};
use super::{DecodeError, Signal, VALUES_MAX};

/// How deep values are counted: no deeper than they are read.
const LEVELS_MAX: u32 = 100;

/// Takes a request apart.
pub(super) fn request(signal: Signal, bytes: &[u8], batch: &mut Batch) -> Result<(), DecodeError> {
    let taken = each_field(bytes, &mut |tag, part| match tag {
        1 => resource(signal, part, batch),
        _ => keep(batch, &format!("field {tag} of the request"), part),
    });
    taken.map_err(|problem| match problem {
        Problem::Wire(problem) => DecodeError::Protobuf { record: batch.count(), problem },
        Problem::TooManyValues => DecodeError::TooManyValues { record: batch.count() },
        Problem::Request(error) => error,
    })
}

/// Why a part cannot be taken.
enum Problem {
    Wire(String),
    TooManyValues,
    Request(DecodeError),
}

impl From<prost::DecodeError> for Problem {
    fn from(error: prost::DecodeError) -> Problem {
        Problem::Wire(error.to_string())
    }
}

impl From<DecodeError> for Problem {
    fn from(error: DecodeError) -> Problem {
        Problem::Request(error)
    }
}

/// Hands over the fields of a message by their numbers: what is in a message or a text, and the bytes of a number.
fn each_field<'a>(
    mut bytes: &'a [u8],
    each: &mut dyn FnMut(u32, &'a [u8]) -> Result<(), Problem>,
) -> Result<(), Problem> {
    while !bytes.is_empty() {
        let (tag, kind) = decode_key(&mut bytes)?;
        if kind != WireType::LengthDelimited {
            let value = bytes;
            skip_field(kind, tag, &mut bytes, DecodeContext::default())?;
            each(tag, &value[..value.len() - bytes.len()])?;
            continue;
        }
        let length = prost::decode_length_delimiter(&mut bytes)?;
        let Some((part, rest)) = bytes.split_at_checked(length) else {
            return Err(Problem::Wire(format!("field {tag} is cut off")));
        };
        each(tag, part)?;
        bytes = rest;
    }
    Ok(())
}

impl Kind {
    /// Counts the values below. Behind the depth that is read, it ends: what is read next says that.
    fn count(self, bytes: &[u8], levels: u32, left: &mut usize) -> Result<(), Problem> {
        each_field(bytes, &mut |tag, part| {
            let Some(kind) = self.of_field(tag).filter(|_| levels > 0) else { return Ok(()) };
            *left = left.checked_sub(1).ok_or(Problem::TooManyValues)?;
            kind.count(part, levels - 1, left)
        })
    }

    /// Reads a message, unless it would take much more memory than its bytes.
    fn read<M: Message + Default>(self, bytes: &[u8]) -> Result<M, Problem> {
        if bytes.len() > VALUES_MAX {
            let mut left = VALUES_MAX;
            self.count(bytes, LEVELS_MAX, &mut left)?;
        }
        Ok(M::decode(bytes)?)
    }
}

/// Keeps what is not known around records.
fn keep(batch: &mut Batch, name: &str, bytes: &[u8]) -> Result<(), Problem> {
    Ok(batch.keep_other(name, |out| unknown(bytes, out))?)
}

/// What is not known: a text if it is one, so that secrets in it are seen.
fn unknown(bytes: &[u8], out: &mut Out) {
    match str::from_utf8(bytes) {
        Ok(text) => write::string(text, out),
        Err(_) => write::bytes(bytes, out),
    }
}

/// A level around records: what they have in common, and the address of its schema.
#[derive(Default)]
struct Level {
    head: Vec<u8>,
    schema_url: Option<String>,
}

impl Level {
    fn of(bytes: &[u8]) -> Result<Level, Problem> {
        let mut level = Level::default();
        each_field(bytes, &mut |tag, part| {
            match tag {
                // What is there twice is joined, as in every message.
                1 => level.head.extend_from_slice(part),
                3 => level.schema_url = Some(text(part)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(level)
    }

    /// What the records have in common.
    fn head<M: Message + Default>(&self, kind: Kind) -> Result<Option<M>, Problem> {
        (!self.head.is_empty()).then(|| kind.read(&self.head)).transpose()
    }

    /// Members of a detail.
    fn members<M: Message>(
        &self,
        kind: Kind,
        [head_name, url_name]: [&str; 2],
        head: Option<&M>,
        write: impl for<'o> FnOnce(&M, Object<'o>) -> Object<'o>,
    ) -> Out {
        write::members(|object| {
            object.optional(head_name, head, |head, out| whole(kind, head, &self.head, write, out)).optional(
                url_name,
                self.schema_url.as_deref(),
                write::string,
            )
        })
    }
}

fn text(bytes: &[u8]) -> Result<String, Problem> {
    let text = str::from_utf8(bytes).map_err(|_| Problem::Wire("schema_url is not UTF-8".to_owned()))?;
    Ok(text.to_owned())
}

fn resource(signal: Signal, bytes: &[u8], batch: &mut Batch) -> Result<(), Problem> {
    let level = Level::of(bytes)?;
    let head: Option<Resource> = level.head(Kind::Resource)?;
    let mut origin = Origin::default();
    for pair in head.iter().flat_map(|head| &head.attributes) {
        let value = pair.value.as_ref().and_then(|any| any.value.as_ref());
        if let (Some(key), Some(Value::Text(text))) = (&pair.key, value) {
            origin.learn(key, text);
        }
    }
    let members =
        level.members(Kind::Resource, ["resource", "resourceSchemaUrl"], head.as_ref(), |head, object| {
            object
                .optional("attributes", some(&head.attributes), attributes)
                .optional("droppedAttributesCount", head.dropped_attributes_count, write::scalar)
                .optional("entityRefs", some(&head.entity_refs), |all, out| write::list(all, entity_ref, out))
        });
    let mut part = Part::new("resource", members);
    each_field(bytes, &mut |tag, bytes| match tag {
        1 | 3 => Ok(()),
        2 => scope(signal, bytes, &mut part, &origin, batch),
        _ => keep(batch, &format!("field {tag} beside the resource"), bytes),
    })?;
    Ok(batch.keep_unused(&part)?)
}

fn scope(
    signal: Signal,
    bytes: &[u8],
    resource: &mut Part,
    origin: &Origin,
    batch: &mut Batch,
) -> Result<(), Problem> {
    let level = Level::of(bytes)?;
    let head: Option<Scope> = level.head(Kind::Scope)?;
    let members = level.members(Kind::Scope, ["scope", "schemaUrl"], head.as_ref(), |head, object| {
        object
            .optional("name", head.name.as_deref(), write::string)
            .optional("version", head.version.as_deref(), write::string)
            .optional("attributes", some(&head.attributes), attributes)
            .optional("droppedAttributesCount", head.dropped_attributes_count, write::scalar)
    });
    let mut part = Part::new("scope", members);
    each_field(bytes, &mut |tag, bytes| match tag {
        1 | 3 => Ok(()),
        2 => {
            let parts = [&mut *resource, &mut part];
            match signal {
                Signal::Logs => {
                    let record: LogRecord = Kind::LogRecord.read(bytes)?;
                    batch.record(
                        signal,
                        |out| whole(Kind::LogRecord, &record, bytes, log_record, out),
                        parts,
                        origin,
                    )?;
                }
                Signal::Traces => {
                    let record: Span = Kind::Span.read(bytes)?;
                    batch.record(
                        signal,
                        |out| whole(Kind::Span, &record, bytes, span, out),
                        parts,
                        origin,
                    )?;
                }
            }
            Ok(())
        }
        _ => keep(batch, &format!("field {tag} beside the scope"), bytes),
    })?;
    Ok(batch.keep_unused(&part)?)
}

/// A message as an object. If it was longer than what is known of it, it had something that is not known here: its fields of
/// other numbers are then kept too. What is not known in their values is not.
fn whole<M: Message>(
    kind: Kind,
    message: &M,
    bytes: &[u8],
    write: impl for<'o> FnOnce(&M, Object<'o>) -> Object<'o>,
    out: &mut Out,
) {
    let more = (message.encoded_len() != bytes.len()).then(|| {
        let mut more = Vec::new();
        // It was read before, so every field of it can be.
        let _read = each_field(bytes, &mut |tag, part| {
            more.extend((!kind.is_known(tag)).then(|| (Cow::Owned(tag.to_string()), part)));
            Ok(())
        });
        more
    });
    let object = write(message, Object::new(out));
    object.optional("unknownFields", more, |more, out| write::pairs(&more, unknown, out)).end();
}

fn log_record<'o>(record: &LogRecord, object: Object<'o>) -> Object<'o> {
    object
        .optional("timeUnixNano", record.time, long)
        .optional("observedTimeUnixNano", record.observed_time, long)
        .optional("severityNumber", record.severity_number, write::scalar)
        .optional("severityText", record.severity_text.as_deref(), write::string)
        .optional("eventName", record.event_name.as_deref(), write::string)
        .optional("body", record.body.as_ref(), any)
        .optional("attributes", some(&record.attributes), attributes)
        .optional("droppedAttributesCount", record.dropped_attributes_count, write::scalar)
        .optional("flags", record.flags, write::scalar)
        .optional("traceId", record.trace_id.as_deref(), digits)
        .optional("spanId", record.span_id.as_deref(), digits)
}

fn span<'o>(span: &Span, object: Object<'o>) -> Object<'o> {
    object
        .optional("traceId", span.trace_id.as_deref(), digits)
        .optional("spanId", span.span_id.as_deref(), digits)
        .optional("traceState", span.trace_state.as_deref(), write::string)
        .optional("parentSpanId", span.parent_span_id.as_deref(), digits)
        .optional("flags", span.flags, write::scalar)
        .optional("name", span.name.as_deref(), write::string)
        .optional("kind", span.kind, write::scalar)
        .optional("startTimeUnixNano", span.start_time, long)
        .optional("endTimeUnixNano", span.end_time, long)
        .optional("attributes", some(&span.attributes), attributes)
        .optional("droppedAttributesCount", span.dropped_attributes_count, write::scalar)
        .optional("events", some(&span.events), |events, out| write::list(events, span_event, out))
        .optional("droppedEventsCount", span.dropped_events_count, write::scalar)
        .optional("links", some(&span.links), |links, out| write::list(links, link, out))
        .optional("droppedLinksCount", span.dropped_links_count, write::scalar)
        .optional("status", span.status.as_ref(), status)
}

fn span_event(event: &SpanEvent, out: &mut Out) {
    Object::new(out)
        .optional("timeUnixNano", event.time, long)
        .optional("name", event.name.as_deref(), write::string)
        .optional("attributes", some(&event.attributes), attributes)
        .optional("droppedAttributesCount", event.dropped_attributes_count, write::scalar)
        .end();
}

fn link(link: &Link, out: &mut Out) {
    Object::new(out)
        .optional("traceId", link.trace_id.as_deref(), digits)
        .optional("spanId", link.span_id.as_deref(), digits)
        .optional("traceState", link.trace_state.as_deref(), write::string)
        .optional("attributes", some(&link.attributes), attributes)
        .optional("droppedAttributesCount", link.dropped_attributes_count, write::scalar)
        .optional("flags", link.flags, write::scalar)
        .end();
}

fn status(status: &Status, out: &mut Out) {
    Object::new(out)
        .optional("message", status.message.as_deref(), write::string)
        .optional("code", status.code, write::scalar)
        .end();
}

fn entity_ref(entity: &EntityRef, out: &mut Out) {
    let texts = |texts: &[String], out: &mut Out| write::list(texts, write::scalar, out);
    Object::new(out)
        .optional("schemaUrl", entity.schema_url.as_deref(), write::string)
        .optional("type", entity.kind.as_deref(), write::string)
        .optional("idKeys", some(&entity.id_keys), texts)
        .optional("descriptionKeys", some(&entity.description_keys), texts)
        .end();
}

/// A list, unless it is empty: that is how protobuf writes one that is not there.
fn some<T>(list: &[T]) -> Option<&[T]> {
    (!list.is_empty()).then_some(list)
}

fn attributes(list: &[KeyValue], out: &mut Out) {
    let mut pairs: Vec<(Cow<'_, str>, Option<&AnyValue>)> = Vec::with_capacity(list.len());
    for KeyValue { key, value } in list {
        pairs.push((Cow::Borrowed(key.as_deref().unwrap_or_default()), value.as_ref()));
    }
    let value = |value: Option<&AnyValue>, out: &mut Out| match value {
        Some(value) => any(value, out),
        None => null(out),
    };
    write::pairs(&pairs, value, out);
}

fn any(value: &AnyValue, out: &mut Out) {
    match &value.value {
        None => null(out),
        Some(Value::Text(text)) => write::string(text, out),
        Some(Value::Bool(is)) => write::scalar(is, out),
        Some(Value::Int(number)) => write::scalar(number, out),
        Some(Value::Double(number)) => write::double(*number, out),
        Some(Value::List(list)) => write::list(&list.values, any, out),
        Some(Value::Pairs(pairs)) => attributes(&pairs.values, out),
        Some(Value::Bytes(bytes)) => write::bytes(bytes, out),
    }
}

fn null(out: &mut Out) {
    out.extend_from_slice(b"null");
}

/// A number of 64 bits, as OTLP writes it in JSON: in a string.
fn long(number: u64, out: &mut Out) {
    write::string(&number.to_string(), out);
}

fn digits(id: &[u8], out: &mut Out) {
    write::string(&hex(id), out);
}

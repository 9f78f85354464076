//! Requests in JSON. What they say is taken as it stands: names in `lowerCamelCase` or in `snake_case`, numbers as such or in
//! strings, and what is not known here as it is.

use std::borrow::Cow;

use super::batch::{Batch, Part};
use super::convention::Origin;
use super::write::{self, Object, Out};
use super::{DecodeError, Signal};
use crate::json::Json;

/// The names of the levels around records.
struct Levels {
    signal: Signal,
    /// Under which the list of resources stands in a request.
    resources: &'static str,
    /// Under which the list of scopes stands beside a resource; the second one is of before 2022.
    scopes: [&'static str; 2],
    records: [&'static str; 2],
}

const LEVELS: [Levels; 2] = [
    Levels {
        signal: Signal::Logs,
        resources: "resourceLogs",
        scopes: ["scopeLogs", "instrumentationLibraryLogs"],
        records: ["logRecords", "logs"],
    },
    Levels {
        signal: Signal::Traces,
        resources: "resourceSpans",
        scopes: ["scopeSpans", "instrumentationLibrarySpans"],
        records: ["spans", "spans"],
    },
];

/// The names of the protocol that have more than one word.
const NAMES: [&str; 35] = [
    "arrayValue",
    "boolValue",
    "bytesValue",
    "descriptionKeys",
    "doubleValue",
    "droppedAttributesCount",
    "droppedEventsCount",
    "droppedLinksCount",
    "endTimeUnixNano",
    "entityRefs",
    "eventName",
    "idKeys",
    "instrumentationLibrary",
    "instrumentationLibraryLogs",
    "instrumentationLibrarySpans",
    "intValue",
    "kvlistValue",
    "logRecords",
    "observedTimeUnixNano",
    "parentSpanId",
    "resourceLogs",
    "resourceMetrics",
    "resourceProfiles",
    "resourceSpans",
    "schemaUrl",
    "scopeLogs",
    "scopeSpans",
    "severityNumber",
    "severityText",
    "spanId",
    "startTimeUnixNano",
    "stringValue",
    "timeUnixNano",
    "traceId",
    "traceState",
];

/// Lists of metrics and profiles: they are kept and not mapped.
const OTHER_LISTS: [&str; 2] = ["resourceMetrics", "resourceProfiles"];

/// Whether an object is a request.
pub(crate) fn is_event(request: Json<'_>) -> bool {
    let known = || LEVELS.iter().map(|levels| levels.resources).chain(OTHER_LISTS);
    let mut members = request.members();
    members.any(|(name, value)| is_list(value) && known().any(|known| known == camel(&name)))
}

fn is_list(value: Json<'_>) -> bool {
    value.raw().starts_with('[')
}

fn is_nothing(value: Json<'_>) -> bool {
    matches!(value.raw(), "null" | "[]" | "{}" | "\"\"")
}

/// Takes a request apart.
pub(super) fn request(request: Json<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    for (name, value) in request.members() {
        let known = LEVELS.iter().find(|levels| levels.resources == camel(&name) && is_list(value));
        match known {
            Some(levels) => value.elements().try_for_each(|value| resource(levels, value, batch))?,
            None if is_nothing(value) => {}
            None => batch.keep_other(&name, |out| kept(value, out))?,
        }
    }
    Ok(())
}

fn resource(levels: &Levels, value: Json<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let level = Level::of(value, &["resource"], &levels.scopes);
    let mut origin = Origin::default();
    let attributes = level.head.and_then(|resource| pairs(resource.get("attributes")?));
    for (name, value) in attributes.into_iter().flatten() {
        if let Some(text) = value.members().next().and_then(|(_, value)| value.string()) {
            origin.learn(&name, &text);
        }
    }
    let members = level.members("resource", "resourceSchemaUrl", levels.resources);
    let mut part = Part::new("resource", members);
    for value in level.lists.iter().flat_map(|list| list.elements()) {
        scope(levels, value, &mut part, &origin, batch)?;
    }
    keep_other(levels.resources, value, batch)?;
    batch.keep_unused(&part)
}

fn scope(
    levels: &Levels,
    value: Json<'_>,
    resource: &mut Part,
    origin: &Origin,
    batch: &mut Batch,
) -> Result<(), DecodeError> {
    let level = Level::of(value, &["scope", "instrumentationLibrary"], &levels.records);
    let mut part = Part::new("scope", level.members("scope", "schemaUrl", levels.scopes[0]));
    for record in level.lists.iter().flat_map(|list| list.elements()) {
        if record.is_object() {
            let parts = [&mut *resource, &mut part];
            batch.record(levels.signal, |out| object(record, out), parts, origin)?;
        } else {
            keep_other(levels.records[0], record, batch)?;
        }
    }
    keep_other(levels.scopes[0], value, batch)?;
    batch.keep_unused(&part)
}

/// Keeps what should be an object and is none.
fn keep_other(name: &str, value: Json<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    if value.is_object() || is_nothing(value) {
        return Ok(());
    }
    batch.keep_other(name, |out| kept(value, out))
}

/// An object with what several records have in common, and a list.
struct Level<'a> {
    head: Option<Json<'a>>,
    schema_url: Option<Json<'a>>,
    lists: Vec<Json<'a>>,
    /// What else it says.
    others: Vec<(Cow<'a, str>, Json<'a>)>,
}

impl<'a> Level<'a> {
    fn of(value: Json<'a>, heads: &[&str], lists: &[&str]) -> Level<'a> {
        let mut level = Level { head: None, schema_url: None, lists: Vec::new(), others: Vec::new() };
        for (name, value) in value.members().filter(|(_, value)| !is_nothing(*value)) {
            let known = camel(&name);
            if heads.contains(&known) && value.is_object() && level.head.is_none() {
                level.head = Some(value);
            } else if known == "schemaUrl" && level.schema_url.is_none() {
                level.schema_url = Some(value);
            } else if lists.contains(&known) && is_list(value) {
                level.lists.push(value);
            } else {
                level.others.push((name, value));
            }
        }
        level
    }

    /// Members of a detail.
    fn members(&self, head: &str, schema_url: &str, others: &str) -> Out {
        let rest = (!self.others.is_empty()).then_some(&*self.others);
        write::members(|written| {
            written.optional(head, self.head, object).optional(schema_url, self.schema_url, kept).optional(
                others,
                rest,
                |others, out| write::pairs(others, kept, out),
            )
        })
    }
}

/// What is not known here: as it is, but for attributes, which become objects wherever they are. So a secret is seen by its
/// name.
fn kept(value: Json<'_>, out: &mut Out) {
    if is_list(value) {
        // Looked at closer only when it begins like one: what nests deep is else read once more for each level.
        let begins_so = [r#"[{"key":"#, r#"[{"value":"#].iter().any(|start| value.raw().starts_with(start));
        match begins_so.then(|| pairs(value)).flatten() {
            Some(pairs) => write::pairs(&pairs, any, out),
            None => write::list(value.elements(), kept, out),
        }
    } else if value.is_object() {
        let object = Object::new(out);
        value
            .members()
            .fold(object, |object, (name, member)| object.member(&name, |out| kept(member, out)))
            .end();
    } else {
        raw(value, out);
    }
}

fn raw(value: Json<'_>, out: &mut Out) {
    out.extend_from_slice(value.raw().as_bytes());
}

/// A record, or another object of the protocol.
fn object(value: Json<'_>, out: &mut Out) {
    if !value.is_object() {
        return raw(value, out);
    }
    let is_there = |name: &str| value.members().any(|(other, _)| other == name);
    let written = value.members().fold(Object::new(out), |written, (name, member)| {
        let known = camel(&name);
        // Both spellings in one object are two members.
        let name = if known != name && is_there(known) { &name } else { known };
        written.member(name, |out| match known {
            "attributes" => attributes(member, out),
            "body" => any(member, out),
            "events" | "links" | "entityRefs" if is_list(member) => {
                write::list(member.elements(), object, out);
            }
            "status" => object(member, out),
            _ => kept(member, out),
        })
    });
    written.end();
}

fn attributes(value: Json<'_>, out: &mut Out) {
    match pairs(value) {
        Some(pairs) => write::pairs(&pairs, any, out),
        None => kept(value, out),
    }
}

/// Keys with values, if it is a list of these and nothing else.
fn pairs(list: Json<'_>) -> Option<Vec<(Cow<'_, str>, Json<'_>)>> {
    is_list(list).then(|| list.elements().map(pair).collect())?
}

fn pair(pair: Json<'_>) -> Option<(Cow<'_, str>, Json<'_>)> {
    let (mut key, mut value) = (None, None);
    for (name, member) in pair.members() {
        match &*name {
            "key" => key = Some(member.string()?),
            "value" => value = Some(member),
            _ => return None,
        }
    }
    Some((key?, value.unwrap_or(Json::NULL)))
}

/// A value of any kind.
fn any(value: Json<'_>, out: &mut Out) {
    let mut members = value.members();
    let (Some((name, inner)), None) = (members.next(), members.next()) else {
        let is_empty = value.raw() == "{}";
        return if is_empty { raw(Json::NULL, out) } else { kept(value, out) };
    };
    let values = || list_of(inner);
    match camel(&name) {
        "stringValue" if inner.raw().starts_with('"') => raw(inner, out),
        "boolValue" if matches!(inner.raw(), "true" | "false") => raw(inner, out),
        "intValue" if int(inner).is_some() => write::scalar(int(inner), out),
        "doubleValue" if inner.raw().starts_with(|c: char| c == '-' || c.is_ascii_digit()) => raw(inner, out),
        "arrayValue" if values().is_some_and(|values| is_list(values) || values.raw() == "null") => {
            write::list(values().into_iter().flat_map(Json::elements), any, out);
        }
        "kvlistValue" if values().is_some_and(|values| values.raw() == "null" || pairs(values).is_some()) => {
            let pairs = values().and_then(pairs).unwrap_or_default();
            write::pairs(&pairs, any, out);
        }
        name @ ("bytesValue" | "doubleValue" | "intValue") => {
            Object::new(out).member(name, |out| raw(inner, out)).end();
        }
        _ => kept(value, out),
    }
}

/// The list in a value of several, if it says nothing else; `null` if it is empty.
fn list_of(value: Json<'_>) -> Option<Json<'_>> {
    let mut members = value.members();
    match (members.next(), members.next()) {
        (None, _) if value.is_object() => Some(Json::NULL),
        (Some((name, list)), None) if name == "values" => Some(list),
        _ => None,
    }
}

/// A whole number that prints back the same.
fn int(value: Json<'_>) -> Option<i64> {
    let text = value.string().unwrap_or(Cow::Borrowed(value.raw()));
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}

/// A name of the protocol in `lowerCamelCase`, which may be written in `snake_case`. Other names stay.
fn camel(name: &str) -> &str {
    if memchr::memchr(b'_', name.as_bytes()).is_none() {
        return name;
    }
    let is_it = |known: &&&str| {
        let letter = |letter: u8| {
            let mark = letter.is_ascii_uppercase().then_some(b'_');
            mark.into_iter().chain([letter.to_ascii_lowercase()])
        };
        name.bytes().eq(known.bytes().flat_map(letter))
    };
    NAMES.iter().find(is_it).copied().unwrap_or(name)
}

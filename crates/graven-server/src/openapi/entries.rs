//! Entries: what clients hand in, what they get for it, and what is known of one entry.

use utoipa::openapi::HttpMethod::{Get, Post};
use utoipa::openapi::schema::ObjectBuilder;

use super::search::page;
use super::words::{
    Api, BYTES, JSON, LINES, Op, Shape, TEXT, anything, bytes, either, hash, list, map, named, object, text,
    time, truth, whole, word,
};
use crate::auth::Right;
use crate::problem::Kind;

pub(super) fn describe(api: Api) -> Api {
    schemas(api)
        .path("/v1/trails/{trail}/entries", [(Get, page()), (Post, record())])
        .path(
            "/v1/trails/{trail}/entries/by-id",
            [(Get, one("findEntry", "Find the newest entry with an id").must_ask("id", "The id", text()))],
        )
        .path(
            "/v1/trails/{trail}/entries/{index}",
            [(
                Get,
                one("getEntry", "Get one entry").in_path("index", "Its position, from 0", named("Index")),
            )],
        )
        .path("/v1/trails/{trail}/entries/{index}/proof", [(Get, proof())])
        .path("/v1/trails/{trail}/entries/{index}/blob", [(Get, blob())])
}

fn record() -> Op {
    let receipts = either(list(named("NewEntry")), named("NewEntry"));
    Op::new("entries", "recordEntries", "Record entries")
        .about(
            "Answers once they are durable. An id that the same token has used is recorded once. JSON is answered with \
             receipts in the order of the entries; lines are answered with a line for each, also those that are refused. \
             CloudEvents are taken in structured, batched and binary mode (by the header `ce-specversion`), and answered as \
             JSON is.",
        )
        .needs(Right::Record)
        .asks("stream", "1: answer each line as soon as it is durable, while the next ones come", stream())
        .asks("ack", "archived: answer each entry when it is in the archive, and not as soon as it is durable", ack())
        .asks("timeout", "For how long to wait for the archive: a number and ms, s or m; 30s by default, at most 5m", text())
        .takes(
            "Entries",
            &[
                (JSON, receipts),
                (LINES, text().into()),
                ("application/cloudevents+json", anything()),
                ("application/cloudevents-batch+json", list(anything())),
            ],
        )
        .answers(200, "A line for each line, or nothing to record", &[(LINES, text().into()), (JSON, named("Receipts"))])
        .answers(201, "All are recorded", &[(JSON, named("Receipts"))])
        .answers(
            202,
            "All are recorded, and those with `archived: false` are not in the archive yet",
            &[(JSON, named("Receipts")), (LINES, text().into())],
        )
        .answers(207, "Some are recorded", &[(JSON, named("Receipts"))])
        .refuses(&[
            Kind::NotAnEntry,
            Kind::IdConflict,
            Kind::ReadOnly,
            Kind::OutOfScope,
            Kind::NotArchived,
            Kind::TimedOut,
            Kind::Damaged,
        ])
}

/// What an answer may wait for.
pub(super) fn ack() -> ObjectBuilder {
    word(&["durable", "archived"])
}

fn stream() -> ObjectBuilder {
    whole().maximum(Some(1))
}

fn one(id: &str, summary: &str) -> Op {
    Op::new("entries", id, summary)
        .about("As `application/octet-stream`: the stored bytes, whose hash is the leaf of the log.")
        .needs(Right::Read)
        .header("Accept", "`application/octet-stream` for the stored bytes", text())
        .header("If-None-Match", "The tag of what the client has", text())
        .answers(200, "The entry", &[(JSON, named("Hit")), (BYTES, bytes())])
        .with_header(200, "ETag", "The leaf hash; for JSON with the state behind it")
        .answers(304, "The client has it", &[])
        .refuses(&[Kind::UnknownEntry, Kind::OutOfScope, Kind::Damaged, Kind::TimedOut])
}

fn proof() -> Op {
    Op::new("entries", "proveEntry", "Prove one entry")
        .about("A C2SP tlog-proof: it needs only the entry and the key of the trail to be checked.")
        .needs(Right::Prove)
        .in_path("index", "Its position, from 0", named("Index"))
        .answers(200, "The proof", &[(TEXT, text().into())])
        .refuses(&[Kind::UnknownEntry, Kind::OutOfScope, Kind::Damaged, Kind::TimedOut])
}

fn blob() -> Op {
    Op::new("entries", "getBlob", "Get the detail that is stored beside an entry")
        .needs(Right::Read)
        .in_path("index", "Its position, from 0", named("Index"))
        .header("If-None-Match", "The tag of what the client has", text())
        .answers(200, "The detail", &[(JSON, anything())])
        .answers(304, "The client has it", &[])
        .refuses(&[Kind::UnknownEntry, Kind::OutOfScope, Kind::Damaged])
}

fn schemas(api: Api) -> Api {
    let receipt = object(
        vec![("index", whole().into()), ("id", text().into()), ("leaf_hash", hash().into())],
        vec![("duplicate", truth().into()), ("archived", truth().into())],
    );
    let refusal = object(vec![("at", whole().into()), ("error", named("Problem"))], vec![]);
    api.schema("Index", whole().maximum(Some(i64::MAX as usize)))
        .schema("Receipt", receipt)
        .schema("EntryRefusal", refusal)
        .schema(
            "Receipts",
            object(
                vec![("receipts", list(either(named("Receipt"), named("EntryRefusal"))))],
                vec![("unmapped", map(whole()))],
            ),
        )
        .schema("NewEntry", entry(vec![], vec!["category", "action", "outcome"]))
        .schema("NewIntent", entry(vec![], vec!["category", "action"]))
        .schema(
            "Entry",
            entry(
                vec![("received_at", time().into()), ("recorded_by", text().into())],
                vec!["id", "timestamp", "category", "action", "outcome"],
            ),
        )
        .schema(
            "Hit",
            object(
                vec![
                    ("index", whole().into()),
                    ("state", word(&["proved", "unsealed"]).into()),
                    ("leaf_hash", hash().into()),
                    ("entry", named("Entry")),
                ],
                vec![("origin", text().into())],
            ),
        )
}

/// The fields of an entry: as it is handed in, or as it is stored.
fn entry(more: Vec<(&'static str, Shape)>, required: Vec<&'static str>) -> ObjectBuilder {
    let texts =
        |names: &'static [&str]| object(vec![], names.iter().map(|name| (*name, text().into())).collect());
    let mut fields: Vec<(&str, Shape)> = vec![
        ("id", text().into()),
        ("timestamp", time().into()),
        ("category", named("Category")),
        ("action", text().into()),
        ("principal", super::words::or_null(text())),
        ("outcome", word(&["success", "failure", "denied", "pending"]).into()),
        ("detail", anything()),
        ("duration_ms", whole().into()),
    ];
    let others = [
        "okr_id",
        "okr_run_id",
        "relay_id",
        "session_id",
        "trace_id",
        "span_id",
        "request_id",
        "resource",
        "intent_id",
        "reason",
    ];
    fields.extend(others.map(|name| (name, text().into())));
    fields.extend([
        ("source", texts(&["ip", "user_agent", "service", "host"]).into()),
        ("agent", texts(&["id", "instance", "model", "version"]).into()),
        ("on_behalf_of", list(text())),
        ("phase", word(&["intent", "result"]).into()),
        ("count", whole().into()),
        (
            "approval",
            object(
                vec![("decision", word(&["allowed", "denied", "asked"]).into())],
                vec![
                    ("by", text().into()),
                    ("kind", word(&["human", "rule"]).into()),
                    ("rule", text().into()),
                ],
            )
            .into(),
        ),
    ]);
    fields.extend(more);
    let (always, sometimes) = fields.into_iter().partition(|(name, _)| required.contains(name));
    object(always, sometimes)
}

//! What leaves a trail as a whole: the stream of new hits, exports, and the log as tiles.

use utoipa::openapi::HttpMethod::Get;

use super::words::{Api, BYTES, LINES, Op, TEXT, bytes, text, whole, word};
use crate::auth::Right;
use crate::problem::Kind;

pub(super) fn describe(api: Api) -> Api {
    let log = |id: &str, summary: &str| {
        Op::new("log", id, summary)
            .about("C2SP tlog-tiles. A token that is limited to some categories cannot have it.")
            .needs(Right::Prove)
            .header("If-None-Match", "The tag of what the client has", text())
            .answers(304, "The client has it", &[])
            .refuses(&[Kind::NotFound, Kind::OutOfScope, Kind::Damaged, Kind::TimedOut])
    };
    let checkpoint = log("getCheckpoint", "Get the newest signed head").answers(
        200,
        "A signed note",
        &[(TEXT, text().into())],
    );
    let rest = || text().pattern(Some("^(x[0-9]{3}/)*[0-9]{3}(\\.p/[0-9]{1,3})?$"));
    let tile = log("getTile", "Get a tile of hashes")
        .in_path("level", "Its level", whole().maximum(Some(63)))
        .in_path("rest", "Its number in groups of three digits, with the width of a partial one", rest())
        .answers(200, "1 to 256 hashes of 32 bytes", &[(BYTES, bytes())]);
    let bundle = log("getBundle", "Get a bundle of entries")
        .in_path("rest", "Its number in groups of three digits, with the width of a partial one", rest())
        .answers(200, "1 to 256 entries, each behind its length in two bytes", &[(BYTES, bytes())]);
    api.path("/v1/trails/{trail}/stream", [(Get, stream())])
        .path("/v1/trails/{trail}/export", [(Get, export())])
        .path("/v1/trails/{trail}/log/checkpoint", [(Get, checkpoint)])
        .path("/v1/trails/{trail}/log/tile/{level}/{rest}", [(Get, tile)])
        .path("/v1/trails/{trail}/log/tile/entries/{rest}", [(Get, bundle)])
}

fn stream() -> Op {
    Op::new("stream", "followEntries", "Follow the hits of a query as they are recorded")
        .about(
            "Server-sent events. `entry` has `{\"index\",\"entry\"}` and its index as `id`; `finding` is a line that does \
             not fit; `lagged` and `error` are the last event. Something is sent every 15 s.",
        )
        .needs(Right::Read)
        .asks("q", "The query; every entry without one", text())
        .asks("tz", "The time zone in which days begin, or else UTC", text())
        .asks("after", "The last entry that the client has, or -1: what is behind it comes first", whole().minimum(Some(-1)))
        .header("Last-Event-ID", "The id of the last event that the client has; it counts before `after`", whole())
        .answers(200, "Events, until one of both sides ends it", &[("text/event-stream", text().into())])
        .refuses(&[Kind::BadQuery, Kind::PastTheEnd, Kind::OutOfScope, Kind::Damaged, Kind::TimedOut])
}

fn export() -> Op {
    Op::new("export", "exportEntries", "Take out all hits of a query")
        .about("When anything fails, or does not fit what was signed, the answer has no end: do not take it for whole.")
        .needs(Right::Export)
        .asks("q", "The query; every entry without one", text())
        .asks("format", "In which form, or else jsonl", word(&["jsonl", "csv"]))
        .asks("order", "Which hits come first, or else the oldest", word(&["newest", "oldest"]))
        .asks("tz", "The time zone in which days begin, or else UTC", text())
        .answers(200, "One hit a line, or one a row", &[(LINES, text().into()), ("text/csv", text().into())])
        .refuses(&[Kind::BadQuery, Kind::OutOfScope])
}

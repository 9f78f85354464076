//! What is counted of all hits: facets, times and sessions, and one session from its first entry to its last.

use utoipa::openapi::HttpMethod::Get;

use super::words::{
    Api, JSON, Op, Shape, list, map, named, number, object, or_null, text, time, truth, whole, word,
};
use crate::auth::Right;
use crate::problem::Kind;

pub(super) fn describe(api: Api) -> Api {
    let facets = op("countValues", "Count the values of fields over all hits").must_ask(
        "fields",
        "The fields, with commas between them",
        text(),
    );
    let session = Op::new("search", "getSession", "See one session from its first entry to its last")
        .needs(Right::Read)
        .in_path("id", "Its id", text())
        .answers(200, "The session", &[(JSON, named("Timeline"))])
        .refuses(&[Kind::Damaged, Kind::TimedOut]);
    schemas(api)
        .path("/v1/trails/{trail}/facets", [(Get, asked(facets))])
        .path("/v1/trails/{trail}/histogram", [(Get, asked(op("countByTime", "Count all hits by time")))])
        .path(
            "/v1/trails/{trail}/sessions",
            [(Get, asked(op("listSessions", "List the sessions of all hits")))],
        )
        .path("/v1/trails/{trail}/sessions/{id}", [(Get, session)])
}

fn op(id: &str, summary: &str) -> Op {
    Op::new("search", id, summary).needs(Right::Read)
}

fn asked(op: Op) -> Op {
    op.asks("q", "The query; every entry without one", text())
        .asks("tz", "The time zone in which days begin, or else UTC", text())
        .answers(200, "What was counted, and what it covers", &[(JSON, named("Counted"))])
        .refuses(&[Kind::BadQuery, Kind::Damaged, Kind::TimedOut])
}

fn schemas(api: Api) -> Api {
    let covers = || -> Vec<(&str, Shape)> {
        vec![
            ("findings", list(named("Finding"))),
            ("coverage", named("Coverage")),
            ("took_ms", number().into()),
        ]
    };
    let range = object(vec![("since", or_null(time())), ("until", or_null(time()))], vec![]);
    let counted = object(
        [
            covers(),
            vec![
                ("count", or_null(named("Count"))),
                ("sessions_left_out", whole().into()),
                ("findings_left_out", whole().into()),
                ("range", range.into()),
            ],
        ]
        .concat(),
        vec![
            ("facets", map(list(named("FacetValue")))),
            ("facets_rest", map(named("Rest"))),
            ("histogram", named("Histogram")),
            ("sessions", list(named("Session"))),
        ],
    );
    let entry = object(
        vec![
            ("index", whole().into()),
            ("state", word(&["proved", "unsealed"]).into()),
            ("leaf_hash", super::words::hash().into()),
            ("entry", named("Entry")),
        ],
        vec![
            ("origin", text().into()),
            ("intent", whole().into()),
            ("intent_origin", text().into()),
            ("result", whole().into()),
            ("result_origin", text().into()),
        ],
    );
    let timeline = object(
        [covers(), vec![("session", named("Session")), ("timeline", list(entry))]].concat(),
        vec![("cut", truth().into()), ("findings_left_out", whole().into())],
    );
    api.schema("Counted", counted).schema("Timeline", timeline)
}

//! Searches: a question, and the answer with its hits, its counts and what it covers.

use utoipa::openapi::HttpMethod::Post;

use super::words::{
    Api, JSON, Op, Shape, closed, hash, list, map, named, number, object, or_null, text, time, truth, whole,
    word,
};
use crate::auth::Right;
use crate::problem::Kind;

pub(super) fn describe(api: Api) -> Api {
    schemas(api).path("/v1/trails/{trail}/search", [(Post, posted())])
}

/// `GET …/entries`.
pub(super) fn page() -> Op {
    let question = |op: Op| {
        op.asks("q", "The query, in the language of docs/SEARCH.md; every entry without one", text())
            .asks("limit", "The most hits on the page: 1 to 1,000, or else 50", limit())
            .asks("cursor", "Where the page before ended", text())
            .asks("order", "Which hits come first", word(&["newest", "oldest"]))
            .asks("tz", "The time zone in which days begin, or else UTC", text())
            .asks("count", "Whether all hits are counted", truth())
            .asks("facets", "The fields whose values are counted, with commas between them", text())
            .asks("histogram", "Whether hits are counted by time", truth())
            .asks("sessions", "Whether the sessions of the hits are listed", truth())
            .asks("exhaustive", "Whether every entry is read and proved", truth())
            .asks("explain", "Whether the answer says how the query was read", truth())
    };
    answer(question(Op::new("search", "searchEntries", "Search entries"))).with_header(
        200,
        "Link",
        "The next page, with `rel=\"next\"`",
    )
}

fn posted() -> Op {
    let op = Op::new("search", "postSearch", "Search entries, with a query that belongs in no address");
    answer(op.takes("The question", &[(JSON, named("Question"))]))
}

fn answer(op: Op) -> Op {
    op.needs(Right::Read)
        .answers(200, "Proved hits, and what the answer covers", &[(JSON, named("Answer"))])
        .refuses(&[Kind::BadQuery, Kind::BadCursor, Kind::OutOfScope, Kind::Damaged, Kind::TimedOut])
}

fn limit() -> utoipa::openapi::schema::ObjectBuilder {
    whole().minimum(Some(1)).maximum(Some(1_000))
}

fn schemas(api: Api) -> Api {
    let question = object(
        vec![],
        vec![
            ("q", or_null(text())),
            ("limit", or_null(limit())),
            ("cursor", or_null(text())),
            ("order", or_null(word(&["newest", "oldest"]))),
            ("tz", or_null(text())),
            ("count", truth().into()),
            ("facets", or_null(text())),
            ("histogram", truth().into()),
            ("sessions", truth().into()),
            ("exhaustive", truth().into()),
            ("explain", truth().into()),
        ],
    );
    let answer = object(
        vec![
            ("hits", list(named("Hit"))),
            ("next", or_null(text())),
            ("findings", list(named("Finding"))),
            ("coverage", named("Coverage")),
            ("range", object(vec![("since", or_null(time())), ("until", or_null(time()))], vec![]).into()),
            ("took_ms", number().into()),
        ],
        vec![
            ("count", named("Count")),
            ("facets", map(list(named("FacetValue")))),
            ("facets_rest", map(named("Rest"))),
            ("histogram", named("Histogram")),
            ("sessions", list(named("Session"))),
            ("sessions_left_out", whole().into()),
            ("findings_left_out", whole().into()),
            (
                "explain",
                object(
                    vec![("query", text().into()), ("reading", list(text())), ("plan", text().into())],
                    vec![],
                )
                .into(),
            ),
        ],
    );
    let rest = || vec![("entries", whole().into()), ("events", whole().into())];
    let older =
        object([vec![("origin", text().into())], covered()].concat(), vec![("hidden", whole().into())]);
    counts(api)
        .schema("Question", closed(question))
        .schema("Answer", answer)
        .schema("Rest", object(rest(), vec![]))
        .schema("Count", object([rest(), vec![("exact", truth().into())]].concat(), vec![]))
        .schema("FacetValue", object([vec![("value", text().into())], rest()].concat(), vec![]))
        .schema(
            "Finding",
            object(
                vec![
                    ("verdict", named("Verdict")),
                    ("index", or_null(whole())),
                    ("file", or_null(text())),
                    ("offset", or_null(whole())),
                    ("message", text().into()),
                ],
                vec![("last", whole().into())],
            ),
        )
        .schema("Coverage", object(covered(), vec![("hidden", whole().into()), ("before", list(older))]))
        .schema("Hash", hash())
}

/// What an answer covers of one trail.
fn covered() -> Vec<(&'static str, Shape)> {
    vec![
        ("entries", whole().into()),
        ("durable", word(&["lock", "lines"]).into()),
        ("key_source", word(&["given", "pinned", "self_asserted"]).into()),
        ("index", word(&["none", "own", "unchecked"]).into()),
        ("indexed_to", whole().into()),
        ("scanned", whole().into()),
        ("unsealed", whole().into()),
        ("complete", truth().into()),
    ]
}

fn counts(api: Api) -> Api {
    let row = ["success", "failure", "denied", "pending", "events"].map(|name| (name, whole().into()));
    api.schema(
        "Histogram",
        object(
            vec![
                ("bucket_s", whole().into()),
                ("from", or_null(time())),
                ("rows", list(object(row.to_vec(), vec![]))),
            ],
            vec![],
        ),
    )
    .schema(
        "Session",
        object(
            vec![
                ("id", text().into()),
                ("first", or_null(time())),
                ("last", or_null(time())),
                ("entries", whole().into()),
                ("denied", whole().into()),
                ("failed", whole().into()),
                ("principals", list(text())),
                ("agents", list(text())),
            ],
            vec![],
        ),
    )
}

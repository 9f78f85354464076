//! Trails: which there are, how each is doing, its verification, and the entries in the form of the module before.

use utoipa::openapi::HttpMethod::{Get, Post};
use utoipa::openapi::schema::ObjectBuilder;

use super::words::{
    Api, JSON, Op, Shape, anything, hash, list, named, number, object, or_null, text, time, truth, whole,
    word,
};
use crate::auth::Right;
use crate::problem::Kind;

pub(super) fn describe(api: Api) -> Api {
    let list_all =
        Op::new("trails", "listTrails", "List the trails that the token is for").needs(Right::Read);
    let one = Op::new("trails", "getTrail", "See how a trail is doing").needs(Right::Read);
    schemas(api)
        .path(
            "/v1/trails",
            [(
                Get,
                list_all
                    .answers(200, "The trails", &[(JSON, named("Trails"))])
                    .refuses(&[Kind::Damaged, Kind::TimedOut]),
            )],
        )
        .path(
            "/v1/trails/{trail}",
            [(
                Get,
                one.answers(200, "How it is doing", &[(JSON, named("Trail"))])
                    .refuses(&[Kind::Damaged, Kind::TimedOut]),
            )],
        )
        .path("/v1/trails/{trail}/verify", [(Get, verification()), (Post, verify())])
        .path("/v1/audit", [(Get, audit())])
}

fn verify() -> Op {
    Op::new("verify", "startVerification", "Verify a trail in the background")
        .about("With all older ones of its chain. While one runs or waits, no second one is started.")
        .needs(Right::Verify)
        .answers(202, "It runs, or waits for another one to end", &[(JSON, named("Verification"))])
        .with_header(202, "Location", "Where its progress and its result are")
}

fn verification() -> Op {
    Op::new("verify", "getVerification", "See how far a verification is, and what the last one found")
        .needs(Right::Verify)
        .answers(200, "How it stands", &[(JSON, named("Verification"))])
}

fn audit() -> Op {
    Op::new("audit", "listAudit", "List the newest entries of the trail main, newest first")
        .about(
            "As the module answered that Graven began from: entries that its types cannot say are left out.",
        )
        .needs(Right::Administer)
        .asks("limit", "How many; more than 1,000 are never given, and 100 when it is left out", whole())
        .asks(
            "category",
            "Only those of this category; `tool` is `tool_execution`",
            word(&[
                "api",
                "tool_execution",
                "tool",
                "session",
                "cognition",
                "swarm",
                "auth",
                "k8s",
                "sandbox",
                "config",
            ]),
        )
        .answers(200, "The entries", &[(JSON, list(named("AuditEntry")))])
        .refuses(&[Kind::UnknownTrail, Kind::OutOfScope, Kind::Damaged, Kind::TimedOut])
}

fn schemas(api: Api) -> Api {
    let short = vec![
        ("name", named("ServedName")),
        ("origin", text().into()),
        ("entries", whole().into()),
        ("read_only", truth().into()),
    ];
    let older: Shape = object(short[..3].to_vec(), vec![]).into();
    let long = [
        short.clone(),
        vec![
            ("key", text().into()),
            ("sealed", whole().into()),
            ("root", hash().into()),
            ("checkpoint_age_s", or_null(number())),
            ("last_entry", or_null(time())),
            (
                "index",
                object(
                    ["shelves", "own", "missing", "entries"].map(|name| (name, whole().into())).to_vec(),
                    vec![],
                )
                .into(),
            ),
            (
                "verify",
                or_null(object(
                    vec![
                        ("ok", truth().into()),
                        ("verdict", or_null(named("Verdict"))),
                        ("ended", time().into()),
                    ],
                    vec![],
                )),
            ),
            ("archive", or_null(archive())),
            (
                "counters",
                object(
                    ["recorded", "duplicates", "refused"].map(|name| (name, whole().into())).to_vec(),
                    ["durable", "groups", "sealed", "dropped"].map(|name| (name, whole().into())).to_vec(),
                )
                .into(),
            ),
        ],
    ]
    .concat();
    let asked = || vec![("asked", time().into()), ("by", or_null(text()))];
    let running =
        object([asked(), vec![("bytes_done", whole().into()), ("bytes", whole().into())]].concat(), vec![]);
    let done = object(
        [
            asked(),
            vec![
                ("ended", time().into()),
                ("ok", truth().into()),
                ("report", or_null(named("Report"))),
                ("error", or_null(text())),
            ],
        ]
        .concat(),
        vec![],
    );
    reports(api)
        .schema("TrailName", text().pattern(Some("^[a-z0-9][a-z0-9._-]{0,63}$")))
        .schema("ServedName", text().pattern(Some("^[a-z0-9][a-z0-9._-]{0,63}(@[1-9][0-9]*)?$")))
        .schema("Category", text().pattern(Some("^[a-z][a-z0-9_]{0,63}$")))
        .schema(
            "Trails",
            object(vec![("trails", list(object(short, vec![("before", list(older.clone()))])))], vec![]),
        )
        .schema("Trail", object(long, vec![("before", list(older))]))
        .schema("Verification", object(vec![("running", or_null(running)), ("last", or_null(done))], vec![]))
        .schema(
            "AuditEntry",
            object(
                vec![
                    ("id", text().into()),
                    ("timestamp", time().into()),
                    ("category", text().into()),
                    ("action", text().into()),
                    ("principal", or_null(text())),
                    ("outcome", word(&["success", "failure", "denied"]).into()),
                ],
                vec![
                    ("detail", anything()),
                    ("duration_ms", whole().into()),
                    ("okr_id", text().into()),
                    ("okr_run_id", text().into()),
                    ("relay_id", text().into()),
                    ("session_id", text().into()),
                ],
            ),
        )
}

/// How the shipping of a trail stands.
fn archive() -> ObjectBuilder {
    let lag = vec![("entries", whole().into()), ("bytes", whole().into()), ("seconds", number().into())];
    let fenced = vec![("other", text().into()), ("first_differing", or_null(whole()))];
    let states = ["starting", "shipping", "failing", "fenced", "refused", "stopped"];
    object(
        vec![
            ("url", text().into()),
            ("state", word(&states).into()),
            ("epoch", or_null(whole())),
            ("entries", whole().into()),
            ("lag", object(lag, vec![]).into()),
        ],
        vec![("error", text().into()), ("fenced", object(fenced, vec![]).into())],
    )
}

fn reports(api: Api) -> Api {
    let sources = ["given", "pinned", "self_asserted"];
    let continued = object(
        vec![("origin", text().into()), ("key", text().into()), ("key_source", word(&sources).into())],
        vec![],
    );
    api.schema(
        "Verdict",
        word(&[
            "intact",
            "unsealed",
            "torn_tail",
            "tiles_damaged",
            "missing",
            "truncated",
            "inserted",
            "altered",
            "bad_signature",
            "rolled_back",
            "forked",
            "unknown_version",
        ]),
    )
    .schema(
        "Report",
        object(
            vec![
                ("verdict", named("Verdict")),
                ("entries", whole().into()),
                ("sealed", whole().into()),
                ("root", or_null(hash())),
                ("key_source", or_null(word(&sources))),
                ("key", or_null(text())),
                ("findings", list(named("Finding"))),
                ("findings_left_out", whole().into()),
                ("memory", word(&["none", "path", "key"]).into()),
                ("warnings", list(text())),
                ("bytes", whole().into()),
                ("seconds", number().into()),
                ("entries_per_second", number().into()),
            ],
            vec![
                ("earlier_findings", list(named("Finding"))),
                ("hint", text().into()),
                ("hint_file", text().into()),
                ("continued", continued.into()),
                ("before", list(named("Report"))),
                (
                    "older_copy",
                    object(
                        vec![("size", whole().into()), ("seen", whole().into())],
                        vec![("not_compared", anything())],
                    )
                    .into(),
                ),
            ],
        ),
    )
}

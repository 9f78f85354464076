//! What a trail says of its own life.

use utoipa::openapi::HttpMethod::Get;

use super::words::{Api, JSON, Op, list, map, named, object, or_null, text, time, whole};
use crate::auth::Right;
use crate::problem::Kind;

pub(super) fn describe(api: Api) -> Api {
    let life = Op::new("trails", "getLife", "See openings, losses and silences of a trail")
        .about(
            "Where a run has promised heartbeats, this reads all entries. An answer is given again for ten times as long as it \
             took.",
        )
        .needs(Right::Read)
        .answers(200, "What its own entries say", &[(JSON, named("Life"))])
        .refuses(&[Kind::Damaged, Kind::TimedOut]);
    let counts =
        ["opened", "closed", "unfinished", "recovered", "settings_changed", "heartbeats", "gaps", "silences"];
    let open_run = object(
        vec![
            ("run", or_null(text())),
            ("opened", whole().into()),
            ("heartbeat_ms", or_null(whole())),
            ("last_sign", or_null(time())),
        ],
        vec![],
    );
    let silence = object(
        vec![
            ("run", or_null(text())),
            ("after", whole().into()),
            ("from", time().into()),
            ("to", time().into()),
            ("seconds", whole().into()),
        ],
        vec![],
    );
    let signs = object(
        [
            counts.map(|name| (name, whole().into())).to_vec(),
            vec![
                ("dropped", map(whole())),
                ("open_runs", list(open_run)),
                ("heartbeat_ms", or_null(whole())),
                ("longest_silences", list(silence)),
            ],
        ]
        .concat(),
        vec![],
    );
    let answer = object(
        vec![
            ("judged", time().into()),
            ("entries", whole().into()),
            ("life", signs.into()),
            ("silent_seconds", or_null(whole())),
        ],
        vec![],
    );
    api.schema("Life", answer).path("/v1/trails/{trail}/life", [(Get, life)])
}

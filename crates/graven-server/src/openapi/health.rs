//! Whether the server lives and can record, its metrics, and this description.

use utoipa::openapi::HttpMethod::Get;

use super::words::{Api, JSON, Op, TEXT, anything, list, named, object, text, word};
use crate::auth::Right;

pub(super) fn describe(api: Api) -> Api {
    let alive = Op::new("health", "isAlive", "See whether the server lives");
    let ready = Op::new("health", "isReady", "See whether the server can record");
    let metrics = Op::new("health", "getMetrics", "Get what Prometheus collects");
    let openapi = Op::new("health", "getDescription", "Get this description of the API");
    let readiness = object(
        vec![
            ("status", word(&["ready", "degraded", "unready"]).into()),
            ("reasons", list(object(vec![("trail", text().into()), ("reason", text().into())], vec![]))),
        ],
        vec![],
    );
    api.schema("Readiness", readiness)
        .path("/healthz", [(Get, alive.answers(200, "It lives", &[(TEXT, text().into())]))])
        .path(
            "/readyz",
            [(
                Get,
                ready
                    .about("It is degraded when it can record and somebody should look.")
                    .answers(200, "It can record", &[(JSON, named("Readiness"))])
                    .answers(503, "It cannot record, or too much is asked", &[(JSON, named("Readiness"))]),
            )],
        )
        .path(
            "/metrics",
            [(
                Get,
                metrics
                    .needs(Right::Read)
                    .about("About the trails that the token is for.")
                    .answers(200, "The metrics", &[(TEXT, text().into())])
                    .refuses(&[crate::problem::Kind::OutOfScope]),
            )],
        )
        .path("/openapi.json", [(Get, openapi.answers(200, "The description", &[(JSON, anything())]))])
}

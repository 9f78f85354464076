//! The addresses of the server: one list of all of them, and what each needs.

mod access;
mod acts;
mod ask;
mod audit;
mod clear;
mod cookie;
mod counts;
mod door;
mod entries;
mod entry;
mod export;
mod health;
mod kubernetes;
mod life;
mod log;
mod measure;
mod metrics;
mod openapi;
mod otlp;
mod pending;
mod search;
mod session;
mod stream;
mod tokens;
mod trails;
mod verify;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post};

use crate::auth::Right;
use crate::page;
use crate::problem::{Kind, Problem};
use crate::state::Shared;

pub(crate) use clear::router as router_in_clear;
pub(crate) use cookie::cookie_name;
#[cfg(feature = "grpc")]
pub(crate) use otlp::{grpc_router, grpc_router_in_clear};

/// All addresses. Whatever is not named here is not there, and a request without the right that its address needs is refused.
pub(crate) fn router(state: &Shared) -> Router {
    let check = |right| from_fn_with_state((Arc::clone(state), right), access::check);
    let may = |right| check(Some(right));
    // Clients of OTLP read refusals in a form of their own, also those of the door.
    let otlp = Router::new()
        .route("/v1/logs", post(otlp::logs).layer(may(Right::Record)))
        .route("/v1/traces", post(otlp::traces).layer(may(Right::Record)))
        .route("/v1/trails/{trail}/otlp/v1/logs", post(otlp::logs).layer(may(Right::Record)))
        .route("/v1/trails/{trail}/otlp/v1/traces", post(otlp::traces).layer(may(Right::Record)))
        .method_not_allowed_fallback(other_method)
        .layer(from_fn_with_state(Arc::clone(state), measure::measure))
        .layer(from_fn(otlp::answer));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/openapi.json", get(openapi::description))
        .route(
            "/v1/session",
            get(session::who).delete(session::end).layer(check(None)).merge(post(session::begin)),
        )
        .route("/metrics", get(metrics::scrape).layer(may(Right::Read)))
        .route("/v1/audit", get(audit::newest).layer(may(Right::Administer)))
        .route("/v1/trails", get(trails::list).layer(may(Right::Read)))
        .route("/v1/trails/{trail}", get(trails::one).layer(may(Right::Read)))
        .route(
            "/v1/trails/{trail}/entries",
            get(search::page).layer(may(Right::Read)).merge(post(entries::record).layer(may(Right::Record))),
        )
        .route("/v1/trails/{trail}/kubernetes", post(kubernetes::record).layer(may(Right::Record)))
        .route("/v1/trails/{trail}/search", post(search::posted).layer(may(Right::Read)))
        .route("/v1/trails/{trail}/entries/by-id", get(entry::by_id).layer(may(Right::Read)))
        .route("/v1/trails/{trail}/entries/{index}", get(entry::one).layer(may(Right::Read)))
        .route("/v1/trails/{trail}/entries/{index}/proof", get(entry::proof).layer(may(Right::Prove)))
        .route("/v1/trails/{trail}/entries/{index}/blob", get(entry::blob).layer(may(Right::Read)))
        .route("/v1/trails/{trail}/export", get(export::stream).layer(may(Right::Export)))
        .route("/v1/trails/{trail}/log/{*path}", get(log::file).layer(may(Right::Prove)))
        .route("/v1/trails/{trail}/stream", get(stream::follow).layer(may(Right::Read)))
        .route(
            "/v1/trails/{trail}/verify",
            get(verify::standing).post(verify::start).layer(may(Right::Verify)),
        )
        .route("/v1/trails/{trail}/facets", get(counts::facets).layer(may(Right::Read)))
        .route("/v1/trails/{trail}/histogram", get(counts::histogram).layer(may(Right::Read)))
        .route("/v1/trails/{trail}/sessions", get(counts::sessions).layer(may(Right::Read)))
        .route("/v1/trails/{trail}/sessions/{id}", get(counts::session).layer(may(Right::Read)))
        .route("/v1/trails/{trail}/pending", get(pending::list).layer(may(Right::Read)))
        .route("/v1/trails/{trail}/life", get(life::signs).layer(may(Right::Read)))
        .route("/v1/trails/{trail}/acts", post(acts::begin).layer(may(Right::Record)))
        .route("/v1/trails/{trail}/acts/{id}", post(acts::finish).layer(may(Right::Record)))
        .route(
            "/v1/tokens",
            get(tokens::list)
                .layer(may(Right::Administer))
                .merge(post(tokens::create).layer(may(Right::Administer))),
        )
        .route("/v1/tokens/{id}", delete(tokens::revoke).layer(may(Right::Administer)))
        .merge(page::routes())
        .fallback(nothing)
        .method_not_allowed_fallback(other_method)
        .layer(from_fn_with_state(Arc::clone(state), measure::measure))
        .merge(otlp)
        .with_state(Arc::clone(state))
}

async fn nothing() -> Problem {
    Problem::new(Kind::NotFound, "nothing is at this address: docs/SERVER.md lists all of them")
}

async fn other_method() -> Problem {
    Problem::new(
        Kind::MethodNotAllowed,
        "this address does not take this method: the header `Allow` names those that it takes",
    )
}

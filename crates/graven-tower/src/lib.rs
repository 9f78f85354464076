//! Every request of a server on record: a tower layer over a Graven trail, for axum, hyper and tonic.
//!
//! A request that is refused, unmatched, cut off or ends in a panic is recorded like any other. Its entry has
//! `METHOD /route/{template}`, the raw path, who asked and from where, how it ended and how long it took until the
//! last byte of the answer. Entries that the handler records, and all that it calls, have the same request id,
//! trace, principal and source ([`graven::Actor`]). Bodies are passed on unchanged, frame by frame.
//!
//! ```
//! use axum::{Router, routing::get};
//! use graven_tower::AuditLayer;
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let dir = folder.path().join("trail");
//! let trail = graven::Trail::open(graven::Settings::new(dir))?;
//! let app: Router = Router::new()
//!     .route("/v1/sessions/{id}", get(|| async { "hello" }))
//!     .layer(AuditLayer::new(trail)); // last, so that it sees every route, and what matches none
//! # Ok::<(), graven::Error>(())
//! ```
//!
//! # What is promised
//!
//! - **By default**, one entry per request, queued at the end of the answer and durable some milliseconds later. A crash
//!   loses the entries of that moment, and so the requests that were being answered then. When the trail's queue is full,
//!   the entry is counted as lost, and the trail says so in a `trail.gap` entry.
//! - **With an intent** ([`Rule::intent`]), an entry is durable before the handler runs, and a second one follows. After
//!   a crash, `graven pending` names the requests that were being served. When the intent cannot be recorded, the request
//!   is answered with 503 and the handler does not run.
//! - **[`AuditLayer::fail_closed`]** records an intent for every request that no rule skips.
//! - **With [`AuditLayer::count_strangers`]**, failed requests without a principal cannot fill the disk: the first of a
//!   client in a window is recorded as usual, and the others become one entry with their count.
//!
//! Neither the first byte of an answer nor its last waits for the disk; only an intent does.

mod body;
mod client;
mod counting;
mod ending;
mod hashing;
mod head;
mod hints;
mod ids;
mod in_flight;
mod layer;
mod plan;
mod request;
mod response;
mod route;
mod rule;
mod service;
mod strangers;
mod text;
mod trace_context;

pub use body::AuditBody;
pub use client::{BadNetwork, Peer, TrustedProxies, one_client};
pub use hashing::{HashRequests, HashRequestsLayer, HashedBody};
pub use layer::AuditLayer;
pub use request::RequestAudit;
pub use response::ResponseFuture;
pub use rule::Rule;
pub use service::AuditService;
pub use strangers::Strangers;

/// The examples of the guide, so that they compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/AUDIT_HTTP.md")]
mod guide {}

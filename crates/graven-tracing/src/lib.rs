//! Events and spans of `tracing` that are marked for the audit become entries of a Graven trail.
//!
//! ```
//! use graven::{Settings, Trail};
//! use graven_tracing::{TrailLayer, AuditOnly};
//! use tracing_subscriber::prelude::*;
//!
//! # let folder = tempfile::tempdir().unwrap();
//! let trail = Trail::open(Settings::new(folder.path().join("trail")))?;
//! let subscriber = tracing_subscriber::registry()
//!     .with(TrailLayer::new(trail.clone()).with_filter(AuditOnly))
//!     .with(tracing_subscriber::fmt::layer().with_filter(tracing_subscriber::EnvFilter::from_default_env()));
//! # let _guard = tracing::subscriber::set_default(subscriber);
//! // A program calls `subscriber.init()`.
//!
//! tracing::info!(target: "audit::auth", principal = "alice", outcome = "denied", reason = "no token", "login");
//!
//! trail.flush_blocking()?;
//! let entry = trail.recent(1).remove(0);
//! assert_eq!((entry.action.as_str(), entry.category), ("login", graven::Category::Auth));
//! // At the end of a program: a global subscriber is never dropped, so it does not close the trail. A program that
//! // calls `graven::init_trail` keeps a `graven::guard()` in `main` instead.
//! trail.close_blocking()?;
//! # Ok::<(), graven::Error>(())
//! ```
//!
//! # What becomes an entry
//!
//! Events and spans whose target is `audit` or begins with `audit::`, and those that have a field `audit` (such as
//! `audit = true`; not with `audit = false`). An event is an entry at once; a span is one when it closes, with the time
//! since it was opened, and with what was recorded on it meanwhile.
//!
//! | field | becomes |
//! |---|---|
//! | `category` | the category; without it, what follows `audit::` in the target; else [`TrailLayer::category`] |
//! | `action` | the action; without it, an event's message, and a span's name |
//! | `outcome` | `success`, `failure` or `denied`; anything else is `failure`, and kept in the detail |
//! | `error`, `err` | stays in the detail, with its sources; without an `outcome`, a failure |
//! | `otel.status_code` | stays in the detail; without an `outcome`, `ERROR` is a failure |
//! | `principal`, `resource`, `reason`, `session_id`, `request_id`, `okr_id`, `okr_run_id`, `relay_id` | themselves |
//! | `trace_id`, `span_id`; else `otel.trace_id`, `otel.span_id`; else a W3C `traceparent` | the trace and the span |
//! | `agent.id`, `agent.instance`, `agent.model`, `agent.version` | the agent |
//! | `source.ip`, `source.user_agent`, `source.service`, `source.host` | the source |
//! | `on_behalf_of` | for whom, innermost first, between commas |
//! | `duration_ms` | the duration; a span has its own without it |
//! | `intent = true`, on a span | two entries: an intent when it opens, its result when it closes |
//! | any other | the same name in the detail: numbers digit for digit, everything else as text |
//!
//! An event of the level `ERROR` without an outcome is a failure. A span that declares `outcome` and closes without
//! setting it is a failure, `abandoned`; one that closes in a panic is a failure, `panicked`. **A span that declares no
//! outcome, and has no error, is a success: a cancelled future cannot be told from one that ended.**
//! Declare `outcome = tracing::field::Empty` where that matters, or use [`Trail::begin`](graven::Trail::begin).
//!
//! What `#[instrument(target = "audit", err, ret)]` reports of a function's result is kept with its span: see
//! [`TrailLayer`].
//!
//! Who acts, for whom and where, and which session, request and trace: what an event or span does not say itself, it
//! takes from the audit spans around it, the innermost first; then from the [`Actor`](graven::Actor) in which the span
//! was opened; then from the current one.
//!
//! # Not here
//!
//! - **The ids of `tracing-opentelemetry`** live in a type of that crate, which is not a dependency: only fields are
//!   read. Record them on the span that needs them: `trace_id = %cx.span().span_context().trace_id()`.
//! - **Records of the `log` crate** come through `tracing-log` with the target `log`, and do not become entries.
//! - **A span that never closes**, such as one that is forgotten, leaves no entry, except for its intent if it has one.

mod counters;
mod entry;
mod fields;
mod filter;
mod known;
mod layer;
mod nesting;
mod span;

pub use counters::Counters;
pub use filter::AuditOnly;
pub use layer::TrailLayer;

/// The examples of the guide, so that they compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/AUDIT_TRACING.md")]
mod guide {}

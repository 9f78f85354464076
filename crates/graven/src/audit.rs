//! A drop-in for the audit log of the agent server that Graven began from: the same names, over a trail.
//!
//! A program that uses that server's `audit` module works with this one after changing one `use` line. What it gains:
//! [`record`](AuditLog::record) and [`log`](AuditLog::log) return once the entry is durable, failures are reported and
//! counted, storage that comes back is used again without a restart, and the entries of earlier runs are still there.
//! New programs should use [`Trail`](crate::Trail), which answers every entry with a receipt or an error.
//!
//! The module has had two shapes. This one is that of its versions 1.1 to 2.0, whose entries have eight fields.
//! [`correlated`] is that of versions 2.1 to 4.7, whose entries have four more. Both can be used in one program: there is
//! one log of the process under both, and entries of either shape are in the answers of the other.
//!
//! ```
//! use graven::audit::{AuditCategory, AuditLog, AuditOutcome};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("audit.jsonl");
//! let log = AuditLog::new(10_000, Some(path));
//! log.log(AuditCategory::Api, "POST /api/session", AuditOutcome::Success, Some("alice".into()), None).await;
//! assert_eq!(log.recent(1).await[0].action, "POST /api/session");
//! # });
//! ```

pub mod correlated;
mod counted;
mod entry;
mod kept;
mod late;
mod log;
mod memory;
mod native;
mod process;
mod ring;
mod shape;
mod shared;
mod sink;
mod stream;
mod unwritten;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::guard::Guard;
pub use log::Log;

/// The area that an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditCategory {
    /// An HTTP request and its response.
    Api,
    /// A tool was run.
    ToolExecution,
    /// A session was created, loaded or prompted.
    Session,
    /// The cognition loop.
    Cognition,
    /// An operation of the swarm of personas.
    Swarm,
    /// Authentication.
    Auth,
    /// The server deployed itself.
    K8s,
    /// The plugin sandbox.
    Sandbox,
    /// The configuration changed.
    Config,
}

/// The outcome of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// The action was done.
    Success,
    /// The action failed.
    Failure,
    /// The action was not allowed.
    Denied,
}

/// One action: one line of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its id, 1 to 256 bytes.
    pub id: String,
    /// When it happened.
    pub timestamp: DateTime<Utc>,
    /// The area that it is about.
    pub category: AuditCategory,
    /// What was done, for example `POST /api/session`.
    pub action: String,
    /// Who did it.
    pub principal: Option<String>,
    /// The outcome.
    pub outcome: AuditOutcome,
    /// Further details, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
    /// The duration, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// The audit log of entries with eight fields.
pub type AuditLog = Log<AuditEntry>;

/// Sets the log of the whole process, also for [`correlated`]. Call it once, at startup.
///
/// It is never dropped, so nothing closes it unless the program does: keep a [`guard`] in `main`. Without one, what
/// [`record`](AuditLog::record) and [`log`](AuditLog::log) have answered is durable all the same. But the newest entries
/// (those of the last 100 ms under load, of some ten milliseconds otherwise) may not be under a signed checkpoint until the next opening, and there
/// is no `closed`.
///
/// # Errors
/// Returns the given log when the process has one already.
pub fn init_audit_log(log: AuditLog) -> Result<(), AuditLog> {
    if process::init(&log.shared) { Ok(()) } else { Err(log) }
}

/// The log of the whole process.
///
/// # Panics
/// When it is called before [`init_audit_log`].
pub fn audit_log() -> &'static AuditLog {
    try_audit_log().expect(process::NONE_YET)
}

/// The log of the whole process; `None` before [`init_audit_log`].
pub fn try_audit_log() -> Option<&'static AuditLog> {
    process::logs().map(|logs| &logs.plain)
}

/// Closes the log of the whole process at the end of `main`, if there is one by then: its trail is written and sealed.
/// Entries that come later are in memory only. [`Guard`] says what this waits for.
///
/// ```
/// use graven::audit::{self, AuditCategory, AuditLog, AuditOutcome};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("audit.jsonl");
/// # let closed = folder.path().join("audit.jsonl.d/closed");
/// let guard = audit::guard(); // the first line of `main`
/// audit::init_audit_log(AuditLog::new(10_000, Some(path))).expect("once, at startup");
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// audit::audit_log().log(AuditCategory::Config, "reload", AuditOutcome::Success, None, None).await;
/// # });
/// drop(guard); // at the end of `main` this happens by itself
/// # assert!(closed.exists());
/// ```
pub fn guard() -> Guard {
    Guard::new(close_log)
}

/// Closes the log of the whole process, if there is one.
pub(crate) fn close_log() -> Result<(), Error> {
    try_audit_log().and_then(|log| log.shared.sink.as_ref()).map_or(Ok(()), |sink| sink.close())
}

//! A drop-in for the audit log of the agent server that Graven began from: the same names, over a trail.
//!
//! A program that uses that server's `audit` module works with this one after changing one `use` line. What it gains:
//! [`record`](AuditLog::record) and [`log`](AuditLog::log) return once the entry is durable, failures are reported and
//! counted, storage that comes back is used again without a restart, and the entries of earlier runs are still there.
//! New programs should use [`Trail`], which answers every entry with a receipt or an error.
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

mod kept;
mod late;
mod native;
mod ring;
mod shared;
mod sink;
mod stream;
mod unwritten;

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::guard::Guard;
use crate::record::recording::Receipt;
use crate::seam::machine::Machine;
use crate::trail::Trail;
use native::Correlation;
use shared::Shared;
use unwritten::Told;

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

/// The default number of entries in memory.
const MAX_ENTRIES: usize = 10_000;
/// The smallest number of entries in memory.
const MAX_ENTRIES_MIN: usize = 128;

/// The variables for the number of entries in memory: the first that is set decides.
const MAX_ENTRIES_NAMES: [&str; 2] = ["GRAVEN_AUDIT_MAX_ENTRIES", "CODETETHER_AUDIT_MAX_ENTRIES"];
/// The variables for the path of the file: the first that is set decides.
const PATH_NAMES: [&str; 2] = ["GRAVEN_AUDIT_LOG_PATH", "CODETETHER_AUDIT_LOG_PATH"];

/// The audit log: a file of JSON Lines that can be verified, and its newest entries in memory.
///
/// Cheap to clone; clones share one log, and logs on one path share one [`Trail`]. Dropping the last of them writes and
/// seals everything and closes the file before it returns.
///
/// While the file cannot be written, entries are kept in memory. [`failures`](AuditLog::failures) counts them, and an
/// event of level ERROR reports when this begins and when it ends. The log tries the file again when an entry comes, with
/// pauses of at most 5 seconds, and once more when it is dropped. Then it first writes what
/// [`record`](AuditLog::record) and [`log`](AuditLog::log) have kept, in its order and with its own ids and times, behind
/// a `trail.gap` entry that says how many these are. Entries of [`try_record`](AuditLog::try_record) are not written
/// late: their callers got an error. Memory holds the newest `max_entries` of each sort, and at most 64 MiB; a
/// `trail.gap` entry counts those that had to leave before they were written.
#[derive(Clone)]
pub struct AuditLog(Arc<Shared>);

impl AuditLog {
    /// Makes a log that keeps the newest `max_entries` in memory (at least 128) and writes every entry to the file
    /// `sink_path`, if there is one.
    ///
    /// Never fails: a file that cannot be opened is tried again when an entry comes. The entries are in the file at
    /// exactly this path; all other files are in `<path>.d/`. The paths `-` and `/dev/stdout` mean standard output, and
    /// `/dev/stderr` means standard error: there each entry is a line that nothing verifies, which an event says once. When several logs share a trail, the first one sets how
    /// many entries the trail keeps in memory. In no case are that more than 64 MiB of entries.
    pub fn new(max_entries: usize, sink_path: Option<PathBuf>) -> AuditLog {
        AuditLog::on(max_entries, sink_path, Machine::os())
    }

    /// Makes the log that the environment describes: `GRAVEN_AUDIT_MAX_ENTRIES` and `GRAVEN_AUDIT_LOG_PATH`, or else
    /// `CODETETHER_AUDIT_MAX_ENTRIES` and `CODETETHER_AUDIT_LOG_PATH`. An empty variable counts as unset. Default:
    /// 10,000 entries in memory, and no file.
    pub fn from_env() -> AuditLog {
        let max_entries = first_set(MAX_ENTRIES_NAMES).and_then(|number| number.to_str()?.parse().ok());
        AuditLog::new(max_entries.unwrap_or(MAX_ENTRIES), first_set(PATH_NAMES).map(PathBuf::from))
    }

    /// [`new`](AuditLog::new) on another machine than the system's.
    #[cfg(feature = "sim")]
    #[doc(hidden)]
    pub fn testing_only_new_on(max_entries: usize, sink_path: Option<PathBuf>, machine: Machine) -> AuditLog {
        AuditLog::on(max_entries, sink_path, machine)
    }

    fn on(max_entries: usize, sink_path: Option<PathBuf>, machine: Machine) -> AuditLog {
        AuditLog(Arc::new(Shared::new(max_entries.max(MAX_ENTRIES_MIN), sink_path, machine)))
    }

    /// Records an entry. Returns once the entry is durable, or known not to be; then it is kept and written later. So it
    /// is if the future is dropped after its first poll.
    ///
    /// No entry is refused for what it says. One that is too long is cut ([`Entry::cut_to_fit`](crate::Entry::cut_to_fit)), an empty id is
    /// replaced by a new one, and a detail that nests more than 126 deep is kept as the text of its JSON.
    ///
    /// Fields the entry does not set are taken from the current [`Actor`](crate::Actor): the principal, and in the file
    /// also the other fields of the actor. The actor is read when this is called, not when the future is polled.
    pub fn record(&self, entry: AuditEntry) -> impl Future<Output = ()> {
        let correlation = Correlation::now();
        async move {
            let _counted = self.0.record(entry, correlation, Told::No).await;
        }
    }

    /// Records an entry like [`record`](AuditLog::record), and returns its receipt or the error.
    ///
    /// # Errors
    /// As [`Trail::record`]; also `Unavailable` when the log has no file or writes to a stream, or the file cannot be opened now. After an
    /// error the entry is still in memory, and is not written later.
    pub fn try_record(&self, entry: AuditEntry) -> impl Future<Output = Result<Receipt, Error>> {
        let correlation = Correlation::now();
        async move { self.0.record(entry, correlation, Told::Yes).await }
    }

    /// Records an action that happened now.
    pub fn log(
        &self,
        category: AuditCategory,
        action: impl Into<String>,
        outcome: AuditOutcome,
        principal: Option<String>,
        detail: Option<Value>,
    ) -> impl Future<Output = ()> {
        self.log_with_correlation(category, action, outcome, principal, detail, None, None, None, None)
    }

    /// Records like [`log`](AuditLog::log), with the objective, its run, the relay and the session of the action.
    #[expect(clippy::too_many_arguments, reason = "the contract's signature")]
    pub fn log_with_correlation(
        &self,
        category: AuditCategory,
        action: impl Into<String>,
        outcome: AuditOutcome,
        principal: Option<String>,
        detail: Option<Value>,
        okr_id: Option<String>,
        okr_run_id: Option<String>,
        relay_id: Option<String>,
        session_id: Option<String>,
    ) -> impl Future<Output = ()> {
        let correlation = Correlation { okr_id, okr_run_id, relay_id, session_id, ..Correlation::now() };
        let action = action.into();
        async move {
            let entry = self.0.entry_now(category, action, outcome, principal, detail);
            let _counted = self.0.record(entry, correlation, Told::No).await;
        }
    }

    /// The newest entries in memory, newest first.
    pub async fn recent(&self, limit: usize) -> Vec<AuditEntry> {
        self.0.newest(None, limit).await
    }

    /// The newest entries of a category in memory, newest first.
    pub async fn by_category(&self, category: AuditCategory, limit: usize) -> Vec<AuditEntry> {
        self.0.newest(Some(category), limit).await
    }

    /// The number of entries in memory.
    pub async fn count(&self) -> usize {
        self.0.kept.count(self.0.seen_trail().as_ref())
    }

    /// The number of entries since the log was made that were not recorded in the file when they came, or perhaps not.
    /// Those of [`record`](AuditLog::record) and [`log`](AuditLog::log) may have been written since. 0 without a file, and on a stream.
    pub fn failures(&self) -> u64 {
        self.0.sink.as_ref().map_or(0, |sink| sink.failures())
    }

    /// The trail behind the log; `None` without a file or on a stream, and while the file has failed or cannot be opened.
    ///
    /// After the program closes this trail, the log records nothing in the file any more.
    pub fn trail(&self) -> Option<Trail> {
        self.0.seen_trail().filter(|trail| trail.poisoned().is_none())
    }
}

impl Default for AuditLog {
    /// 10,000 entries in memory, and no file.
    fn default() -> AuditLog {
        AuditLog::new(MAX_ENTRIES, None)
    }
}

impl fmt::Debug for AuditLog {
    /// Shows no entries: they may hold data that must not reach another log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog")
            .field("max_entries", &self.0.kept.entries_max())
            .field("path", &self.0.path())
            .field("failures", &self.failures())
            .finish_non_exhaustive()
    }
}

/// The value of the first of these variables that is set and not empty.
fn first_set(names: [&str; 2]) -> Option<OsString> {
    names.into_iter().filter_map(env::var_os).find(|value| !value.is_empty())
}

/// The log of the whole process.
static LOG: OnceLock<AuditLog> = OnceLock::new();

/// Sets the log of the whole process. Call it once, at startup.
///
/// It is never dropped, so nothing closes it unless the program does: keep a [`guard`] in `main`. Without one, what
/// [`record`](AuditLog::record) and [`log`](AuditLog::log) have answered is durable all the same. But the newest entries
/// (those of the last 100 ms under load, of some ten milliseconds otherwise) may not be under a signed checkpoint until the next opening, and there
/// is no `closed`.
///
/// # Errors
/// Returns the given log when the process has one already.
pub fn init_audit_log(log: AuditLog) -> Result<(), AuditLog> {
    LOG.set(log)
}

/// The log of the whole process.
///
/// # Panics
/// When it is called before [`init_audit_log`].
pub fn audit_log() -> &'static AuditLog {
    try_audit_log().expect("there is no audit log yet: call init_audit_log() at startup")
}

/// The log of the whole process; `None` before [`init_audit_log`].
pub fn try_audit_log() -> Option<&'static AuditLog> {
    LOG.get()
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
    try_audit_log().and_then(|log| log.0.sink.as_ref()).map_or(Ok(()), |sink| sink.close())
}

//! The drop-in in the shape of its versions 2.1 to 4.7: each entry can name the objective, its run, the relay and the
//! session that it belongs to.
//!
//! A program that uses such a version works with this module after changing one `use` line. It is
//! [`graven::audit`](super) with four more fields in [`AuditEntry`]; the log of the process is the same one.
//!
//! ```
//! use graven::audit::correlated::{AuditCategory, AuditLog, AuditOutcome};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let log = AuditLog::default();
//! let (okr, run) = (Some("okr-7".into()), Some("run-2".into()));
//! log.log_with_correlation(
//!     AuditCategory::Cognition, "plan", AuditOutcome::Success, None, None, okr, run, None, Some("s-1".into()),
//! ).await;
//! assert_eq!(log.recent(1).await[0].session_id.as_deref(), Some("s-1"));
//! # });
//! ```

use super::log::Log;
use super::process;

pub use super::entry::AuditEntry;
pub use super::{AuditCategory, AuditOutcome, guard};

/// The audit log of entries with twelve fields.
pub type AuditLog = Log<AuditEntry>;

/// Sets the log of the whole process, as [`graven::audit::init_audit_log`](super::init_audit_log) does.
///
/// # Errors
/// Returns the given log when the process has one already, whichever of the two functions has set it.
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
    process::logs().map(|logs| &logs.correlated)
}

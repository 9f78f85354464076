//! The trail of the whole process, for code that is handed none.

use std::sync::OnceLock;

use crate::audit;
use crate::trail::Trail;

static TRAIL: OnceLock<Trail> = OnceLock::new();

/// Makes a trail the one of the whole process: call it at startup, once. `#[audited]` records in it where it is told
/// of no other.
///
/// It is never dropped: before the process ends, [`close`](Trail::close) it, or its last entries (at most those of
/// the last tenth of a second) are durable, but not yet under a signed checkpoint.
///
/// # Errors
/// There is one already: the trail that was given comes back.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let dir = folder.path().join("trail");
/// graven::init_trail(graven::Trail::open(graven::Settings::new(dir))?).expect("once, at startup");
/// assert!(graven::default_trail().is_some());
/// # Ok::<(), graven::Error>(())
/// ```
pub fn init_trail(trail: Trail) -> Result<(), Trail> {
    TRAIL.set(trail)
}

/// The trail of the whole process: that of [`init_trail`], or else the one behind the process's
/// [`AuditLog`](audit::AuditLog), if that has one and it works now.
pub fn default_trail() -> Option<Trail> {
    TRAIL.get().cloned().or_else(|| audit::try_audit_log()?.trail())
}

//! The trail of the whole process, for code that is not given one.

use std::sync::OnceLock;

use crate::audit;
use crate::trail::Trail;

static TRAIL: OnceLock<Trail> = OnceLock::new();

/// Makes this the trail of the whole process. Call it once, at startup. `#[audited]` records in it if it names no other
/// trail.
///
/// It is never dropped. [`close`](Trail::close) it before the process ends. Otherwise its last entries (at most those
/// of the last tenth of a second) are durable, but not yet under a signed checkpoint.
///
/// # Errors
/// Returns the given trail if there is one already.
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

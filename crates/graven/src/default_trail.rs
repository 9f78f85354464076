//! The trail of the whole process, for code that is not given one.

use std::sync::OnceLock;

use crate::audit;
use crate::guard::Guard;
use crate::trail::Trail;

static TRAIL: OnceLock<Trail> = OnceLock::new();

/// Makes this the trail of the whole process. Call it once, at startup. `#[audited]` records in it if it names no other
/// trail.
///
/// It is never dropped, so nothing closes it unless the program does: keep a [`guard`] in `main`. Without one, what was
/// acknowledged is durable all the same. But the newest acknowledged entries (those of the last 100 ms under
/// load, of some ten milliseconds otherwise) may not be under a signed checkpoint until the next opening, which records them in `trail.recovered`; what
/// was emitted and is still queued is lost; and there is neither `closed` nor a `trail.closed`.
///
/// # Errors
/// Returns the given trail if there is one already.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let dir = folder.path().join("trail");
/// let _guard = graven::guard();
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

/// Closes the trail of the whole process at the end of `main`: that of [`init_trail`], and that of the process's
/// [`AuditLog`](audit::AuditLog), if it has them by then. [`Guard`] says what this waits for.
///
/// If the trail has failed and a [`LastingTrail`](crate::LastingTrail) has opened it again, that one is closed.
///
/// ```
/// use graven::{Category, Entry, Outcome, Settings, Trail};
///
/// fn main() -> Result<(), graven::Error> {
///     let guard = graven::guard(); // before everything that records
/// #   let folder = tempfile::tempdir().unwrap();
/// #   let dir = folder.path().join("trail");
/// #   let closed = dir.join("closed");
///     graven::init_trail(Trail::open(Settings::new(dir))?).expect("once, at startup");
///     let trail = graven::default_trail().expect("it was just set");
///     trail.emit(Entry::new(Category::Config, "reload", Outcome::Success));
///     // Without this line, the guard does the same when it is dropped, and reports an error as an event.
///     guard.close()?;
/// #   assert!(closed.exists());
///     Ok(())
/// }
/// ```
pub fn guard() -> Guard {
    Guard::new(|| {
        let trail = TRAIL.get().map_or(Ok(()), Trail::close_at_exit);
        let log = audit::close_log();
        trail.and(log)
    })
}

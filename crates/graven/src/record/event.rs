//! The `tracing` event of a recorded entry, on the task that recorded it.

use std::cell::Cell;
use std::fmt::Debug;

use graven_core::entry::{Category, Entry, Outcome};
use tracing::Level;

/// The target of the event: programs filter by it. `graven-tracing` knows by the module that it is no entry.
const TARGET: &str = "audit";

thread_local! {
    /// Whether this thread must not emit events now.
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `call` without the `tracing` events of what it records on this thread.
///
/// For a `tracing` subscriber that records entries while it handles an event: an event within an event would confuse
/// the filters of its other layers, and could come back as an entry. `graven-tracing` uses it.
///
/// ```
/// # use graven::{Category, Entry, Outcome, Settings, Trail};
/// # let folder = tempfile::tempdir().unwrap();
/// # let trail = Trail::open(Settings::new(folder.path().join("trail")))?;
/// graven::without_events(|| trail.emit(Entry::new(Category::Auth, "login", Outcome::Success)));
/// # Ok::<(), graven::Error>(())
/// ```
pub fn without_events<R>(call: impl FnOnce() -> R) -> R {
    /// Restores the value, also after a panic.
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            let _ending = SILENT.try_with(|silent| silent.set(self.0));
        }
    }
    // A thread that is ending cannot be silenced.
    let _restore = Restore(SILENT.try_with(|silent| silent.replace(true)).unwrap_or(false));
    call()
}

/// Whether this thread may emit events now.
pub(super) fn are_wanted() -> bool {
    !SILENT.try_with(Cell::get).unwrap_or(false)
}

/// The fields of the event, copied before the entry is handed over.
#[derive(Debug)]
pub(super) struct Event {
    category: Category,
    action: String,
    outcome: Outcome,
    principal: Option<String>,
}

impl Event {
    /// The event to emit once the entry is durable; `None` when nobody listens.
    pub(crate) fn of(entry: &Entry) -> Option<Box<Event>> {
        (are_wanted() && tracing::enabled!(target: TARGET, Level::INFO)).then(|| {
            Box::new(Event {
                category: entry.category.clone(),
                action: entry.action.clone(),
                outcome: entry.outcome,
                principal: entry.principal.clone(),
            })
        })
    }

    /// Emits it.
    pub(crate) fn emit(&self, id: &str) {
        emit(id, &self.category, &self.action, &self.outcome, self.principal.as_deref());
    }
}

/// The event that the contract names: target and message `audit`, level INFO. The principal is a text, so that subscribers
/// escape it.
pub(crate) fn emit(
    id: &str,
    category: &dyn Debug,
    action: &str,
    outcome: &dyn Debug,
    principal: Option<&str>,
) {
    tracing::info!(
        target: TARGET,
        audit_id = %id,
        category = ?category,
        action = %action,
        outcome = ?outcome,
        principal = principal.unwrap_or("-"),
        "audit"
    );
}

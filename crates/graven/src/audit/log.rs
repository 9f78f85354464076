//! The audit log as a program holds it: the contract's methods, for entries of either shape.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::DateTime;
use serde_json::Value;

use super::entry::AuditEntry;
use super::shape::Shape;
use super::shared::Shared;
use super::unwritten::Told;
use super::{AuditCategory, AuditOutcome};
use crate::actor::Actor;
use crate::error::Error;
use crate::record::recording::Receipt;
use crate::seam::machine::Machine;
use crate::trail::Trail;

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
/// While the file cannot be written, entries are kept in memory. [`failures`](Log::failures) counts them, and an
/// event of level ERROR reports when this begins and when it ends. The log tries the file again when an entry comes, with
/// pauses of at most 5 seconds, and once more when it is dropped. Then it first writes what
/// [`record`](Log::record) and [`log`](Log::log) have kept, in its order and with its own ids and times, behind
/// a `trail.gap` entry that says how many these are. Entries of [`try_record`](Log::try_record) are not written
/// late: their callers got an error. Memory holds the newest `max_entries` of each sort, and at most 64 MiB; a
/// `trail.gap` entry counts those that had to leave before they were written.
///
/// `E` is the shape of its entries: [`AuditLog`](super::AuditLog) has those with eight fields, and
/// [`correlated::AuditLog`](super::correlated::AuditLog) those with twelve.
pub struct Log<E> {
    pub(super) shared: Arc<Shared>,
    shape: PhantomData<fn() -> E>,
}

impl<E> Log<E> {
    /// Another handle of what is shared.
    pub(super) fn of(shared: &Arc<Shared>) -> Log<E> {
        Log { shared: Arc::clone(shared), shape: PhantomData }
    }
}

impl<E: Shape> Log<E> {
    /// Makes a log that keeps the newest `max_entries` in memory (at least 128) and writes every entry to the file
    /// `sink_path`, if there is one.
    ///
    /// Never fails: a file that cannot be opened is tried again when an entry comes. The entries are in the file at
    /// exactly this path; all other files are in `<path>.d/`. The paths `-` and `/dev/stdout` mean standard output, and
    /// `/dev/stderr` means standard error: there each entry is a line that nothing verifies, which an event says once.
    ///
    /// When several logs share a trail, the first one sets how many entries the trail keeps in memory. In no case are that
    /// more than 64 MiB of lines. While a program asks for entries now and then, the log also keeps them decoded, which takes
    /// a few times the room of their lines.
    pub fn new(max_entries: usize, sink_path: Option<PathBuf>) -> Log<E> {
        Log::on(max_entries, sink_path, Machine::os())
    }

    /// Makes the log that the environment describes: `GRAVEN_AUDIT_MAX_ENTRIES` and `GRAVEN_AUDIT_LOG_PATH`, or else
    /// `CODETETHER_AUDIT_MAX_ENTRIES` and `CODETETHER_AUDIT_LOG_PATH`. An empty variable counts as unset. Default:
    /// 10,000 entries in memory, and no file.
    pub fn from_env() -> Log<E> {
        let max_entries = first_set(MAX_ENTRIES_NAMES).and_then(|number| number.to_str()?.parse().ok());
        Log::new(max_entries.unwrap_or(MAX_ENTRIES), first_set(PATH_NAMES).map(PathBuf::from))
    }

    /// [`new`](Log::new) on another machine than the system's.
    #[cfg(feature = "sim")]
    #[doc(hidden)]
    pub fn testing_only_new_on(max_entries: usize, sink_path: Option<PathBuf>, machine: Machine) -> Log<E> {
        Log::on(max_entries, sink_path, machine)
    }

    fn on(max_entries: usize, sink_path: Option<PathBuf>, machine: Machine) -> Log<E> {
        Log::of(&Arc::new(Shared::new(max_entries.max(MAX_ENTRIES_MIN), sink_path, machine)))
    }

    /// Records an entry. Returns once the entry is durable, or known not to be; then it is kept and written later. So it
    /// is if the future is dropped after its first poll.
    ///
    /// No entry is refused for what it says. One that is too long is cut ([`Entry::cut_to_fit`](crate::Entry::cut_to_fit)),
    /// an empty id is replaced by a new one, and a detail that nests more than 126 deep is kept as the text of its JSON.
    ///
    /// Fields the entry does not set are taken from the current [`Actor`]: the principal, and in the file
    /// also the other fields of the actor. The actor is read when this is called, not when the future is polled.
    pub fn record(&self, entry: E) -> impl Future<Output = ()> {
        let (entry, actor) = (Box::new(entry.into_whole()), Actor::current());
        async move {
            let _counted = self.shared.record(entry, actor, Told::No).await;
        }
    }

    /// Records an entry like [`record`](Log::record), and returns its receipt or the error.
    ///
    /// # Errors
    /// As [`Trail::record`]; also `Unavailable` when the log has no file or writes to a stream, or the file cannot be
    /// opened now. After an error the entry is still in memory, and is not written later.
    pub fn try_record(&self, entry: E) -> impl Future<Output = Result<Receipt, Error>> {
        let (entry, actor) = (Box::new(entry.into_whole()), Actor::current());
        async move { self.shared.record(entry, actor, Told::Yes).await }
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

    /// Records like [`log`](Log::log), with the objective, its run, the relay and the session of the action.
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
        let actor = Actor::current();
        let (id, action, timestamp, duration_ms) = (String::new(), action.into(), DateTime::UNIX_EPOCH, None);
        #[rustfmt::skip]
        let mut entry = Box::new(AuditEntry {
            id, timestamp, category, action, principal, outcome, detail, duration_ms,
            okr_id, okr_run_id, relay_id, session_id,
        });
        async move {
            (entry.timestamp, entry.id) = self.shared.time_and_id();
            let _counted = self.shared.record(entry, actor, Told::No).await;
        }
    }

    /// The newest entries in memory, newest first.
    pub async fn recent(&self, limit: usize) -> Vec<E> {
        self.newest(None, limit).await
    }

    /// The newest entries of a category in memory, newest first.
    pub async fn by_category(&self, category: AuditCategory, limit: usize) -> Vec<E> {
        self.newest(Some(category), limit).await
    }

    async fn newest(&self, category: Option<AuditCategory>, limit: usize) -> Vec<E> {
        let found = self.shared.newest(category, limit).await;
        found.iter().map(|entry| E::of_whole(entry)).collect()
    }

    /// The number of entries in memory.
    pub async fn count(&self) -> usize {
        self.shared.count()
    }

    /// The number of entries since the log was made that were not recorded in the file when they came, or perhaps not.
    /// Those of [`record`](Log::record) and [`log`](Log::log) may have been written since. 0 without a file, and on a
    /// stream.
    pub fn failures(&self) -> u64 {
        self.shared.failures()
    }

    /// The trail behind the log; `None` without a file or on a stream, and while the file has failed or cannot be opened.
    ///
    /// After the program closes this trail, the log records nothing in the file any more.
    pub fn trail(&self) -> Option<Trail> {
        self.shared.seen_trail().filter(|trail| trail.poisoned().is_none())
    }
}

impl<E> Clone for Log<E> {
    fn clone(&self) -> Log<E> {
        Log::of(&self.shared)
    }
}

impl<E: Shape> Default for Log<E> {
    /// 10,000 entries in memory, and no file.
    fn default() -> Log<E> {
        Log::new(MAX_ENTRIES, None)
    }
}

impl<E> fmt::Debug for Log<E> {
    /// Shows no entries: they may hold data that must not reach another log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog")
            .field("max_entries", &self.shared.kept.entries_max())
            .field("path", &self.shared.path())
            .field("failures", &self.shared.failures())
            .finish_non_exhaustive()
    }
}

/// The value of the first of these variables that is set and not empty.
fn first_set(names: [&str; 2]) -> Option<OsString> {
    names.into_iter().filter_map(env::var_os).find(|value| !value.is_empty())
}

//! The files that this process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is open beside connections: the files of trails, of an index, of searches.
const BESIDES: u64 = 1_024;

/// Raises the soft limit so far that this number of connections is possible, or as far as the hard limit allows.
///
/// Shells set 1,024, for old programs. A server at that limit can take no connection, and open no file of its trails.
pub(crate) fn raise(connections: u64) {
    let now = getrlimit(Resource::Nofile);
    let wanted = connections.saturating_add(BESIDES);
    // `None` is no limit.
    let Some(soft) = now.current.filter(|soft| *soft < wanted) else { return };
    let possible = now.maximum.map_or(wanted, |hard| wanted.min(hard));
    let raised = Rlimit { current: Some(possible), maximum: now.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(error = error.to_string(), "the number of open files stays at {soft}");
    } else if possible < wanted {
        tracing::warn!(
            "only {possible} files can be open: raise the hard limit, or lower limits.connections"
        );
    }
}

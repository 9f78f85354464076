//! What several tests use.

use graven::Entry;
use graven_search::{Line, Moment, Query, matches};

/// The moment of all tests.
pub(crate) fn moment() -> Moment {
    Moment::utc("2026-11-29T12:00:00Z".parse().expect("a time"))
}

/// Reads a query that is right.
pub(crate) fn query(text: &str) -> Query {
    match Query::parse(text, &moment()) {
        Ok(query) => query,
        Err(error) => panic!("{text}: {error}; {:?}", error.advice()),
    }
}

/// A line with these fields after the eight of the contract's.
pub(crate) fn line(index: u64, more: &str) -> Line<'static> {
    let text = format!(
        "{{\"id\":\"e-{index}\",\"timestamp\":\"2026-11-29T11:00:00Z\",\"category\":\"tool_execution\",\
         \"action\":\"tool:bash\",\"principal\":null,\"outcome\":\"success\"{more}}}"
    );
    let entry = Entry::from_line(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
    Line::of_entry(index, entry)
}

/// Whether a line with these fields is a hit.
pub(crate) fn hits(text: &str, more: &str) -> bool {
    matches(&query(text), &line(7, more))
}

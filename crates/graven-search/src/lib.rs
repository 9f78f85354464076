//! Questions to a trail, and answers that one can believe.
//!
//! A [`Query`] is read from the language of `docs/SEARCH.md`, and [`matches()`] says which entries are its hits: that one
//! function is the definition, whatever finds the entries.

mod line;
mod matches;
mod query;

pub use line::Line;
pub use matches::matches;
pub use query::{
    DEPTH_MAX, Decimal, EntryField, Field, Moment, Net, Pattern, QUERY_BYTES_MAX, Query, QueryError,
    TERMS_MAX, TEXT_BYTES_MAX, Text, Zone, ZoneError,
};

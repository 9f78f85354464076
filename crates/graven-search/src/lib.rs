//! Questions to a trail, and answers that one can believe.
//!
//! A [`Query`] is read from the language of `docs/SEARCH.md`, and [`matches()`] says which entries are its hits: that one
//! function is the definition, whatever finds the entries. [`Search`] answers queries from the files of a trail, beside the
//! program that records to it. Each hit is proved by the signed head, each answer says what it covers, and what does not
//! fit is a finding and no hit.
//!
//! An index lets a search skip entries. It is made of files that can be deleted at any time, and nothing false comes from
//! it: what it names is read, matched and proved, and where there is none, entries are read one by one. A [`Keeper`] makes
//! it, and keeps it up to date beside a program that records.
//!
//! ```
//! use graven::{Category, Entry, Outcome, Settings, Trail};
//! use graven_search::{Ask, Moment, Query, Search, SearchOptions};
//!
//! # let folder = tempfile::tempdir()?;
//! # let dir = folder.path().join("trail");
//! let trail = Trail::open(Settings::new(&dir))?;
//! trail.record_blocking(
//!     Entry::new(Category::ToolExecution, "tool:bash", Outcome::Denied)
//!         .principal("alice@example.com")
//!         .detail(serde_json::json!({"command": "rm -rf /"})),
//! )?;
//!
//! let moment = Moment::utc("2026-11-29T12:00:00Z".parse()?);
//! let query = Query::parse("outcome:denied tool:bash \"rm -rf\"", &moment)?;
//! let search = Search::open(&dir, SearchOptions::default())?;
//! let answer = search.query(&query, &Ask::new(moment))?;
//! assert_eq!(answer.hits[0].index, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cursor;
mod error;
mod follow;
mod index;
mod line;
mod matches;
mod order;
mod query;
mod rows;
mod search;

pub use cursor::{Cursor, CursorError};
pub use error::SearchError;
pub use follow::{Batch, Following};
#[cfg(feature = "sim")]
#[doc(hidden)]
pub use index::IndexCanary;
pub use index::shelf::SHELF_ENTRIES;
#[doc(hidden)]
pub use index::shelf::testing_only_ask_shelf;
pub use index::{Built, Checked, IndexError, IndexState, Keeper, Kept, Where, Wrong, cache_folder};
pub use line::Line;
pub use matches::matches;
pub use order::Order;
pub use query::{
    DEPTH_MAX, Decimal, EntryField, Field, Moment, Net, Pattern, QUERY_BYTES_MAX, Query, QueryError,
    TERMS_MAX, TEXT_BYTES_MAX, Text, Zone, ZoneError,
};
pub use rows::{RowError, Rows};
pub use search::{
    Answer, Ask, Before, ChainSearch, Count, Coverage, Durable, Explained, Explanation, FINDINGS_MAX,
    FacetValue, Histogram, Hit, IndexUse, LIMIT, LIMIT_MAX, PAGE_BYTES_MAX, Rest, Row, Search, SearchOptions,
    Session, State, TimeRange, Timeline, TimelineEntry, going_on,
};

//! The place where the next page begins: it holds all that the page depends on, so that pages fit together.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use graven_core::base64;
use graven_core::hash::{Hash, sha256};
use serde::{Deserialize, Serialize};

use crate::order::Order;
use crate::query::{Moment, Query};

/// How many bytes of the check sum stand before the rest.
const SUM_BYTES: usize = 8;

/// The longest cursor that is read. A query is printed in it.
const CURSOR_BYTES_MAX: usize = 64 << 10;

/// The only version.
const VERSION: u64 = 1;

/// Where a page ended. Its text is for the next question, and for nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    version: u64,
    origin: String,
    /// In its canonical form.
    query: String,
    order: Order,
    /// The snapshot: its number of entries, and the leaf hash of the last one.
    pub(crate) entries: u64,
    pub(crate) last: Option<Hash>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    /// The next entry to look at is at this index, or, newest first, before it.
    pub(crate) position: u64,
    /// What the query was read by.
    now: DateTime<Utc>,
    zone: String,
}

/// Why a cursor is of no use here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// Not a cursor, or one that was changed.
    #[error("this is not a cursor of graven, or it was changed: copy all of `next` of the page before")]
    Damaged,
    /// Of another trail.
    #[error("the cursor belongs to the trail {there}, and this one is {here}")]
    OtherTrail {
        /// The origin in the cursor.
        there: String,
        /// That of this trail.
        here: String,
    },
    /// Of another question.
    #[error("the cursor belongs to another query: {query}")]
    OtherQuery {
        /// The query in the cursor.
        query: String,
    },
    /// Of the other order.
    #[error("the cursor belongs to the other order: {}", match newest_first { true => "newest first", false => "oldest first" })]
    OtherOrder {
        /// The order in the cursor.
        newest_first: bool,
    },
    /// The entries are other ones now.
    #[error(
        "the trail is not the one that the page before was made of: entry {index} is missing or another one now; begin again \
         without the cursor"
    )]
    OtherEntries {
        /// The last entry of the snapshot.
        index: u64,
    },
}

impl Cursor {
    pub(crate) fn new(
        origin: &str,
        query: &Query,
        order: Order,
        entries: u64,
        last: Option<Hash>,
        position: u64,
        moment: &Moment,
    ) -> Cursor {
        let (since, until) = query.times();
        Cursor {
            version: VERSION,
            origin: origin.to_owned(),
            query: query.to_string(),
            order,
            entries,
            last,
            since,
            until,
            position,
            now: moment.now,
            zone: moment.zone.to_string(),
        }
    }

    /// The origin of the trail in which the page begins.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The query in its canonical form. Read it with [`moment`](Cursor::moment).
    pub fn query(&self) -> &str {
        &self.query
    }

    /// The order of the pages.
    pub fn order(&self) -> Order {
        self.order
    }

    /// What the query was read by. A query with `24h` or `today` is the same one only at this moment.
    pub fn moment(&self) -> Moment {
        // It was checked when the cursor was read.
        Moment { now: self.now, zone: self.zone.parse().unwrap_or_default() }
    }

    /// Whether it goes on with this question.
    pub(crate) fn check(&self, origin: &str, query: &Query, order: Order) -> Result<(), CursorError> {
        if self.origin != origin {
            return Err(CursorError::OtherTrail { there: self.origin.clone(), here: origin.to_owned() });
        }
        if self.query != query.to_string() || (self.since, self.until) != query.times() {
            return Err(CursorError::OtherQuery { query: self.query.clone() });
        }
        if self.order != order {
            return Err(CursorError::OtherOrder { newest_first: self.order == Order::NewestFirst });
        }
        Ok(())
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        let sum = sha256(&json);
        let text = base64::encode(&[&sum.as_bytes()[..SUM_BYTES], &json].concat());
        // As a part of a URL.
        f.write_str(&text.trim_end_matches('=').replace('+', "-").replace('/', "_"))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Cursor, CursorError> {
        let damaged = || CursorError::Damaged;
        if text.len() > CURSOR_BYTES_MAX || text.contains(['+', '/', '=']) {
            return Err(CursorError::Damaged);
        }
        let mut base64 = text.replace('-', "+").replace('_', "/");
        base64.extend(std::iter::repeat_n('=', (4 - base64.len() % 4) % 4));
        let bytes = base64::decode(&base64).map_err(|_| damaged())?;
        let (sum, json) = bytes.split_at_checked(SUM_BYTES).ok_or_else(damaged)?;
        if sum != &sha256(json).as_bytes()[..SUM_BYTES] {
            return Err(CursorError::Damaged);
        }
        let cursor: Cursor = serde_json::from_slice(json).map_err(|_| damaged())?;
        let is_whole = cursor.version == VERSION
            && cursor.zone.parse::<crate::Zone>().is_ok()
            && (cursor.entries > 0 || cursor.last.is_none())
            && cursor.position <= cursor.entries;
        if is_whole { Ok(cursor) } else { Err(CursorError::Damaged) }
    }
}

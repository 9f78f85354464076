//! What is asked of a search beside the query.

use std::time::Duration;

use crate::cursor::Cursor;
use crate::order::Order;
use crate::query::{Field, Moment};

/// The most hits on one page.
pub const LIMIT_MAX: u64 = 1_000;

/// A page ends behind the hit with which its lines have this number of bytes, so that an answer is never too large.
pub const PAGE_BYTES_MAX: usize = 16 << 20;

/// How many hits a page has when nobody says.
pub const LIMIT: u64 = 50;

/// What an answer shall have.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Ask {
    /// What the query was read by; it goes into cursors.
    pub moment: Moment,
    /// The most hits on the page, up to [`LIMIT_MAX`]. Default: 50.
    pub limit: u64,
    /// The order. Default: the newest first.
    pub order: Order,
    /// Where to go on. Default: `None`, from the beginning.
    pub cursor: Option<Cursor>,
    /// Whether all hits are counted. Default: `false`.
    pub count: bool,
    /// The fields of which the values are counted. Default: none.
    pub facets: Vec<Field>,
    /// Whether hits are counted by time. Default: `false`.
    pub histogram: bool,
    /// Whether the sessions of the hits are listed. Default: `false`.
    pub sessions: bool,
    /// Whether every entry is read and proved, and not only the hits. Default: `false`.
    pub exhaustive: bool,
    /// Whether hits come with what is stored in blobs, and not only with what their lines say. Default: `true`.
    pub whole: bool,
    /// How long it may take. Default: `None`, as long as it takes.
    pub budget: Option<Duration>,
}

impl Ask {
    /// A page of fifty hits, the newest first.
    pub fn new(moment: Moment) -> Ask {
        Ask {
            moment,
            limit: LIMIT,
            order: Order::default(),
            cursor: None,
            count: false,
            facets: Vec::new(),
            histogram: false,
            sessions: false,
            exhaustive: false,
            whole: true,
            budget: None,
        }
    }

    /// Whether all hits must be found, and not only those of the page.
    pub(super) fn wants_all(&self) -> bool {
        self.count || self.histogram || self.sessions || self.exhaustive || !self.facets.is_empty()
    }
}

/// By what a question is read that may go on with a cursor: the text of its query, the moment, and the order. What is not
/// given is taken from the cursor.
pub fn going_on<'a>(
    text: Option<&'a str>,
    cursor: Option<&'a Cursor>,
    order: Option<Order>,
    now: Moment,
) -> (&'a str, Moment, Order) {
    let Some(cursor) = cursor else { return (text.unwrap_or_default(), now, order.unwrap_or_default()) };
    // With the clock of the first page, so that `24h` means the same on the next one.
    (text.unwrap_or(cursor.query()), cursor.moment(), order.unwrap_or(cursor.order()))
}

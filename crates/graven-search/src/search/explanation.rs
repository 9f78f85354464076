//! How a query was read and what was done for its answer: a part of the answer for those who ask for it.

use serde::{Deserialize, Serialize};

use super::answer::{Answer, Coverage, IndexUse};
use super::ask::Ask;
use crate::order::Order;
use crate::query::Query;

/// How a query was read, and what was done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The query in its canonical form.
    pub query: String,
    /// What each term asks for, a line each.
    pub reading: Vec<String>,
    /// What was done.
    pub plan: String,
}

/// An answer as JSON, with its explanation where one is wanted.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Explained<'a> {
    /// The answer.
    #[serde(flatten)]
    pub answer: &'a Answer,
    /// How it came about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<Explanation>,
}

impl Explanation {
    /// Explains an answer to a question.
    pub fn of(query: &Query, ask: &Ask, answer: &Answer) -> Explanation {
        Explanation { query: query.to_string(), reading: query.reading(), plan: plan(ask, &answer.coverage) }
    }
}

impl<'a> Explained<'a> {
    /// An answer, explained if that is wanted.
    pub fn new(answer: &'a Answer, query: &Query, ask: &Ask, wanted: bool) -> Explained<'a> {
        Explained { answer, explain: wanted.then(|| Explanation::of(query, ask, answer)) }
    }
}

/// What was done for an answer.
fn plan(ask: &Ask, coverage: &Coverage) -> String {
    let order = match ask.order {
        Order::NewestFirst => "from the newest to the oldest",
        Order::OldestFirst => "from the oldest to the newest",
    };
    let until = match (ask.exhaustive, ask.wants_all()) {
        (true, _) => "every entry is proved",
        (false, true) => "all hits are counted",
        (false, false) => "until the page is full",
    };
    let way = match (coverage.index, coverage.shelves) {
        (IndexUse::None, _) => "read and match each entry, without an index".to_owned(),
        (_, shelves) => format!(
            "ask {shelves} {} of the index, and read and match the entries that it names, and each one that it does not \
             cover",
            if shelves == 1 { "shelf" } else { "shelves" }
        ),
    };
    let read = if coverage.scanned == 1 { "entry was" } else { "entries were" };
    format!("{way}; {order}; {until}; {} {read} read", coverage.scanned)
}

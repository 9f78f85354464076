//! Follows the hits of a query as they are recorded, also over rotations.

use graven::Error;
use graven::reader::{Follow, Reader, Record};
use graven_core::verdict::Finding;

use crate::line::{Line, unreadable};
use crate::matches::matches;
use crate::query::Query;

/// Follows the hits of a query. It never waits: the caller polls, and chooses how long to sleep in between.
#[derive(Debug)]
pub struct Following {
    reader: Reader,
    query: Query,
    follow: Follow,
}

/// What is new.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Batch {
    /// New hits. Nothing is proved yet: ask again once they are sealed.
    pub hits: Vec<Record>,
    /// Lines that cannot be matched.
    pub findings: Vec<Finding>,
    /// How many lines were looked at; none when there is nothing new.
    pub looked_at: usize,
}

impl Following {
    pub(crate) fn new(reader: Reader, query: Query, from: u64) -> Following {
        let follow = reader.follow(from);
        Following { reader, query, follow }
    }

    /// The index of the next entry to look at.
    pub fn next_index(&self) -> u64 {
        self.follow.next_index()
    }

    /// The hits among the entries that are new since the last call. It looks at 4,096 entries at most.
    ///
    /// # Errors
    /// As [`Follow::poll`].
    pub fn poll(&mut self) -> Result<Batch, Error> {
        let mut batch = Batch::default();
        for record in self.follow.poll()? {
            batch.looked_at += 1;
            let line = match Line::read(&self.reader, &record) {
                Ok(line) => line,
                Err(error) => {
                    batch.findings.push(unreadable(record.index, &error));
                    continue;
                }
            };
            let is_hit = matches(&self.query, &line);
            batch.findings.extend(line.finding());
            if is_hit {
                batch.hits.push(record);
            }
        }
        Ok(batch)
    }
}

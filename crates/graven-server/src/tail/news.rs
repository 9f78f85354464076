//! What is new in a trail, as followers get it: an entry, or a line that is none.

use graven::reader::{Reader, Record};
use graven_core::verdict::{Finding, Verdict};
use graven_search::{Line, Query, matches};

/// One thing that is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct News {
    /// The position in the log.
    pub(crate) index: u64,
    pub(crate) said: Said,
    /// What is said, as JSON on one line.
    pub(crate) json: String,
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// A hit: `{"index","entry"}`, the entry as it is stored.
    Entry,
    /// What does not fit: a finding, as searches have it.
    Finding,
}

impl News {
    /// A hit.
    fn entry(record: &Record) -> Option<News> {
        let line = std::str::from_utf8(&record.line).ok()?;
        let json = format!("{{\"index\":{},\"entry\":{line}}}", record.index);
        Some(News { index: record.index, said: Said::Entry, json })
    }

    fn finding(finding: &Finding, index: u64) -> News {
        let json = serde_json::to_string(finding).expect("a finding is texts and numbers");
        News { index, said: Said::Finding, json }
    }

    /// How much memory it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<News>() + self.json.len()
    }
}

/// Looks at one entry for several queries: what is new for all of them, and for which of them the entry is a hit.
pub(crate) fn look<'q>(
    reader: &Reader,
    record: &Record,
    queries: impl Iterator<Item = &'q Query>,
) -> (Option<News>, Vec<usize>, Option<News>) {
    let unreadable = |error: &graven::Error| {
        // A message of an error may repeat what others wrote into the file.
        tracing::error!(index = record.index, error = error.chain(), "a line is no entry");
        let finding =
            Finding::new(Verdict::Altered, "this line is no entry: an operator must run `graven verify`");
        News::finding(&finding.index(record.index), record.index)
    };
    let line = match Line::read(reader, record) {
        Ok(line) => line,
        Err(error) => return (Some(unreadable(&error)), Vec::new(), None),
    };
    let hits: Vec<usize> =
        queries.enumerate().filter_map(|(number, query)| matches(query, &line).then_some(number)).collect();
    let finding = line.problem().map(|error| {
        tracing::error!(index = record.index, error = error.chain(), "a blob cannot be read");
        let finding = Finding::new(Verdict::Missing, "what is stored beside its line cannot be read");
        News::finding(&finding.index(record.index), record.index)
    });
    let entry = if hits.is_empty() { None } else { News::entry(record) };
    (finding, hits, entry)
}

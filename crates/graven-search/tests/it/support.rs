//! What several tests use.

mod asking;
mod kinds;
pub(crate) mod oracle;
pub(crate) mod states;

use std::path::PathBuf;

use graven::{Entry, Settings, Trail};
use graven_search::{Answer, Line, Moment, Query, Search, SearchOptions, matches};
use tempfile::TempDir;

pub(crate) use asking::random_query;
pub(crate) use kinds::entries;

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

/// A folder with a trail in it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// A closed trail of these entries, in small segments.
    pub(crate) fn with(entries: Vec<Entry>) -> Place {
        let place = Place { folder: tempfile::tempdir().expect("a folder") };
        let trail = place.trail();
        for some in entries.chunks(500) {
            trail.record_batch_blocking(some.to_vec()).expect("they are recorded");
        }
        trail.close_blocking().expect("it is closed");
        place
    }

    /// The trail, open.
    pub(crate) fn trail(&self) -> Trail {
        Trail::open(Settings::new(self.dir()).segment_bytes(100_000).no_flood_control()).expect("it opens")
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("trail")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn search(&self) -> Search {
        self.search_with(SearchOptions::default())
    }

    pub(crate) fn search_with(&self, options: SearchOptions) -> Search {
        Search::open(self.dir(), options).expect("it opens")
    }

    /// Replaces a text in the one file of the log that has it.
    pub(crate) fn replace(&self, from: &str, to: &str) {
        let mut files = vec![self.dir().join("audit.jsonl")];
        files.extend(
            std::fs::read_dir(self.dir().join("segments"))
                .expect("segments")
                .map(|file| file.expect("a file").path()),
        );
        let mut changed = 0;
        for file in files {
            let text = std::fs::read_to_string(&file).expect("text");
            if text.contains(from) {
                std::fs::write(&file, text.replacen(from, to, 1)).expect("it is written");
                changed += 1;
            }
        }
        assert_eq!(changed, 1, "{from}");
    }
}

/// The indexes of the hits.
pub(crate) fn indexes(answer: &Answer) -> Vec<u64> {
    answer.hits.iter().map(|hit| hit.index).collect()
}

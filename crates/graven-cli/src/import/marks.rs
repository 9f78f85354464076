//! What a trail remembers of imports, in its own entries `trail.imported`.
//!
//! A mark says: the entries of this much of a text are in the trail, before this entry. The text is known again by the
//! SHA-256 of that much of it, so a file that has grown since goes on where it ended, and one that was compressed since is
//! the same. The first mark of an import says how the text begins, and nothing else.

use std::collections::HashSet;
use std::path::Path;

use graven::clock::{Clock, OsClock};
use graven::{Category, Entry};
use graven_core::entry::system_actions;
use graven_core::hash::hex;
use graven_search::{Ask, Moment, Query, Search, SearchError, SearchOptions, cache_folder};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::source::Source;
use crate::shared::failure::Failure;

/// How many bytes at the start of a text the first mark of an import speaks of, at most.
pub(super) const HEAD_BYTES: usize = graven_formats::HEAD_BYTES;

/// How much of a text lies between two marks: at most a read more.
pub(super) const MARK_BYTES: u64 = 4 << 20;

/// How many bytes are read at once.
pub(super) const READ_BYTES: usize = 128 << 10;

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Nothing is recorded yet.
    Begun,
    /// All of this much of the text is recorded.
    Going,
    /// The text has ended here.
    Ended,
}

/// The detail of an entry `trail.imported`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The name of the import.
    pub(super) import: String,
    /// What the file was called.
    pub(super) file: String,
    /// The format that it was read as.
    pub(super) format: String,
    pub(super) state: State,
    /// How much of the text it speaks of: decompressed, and in UTF-8.
    pub(super) bytes: u64,
    /// The SHA-256 of that much of it, in hex digits.
    pub(super) sha256: String,
    /// How many lines that is.
    pub(super) lines: u64,
    /// How many entries came of it.
    pub(super) entries: u64,
}

impl Mark {
    pub(super) fn entry(&self) -> Entry {
        Entry::of_import(self)
    }
}

/// An earlier import of the same text.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) mark: Mark,
    /// Where in the log the mark stands.
    pub(super) index: u64,
}

impl Past {
    /// How much of the text is in the trail for certain.
    pub(super) fn bytes(&self) -> u64 {
        if self.mark.state == State::Begun { 0 } else { self.mark.bytes }
    }
}

/// Finds the import that came farthest with the text of this file. Where that cannot be read on, it ends here too: the
/// import will meet the same error.
pub(super) fn find(trail: &Path, format: &str, source: &mut Source) -> Result<Option<Past>, Failure> {
    let mut marks = all(trail, format)?;
    // Shorter before longer; of the same length, the one that says more comes last.
    marks.sort_by_key(|past| (past.mark.bytes, past.mark.state != State::Begun, past.index));
    Ok(matching(marks, source))
}

/// All marks of a trail for a format.
fn all(trail: &Path, format: &str) -> Result<Vec<Past>, Failure> {
    let mut options = SearchOptions::default();
    options.cache = cache_folder();
    let search = Search::open(trail, options)?;
    let moment = Moment::utc(OsClock::new().now());
    let question = format!("category:trail action:{}", system_actions::IMPORTED);
    let query = Query::parse(&question, &moment).expect("a field and a name of ours each");
    let mut marks = Vec::new();
    search.each(&query, &Ask::new(moment), &mut |hit| {
        let is_mark = hit.entry.category == Category::Trail && hit.entry.action == system_actions::IMPORTED;
        let detail = hit.entry.detail.as_ref().filter(|_| is_mark);
        let mark = detail.and_then(|detail| serde_json::from_str::<Mark>(detail.as_str()).ok());
        marks.extend(mark.filter(|mark| mark.format == format).map(|mark| Past { mark, index: hit.index }));
        Ok::<_, SearchError>(true)
    })?;
    Ok(marks)
}

/// The last of the marks that fits the text. No more of the text is read than it takes.
fn matching(marks: Vec<Past>, source: &mut Source) -> Option<Past> {
    let (mut hasher, mut read) = (Sha256::new(), 0);
    let mut buffer = vec![0; READ_BYTES];
    // Imports whose first mark fits.
    let mut alike = HashSet::new();
    let mut found = None;
    for past in marks {
        let is_first = past.mark.state == State::Begun;
        if !is_first && !alike.contains(&past.mark.import) {
            continue;
        }
        while read < past.mark.bytes {
            let most = usize::try_from(past.mark.bytes - read).unwrap_or(usize::MAX).min(buffer.len());
            match source.fill(&mut buffer[..most]).0 {
                0 => return found,
                count => {
                    hasher.update(&buffer[..count]);
                    read += count as u64;
                }
            }
        }
        if hex(&hasher.clone().finalize()) == past.mark.sha256 {
            alike.insert(past.mark.import.clone());
            let best = found.as_ref().map_or(0, Past::bytes);
            if found.is_none() || past.bytes() >= best {
                found = Some(past);
            }
        }
    }
    found
}

//! What a trail remembers of its archives, in `DIR/archive/state.json`: which epoch it has taken last in each. Without that,
//! a writer could not tell its own epoch from one of another machine.

use std::path::PathBuf;

use graven::disk::Disk;
use graven::durable;
use graven::reader::Reader;
use serde::{Deserialize, Serialize};

use crate::error::ArchiveError;

/// The largest state that is read.
const STATE_BYTES_MAX: u64 = 1 << 20;

/// The most tries that are remembered, the newest: at the longest pause between two tries, those of 25 minutes.
const TRIED_MAX: usize = 100;

/// The file: what is remembered of each archive.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    archives: Vec<Held>,
}

/// What is remembered of one archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Held {
    /// The archive.
    pub(crate) url: String,
    /// The epoch that was taken last; absent when none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) taken: Option<Taken>,
    /// Epochs that were tried since. Any of them may be taken: a creation without an answer may still arrive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tried: Vec<Taken>,
}

/// An epoch, by its number and its random name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Taken {
    pub(crate) epoch: u64,
    pub(crate) id: String,
}

impl Held {
    /// What is remembered of an archive that was never used.
    pub(crate) fn nothing(url: String) -> Held {
        Held { url, taken: None, tried: Vec::new() }
    }

    /// Whether this trail has taken the epoch of this random name.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.taken.iter().chain(&self.tried).any(|taken| taken.id == id)
    }

    /// Remembers that the next epoch is tried, after `ours`, which was found to be taken. What was tried of lower numbers is
    /// settled: each of them is taken by now.
    pub(crate) fn trying(&mut self, ours: Option<Taken>, next: Taken) {
        self.taken = ours.or(self.taken.take());
        self.tried.retain(|tried| tried.epoch >= next.epoch);
        if self.tried.len() == TRIED_MAX {
            self.tried.remove(0);
        }
        self.tried.push(next);
    }
}

/// Where it is remembered.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    folder: PathBuf,
}

impl Memory {
    pub(crate) fn of(reader: &Reader) -> Memory {
        Memory { folder: reader.layout().dir().join("archive") }
    }

    /// The folder, which a shipper also locks: only one ships a trail of a machine.
    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    fn file(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    /// What is remembered of an archive.
    pub(crate) fn read(&self, disk: &dyn Disk, url: &str) -> Result<Option<Held>, ArchiveError> {
        Ok(self.state(disk)?.archives.into_iter().find(|held| held.url == url))
    }

    fn state(&self, disk: &dyn Disk) -> Result<State, ArchiveError> {
        let path = self.file();
        let unreadable = |error| ArchiveError::unavailable(format!("cannot read {}", path.display()), error);
        if !durable::exists(disk, &path).map_err(unreadable)? {
            return Ok(State::default());
        }
        let bytes = durable::read_at_most(disk, &path, STATE_BYTES_MAX).map_err(unreadable)?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!(
                "{} is damaged: it says which epoch of an archive this trail holds. Move it away, and take the trail over \
                 with `graven ship --take-over`",
                path.display()
            );
            ArchiveError::data_because(message, error)
        })
    }

    /// Remembers this of its archive, durably. What is remembered of others stays.
    pub(crate) fn write(&self, disk: &dyn Disk, held: &Held) -> Result<(), ArchiveError> {
        let mut state = self.state(disk)?;
        state.archives.retain(|other| other.url != held.url);
        state.archives.push(held.clone());
        let mut bytes = serde_json::to_vec(&state).expect("what is held is JSON");
        bytes.push(b'\n');
        durable::create_dir(disk, &self.folder)
            .and_then(|()| durable::replace(disk, &self.file(), &bytes))
            .map_err(|error| {
                ArchiveError::unavailable(format!("cannot write {}", self.file().display()), error)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(epoch: u64, id: impl ToString) -> Taken {
        Taken { epoch, id: id.to_string() }
    }

    #[test]
    fn each_try_is_remembered_until_its_number_is_taken() {
        let mut held = Held::nothing("file:///bucket".into());
        held.trying(None, taken(0, "a"));
        held.trying(None, taken(0, "b"));
        assert!(held.has("a") && held.has("b") && held.taken.is_none());
        // The first of them has arrived after all.
        held.trying(Some(taken(0, "a")), taken(1, "c"));
        assert!(held.has("a") && !held.has("b") && held.has("c"));
        // A take-over counts only once it has succeeded.
        held.trying(None, taken(5, "d"));
        assert_eq!((held.taken, held.tried), (Some(taken(0, "a")), vec![taken(5, "d")]));
    }

    #[test]
    fn the_tries_that_are_remembered_fit_the_file() {
        let mut held = Held::nothing(format!("s3://{}", "bucket".repeat(100)));
        for number in 0..3 * TRIED_MAX {
            held.trying(None, taken(u64::MAX, format!("{number:032}")));
        }
        assert_eq!(held.tried.len(), TRIED_MAX);
        assert!(held.has(&format!("{:032}", 3 * TRIED_MAX - 1)));
        assert!((serde_json::to_vec(&held).unwrap().len() as u64) < STATE_BYTES_MAX / 4);
    }
}

//! How much of a trail has an index.

use std::path::PathBuf;

use serde::Serialize;

use super::{Index, IndexError};

/// What there is of the index of a trail, by the ends of its files: damage in the middle of one is found when it is used,
/// or by a comparison with the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IndexState {
    /// The shelves that can be used.
    pub shelves: u64,
    /// How many of them this user has made or compared with the log.
    pub own: u64,
    /// The shelves that could be made and are not there.
    pub missing: u64,
    /// How many entries have a shelf.
    pub entries: u64,
    /// How many entries are under a signed head.
    pub sealed: u64,
    /// The folders in which they are looked for.
    pub folders: Vec<PathBuf>,
}

impl Index {
    /// Looks at the files of all shelves.
    pub(crate) fn status(&self) -> Result<IndexState, IndexError> {
        let mut state = IndexState::default();
        state.folders.extend(self.folders.iter().map(|folder| folder.path().to_owned()));
        let Some(head) = self.standing()?.head else { return Ok(state) };
        state.sealed = head.size;
        for number in 0..head.size / self.entries {
            match self.finished(number * self.entries, head) {
                None => state.missing += 1,
                Some((_, _, own)) => {
                    state.shelves += 1;
                    state.own += u64::from(own);
                }
            }
        }
        state.entries = state.shelves * self.entries;
        Ok(state)
    }
}

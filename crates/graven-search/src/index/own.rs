//! What this user knows of an index: the digests of the shelves that its builder has made, or compared with the log.
//!
//! An index can hide hits. Who can write to its folder can leave an entry out of a shelf, and its hashes would fit. So a
//! shelf is this user's own only if its digest is in the verifier's memory, which nobody else writes to.

use std::collections::BTreeMap;

use graven::fsck::{MemoryFolder, memory_name};
use graven::{Error, Hash, VerifierKey};
use serde::{Deserialize, Serialize};

/// The digests that are kept of one shelf: it is made anew with other hashes, in another folder or after damage.
const DIGESTS_MAX: usize = 4;

/// The only version of the file.
const VERSION: u64 = 1;

/// The memory of the index of one trail.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    folder: MemoryFolder,
    key: String,
    name: String,
}

/// The digests by the first index of their shelf, the newest last.
pub(crate) type Digests = BTreeMap<u64, Vec<Hash>>;

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u64,
    key: String,
    shelves: Vec<(u64, Vec<Hash>)>,
}

impl Own {
    /// The memory for the trail of this key.
    pub(crate) fn new(folder: MemoryFolder, key: &VerifierKey) -> Own {
        let key = key.to_string();
        let name = format!("index-{}.json", memory_name(key.as_bytes()));
        Own { folder, key, name }
    }

    /// What is known.
    pub(crate) fn read(&self) -> Result<Digests, Error> {
        let parse = |bytes: &[u8]| {
            let content: Content = serde_json::from_slice(bytes).ok()?;
            (content.version == VERSION && content.key == self.key)
                .then(|| content.shelves.into_iter().collect())
        };
        Ok(self.folder.read(&self.name, parse)?.unwrap_or_default())
    }

    /// Adds the digests of shelves that were made, or compared with the log.
    pub(crate) fn remember(&self, new: &[(u64, Hash)]) -> Result<(), Error> {
        let _held = self.folder.lock()?;
        let mut known = self.read()?;
        let before = known.clone();
        for (first, digest) in new {
            let digests = known.entry(*first).or_default();
            if !digests.contains(digest) {
                digests.push(*digest);
            }
            let old = digests.len().saturating_sub(DIGESTS_MAX);
            digests.drain(..old);
        }
        if known == before {
            return Ok(());
        }
        let content =
            Content { version: VERSION, key: self.key.clone(), shelves: known.into_iter().collect() };
        self.folder.replace(&self.name, &content)
    }
}

//! When each token was used last: a file of its own, because it decides nothing.
//!
//! A use changes only memory. The file is replaced now and then, so it may be behind, and a crash loses at most the uses
//! since then. The file of the tokens, which decides who gets in, is never written because somebody got in.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use graven::disk::OsDisk;
use graven::durable;

use super::AuthError;

/// The time of the last use by the id of a token.
pub(super) type LastUse = BTreeMap<String, DateTime<Utc>>;

/// Reads the file. One that is missing or damaged says nothing of any token.
pub(super) fn read(path: &Path) -> LastUse {
    let bytes = durable::read_file(&OsDisk, path).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// The later of both times for each token.
pub(super) fn merge(all: &mut LastUse, more: &LastUse) {
    for (id, last_of_more) in more {
        let last = all.entry(id.clone()).or_insert(*last_of_more);
        *last = (*last).max(*last_of_more);
    }
}

/// Replaces the file.
pub(super) fn write(path: &Path, all: &LastUse) -> Result<(), AuthError> {
    let cannot = |source| AuthError::File { doing: "write", path: path.to_owned(), source };
    let mut bytes = serde_json::to_vec_pretty(all).map_err(|error| cannot(error.into()))?;
    bytes.push(b'\n');
    durable::replace(&OsDisk, path, &bytes).map_err(cannot)
}

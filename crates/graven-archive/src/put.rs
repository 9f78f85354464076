//! Creates objects so that a lost answer does no harm: what is there afterwards decides.

use bytes::Bytes;

use crate::error::ArchiveError;
use crate::store::{Created, Store, StoreError, StoreErrorKind};

/// How often a creation is tried whose answers get lost. The store tries each request several times by itself.
const TRIES: u32 = 3;

/// How an object came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Put {
    /// The object is there, with these bytes. Who has created it does not matter: it may have been an earlier attempt.
    There,
    /// Another one is there, with these bytes.
    Other(Bytes),
}

/// Creates an object, unless there is one. An answer that says it exists, or that got lost, is settled by reading what
/// is there.
pub(crate) fn put(store: &dyn Store, name: &str, bytes: &Bytes) -> Result<Put, ArchiveError> {
    let created = store.create(name, bytes.clone());
    settle(store, name, bytes, created)
}

/// Creates objects whose content can only be this one. Another content is damage, or a fault of ours.
pub(crate) fn put_all(store: &dyn Store, objects: Vec<(String, Bytes)>) -> Result<(), ArchiveError> {
    let answers = store.create_all(objects.clone());
    for ((name, bytes), created) in objects.into_iter().zip(answers) {
        if let Put::Other(other) = settle(store, &name, &bytes, created)? {
            return Err(ArchiveError::data(format!(
                "{} exists with another content ({} bytes, and {} were expected): somebody has changed the archive, or \
                 another writer used this key",
                store.address(&name),
                other.len(),
                bytes.len()
            )));
        }
    }
    Ok(())
}

fn settle(
    store: &dyn Store,
    name: &str,
    bytes: &Bytes,
    mut created: Result<Created, StoreError>,
) -> Result<Put, ArchiveError> {
    for _ in 1..TRIES {
        match created {
            Ok(Created::New) => return Ok(Put::There),
            Err(error) if error.kind == StoreErrorKind::Refused => return Err(error.into()),
            Ok(Created::Exists) | Err(_) => {}
        }
        match store.read(name) {
            Ok(there) if there == bytes => return Ok(Put::There),
            Ok(other) => return Ok(Put::Other(other)),
            Err(error) if error.kind == StoreErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        created = store.create(name, bytes.clone());
    }
    match created? {
        Created::New => Ok(Put::There),
        Created::Exists => Err(ArchiveError::unavailable(
            format!("{} exists, and cannot be read", store.address(name)),
            "the store does not agree with itself",
        )),
    }
}

#[cfg(test)]
mod tests;

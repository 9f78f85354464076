//! A bucket, as far as shipping and reading need one.
//!
//! Two implementations: [`Objects`], over the library `object_store`, and the bucket of the simulator, which loses answers
//! and lists late. Calls block: the shipper and the readers are threads.

mod answer;
mod connect;
mod objects;
mod profile;

use std::fmt::Debug;
use std::ops::Range;

use bytes::Bytes;

pub(crate) use connect::{azure, google, s3};
pub use objects::Objects;
pub(crate) use profile::Variables;

/// What a creation found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// There was no such object, and now there is.
    New,
    /// There is one already. It may be this one, of an earlier attempt whose answer was lost.
    Exists,
}

/// What the caller should do about a [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// There is no such object.
    NotFound,
    /// The store refuses: credentials, rights, a bucket that is not there. Somebody has to mend that; then try again.
    Refused,
    /// No answer, or one that says to try later. What was asked may be done or not.
    Unavailable,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
#[error("{what} {name}")]
pub struct StoreError {
    /// What to do about it.
    pub kind: StoreErrorKind,
    /// What was tried: `cannot read`, for example.
    pub what: &'static str,
    /// The object, with its bucket.
    pub name: String,
    /// What the store says.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
}

/// A bucket. Names are relative to the prefix of the archive, with `/` between their parts.
pub trait Store: Send + Sync + Debug {
    /// Creates an object, only if there is none of that name.
    fn create(&self, name: &str, bytes: Bytes) -> Result<Created, StoreError>;
    /// Creates several, in any order. The answers are in the order of the objects.
    fn create_all(&self, objects: Vec<(String, Bytes)>) -> Vec<Result<Created, StoreError>> {
        objects.into_iter().map(|(name, bytes)| self.create(&name, bytes)).collect()
    }
    /// Creates an object, or replaces the one of that name. For the copy of the checkpoint alone.
    fn replace(&self, name: &str, bytes: Bytes) -> Result<(), StoreError>;
    /// Reads an object.
    fn read(&self, name: &str) -> Result<Bytes, StoreError>;
    /// Reads several, in any order. The answers are in the order of the names.
    fn read_all(&self, names: Vec<String>) -> Vec<Result<Bytes, StoreError>> {
        names.iter().map(|name| self.read(name)).collect()
    }
    /// Reads a part of an object, which must have it.
    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, StoreError>;
    /// The length of an object; `None` when there is none.
    fn bytes(&self, name: &str) -> Result<Option<u64>, StoreError>;
    /// The objects whose names begin with these folders, in no order. May leave out what was created lately: nothing
    /// may rest on it.
    fn list(&self, folder: &str) -> Result<Vec<Listed>, StoreError>;
    /// Removes an object, if there is one.
    fn remove(&self, name: &str) -> Result<(), StoreError>;
    /// The address of an object, for a message.
    fn address(&self, name: &str) -> String;
}

/// `None` for an object that is not there.
pub(crate) fn if_there<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == StoreErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

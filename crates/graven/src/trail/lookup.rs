//! Lookups in an open trail: receipts, proofs, entries.

use std::ops::{Range, RangeBounds};

use graven_core::entry::{Entry, stored_id};
use graven_core::hash::Hash;

use crate::error::{Error, ErrorKind};
use crate::prove::{Proof, prove};
use crate::reader::{Entries, Reader, Record, indexes};
use crate::record::blocking::blocking;
use crate::record::recording::{Receipt, hash_of};
use crate::trail::{Key, Trail};

impl Trail {
    /// The receipt of a durable entry, made again from its stored line.
    ///
    /// # Errors
    /// `NotFound` when there is no such entry; `Unavailable` when the files cannot be read.
    pub fn receipt(
        &self,
        key: impl Into<Key>,
    ) -> impl Future<Output = Result<Receipt, Error>> + Send + 'static {
        let (trail, key) = (self.clone(), key.into());
        blocking(move || trail.receipt_blocking(key))
    }

    /// [`receipt`](Trail::receipt) for a thread that may wait.
    pub fn receipt_blocking(&self, key: impl Into<Key>) -> Result<Receipt, Error> {
        let record = self.look_up(&self.reader()?, &key.into())?;
        let id = record.entry()?.id.unwrap_or_default();
        Ok(Receipt { index: record.index, id, leaf_hash: record.leaf_hash() })
    }

    /// Proves that an entry is in the log. Seals it first if it is not sealed yet.
    ///
    /// # Errors
    /// `NotFound` when there is no such entry; `Data` when what is stored does not give the signed root.
    pub fn prove(&self, key: impl Into<Key>) -> impl Future<Output = Result<Proof, Error>> + Send + 'static {
        let (trail, key) = (self.clone(), key.into());
        blocking(move || trail.prove_blocking(key))
    }

    /// [`prove`](Trail::prove) for a thread that may wait.
    pub fn prove_blocking(&self, key: impl Into<Key>) -> Result<Proof, Error> {
        let reader = self.reader()?;
        let record = self.look_up(&reader, &key.into())?;
        self.seal_to(record.index + 1)?;
        prove(&reader, record.index, &self.read_checkpoint()?)
    }

    /// The leaf hash that an entry gets in this trail: for a caller who knows of a stored entry and wants to know whether
    /// another one says the same. Set its id and its times to those of the stored one.
    ///
    /// # Errors
    /// `Invalid` when the entry cannot be recorded as it is.
    pub fn leaf_hash_of(&self, entry: Entry) -> Result<Hash, Error> {
        hash_of(&self.0, entry)
    }

    /// The durable entries of a range, in order, read from the files as they are asked for. Reading blocks.
    pub fn entries(&self, range: impl RangeBounds<u64>) -> Result<Entries, Error> {
        let Range { start, end } = indexes(range);
        // Lines past this are written but perhaps not yet synced.
        let durable = self.len();
        self.reader()?.entries(start.min(durable)..end.min(durable))
    }

    /// The detail of an entry as JSON text, also when it is kept beside the log.
    pub fn detail(&self, entry: &Entry) -> Result<Option<String>, Error> {
        self.reader()?.detail(entry)
    }

    /// An entry of this trail as it was recorded: with its detail, and with the whole of each text that was cut to fit
    /// the line, also when these are kept beside the log.
    ///
    /// ```
    /// # use graven::{Category, Entry, Outcome, Settings, Trail};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let trail = Trail::open(Settings::new(folder.path().join("trail")))?;
    /// let said = Entry::new(Category::Session, "ask ".repeat(50_000), Outcome::Success).cut_to_fit();
    /// trail.record_blocking(said)?;
    /// let stored = trail.recent(1).remove(0);
    /// assert!(stored.action.ends_with("…[cut]"));
    /// assert_eq!(trail.restored(&stored)?.action.len(), 200_000);
    /// # Ok::<(), graven::Error>(())
    /// ```
    pub fn restored(&self, entry: &Entry) -> Result<Entry, Error> {
        self.reader()?.restored(entry)
    }

    fn look_up(&self, reader: &Reader, key: &Key) -> Result<Record, Error> {
        let found = match key {
            Key::Index(index) if *index >= self.len() => None,
            Key::Index(index) => reader.record(*index)?,
            Key::Id(id) => self.find(reader, id)?,
        };
        found.ok_or_else(|| {
            let message = match key {
                Key::Index(index) => format!("there is no entry {index}: the trail has {}", self.len()),
                Key::Id(id) => format!("there is no entry with the id {:?}", self.redactor().text(id)),
            };
            Error::new(ErrorKind::NotFound, message)
        })
    }

    /// The newest entry with an id. If the id contained a secret, it was stored with a mark in place of the secret.
    fn find(&self, reader: &Reader, id: &str) -> Result<Option<Record>, Error> {
        let durable = |record: &Record| record.index < self.len();
        let redactor = self.redactor();
        let redacted = redactor.text(id);
        let stored = stored_id(&redacted);
        match reader.find(&stored)?.filter(durable) {
            None if stored != id => Ok(reader.find(id)?.filter(durable)),
            found => Ok(found),
        }
    }
}

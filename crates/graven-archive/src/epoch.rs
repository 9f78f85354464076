//! Epochs: who writes a trail of an archive now. Each start of a shipper takes the next one.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use graven::clock::Clock;
use graven_core::hash::{Hash, hex};
use serde::{Deserialize, Serialize};

use crate::error::ArchiveError;
use crate::names::Names;
use crate::numbered;
use crate::put::{Put, put};
use crate::store::Store;

/// One epoch, as its object says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Epoch {
    /// Its number, from 0.
    pub(crate) epoch: u64,
    /// A random name: the trail that remembers it has taken this epoch.
    pub(crate) id: String,
    /// What the writer calls itself: the name of its machine.
    pub(crate) name: String,
    /// When it was taken, by the writer's clock: for information.
    pub(crate) started: DateTime<Utc>,
    /// The key that signs the heads.
    pub(crate) key: String,
    /// The size and root of the newest head when it was taken.
    pub(crate) size: u64,
    pub(crate) root: Hash,
    /// The object that has the settings of the trail as they were then, below the prefix; absent when there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settings: Option<String>,
    /// The origin of the trail with which the chain goes on: then this trail has ended, and no head of this epoch follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl Epoch {
    /// A name that no other epoch has.
    pub(crate) fn new_id(clock: &dyn Clock) -> Result<String, ArchiveError> {
        let random = clock
            .secret()
            .map_err(|error| ArchiveError::unavailable("cannot draw a random name for an epoch", error))?;
        Ok(hex(&random[..16]))
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        let mut bytes = serde_json::to_vec(self).expect("an epoch is JSON");
        bytes.push(b'\n');
        bytes.into()
    }

    pub(crate) fn parse(bytes: &[u8], number: u64, address: &str) -> Result<Epoch, ArchiveError> {
        let epoch: Epoch = serde_json::from_slice(bytes)
            .map_err(|error| ArchiveError::data_because(format!("{address} is not an epoch"), error))?;
        if epoch.epoch != number {
            return Err(ArchiveError::data(format!("{address} says that it is epoch {}", epoch.epoch)));
        }
        Ok(epoch)
    }

    pub(crate) fn read(store: &dyn Store, names: &Names, number: u64) -> Result<Option<Epoch>, ArchiveError> {
        let name = names.epoch(number);
        let bytes = crate::store::if_there(store.read(&name))?;
        bytes.map(|bytes| Epoch::parse(&bytes, number, &store.address(&name))).transpose()
    }

    /// The newest epoch; `None` when the archive has nothing of this trail.
    pub(crate) fn newest(store: &dyn Store, names: &Names) -> Result<Option<Epoch>, ArchiveError> {
        let is_there = |number| Ok(store.bytes(&names.epoch(number))?.is_some());
        match numbered::newest(is_there)? {
            None => Ok(None),
            Some(number) => Epoch::read(store, names, number)?.map(Some).ok_or_else(|| {
                ArchiveError::data(format!("{} is gone", store.address(&names.epoch(number))))
            }),
        }
    }

    /// Takes this epoch by creating its object. Of two writers that try, one gets it; the other learns who that is.
    pub(crate) fn take(&self, store: &dyn Store, names: &Names) -> Result<Option<Epoch>, ArchiveError> {
        let name = names.epoch(self.epoch);
        match put(store, &name, &self.to_bytes())? {
            Put::There => Ok(None),
            Put::Other(bytes) => Epoch::parse(&bytes, self.epoch, &store.address(&name)).map(Some),
        }
    }

    /// The writer, for a message.
    pub(crate) fn writer(&self) -> String {
        format!(
            "{:?}, epoch {} since {}, id {}",
            self.name,
            self.epoch,
            self.started.format("%FT%TZ"),
            self.id
        )
    }
}

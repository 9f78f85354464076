//! Shipping in steps, which the simulator takes one by one (feature `sim`). What a step does, and how it fails, is the code
//! of the [`Shipper`](crate::Shipper) itself.

use std::sync::Arc;

use graven::Machine;
use graven::reader::Reader;

use crate::error::ArchiveError;
use crate::ship::{self, How, Making, Step};
use crate::store::Store;

pub use crate::ship::Mistake;

/// Ships heads: a writer that has taken an epoch.
#[derive(Debug)]
pub struct Front {
    front: ship::Front,
    manifests: ship::Manifests,
}

/// Finishes closed segments, beside the heads.
#[derive(Debug)]
pub struct Back(ship::Back);

/// Takes an epoch, as a shipper does at its start.
///
/// # Errors
/// As in the status of a [`Shipper`](crate::Shipper).
pub fn start(
    machine: Machine,
    reader: Reader,
    store: Arc<dyn Store>,
    (name, take_over): (&str, bool),
    mistake: Option<Mistake>,
) -> Result<Front, ArchiveError> {
    let how = How { name: name.into(), take_over, making: Making { mistake } };
    let manifests = ship::Manifests::default();
    let started = ship::start(machine, reader, store, &how)?;
    Ok(Front { front: ship::Front::new(started, Arc::clone(&manifests)), manifests })
}

impl Front {
    /// The number of the epoch that it has taken.
    pub fn epoch(&self) -> u64 {
        self.front.epoch()
    }

    /// How many entries are under the newest head.
    pub fn size(&self) -> u64 {
        self.front.size()
    }

    /// Ships the next head. What is before the index that it returns counts as shipped; `None` when there is nothing new.
    ///
    /// # Errors
    /// `Fenced` when another writer has the trail: no later step succeeds. Otherwise the next step goes on.
    pub fn step(&mut self) -> Result<Option<u64>, ArchiveError> {
        Ok(match self.front.step()? {
            Step::Head(size) => Some(size),
            Step::Idle => None,
        })
    }

    /// What follows a head: its full tiles, and the copy for other readers.
    ///
    /// # Errors
    /// The next one goes on.
    pub fn finish_head(&mut self) -> Result<(), ArchiveError> {
        self.front.finish_head()
    }

    /// Ships the note of a clean close, at the end.
    ///
    /// # Errors
    /// It may be tried again.
    pub fn close(&mut self) -> Result<(), ArchiveError> {
        self.front.close()
    }

    /// The part that finishes closed segments.
    ///
    /// # Errors
    /// It may be tried again.
    pub fn back(&self) -> Result<Back, ArchiveError> {
        ship::Back::new(Arc::clone(&self.front.ground), Arc::clone(&self.manifests)).map(Back)
    }
}

impl Back {
    /// Finishes the next closed segment under a head of this size. `false` when there is none.
    ///
    /// # Errors
    /// The next step tries it again.
    pub fn step(&mut self, size: u64) -> Result<bool, ArchiveError> {
        self.0.step(size).map(|span| span.is_some())
    }
}

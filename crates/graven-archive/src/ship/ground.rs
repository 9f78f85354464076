//! What the parts of a shipper stand on: the trail, the bucket, and the epoch that is held.

use std::sync::Arc;

use graven::Machine;
use graven::disk::Lock;
use graven::reader::Reader;
use graven_core::note::VerifierKey;

use super::mistake::{Making, Mistake};
use crate::epoch::Epoch;
use crate::error::{ArchiveError, Fenced};
use crate::names::Names;
use crate::store::Store;

/// What the parts of a shipper stand on. Made by [`start`](super::start::start).
#[derive(Debug)]
pub(crate) struct Ground {
    pub(super) machine: Machine,
    pub(super) reader: Reader,
    pub(super) store: Arc<dyn Store>,
    pub(super) names: Names,
    pub(super) key: VerifierKey,
    /// The epoch that is held.
    pub(super) epoch: Epoch,
    /// For the simulator.
    pub(super) making: Making,
    /// Held as long as this lives: only one process ships a trail of this machine.
    pub(super) _alone: Arc<dyn Lock>,
}

impl Ground {
    /// The error when another writer has taken a later epoch: it names that one.
    pub(super) fn fenced(&self, first_differing: Option<u64>) -> ArchiveError {
        match Epoch::newest(&*self.store, &self.names) {
            Ok(Some(newest)) if newest.id != self.epoch.id => {
                fenced_by(&*self.store, &self.names, &newest, first_differing)
            }
            // Only a copy of this trail that knows the epoch as its own closes it without taking the next one.
            Ok(_) => fenced_by(&*self.store, &self.names, &self.epoch, first_differing),
            Err(error) => error,
        }
    }

    /// Refuses when another writer has taken the next epoch. Its heads could not be mistaken for ours, and ours not for
    /// its own: that only saves requests that come to nothing.
    ///
    /// And while the epoch itself is not there. Then this is not the archive that has the entries before: a disk that is not
    /// mounted, or a bucket that was emptied. A head there would acknowledge what cannot be restored.
    pub(super) fn still_held(&self) -> Result<(), ArchiveError> {
        let own = self.names.epoch(self.epoch.epoch);
        if self.store.bytes(&own)?.is_none() {
            return Err(ArchiveError::unavailable(
                format!("{} is gone", self.store.address(&own)),
                "the archive was emptied, or another one is in its place, such as the folder of a disk that is not mounted",
            ));
        }
        if self.making.is(Mistake::EpochsIgnored) {
            return Ok(());
        }
        let next = self.names.epoch(self.epoch.epoch + 1);
        match self.store.bytes(&next)? {
            None => Ok(()),
            Some(_) => Err(self.fenced(None)),
        }
    }
}

/// The error that names the writer of an epoch.
pub(crate) fn fenced_by(
    store: &dyn Store,
    names: &Names,
    epoch: &Epoch,
    first_differing: Option<u64>,
) -> ArchiveError {
    let other = match &epoch.next {
        None => epoch.writer(),
        Some(next) => format!("{}; the trail has ended, and goes on as {next}", epoch.writer()),
    };
    ArchiveError::Fenced(Fenced { address: store.address(&names.epoch(epoch.epoch)), other, first_differing })
}

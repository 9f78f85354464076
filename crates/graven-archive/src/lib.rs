//! The archive of a trail: its files in object storage, as they are made, so that the trail survives the loss of its
//! machine.
//!
//! Shipping follows the files of a trail and never hooks into the engine. Every object is created once and never
//! changed. Who may ship is decided by epochs, which are taken by creating them. `docs/SCALE.md` has the model and the
//! names of the objects.

mod address;
mod closed;
mod epoch;
mod error;
mod facts;
#[cfg(feature = "sim")]
#[doc(hidden)]
pub mod fixture;
mod gc;
mod head;
mod held;
mod manifest;
mod names;
mod numbered;
mod packed;
mod put;
mod read;
mod restore;
mod ship;
#[cfg(feature = "sim")]
#[doc(hidden)]
pub mod sim;
mod store;
#[cfg(test)]
#[path = "../tests/it/support/mod.rs"]
#[expect(clippy::disallowed_methods, reason = "a test makes its folders directly")]
mod support;
mod tail;
mod take_over;

pub use address::{Address, SCHEMES};
pub use error::{ArchiveError, Fenced};
pub use read::{Archive, ArchivedTrail, Verifying};
pub use restore::{RestoreOptions, Restored};
pub use ship::{Lag, ShipOptions, Shipped, Shipper, State, Status};
pub use store::{Created, Listed, Objects, Store, StoreError, StoreErrorKind};
pub use take_over::{TakeOver, TakenOver};

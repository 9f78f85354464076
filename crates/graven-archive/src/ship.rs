//! Ships a trail: follows its files, and creates objects of them.
//!
//! Three parts. [`start`](start::start) takes an epoch. The [`Front`] ships what is new, head after head: a head is what
//! acknowledges. The [`Back`] finishes closed segments beside it. Each works in steps that a thread or the simulator drives,
//! and a step that fails is done again.

mod back;
mod differing;
mod front;
mod ground;
mod growth;
mod lines;
mod mistake;
mod start;
mod status;
mod thread;

pub use status::{Lag, State, Status};
pub use thread::{ShipOptions, Shipped, Shipper};

pub(crate) use back::Back;
pub(crate) use front::{Front, Step};
pub(crate) use ground::fenced_by;
pub(crate) use start::{How, start};

#[cfg(feature = "sim")]
pub use mistake::Mistake;
#[cfg(feature = "sim")]
pub(crate) use {front::Shipped as Manifests, mistake::Making};

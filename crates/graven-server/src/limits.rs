//! What one client may take of the server, so that a flood by one does not stop the others.
//!
//! A [`Gate`] counts for each address and each token: connections, requests at a time and a second, streams, refused
//! logins. Its memory is bounded, however many addresses there are.

mod gate;
mod hosts;
pub(crate) mod open_files;
mod rate;
mod refusal;
mod slots;

pub use gate::{Entered, Gate};
pub use hosts::Hosts;
pub use refusal::Refusal;
pub use slots::{Full, Slot, Slots};

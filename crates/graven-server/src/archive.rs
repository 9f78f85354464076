//! The archive of a trail: how its shipping stands, and who waits until an entry is there.

mod ack;
#[cfg(not(feature = "archive"))]
mod none;
#[cfg(feature = "archive")]
mod shipping;
mod standing;

pub(crate) use ack::Ack;
#[cfg(not(feature = "archive"))]
pub(crate) use none::Archive;
#[cfg(feature = "archive")]
pub(crate) use shipping::Archive;
pub(crate) use standing::{Doubt, Phase, Standing};

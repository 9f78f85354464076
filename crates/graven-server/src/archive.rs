//! The archive of a trail: how its shipping stands, and who waits until an entry is there.

mod ack;
#[cfg(not(feature = "archive"))]
mod none;
#[cfg(feature = "archive")]
mod shipping;
mod standing;
#[cfg(feature = "archive")]
mod watching;

pub(crate) use ack::Ack;
#[cfg(not(feature = "archive"))]
pub(crate) use none::{Archive, watch};
#[cfg(feature = "archive")]
pub(crate) use shipping::Archive;
pub(crate) use standing::{Doubt, Phase, Standing};
#[cfg(feature = "archive")]
pub(crate) use watching::watch;

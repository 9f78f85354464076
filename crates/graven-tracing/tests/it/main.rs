//! The behaviours of the layer, one file each, with the registry of `tracing-subscriber` itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod composing;
mod deadline;
mod events;
mod hostile;
mod never_waits;
mod spans;
mod support;
mod tasks;

//! How a trail is created, and how it is opened again after a close or a crash.

mod continuing;
mod create;
mod key_trails;
mod opening;
mod path;
mod persisted_settings;
pub(crate) mod recovery;
mod redaction_key;
pub(crate) mod registry;
mod signing_key;
mod trust;
mod upgrade;

//! How a trail is created, and how it is opened again after a close or a crash.

mod create;
mod opening;
mod path;
mod persisted_settings;
pub(crate) mod recovery;
mod redaction_key;
pub(crate) mod registry;

//! How a trail comes to be, and how it comes back after a close or a crash.

mod create;
mod opening;
mod path;
mod persisted_settings;
mod rebuild;
pub(crate) mod recovery;
mod redaction_key;
pub(crate) mod registry;

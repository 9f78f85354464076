//! What two or more commands use: how an answer looks, how a command fails, which trail it is about.

#[cfg(feature = "archive")]
pub(crate) mod archive;
pub(crate) mod asking;
pub(crate) mod describe;
pub(crate) mod failure;
pub(crate) mod fields;
pub(crate) mod files;
pub(crate) mod misspelled;
pub(crate) mod progress;
#[cfg(feature = "remote")]
pub(crate) mod remote;
#[cfg(feature = "server")]
pub(crate) mod server;
pub(crate) mod submit;
pub(crate) mod target;
pub(crate) mod text;
pub(crate) mod ui;

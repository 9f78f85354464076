//! What several behaviours share.

pub(crate) mod another_process;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod handmade;
pub(crate) mod interrupted;
pub(crate) mod locking;
pub(crate) mod model;
pub(crate) mod patience;
pub(crate) mod plain;

pub(crate) use files::{assert_intact, lines};

//! What lies on disk, and how it survives a crash.
//!
//! The writer, recovery, the readers and the verifier all stand on this room, and not on each other. `docs/FORMAT.md`
//! has the bytes.

pub(crate) mod blob;
pub(crate) mod bounds;
pub mod durable;
pub(crate) mod last_lines;
pub mod layout;
pub(crate) mod levels;
pub(crate) mod lines;
pub(crate) mod live;
pub mod meta;
pub(crate) mod notes;

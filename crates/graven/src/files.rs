//! The files of a trail, and how they survive a crash.
//!
//! The writer, recovery, the readers and the verifier all use this room, and not each other. `docs/FORMAT.md` describes
//! the bytes.

pub(crate) mod access;
pub(crate) mod ahead;
pub(crate) mod blob;
pub(crate) mod boundaries;
pub(crate) mod bounds;
pub(crate) mod commit_lock;
pub mod durable;
pub(crate) mod last_lines;
pub mod layout;
pub(crate) mod leftovers;
pub(crate) mod levels;
pub(crate) mod lines;
pub(crate) mod live;
pub(crate) mod lock_line;
pub mod meta;
pub(crate) mod names;
pub(crate) mod notes;
pub mod origin_name;
pub(crate) mod overrun;
pub(crate) mod presence;
pub(crate) mod publish_lock;
pub(crate) mod rebuild;
pub mod remains;
pub mod restored;
pub(crate) mod segments;
pub(crate) mod signed;
pub(crate) mod tail;

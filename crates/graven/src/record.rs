//! From an entry to a queued line, on the caller's thread, and the futures that wait for it.

pub(crate) mod batch;
pub(crate) mod block_on;
pub(crate) mod blocking;
pub(crate) mod event;
pub(crate) mod handle;
pub(crate) mod recording;
pub(crate) mod stored;

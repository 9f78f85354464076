//! The threads of an open trail, and what they share: from the queue to durable, sealed entries.
//!
//! Three threads work for each open trail: the writer, the publisher and the watchdog. `shared` is the state that they
//! and the callers hold; everything that starts or drives a thread is built on it.

mod alive;
mod catch_up;
pub(crate) mod commit;
pub(crate) mod completion;
pub(crate) mod counters;
pub(crate) mod flood;
pub(crate) mod held;
mod in_hand;
mod leaves;
mod lifecycle;
mod look;
mod lost;
pub(crate) mod publish;
mod pulse;
pub(crate) mod queue;
pub(crate) mod ready;
pub(crate) mod ring;
mod rotation;
pub(crate) mod run;
mod seal;
pub(crate) mod shared;
pub(crate) mod sync_times;
pub(crate) mod system_entries;
pub(crate) mod threads;
mod unsealed;
mod watchdog;
mod watching;

//! The behaviours of the simulator, one file each.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod canaries_are_found_out;
mod command;
mod lives_are_right;
mod replay_is_exact;
mod shipped_without;

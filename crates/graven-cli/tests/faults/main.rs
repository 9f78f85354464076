//! The shipped binary under faults of the real system: calls that fail, kills at each call, power cuts.
//!
//! Needs strace, so plain `cargo test` leaves this out; `cargo xtask test faults` finds or fetches strace and runs it,
//! on the release build. Every call fails in every run; of the images of power cuts, `GRAVEN_FAULTS=full` opens all, and
//! CI a fixed sample.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the tables are for whoever runs it")]
#![expect(clippy::disallowed_methods, reason = "a test looks at the files as an outsider does")]

mod judge;
mod power_cut;
mod power_cut_on_a_loop_device;
mod report;
mod scenario;
mod strace;
mod system_calls;
mod trace;
mod workload;

use std::path::PathBuf;

/// Whether every image of a power cut is to be opened, and not only a sample.
fn full() -> bool {
    std::env::var("GRAVEN_FAULTS").is_ok_and(|mode| mode == "full")
}

/// The binary under test: the one that was named, or the one that cargo built beside this test.
fn graven() -> PathBuf {
    std::env::var_os("GRAVEN_BIN").map_or_else(|| env!("CARGO_BIN_EXE_graven").into(), PathBuf::from)
}

/// Every `step`-th of `all`, so that at most `most` are left: always the same ones, spread over the whole.
fn sample<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let count = all.len();
    let kept = |place: usize| count <= most || place * most / count != (place + 1) * most / count;
    all.into_iter().enumerate().filter(|(place, _)| kept(*place)).map(|(_, item)| item).collect()
}

#[test]
fn a_sample_is_spread_over_the_whole() {
    assert_eq!(sample((0..100).collect(), 4), [24, 49, 74, 99]);
    assert_eq!(sample((0..3).collect(), 4), [0, 1, 2]);
    assert_eq!(sample((0..7).collect::<Vec<_>>(), 5).len(), 5);
}

//! The shipped binary under faults of the real system: calls that fail, kills at each call, power cuts.
//!
//! This needs strace, so plain `cargo test` leaves it out. `cargo xtask test faults` finds or fetches strace and runs
//! it on the release build. Every call fails once. Of the images of power cuts, a fixed sample is opened, or all
//! of them with `GRAVEN_FAULTS=full`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the tables are for the person who runs it")]
#![expect(clippy::disallowed_methods, reason = "a test looks at the files directly")]

mod deadline;
mod hanging_disk;
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

/// Whether to open every image of a power cut, not only a sample.
fn full() -> bool {
    std::env::var("GRAVEN_FAULTS").is_ok_and(|mode| mode == "full")
}

/// The binary under test: the one in `GRAVEN_BIN`, or the one that cargo built for this test.
fn graven() -> PathBuf {
    std::env::var_os("GRAVEN_BIN").map_or_else(|| env!("CARGO_BIN_EXE_graven").into(), PathBuf::from)
}

/// At most `most` of `all`: always the same ones, spread evenly.
fn sample<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let count = all.len();
    let kept = |place: usize| count <= most || place * most / count != (place + 1) * most / count;
    all.into_iter().enumerate().filter(|(place, _)| kept(*place)).map(|(_, item)| item).collect()
}

#[test]
fn a_sample_is_spread_evenly() {
    assert_eq!(sample((0..100).collect(), 4), [24, 49, 74, 99]);
    assert_eq!(sample((0..3).collect(), 4), [0, 1, 2]);
    assert_eq!(sample((0..7).collect::<Vec<_>>(), 5).len(), 5);
}

//! How long the syncs of a trail take: storage that becomes slow shows here first.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long syncs took since the trail was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncTimes {
    /// How many took at most each of [`BOUNDS`](SyncTimes::BOUNDS) and more than the one before it; behind them, how many
    /// took longer.
    pub counts: [u64; SyncTimes::BOUNDS.len() + 1],
    /// How long all of them took together.
    pub total: Duration,
}

impl SyncTimes {
    /// The bounds between the counts.
    pub const BOUNDS: [Duration; 15] = [
        Duration::from_micros(100),
        Duration::from_micros(250),
        Duration::from_micros(500),
        Duration::from_millis(1),
        Duration::from_micros(2_500),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_millis(500),
        Duration::from_secs(1),
        Duration::from_millis(2_500),
        Duration::from_secs(10),
    ];
}

/// The same, while it is counted. Only the writer adds.
#[derive(Debug, Default)]
pub(crate) struct Syncs {
    counts: [AtomicU64; SyncTimes::BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Syncs {
    pub(super) fn add(&self, took: Duration) {
        let place = SyncTimes::BOUNDS.partition_point(|bound| *bound < took);
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> SyncTimes {
        let counts = std::array::from_fn(|place| self.counts[place].load(Ordering::Relaxed));
        SyncTimes { counts, total: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sync_is_under_the_first_bound_that_it_kept() {
        let syncs = Syncs::default();
        for took in [0, 100, 101, 1_000_000, 9_999_999_999] {
            syncs.add(Duration::from_micros(took));
        }
        let times = syncs.now();
        let mut counts = [0; 16];
        (counts[0], counts[1], counts[12], counts[15]) = (2, 1, 1, 1);
        assert_eq!(times.counts, counts);
        assert_eq!(times.total, Duration::from_micros(10_001_000_200));
    }
}

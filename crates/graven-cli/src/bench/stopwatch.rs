//! Time for the bench: elapsed time, CPU time, and the percentiles of measured times.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Measures elapsed time from its creation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
    pub(crate) fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The CPU time that all threads of this process have used, in seconds.
pub(crate) fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// The times of many calls.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Measures one call.
    pub(crate) fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let watch = Stopwatch::start();
        let result = call();
        self.0.push(watch.elapsed());
        result
    }

    /// Adds the time of one call.
    #[cfg(feature = "server")]
    pub(crate) fn note(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Adds the times of other calls.
    pub(crate) fn add(&mut self, others: Times) {
        self.0.extend(others.0);
    }

    /// The time, in microseconds, that this share of the calls did not exceed.
    pub(crate) fn percentile_us(&mut self, share: f64) -> f64 {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a small count"
        )]
        let at = (last as f64 * share).round() as usize;
        self.0.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    }
}

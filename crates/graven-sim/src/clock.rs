//! The simulated clock, whose chance a canary can stop.

use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};
use graven::clock::Clock;
use graven::clock::sim::SimClock;

/// A simulated clock.
#[derive(Debug, Clone)]
pub(crate) struct FaultyClock {
    pub(crate) inner: SimClock,
    /// Whether its random numbers are always the same.
    pub(crate) repeats: bool,
}

impl Clock for FaultyClock {
    fn now(&self) -> DateTime<Utc> {
        self.inner.now()
    }

    fn elapsed(&self) -> Duration {
        self.inner.elapsed()
    }

    fn random(&self) -> u64 {
        if self.repeats { 4 } else { self.inner.random() }
    }

    fn secret(&self) -> io::Result<[u8; 32]> {
        self.inner.secret()
    }
}

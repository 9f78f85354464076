//! When the engine last recorded anything: a heartbeat is measured from there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::seam::clock::{Clock, milliseconds};

/// When the engine last recorded anything, in milliseconds of its clock. Kept only for a heartbeat.
#[derive(Debug)]
pub(crate) struct Pulse {
    every: Option<Duration>,
    last_ms: AtomicU64,
}

impl Pulse {
    /// Nothing was recorded yet; an opening counts as a sign of life.
    pub(crate) fn new(every: Option<Duration>, clock: &dyn Clock) -> Pulse {
        Pulse { every, last_ms: AtomicU64::new(milliseconds(clock.elapsed())) }
    }

    /// How often to look whether a heartbeat is due: often enough that it is late by a quarter at most.
    pub(super) fn look_every(&self) -> Option<Duration> {
        self.every.map(|every| every / 4)
    }

    /// Notes that something was recorded.
    pub(super) fn beat(&self, clock: &dyn Clock) {
        if self.every.is_some() {
            self.last_ms.store(milliseconds(clock.elapsed()), Ordering::Relaxed);
        }
    }

    /// The interval, if nothing was recorded for that long.
    pub(super) fn due(&self, clock: &dyn Clock) -> Option<Duration> {
        let every = self.every?;
        let quiet = milliseconds(clock.elapsed()).saturating_sub(self.last_ms.load(Ordering::Relaxed));
        (quiet >= milliseconds(every)).then_some(every)
    }
}

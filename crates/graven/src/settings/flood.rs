//! How many repeats of an emitted entry are written: plain data of the flood control.

use std::time::Duration;

use serde_json::json;

use crate::seam::clock::milliseconds;

/// The shortest window.
const WINDOW_MIN: Duration = Duration::from_millis(10);

/// How many repeats of one emitted entry are written by themselves: see
/// [`Settings::flood_control`](crate::Settings::flood_control).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flood {
    /// How many of a kind are written by themselves in a window.
    pub(crate) entries: u64,
    /// How long a window lasts.
    pub(crate) window: Duration,
    /// How many kinds are known at a time.
    pub(crate) kinds_max: usize,
}

impl Flood {
    /// In each window, the first `entries` of a kind (at least one) are written by themselves, and the others
    /// counted. A kind's window begins with an entry of it and lasts for `window`, at least 10 ms.
    ///
    /// The longer the window, the fewer the entries, and the more counts are lost with a process that dies.
    pub fn new(entries: u64, window: Duration) -> Flood {
        Flood { entries: entries.max(1), window: window.max(WINDOW_MIN), kinds_max: 4096 }
    }

    /// How many kinds are known at a time: 4096 unless set. Entries of further kinds are all written by themselves.
    /// A kind takes about 200 bytes; the lines of those that repeat are kept besides, 4 MiB of them at most.
    #[must_use]
    pub fn kinds_max(mut self, kinds: usize) -> Flood {
        self.kinds_max = kinds;
        self
    }

    /// As `settings.json` has it.
    pub(crate) fn persisted(&self) -> serde_json::Value {
        json!({"entries": self.entries, "window_ms": milliseconds(self.window), "kinds_max": self.kinds_max})
    }
}

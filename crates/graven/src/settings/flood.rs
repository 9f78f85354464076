//! The settings of the flood control: plain data.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::seam::clock::milliseconds;

/// The shortest window.
const WINDOW_MIN: Duration = Duration::from_millis(10);

/// How many repeats of one emitted entry are written one by one: see
/// [`Settings::flood_control`](crate::Settings::flood_control).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flood {
    /// How many of a kind are written one by one in a window.
    pub(crate) entries: u64,
    /// How long a window lasts.
    pub(crate) window: Duration,
    /// How many kinds are known at a time.
    pub(crate) kinds_max: usize,
}

impl Flood {
    /// Writes the first `entries` of a kind in each window (at least one) one by one, and counts the others. A window
    /// of a kind begins with an entry of this kind and lasts for `window`, at least 10 ms.
    ///
    /// With a longer window there are fewer entries, but more counts are lost when the process dies.
    pub fn new(entries: u64, window: Duration) -> Flood {
        Flood { entries: entries.max(1), window: window.max(WINDOW_MIN), kinds_max: 4096 }
    }

    /// Sets how many kinds are known at a time. Entries of further kinds are all written one by one. A kind takes about
    /// 200 bytes; the lines of those that repeat take at most 4 MiB more. Default: 4096.
    #[must_use]
    pub fn kinds_max(mut self, kinds: usize) -> Flood {
        self.kinds_max = kinds;
        self
    }

    /// The form in `settings.json`.
    pub(crate) fn remembered(&self) -> Remembered {
        Remembered { entries: self.entries, kinds_max: self.kinds_max, window_ms: milliseconds(self.window) }
    }
}

/// A flood control as `settings.json` has it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remembered {
    entries: u64,
    kinds_max: usize,
    window_ms: u64,
}

impl Remembered {
    pub(crate) fn restore(self) -> Flood {
        Flood::new(self.entries, Duration::from_millis(self.window_ms)).kinds_max(self.kinds_max)
    }
}

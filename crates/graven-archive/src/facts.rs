//! What a manifest says of the entries of a segment: for how many events they stand, and from when to when.

use chrono::{DateTime, Utc};
use graven_core::line::glance::Glance;

/// Counts and times of the lines so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// An entry stands for one event, or for as many as its `count` says.
    pub(crate) events: u64,
    /// The earliest and the latest time; `None` before the first line that has one.
    pub(crate) times: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Facts {
    /// Adds a line, without its newline.
    pub(crate) fn add(&mut self, line: &[u8]) {
        let glance = Glance::at(line);
        self.events = self.events.saturating_add(glance.and_then(Glance::count).unwrap_or(1));
        let Some(time) = glance.and_then(Glance::timestamp) else { return };
        let (from, to) = self.times.unwrap_or((time, time));
        self.times = Some((from.min(time), to.max(time)));
    }

    /// Adds whole lines, each with its newline.
    pub(crate) fn add_all(&mut self, lines: &[u8]) {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.add(line.strip_suffix(b"\n").unwrap_or(line));
        }
    }
}

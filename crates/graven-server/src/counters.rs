//! What is counted of one trail for each request, at hand: to look it up by its name each time costs more than to count.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// The counters of one trail.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) recorded: Counter,
    pub(crate) recorded_bytes: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) waiting: Gauge,
}

/// Entries that wait for their answer, until this is dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    gauge: Gauge,
    entries: i64,
}

impl Counters {
    /// Counts entries that wait for their answer.
    pub(crate) fn waiting(&self, entries: usize) -> Waiting {
        let entries = i64::try_from(entries).unwrap_or(i64::MAX);
        self.waiting.inc_by(entries);
        Waiting { gauge: self.waiting.clone(), entries }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.gauge.dec_by(self.entries);
    }
}

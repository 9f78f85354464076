//! Counts of what the layer did not keep as it was said.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what a layer did not keep as it was said, since it was made. Clones share their counts: take one from
/// [`TrailLayer::counters`](crate::TrailLayer::counters) before the layer goes into its subscriber.
#[derive(Debug, Clone, Default)]
pub struct Counters(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    skipped: AtomicU64,
    renamed: AtomicU64,
    cut: AtomicU64,
    unacknowledged: AtomicU64,
}

impl Counters {
    /// Events and spans that did not become an entry, because they were said while an entry was being written on the
    /// same thread, or within eight others.
    pub fn skipped(&self) -> u64 {
        self.0.skipped.load(Ordering::Relaxed)
    }

    /// Entries whose event named a category or outcome that does not exist. The detail has what it said.
    pub fn renamed(&self) -> u64 {
        self.0.renamed.load(Ordering::Relaxed)
    }

    /// Fields that were cut because all fields of an event had more than 1 MiB together. What is only too long for the line
    /// does not count: the trail cuts it and keeps it whole in a blob.
    pub fn cut(&self) -> u64 {
        self.0.cut.load(Ordering::Relaxed)
    }

    /// Entries for which a blocking layer got no receipt. Each is either recorded all the same, or counted in an entry
    /// `trail.gap`.
    pub fn unacknowledged(&self) -> u64 {
        self.0.unacknowledged.load(Ordering::Relaxed)
    }

    pub(crate) fn skip(&self) {
        self.0.skipped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn rename(&self) {
        self.0.renamed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_cut(&self, fields: u64) {
        self.0.cut.fetch_add(fields, Ordering::Relaxed);
    }

    pub(crate) fn miss(&self) {
        self.0.unacknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

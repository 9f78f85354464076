//! What the layer could not keep as it was said.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a layer could not keep as it was said, since it was made. Clones count together: take one from
/// [`AuditLayer::counters`](crate::AuditLayer::counters) before the layer goes into its subscriber.
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
    /// Events and spans that are no entry, because they were said while an entry was being written on the same
    /// thread, or in the midst of eight others.
    pub fn skipped(&self) -> u64 {
        self.0.skipped.load(Ordering::Relaxed)
    }

    /// Entries whose category or outcome is not what the event said, as that was none. The detail says what it was.
    pub fn renamed(&self) -> u64 {
        self.0.renamed.load(Ordering::Relaxed)
    }

    /// Fields that did not fit their place: the detail has them whole, up to 1 MiB for all of an event's together.
    pub fn cut(&self) -> u64 {
        self.0.cut.load(Ordering::Relaxed)
    }

    /// Entries that a blocking layer has had no receipt for. Each may be recorded all the same, or is counted in an
    /// entry `trail.gap`.
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

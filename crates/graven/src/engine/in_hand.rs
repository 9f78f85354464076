//! Since when the writer has been at the entries that it has in hand: storage that hangs shows here first.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::seam::clock::{Clock, milliseconds};

/// Since when the writer has had entries in hand, in milliseconds of its clock and one more; 0 while it has none.
#[derive(Debug, Default)]
pub(super) struct InHand(AtomicU64);

impl InHand {
    /// The writer begins with a group, before it waits for any lock.
    pub(super) fn begin(&self, clock: &dyn Clock) {
        self.0.store(milliseconds(clock.elapsed()).saturating_add(1), Ordering::Relaxed);
    }

    /// The group was answered.
    pub(super) fn end(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// For how long the writer has been at its group; `None` while it has none.
    pub(super) fn lasts(&self, clock: &dyn Clock) -> Option<Duration> {
        let since = self.0.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Duration::from_millis(milliseconds(clock.elapsed()).saturating_sub(since)))
    }
}

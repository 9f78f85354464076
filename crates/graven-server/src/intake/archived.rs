//! Waits until what was recorded is in the archive, for the answers that say so.

use std::time::Duration;

use graven::Entry;

use super::Intake;
use crate::trails::{Kept, Recorded};

/// How long answers wait after the server was asked to end: what a working archive takes, and less than what requests have
/// left then.
const AT_THE_END: Duration = Duration::from_secs(3);

impl Intake {
    /// Records entries, and notes which of their answers wait for the archive.
    pub(crate) async fn recorded(&self, entries: Vec<Entry>) -> Vec<Recorded> {
        if entries.is_empty() {
            return Vec::new();
        }
        let Some(archive) = self.trail.archive() else {
            return self.trail.record(&self.caller.name, entries).await;
        };
        let waits: Vec<bool> =
            entries.iter().map(|entry| self.ack.waits_for(&entry.category, archive)).collect();
        let mut recorded = self.trail.record(&self.caller.name, entries).await;
        for (recorded, waits) in recorded.iter_mut().zip(waits) {
            if let (Ok(kept), true) = (recorded, waits) {
                kept.archived = Some(false);
            }
        }
        recorded
    }

    /// Waits until all that should be is in the archive, and notes it. When the time is over, none of them is said to be
    /// there.
    pub(crate) async fn wait_for_archive(&self, kept: impl Iterator<Item = &mut Kept>) {
        let mut waiting: Vec<&mut Kept> = kept.filter(|kept| kept.archived == Some(false)).collect();
        let Some(last) = waiting.iter().map(|kept| kept.receipt.index).max() else { return };
        // Boxed: most requests do not wait, and the future of each would be larger for it.
        if Box::pin(self.is_in_archive(last)).await {
            waiting.iter_mut().for_each(|kept| kept.archived = Some(true));
        }
    }

    async fn is_in_archive(&self, index: u64) -> bool {
        let Some(archive) = self.trail.archive() else { return false };
        let ends = async {
            self.state.ends().await;
            tokio::time::sleep(AT_THE_END).await;
        };
        tokio::select! {
            biased;
            is_there = archive.has(index) => is_there,
            () = tokio::time::sleep(self.ack.timeout()) => false,
            () = ends => false,
        }
    }
}

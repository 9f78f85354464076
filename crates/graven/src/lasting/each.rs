//! Records many entries in a trail that lasts, with an answer for each of them.

use std::sync::Arc;

use graven_core::entry::Entry;

use super::reopening::{Attempts, Reopening};
use crate::error::Error;
use crate::record::batch::RecordingBatch;
use crate::record::recording::Receipt;

/// Records the entries that can be recorded as one batch. If the trail fails before it has written any of them, it does so
/// once more in the trail that is opened next.
pub(super) async fn record(
    reopening: Arc<Reopening>,
    mut entries: Vec<Entry>,
) -> Vec<Result<Receipt, Error>> {
    let mut attempts = Attempts::default();
    loop {
        let trail = match reopening.trail().await {
            Ok(trail) => trail,
            Err(error) => return vec![Err(error); entries.len()],
        };
        let (batch, refused) = RecordingBatch::of_good(Arc::clone(&trail.0), &mut entries);
        let good = entries.len() - refused.len();
        let recorded: Vec<Result<Receipt, Error>> = match batch.await {
            Ok(receipts) => receipts.into_iter().map(Ok).collect(),
            Err(error) if attempts.once_more(&trail, &error) => continue,
            Err(error) => vec![Err(error); good],
        };
        return in_order(recorded, refused);
    }
}

/// Puts the answers of entries that were refused among the others, each in its place.
fn in_order(
    recorded: Vec<Result<Receipt, Error>>,
    refused: Vec<(usize, Error)>,
) -> Vec<Result<Receipt, Error>> {
    if refused.is_empty() {
        return recorded;
    }
    let mut all = Vec::with_capacity(recorded.len() + refused.len());
    let mut recorded = recorded.into_iter();
    for (place, error) in refused {
        let before = place - all.len();
        all.extend(recorded.by_ref().take(before));
        all.push(Err(error));
    }
    all.extend(recorded);
    all
}

//! Records entries of clients, and opens the trail again where that helps.

use graven::{Entry, Error, ErrorKind, LastingTrail, Receipt};

use super::Served;
use crate::problem::Problem;

/// What became of one entry.
pub(crate) type Recorded = Result<Receipt, Problem>;

impl Served {
    /// Records entries in their order; one answer each. `again` makes the same ones, for when the trail failed before it
    /// wrote any of them and was opened again.
    pub(crate) async fn record(&self, entries: Vec<Entry>, again: impl Fn() -> Vec<Entry>) -> Vec<Recorded> {
        let count = entries.len();
        let recorded = match self.writable() {
            Err(problem) => vec![Err(problem); count],
            Ok(writer) => match batch(writer, entries, &again).await {
                Ok(receipts) => receipts.into_iter().map(Ok).collect(),
                Err(error) if error.kind() == ErrorKind::Invalid => one_by_one(writer, again()).await,
                Err(error) => vec![Err(Problem::from(error)); count],
            },
        };
        let good = recorded.iter().filter(|recorded| recorded.is_ok()).count() as u64;
        self.tallies.record(good);
        self.count_refused(count as u64 - good);
        recorded
    }

    /// Counts entries that were refused before they came here.
    pub(crate) fn count_refused(&self, entries: u64) {
        self.tallies.refuse(entries);
    }
}

async fn batch(
    writer: &LastingTrail,
    entries: Vec<Entry>,
    again: &impl Fn() -> Vec<Entry>,
) -> Result<Vec<Receipt>, Error> {
    let trail = writer.ready().await?;
    match trail.record_batch(entries).await {
        // It failed because of other entries.
        Err(error) if !error.may_be_recorded() && trail.poisoned().is_some() => {
            writer.ready().await?.record_batch(again()).await
        }
        recorded => recorded,
    }
}

/// A batch is refused as a whole when one of its entries is: then each is recorded alone.
async fn one_by_one(writer: &LastingTrail, entries: Vec<Entry>) -> Vec<Recorded> {
    let mut recorded = Vec::with_capacity(entries.len());
    for entry in entries {
        recorded.push(writer.record(entry).await.map_err(Problem::from));
    }
    recorded
}

//! The acts without a result: only entries with a phase are read, where an index of this user's own names them.

use graven::Error;
use graven::reader::{Pending, PendingActs, Picks, Reader};

use super::Search;
use super::stretches::{Stretch, Stretches, Wanted};
use crate::error::SearchError;
use crate::order::Order;
use crate::query::Query;

/// How often progress is told when entries are read one by one.
const PROGRESS_ENTRIES: u64 = 65_536;

/// As [`Reader::pending`]. An index that others can have written is not used: it could hide an act.
pub(super) fn pending(search: &Search, progress: &mut dyn FnMut(u64)) -> Result<Vec<Pending>, SearchError> {
    let reader = &search.reader;
    let Some(index) = search.index.as_deref() else { return Ok(reader.pending(progress)?) };
    let mut picks = reader.picks()?;
    let entries = picks.len()?;
    // Without a head no shelf is used, and without a memory none is this user's own.
    let head = index.head().unwrap_or(None);
    let query = Query::of_acts();
    let mut stretches = Stretches::new(Some(index), &query, head, entries, (0..entries, Order::OldestFirst));
    stretches.own_only();
    let mut acts = PendingActs::new();
    while let Some(stretch) = stretches.next(&picks) {
        match stretch {
            Stretch::Scan(range) => {
                for record in reader.entries(range)? {
                    let record = record?;
                    acts.hear(record.index, &record.line)?;
                    if record.index.is_multiple_of(PROGRESS_ENTRIES) {
                        progress(record.index);
                    }
                }
            }
            Stretch::Pick(mut pick) => {
                while let Some(wanted) = pick.next() {
                    hear(reader, &mut picks, &wanted, &mut acts)?;
                }
                progress(pick.range().end);
            }
        }
    }
    Ok(acts.finish(reader)?)
}

/// Hears the entries of one block that have a phase.
fn hear(reader: &Reader, picks: &mut Picks, wanted: &Wanted, acts: &mut PendingActs) -> Result<(), Error> {
    let bytes = wanted.bytes.clone();
    let picked =
        bytes.and_then(|bytes| picks.lines(wanted.block.clone(), bytes, &wanted.entries, &mut |_, _| true));
    if let Some(records) = picked {
        return records.iter().try_for_each(|record| acts.hear(record.index, &record.line));
    }
    let (Some(first), Some(last)) = (wanted.entries.first(), wanted.entries.last()) else { return Ok(()) };
    for record in reader.entries(*first..=*last)? {
        let record = record?;
        acts.hear(record.index, &record.line)?;
    }
    Ok(())
}

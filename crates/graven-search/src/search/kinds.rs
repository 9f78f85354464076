//! How many entries there are of each category and outcome, from the columns of this user's own shelves where that is exact.

use graven::reader::{Tally, Tallying};

use super::Search;
use super::stretches::{Stretch, Stretches};
use crate::error::SearchError;
use crate::order::Order;
use crate::query::Query;

/// How often progress is told when entries are read one by one.
const PROGRESS_ENTRIES: u64 = 65_536;

/// As [`Reader::tally`](graven::reader::Reader::tally). An index that others can have written is not used.
pub(super) fn tally(search: &Search, progress: &mut dyn FnMut(u64)) -> Result<Tally, SearchError> {
    let reader = &search.reader;
    let Some(index) = search.index.as_deref() else { return Ok(reader.tally(progress)?) };
    let mut tallying = Tallying::new(reader)?;
    let picks = reader.picks()?;
    let entries = picks.len()?;
    // Without a head no shelf is used, and without a memory none is this user's own.
    let head = index.head().unwrap_or(None);
    // The entries of the trail itself tell of its life, and are always read.
    let query = Query::of_the_trail();
    let mut stretches = Stretches::new(Some(index), &query, head, entries, (0..entries, Order::OldestFirst));
    stretches.own_only();
    while let Some(stretch) = stretches.next(&picks) {
        let range = match stretch {
            Stretch::Scan(range) => range,
            Stretch::Pick(pick) => {
                let kinds = if tallying.needs_each() || !pick.is_over() { None } else { pick.kinds() };
                if let Some(kinds) = kinds {
                    for (category, outcome, entries) in kinds {
                        tallying.add(&category, outcome, entries);
                    }
                    progress(pick.range().end);
                    continue;
                }
                pick.range()
            }
        };
        for record in reader.entries(range)? {
            let record = record?;
            tallying.hear(record.index, &record.line);
            if tallying.entries().is_multiple_of(PROGRESS_ENTRIES) {
                progress(tallying.entries());
            }
        }
    }
    Ok(tallying.finish())
}

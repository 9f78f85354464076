//! Removes what closed segments have replaced.

use crate::error::ArchiveError;
use crate::names::{Names, Span};
use crate::store::Store;

/// Removes the tail objects whose entries are all in closed segments, which reach up to `end`, of the epochs up to
/// `newest`. Returns how many were removed.
///
/// What to remove is found by a listing. One that leaves out objects only leaves them for the next time.
pub(crate) fn remove_replaced(
    store: &dyn Store,
    names: &Names,
    newest: u64,
    end: u64,
) -> Result<u64, ArchiveError> {
    let mut removed = 0;
    for epoch in 0..=newest {
        for listed in store.list(&names.tail_folder(epoch))? {
            let name = listed.name.rsplit('/').next().unwrap_or_default();
            let span = name.strip_suffix(".jsonl.zst").or_else(|| name.strip_suffix(".json"));
            if span.and_then(Span::parse).is_some_and(|span| span.end <= end) {
                store.remove(&listed.name)?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

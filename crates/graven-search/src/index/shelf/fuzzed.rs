//! Bytes of anybody as a shelf whose hashes fit: for the fuzzer and for tests.

use graven_core::hash::sha256;

use super::pages::PAGE_BYTES;
use super::{Cache, END_BYTES, FOOTER_HEAD_BYTES, Shelf, Source, facet, histogram};
use crate::query::{EntryField, Field, Query};

/// Asks a shelf with these bytes, as far as it is one.
#[doc(hidden)]
pub fn testing_only_ask_shelf(bytes: &[u8], query: &Query) {
    let mut bytes = bytes.to_vec();
    refit(&mut bytes);
    let Ok(shelf) = Shelf::open(Source::Bytes(bytes.into()), &Cache::new(1 << 20)) else { return };
    let Ok(candidates) = shelf.candidates(query) else { return };
    assert!(candidates.entries.max().is_none_or(|last| last < shelf.count()), "it has such entries");
    assert!(candidates.sure.is_subset(&candidates.entries), "what is sure may be a hit");
    let fields = [EntryField::Action, EntryField::Tool, EntryField::DurationMs].map(Field::Entry);
    for field in fields.into_iter().chain([Field::Detail(vec!["exit".to_owned()])]) {
        if let Ok(rest) = facet(&shelf, &field, &candidates.sure, &mut |_, _| {}) {
            assert!(rest.is_subset(&candidates.sure), "only what was asked about is left");
        }
    }
    if let Ok(rest) = histogram(&shelf, 60, &candidates.sure, &mut |_, _, _| {}) {
        assert!(rest.is_subset(&candidates.sure), "only what was asked about is left");
    }
}

/// Makes the hashes of a shelf fit its bytes, as far as it has the form of one: what is behind them is tested.
pub(super) fn refit(shelf: &mut [u8]) {
    let Some(end) = shelf.len().checked_sub(END_BYTES as usize) else { return };
    let length = shelf[end + 32..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
    let Some(start) = end.checked_sub(length) else { return };
    let (payload, rest) = shelf.split_at_mut(start);
    let (footer, end) = rest.split_at_mut(length);
    let hashes = footer.get_mut(FOOTER_HEAD_BYTES..).unwrap_or_default();
    for (page, hash) in payload.chunks(PAGE_BYTES as usize).zip(hashes.chunks_exact_mut(32)) {
        hash.copy_from_slice(sha256(page).as_bytes());
    }
    end[..32].copy_from_slice(sha256(footer).as_bytes());
}

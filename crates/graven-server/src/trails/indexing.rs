//! How the index of a trail stands, as far as it was looked at.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// An index that lacks this number of shelves is behind. One is being made whenever the trail has grown enough.
const BEHIND: u64 = 2;

/// How the index of a trail stands.
#[derive(Debug, Default)]
pub(crate) struct Indexing {
    failed: AtomicBool,
    missing: AtomicU64,
}

impl Indexing {
    /// Says whether the last attempt to bring it up to date failed; whether the one before did.
    pub(crate) fn set_failed(&self, failed: bool) -> bool {
        self.failed.swap(failed, Ordering::Relaxed)
    }

    /// Says how many shelves could be made and are not there.
    pub(crate) fn set_missing(&self, shelves: u64) {
        self.missing.store(shelves, Ordering::Relaxed);
    }

    /// Why searches are slow, if the index is the reason.
    pub(crate) fn doubt(&self) -> Option<String> {
        if self.failed.load(Ordering::Relaxed) {
            let reason = "its index cannot be brought up to date, so searches read entries one by one: the server's log \
                          says why";
            return Some(reason.to_owned());
        }
        let missing = self.missing.load(Ordering::Relaxed);
        (missing >= BEHIND).then(|| {
            format!("its index lacks {missing} shelves, so searches read their entries one by one until they are made")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shelf_that_is_being_made_is_no_reason() {
        let indexing = Indexing::default();
        indexing.set_missing(1);
        assert_eq!(indexing.doubt(), None);
        indexing.set_missing(2);
        assert!(indexing.doubt().unwrap().contains("lacks 2 shelves"));
        assert!(!indexing.set_failed(true));
        assert!(indexing.doubt().unwrap().contains("cannot be brought up to date"));
        assert!(indexing.set_failed(false));
    }
}

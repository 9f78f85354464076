//! Events within events: a value's `Debug`, a clock or another subscriber can say events while one is being recorded.
//!
//! What is said while a value is looked at becomes an entry of its own, a few levels deep. What is said while an entry
//! is being written does not: it may be about that very entry.

use std::cell::Cell;

/// The most events that are looked at within one another.
const DEPTH_MAX: u32 = 8;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// One event more that is looked at on this thread, until it is dropped.
pub(crate) struct Nested(u32);

impl Nested {
    /// `None` where there are too many, or an entry is being written; or on a thread that is ending.
    pub(crate) fn enter() -> Option<Nested> {
        let depth = DEPTH.try_with(Cell::get).ok().filter(|depth| *depth < DEPTH_MAX)?;
        DEPTH.set(depth + 1);
        Some(Nested(depth))
    }

    /// An entry is being written now: nothing that is said meanwhile is looked at.
    pub(crate) fn write(&self) {
        DEPTH.set(DEPTH_MAX);
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        let _ending = DEPTH.try_with(|depth| depth.set(self.0));
    }
}

//! How many entries were in memory when they were counted last: while nothing has changed, nothing is counted.

use std::sync::{Arc, Mutex, Weak};

use crate::engine::shared::Engine;
use crate::trail::Trail;

/// The last count of the entries in a trail's memory.
#[derive(Debug, Default)]
pub(super) struct Counted(Mutex<Option<Count>>);

#[derive(Debug, Clone)]
struct Count {
    engine: Weak<Engine>,
    /// How many entries the trail had before they were counted.
    size: u64,
    entries: usize,
}

impl Counted {
    /// The number, if it still holds: the trail's memory does not change without its size, and while a trail has not
    /// failed, no other takes its place. In a forked child, whose memory stays as it was, it may hold for ever.
    pub(super) fn get(&self) -> Option<usize> {
        // In a forked child the lock may be held for ever.
        let (engine, size, entries) = {
            let count = self.0.try_lock().ok()?;
            let Count { engine, size, entries } = count.as_ref()?;
            (engine.upgrade()?, *size, *entries)
        };
        (engine.durable() == size && engine.poisoned().is_none()).then_some(entries)
    }

    /// Keeps a number that was counted when the trail had `size` entries, or more.
    pub(super) fn set(&self, trail: &Trail, size: u64, entries: usize) {
        if let Ok(mut count) = self.0.try_lock() {
            *count = Some(Count { engine: Arc::downgrade(&trail.0.engine), size, entries });
        }
    }
}

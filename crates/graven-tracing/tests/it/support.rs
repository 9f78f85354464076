//! A trail on a simulated disk, and a subscriber that records in it.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use graven::clock::sim::SimClock;
use graven::disk::sim::SimDisk;
use graven::{Category, Entry, Machine, Settings, Trail};
use graven_tracing::{AuditOnly, Counters, TrailLayer};
use serde_json::Value;
use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::prelude::*;

use crate::deadline::Deadline;

/// What a test works with.
pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) clock: SimClock,
    pub(crate) trail: Trail,
    _deadline: Deadline,
}

impl World {
    pub(crate) fn new() -> World {
        World::with(|settings| settings)
    }

    pub(crate) fn with(change: impl FnOnce(Settings) -> Settings) -> World {
        let (disk, clock) = (SimDisk::new(), SimClock::new(2));
        let machine = Machine { disk: Arc::new(disk.clone()), clock: Arc::new(clock.clone()) };
        let trail = Trail::open_on(change(Settings::new("/t")), machine).unwrap();
        World { disk, clock, trail, _deadline: Deadline::begin() }
    }

    /// A layer that measures with the trail's clock.
    pub(crate) fn layer(&self) -> TrailLayer {
        TrailLayer::new(self.trail.clone()).clock(Arc::new(self.clock.clone()))
    }

    /// What a program says to a subscriber with this layer; what is in the trail then.
    pub(crate) fn hears(&self, layer: TrailLayer, say: impl FnOnce()) -> (Vec<Entry>, Counters) {
        let counters = layer.counters();
        let subscriber = Registry::default().with(layer.with_filter(AuditOnly));
        tracing::dispatcher::with_default(&Dispatch::new(subscriber), say);
        (self.stored(), counters)
    }

    /// What is in the trail, but for the trail's own entries.
    pub(crate) fn stored(&self) -> Vec<Entry> {
        self.trail.flush_blocking().unwrap();
        let entries = self.trail.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap());
        entries.filter(|entry| entry.category != Category::Trail).collect()
    }
}

/// Looks again until it is so; the world's deadline ends that.
pub(crate) fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        thread::sleep(Duration::from_millis(1));
    }
}

/// What a program says to a layer with every default; what is in the trail then.
pub(crate) fn heard(say: impl FnOnce()) -> Vec<Entry> {
    let world = World::new();
    world.hears(world.layer(), say).0
}

/// The one entry that a program leaves.
pub(crate) fn heard_one(say: impl FnOnce()) -> Entry {
    let mut entries = heard(say);
    assert_eq!(entries.len(), 1, "{entries:#?}");
    entries.remove(0)
}

/// The detail, as it stands in the line.
pub(crate) fn detail(entry: &Entry) -> &str {
    entry.detail.as_ref().map_or("", |detail| detail.as_str())
}

pub(crate) fn detail_value(entry: &Entry) -> Value {
    serde_json::from_str(detail(entry)).unwrap()
}

pub(crate) fn actions(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.action.as_str()).collect()
}

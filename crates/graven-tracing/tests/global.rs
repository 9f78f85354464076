//! Under a subscriber for the whole process, which `tracing` does not keep from hearing itself: events within events.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use graven::clock::{Clock, OsClock};
use graven::{Category, Entry, Machine, Outcome, Settings, Trail};
use graven_tracing::{AuditOnly, TrailLayer};
use tracing::{Event, Subscriber, info};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;

/// Says an audit event whenever the engine says that it has recorded something.
struct Echo;

impl<S: Subscriber> Layer<S> for Echo {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // By the module: its target is that of the program's own events.
        if event.metadata().module_path().is_some_and(|path| path.starts_with("graven::")) {
            info!(target: "audit", "echo");
        }
    }
}

/// A clock that says an audit event whenever it is asked for the time, once it was told to: what is said while an
/// entry is being written.
#[derive(Debug, Default)]
struct Speaking {
    clock: OsClock,
    wound_up: AtomicBool,
}

impl Clock for Speaking {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        if self.wound_up.load(Ordering::Relaxed) {
            info!(target: "audit", "cuckoo");
        }
        self.clock.now()
    }
    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }
    fn random(&self) -> u64 {
        self.clock.random()
    }
    fn secret(&self) -> io::Result<[u8; 32]> {
        self.clock.secret()
    }
}

/// Says an audit event when it is looked at, again and again to this depth.
struct Speaks(u32);

impl fmt::Debug for Speaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 0 {
            info!(target: "audit", depth = self.0, inner = ?Speaks(self.0 - 1), "inner");
        }
        write!(f, "spoke {}", self.0)
    }
}

#[test]
fn events_within_events_are_entries_or_counted_and_never_run_away() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Speaking::default());
    let machine = Machine { clock: clock.clone(), ..Machine::os() };
    let trail = Trail::open_on(Settings::new(folder.path().join("trail")), machine).unwrap();
    let layer = TrailLayer::new(trail.clone());
    let counters = layer.counters();
    tracing_subscriber::registry().with(layer.with_filter(AuditOnly)).with(Echo).init();
    let actions = || -> Vec<String> {
        trail.flush_blocking().unwrap();
        trail.recent(100).into_iter().rev().map(|entry| entry.action).collect()
    };

    // The engine says nothing of what comes from an event, so nothing echoes.
    info!(target: "audit", "plain");
    assert_eq!(actions(), ["plain"]);

    // What is recorded by hand is said, and echoes once.
    trail.record_blocking(Entry::new(Category::Api, "by hand", Outcome::Success)).unwrap();
    assert_eq!(actions()[1..], ["by hand", "echo"]);

    // What a value says comes before the event that it is a value of.
    info!(target: "audit", value = ?Speaks(2), "outer");
    assert_eq!(actions()[3..], ["inner", "inner", "outer"]);
    assert_eq!(counters.skipped(), 0);

    // Not too deep: eight at a time.
    info!(target: "audit", value = ?Speaks(20), "deep");
    let all = actions();
    assert_eq!(all[6..], [&["inner"; 7][..], &["deep"]].concat());
    assert_eq!(
        counters.skipped(),
        1,
        "the one that was too deep was not looked at, so those in it were never said"
    );

    // What is said while an entry is written is none, or it would go on for ever.
    clock.wound_up.store(true, Ordering::Relaxed);
    info!(target: "audit", "last");
    clock.wound_up.store(false, Ordering::Relaxed);
    assert_eq!(actions()[14..], ["last"]);
    assert_eq!(counters.skipped(), 2);
    trail.close_blocking().unwrap();
}

//! Of two busy processes neither gets less than a third of the commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use graven::{Category, Entry, Machine, Outcome, Settings, Trail};

use super::another_disk::AnotherDisk;
use crate::support::patience::{must_end, until};

/// How many commits are counted.
const COMMITS: u64 = 90;

#[test]
fn neither_of_two_busy_processes_gets_less_than_a_third() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let open = |number| {
        let disk = AnotherDisk { number, before_sync: Arc::new(|| ()) };
        let machine = Machine { disk: Arc::new(disk), clock: Machine::os().clock };
        Trail::open_on(Settings::new(folder.path()).ring_entries(10), machine).unwrap()
    };
    let trails = [open(u64::MAX), open(u64::MAX - 1)];
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        for trail in &trails {
            // A queue that is always full: groups of a mebibyte.
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let dropped = trail.counters().dropped;
                    trail
                        .emit(Entry::new(Category::Api, "busy", Outcome::Success).detail("x".repeat(60_000)));
                    if trail.counters().dropped > dropped {
                        thread::yield_now();
                    }
                }
            });
        }
        let groups = || trails.each_ref().map(|trail| trail.counters().groups);
        until("both are busy", || groups().iter().all(|groups| *groups >= 5));
        let before = groups();
        let since = || {
            let now = groups();
            [now[0] - before[0], now[1] - before[1]]
        };
        until("commits", || since().iter().sum::<u64>() >= COMMITS);
        let commits = since();
        done.store(true, Ordering::Relaxed);
        assert!(commits.iter().all(|one| one * 3 >= commits.iter().sum()), "{commits:?}");
    });
    for trail in trails {
        trail.close_blocking().unwrap();
    }
}

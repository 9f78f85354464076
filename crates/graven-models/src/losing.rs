//! Losses beside commits and a failure: each lost entry is counted once, in an entry or in what is still to be announced.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use graven_core::hash::{Hash, leaf_hash};
use loom::thread;

use crate::counters::{Losses, Lost};
use crate::error::{Error, ErrorKind};
use crate::park::model;
use crate::queue::{Group, Line, Queue};

/// The parts of an engine that count, over a log in memory.
struct Engine {
    queue: Queue,
    lost: Lost,
    /// Stands for the disk.
    log: Mutex<Vec<Hash>>,
    /// How many losses each entry says.
    says: Mutex<HashMap<Hash, u64>>,
}

/// What a commit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    Works,
    /// The sync fails, and nothing is there afterwards.
    Forgets,
    /// The sync fails, and everything is there afterwards.
    Keeps,
}

fn failed() -> Error {
    Error::new(ErrorKind::Unavailable, "the disk failed")
}

fn line(name: &str) -> Vec<u8> {
    format!(r#"{{"id":"{name}","timestamp":"2026-01-01T00:00:00Z","category":"api","action":"a"}}"#).into_bytes()
}

impl Engine {
    fn new() -> Arc<Engine> {
        Arc::new(Engine {
            queue: Queue::new(1 << 20),
            lost: Lost::default(),
            log: Mutex::default(),
            says: Mutex::default(),
        })
    }

    /// As `shared.rs` does.
    fn announce_losses(&self) {
        self.lost.announce(self.size(), |losses| {
            let count = losses.values().sum();
            let mut says = self.says.lock().unwrap();
            let bytes = line(&format!("gap {}", says.len()));
            let hash = leaf_hash(&bytes);
            says.insert(hash, count);
            drop(says);
            self.queue.push_system(&mut Line { bytes: &bytes, hash, blob: None }).map(|_| hash)
        });
    }

    fn size(&self) -> u64 {
        self.log.lock().unwrap().len() as u64
    }

    /// Queues an entry that nobody waits for. Returns whether it was taken, as if its caller did not count it otherwise.
    fn emit(&self, name: &str) -> bool {
        let bytes = line(name);
        self.queue.push(&mut Line { bytes: &bytes, hash: leaf_hash(&bytes), blob: None }, None).is_ok()
    }

    /// As `commit.rs` does.
    fn commit(&self, group: Group, disk: Disk) {
        let known = self.size();
        if disk != Disk::Forgets {
            self.log.lock().unwrap().extend(&group.hashes);
        }
        if disk == Disk::Works {
            self.lost.durable(&group.hashes);
            group.completion.set_durable(known);
            self.announce_losses();
        } else {
            self.queue.fail(&failed(), &self.lost);
            self.lost.doubt(group.emitted(), known);
            group.completion.set_failed(failed());
        }
    }

    /// Opens the trail again, as `threads.rs` does.
    fn settle(&self) {
        let log = self.log.lock().unwrap();
        if let Some(since) = self.lost.in_doubt_since() {
            self.lost.settle(&log[since as usize..].iter().copied().collect::<HashSet<Hash>>());
        }
    }

    /// How many losses are told by durable entries, and how many are still to be told.
    fn told(&self) -> (u64, u64) {
        let says = self.says.lock().unwrap();
        let in_log = self.log.lock().unwrap().iter().filter_map(|hash| says.get(hash)).sum();
        drop(says);
        let mut pending = 0;
        self.lost.announce(0, |losses: &Losses| {
            pending = losses.values().sum();
            Err::<Hash, ()>(())
        });
        (in_log, pending)
    }

    fn holds(&self, name: &str) -> bool {
        self.log.lock().unwrap().contains(&leaf_hash(&line(name)))
    }
}

/// A loss comes while an earlier one is announced and committed.
pub(crate) fn a_loss_is_counted_once() {
    model(3, || {
        let engine = Engine::new();
        let writer = {
            let engine = Arc::clone(&engine);
            thread::spawn(move || {
                while let Some(group) = engine.queue.take() {
                    engine.commit(group, Disk::Works);
                }
            })
        };
        let other = {
            let engine = Arc::clone(&engine);
            thread::spawn(move || {
                engine.lost.add("api");
                engine.announce_losses();
            })
        };
        engine.lost.add("api");
        engine.announce_losses();
        other.join().unwrap();
        engine.queue.close(None);
        writer.join().unwrap();
        let (told, pending) = engine.told();
        assert_eq!((told + pending, engine.lost.total()), (2, 2), "each loss is counted once: {told}, {pending}");
        assert_eq!(engine.lost.in_doubt_since(), None, "nothing is in doubt");
    });
}

/// Losses are announced while entries are queued, and the second commit fails, or the publisher does. When the trail is
/// opened again, each loss and each entry that nobody waits for is in the log or counted, and not both.
pub(crate) fn a_failure_loses_no_count() {
    beside_a_failure(Disk::Forgets);
}

/// The same when the lines of the failed commit turn out to be there.
pub(crate) fn a_failure_counts_nothing_twice() {
    beside_a_failure(Disk::Keeps);
}

fn beside_a_failure(second: Disk) {
    model(3, move || {
        let engine = Engine::new();
        let writer = {
            let engine = Arc::clone(&engine);
            thread::spawn(move || {
                let mut disk = Disk::Works;
                while let Some(group) = engine.queue.take() {
                    engine.commit(group, disk);
                    disk = second;
                }
            })
        };
        let publisher = {
            let engine = Arc::clone(&engine);
            thread::spawn(move || engine.queue.fail(&failed(), &engine.lost))
        };
        let emitted = engine.emit("one");
        engine.lost.add("api");
        engine.announce_losses();
        let emitted_later = engine.emit("two");
        publisher.join().unwrap();
        writer.join().unwrap();
        engine.settle();
        assert_eq!(engine.lost.in_doubt_since(), None, "all is settled");
        let gone = [("one", emitted), ("two", emitted_later)].iter().filter(|(name, taken)| *taken && !engine.holds(name)).count() as u64;
        let (told, pending) = engine.told();
        assert_eq!(told + pending, 1 + gone, "each loss is counted once: {told}, {pending}, {gone} gone");
        assert_eq!(engine.lost.total(), 1 + gone);
    });
}

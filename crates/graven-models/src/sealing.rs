//! How the writer, the publisher and the callers that want a checkpoint work together, beside another process that seals
//! too. The bound is one entry here, and no rest ends by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use graven_core::hash::{Hash, leaf_hash};
use loom::thread::{self, JoinHandle};

use crate::error::{Error, ErrorKind};
use crate::park::model;
use crate::seal::Seal;
use crate::seam::disk::log;
use crate::unsealed::{Lines, Part, Unsealed};

/// A deadline, which in a model never comes.
const FOREVER: Duration = Duration::from_secs(3600);

/// The leaf hash of the entry with this index.
fn hash(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

fn ended() -> Error {
    Error::new(ErrorKind::Closed, "closed")
}

/// A trail that two processes share, and what this one has in memory.
struct Trail {
    seal: Seal,
    /// How many entries are in the log. Its lock is that of a commit.
    log: Mutex<u64>,
    /// The lock of publishing.
    publishing: Mutex<()>,
    /// How many entries are under the checkpoint in the file.
    checkpoint: Mutex<u64>,
    /// The hashes that this process has sealed or adopted.
    levels: Mutex<Vec<Hash>>,
}

impl Trail {
    /// A trail of this number of entries, none of them sealed.
    fn new(entries: u64) -> Arc<Trail> {
        Arc::new(Trail {
            seal: Seal::new(0, &(0..entries).map(hash).collect::<Vec<Hash>>(), 10 * entries),
            log: Mutex::new(entries),
            publishing: Mutex::new(()),
            checkpoint: Mutex::new(0),
            levels: Mutex::new(Vec::new()),
        })
    }

    /// The publisher's thread.
    fn run_publisher(trail: &Arc<Trail>) -> JoinHandle<()> {
        let trail = Arc::clone(trail);
        thread::spawn(move || {
            while trail.seal.wait_for_work(Duration::ZERO) {
                trail.publish();
            }
        })
    }

    /// As `publish.rs` does: adopts what another process has sealed, then seals what is new.
    fn publish(&self) {
        let mut levels = self.levels.lock().unwrap();
        let _publishing = self.publishing.lock().unwrap();
        let sealed = *self.checkpoint.lock().unwrap();
        if sealed > levels.len() as u64 {
            match self.seal.take_before(sealed) {
                Ok(covered) => leaves(&covered, &mut levels),
                Err(pending) => {
                    let mut known = levels.clone();
                    leaves(&pending, &mut known);
                    check(&known);
                    *levels = (0..sealed).map(hash).collect();
                    self.seal.skip_to(sealed);
                }
            }
            assert_eq!(levels.len() as u64, sealed, "as much as it covers");
            self.seal.set_sealed(sealed);
        }
        let unsealed = self.seal.take();
        if unsealed.len() > 0 {
            leaves(&unsealed, &mut levels);
            self.sign(levels.len() as u64);
            self.seal.set_sealed(levels.len() as u64);
        }
        check(&levels);
    }

    /// Writes a checkpoint. Called under the lock of publishing.
    fn sign(&self, size: u64) {
        let mut checkpoint = self.checkpoint.lock().unwrap();
        assert!(size > *checkpoint, "a head never goes back");
        *checkpoint = size;
    }

    /// One commit, as `commit.rs` and `catch_up.rs` do: waits for the bound, reads what others have recorded, and writes
    /// one entry. Returns how many entries are known.
    fn commit(&self, mut size: u64) -> u64 {
        loop {
            self.seal.wait_for_bound(1, 10).expect("it does not end before");
            let mut log = self.log.lock().unwrap();
            self.pass_over(&mut size, *log);
            if self.seal.has_room(1, 10) {
                *log += 1;
                assert!(*log - *self.checkpoint.lock().unwrap() <= 1, "the bound is kept");
                self.seal.add(size, &[hash(size)], 10);
                return size + 1;
            }
        }
    }

    /// Takes the entries of others for known. A line has ten bytes.
    fn pass_over(&self, size: &mut u64, end: u64) {
        let lines = Lines::all(log(), 10 * *size..10 * end, end - *size);
        self.seal.add_lines(*size, &lines, 10 * (end - *size));
        *size = end;
    }

    /// Another process: it records an entry, seals what it knew before, then what it knows now, and records again.
    fn run_another(trail: &Arc<Trail>) -> JoinHandle<()> {
        let trail = Arc::clone(trail);
        thread::spawn(move || {
            let known = {
                let mut log = trail.log.lock().unwrap();
                *log += 1;
                *log
            };
            // The commit lock is not waited for under that of publishing.
            for size in [known - 1, known] {
                let _publishing = trail.publishing.lock().unwrap();
                let sealed = *trail.checkpoint.lock().unwrap();
                if size > sealed {
                    trail.sign(size);
                }
            }
            *trail.log.lock().unwrap() += 1;
        })
    }
}

/// The leaf hashes behind those that are there: what was written here is known, what was passed over is read.
fn leaves(unsealed: &Unsealed, behind: &mut Vec<Hash>) {
    for part in unsealed.parts() {
        match part {
            Part::Hashes(hashes) => behind.extend_from_slice(hashes),
            Part::Lines(lines) => {
                let begin = lines.bytes.start / 10;
                behind.extend((begin + lines.meant.start..begin + lines.meant.end).map(hash));
            }
        }
    }
}

/// Each hash is that of its index.
fn check(hashes: &[Hash]) {
    for (index, found) in (0..).zip(hashes) {
        assert_eq!(*found, hash(index), "the hash of entry {index}");
    }
}

/// The writer is held back by the bound, a caller waits for its checkpoint, and both get on.
pub(crate) fn everybody_gets_on() {
    model(3, || {
        let trail = Trail::new(0);
        let publisher = Trail::run_publisher(&trail);
        let caller = {
            let trail = Arc::clone(&trail);
            thread::spawn(move || {
                trail.seal.wait_for_sealed(2, FOREVER).expect("it does not end before");
                assert_eq!(trail.seal.sealed(), 2);
            })
        };
        let size = trail.commit(0);
        trail.commit(size);
        trail.seal.set_idle();
        caller.join().unwrap();
        trail.seal.end(ended());
        publisher.join().unwrap();
        assert_eq!(trail.levels.lock().unwrap().len(), 2);
    });
}

/// Another process records and seals meanwhile: the writer gets past the bound, and no hash is signed at the index of
/// another.
pub(crate) fn another_process_seals_too() {
    model(2, || {
        let trail = Trail::new(1);
        let publisher = Trail::run_publisher(&trail);
        let another = Trail::run_another(&trail);
        let size = trail.commit(1);
        trail.commit(size);
        trail.seal.set_idle();
        trail.seal.wait_for_sealed(3, FOREVER).expect("it does not end before");
        another.join().unwrap();
        trail.seal.end(ended());
        publisher.join().unwrap();
    });
}

/// A rotation: the writer publishes itself, beside the publisher's thread, while it holds the commit lock. Then everything
/// is sealed.
pub(crate) fn a_rotation_seals_everything() {
    model(2, || {
        let trail = Trail::new(1);
        let publisher = Trail::run_publisher(&trail);
        let another = Trail::run_another(&trail);
        let mut size = 1;
        let log = trail.log.lock().unwrap();
        trail.pass_over(&mut size, *log);
        trail.publish();
        assert_eq!(trail.seal.sealed(), size, "nothing was synced past the boundary");
        drop(log);
        another.join().unwrap();
        trail.seal.end(ended());
        publisher.join().unwrap();
    });
}

/// A publisher that rests is woken when the writer has nothing more to write.
pub(crate) fn an_idle_writer_wakes_the_publisher() {
    model(3, || {
        let trail = Trail::new(0);
        let publisher = {
            let trail = Arc::clone(&trail);
            thread::spawn(move || {
                assert!(trail.seal.wait_for_work(Duration::ZERO), "it does not end before");
                trail.publish();
            })
        };
        trail.commit(0);
        trail.seal.set_idle();
        publisher.join().unwrap();
        assert_eq!(trail.seal.sealed(), 1);
    });
}

/// The end comes at any moment: the publisher stops, and neither writer nor caller waits for what will not come.
pub(crate) fn an_end_is_told() {
    model(3, || {
        let trail = Trail::new(1);
        let publisher = Trail::run_publisher(&trail);
        let writer = {
            let trail = Arc::clone(&trail);
            thread::spawn(move || trail.seal.wait_for_bound(1, 10))
        };
        let caller = {
            let trail = Arc::clone(&trail);
            thread::spawn(move || trail.seal.wait_for_sealed(5, FOREVER))
        };
        trail.seal.end(ended());
        caller.join().unwrap().expect_err("five entries were never there");
        let _ = writer.join().unwrap();
        publisher.join().unwrap();
    });
}

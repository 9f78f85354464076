//! The queue between the callers and the writer, with a writer that keeps lines in memory. Another process records before
//! each group, so an index tells itself from a place in the queue.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use graven_core::hash::leaf_hash;
use loom::thread::{self, JoinHandle};

use crate::counters::Lost;
use crate::error::{Error, ErrorKind};
use crate::park::{bed, model, outcome, wait_for};
use crate::queue::{Group, Line, Place, Queue, Refused};
use crate::ring::Ring;

/// The parts of an engine that a model runs: all but the disk.
struct Engine {
    queue: Queue,
    ring: Mutex<Ring>,
    durable: AtomicU64,
    lost: Lost,
    /// Stands for the disk: the lines that are synced.
    log: Mutex<Vec<Vec<u8>>>,
}

/// What another process records.
const FOREIGN: &[u8] = b"foreign";

fn line(n: u64) -> Vec<u8> {
    format!(r#"{{"id":"{n}","timestamp":"2026-01-01T00:00:00Z","category":"api","action":"a"}}"#).into_bytes()
}

impl Engine {
    fn new(bytes_max: usize) -> Arc<Engine> {
        Arc::new(Engine {
            queue: Queue::new(bytes_max),
            ring: Mutex::new(Ring::new(100, 1 << 20)),
            durable: AtomicU64::new(0),
            lost: Lost::default(),
            log: Mutex::new(Vec::new()),
        })
    }

    /// The writer's thread.
    fn run_writer(engine: &Arc<Engine>) -> JoinHandle<()> {
        let engine = Arc::clone(engine);
        thread::spawn(move || {
            while let Some(group) = engine.queue.take() {
                engine.commit(group);
            }
        })
    }

    /// The steps of a commit, in the order of `commit.rs`.
    fn commit(&self, mut group: Group) {
        let (first, size) = self.write(&group.lines);
        let (lines, ends) = (std::mem::take(&mut group.lines), std::mem::take(&mut group.ends));
        let spare = self.ring.lock().unwrap().push(lines, ends);
        self.durable.store(size, Ordering::Release);
        group.completion.set_durable(first);
        spare.into_iter().for_each(|buffer| self.queue.give_back(buffer));
    }

    /// Returns the index of the first line, and how many entries there are afterwards.
    fn write(&self, lines: &[u8]) -> (u64, u64) {
        let mut log = self.log.lock().unwrap();
        log.push(FOREIGN.to_vec());
        let first = log.len() as u64;
        log.extend(lines.split_inclusive(|byte| *byte == b'\n').map(|line| line[..line.len() - 1].to_vec()));
        (first, log.len() as u64)
    }

    /// The log, without what the other process has recorded.
    fn own_log(&self) -> Vec<Vec<u8>> {
        self.log.lock().unwrap().iter().filter(|line| *line != FOREIGN).cloned().collect()
    }

    /// Records a line as `Recording` does: waits for room if it must, then for the outcome. Returns its index.
    fn record(&self, n: u64) -> Result<u64, Error> {
        let bytes = line(n);
        let (bed, waker) = bed();
        let mut slot = None;
        let place = wait_for((&bed, &waker), |context| {
            let mut line = Line { bytes: &bytes, hash: leaf_hash(&bytes), blob: None };
            match self.queue.push(&mut line, Some((context.waker(), &mut slot))) {
                Ok(place) => Poll::Ready(Ok(place)),
                Err(Refused::Ended(error)) => Poll::Ready(Err(error)),
                Err(Refused::Full) => {
                    self.queue.wait_for_room(context.waker());
                    Poll::Pending
                }
            }
        })?;
        let first = outcome(&place.completion, slot, (&bed, &waker))?;
        Ok(first + place.offset)
    }

    /// Records a line, then looks for the entry in every place where it must be.
    fn record_and_look(&self, n: u64) -> Result<u64, Error> {
        let index = self.record(n)?;
        assert!(self.durable.load(Ordering::Acquire) > index, "acknowledged, so seen as durable");
        assert!(self.ring.lock().unwrap().snapshot().lines().any(|found| found == line(n)), "and in the ring");
        assert_eq!(self.log.lock().unwrap()[index as usize], line(n), "and written at its place");
        Ok(index)
    }

    /// Queues a line that nobody waits for.
    fn emit(&self, n: u64) -> Option<Place> {
        let bytes = line(n);
        self.queue.push(&mut Line { bytes: &bytes, hash: leaf_hash(&bytes), blob: None }, None).ok()
    }
}

/// Two record and one emits; the writer takes what there is.
pub(crate) fn what_is_acknowledged_is_written_and_in_order() {
    model(3, || {
        let engine = Engine::new(1 << 20);
        let writer = Engine::run_writer(&engine);
        let other = {
            let engine = Arc::clone(&engine);
            thread::spawn(move || engine.record_and_look(1).expect("nobody has closed it"))
        };
        let emitted = engine.emit(2).expect("there is room");
        let own = engine.record_and_look(3).expect("nobody has closed it");
        let others = other.join().unwrap();
        engine.queue.close(None);
        writer.join().unwrap();
        let first = emitted.completion.outcome().expect("all is written").expect("nothing failed");
        let emitted = first + emitted.offset;
        assert!(emitted < own, "the order of the queue is the order of the log");
        assert_ne!(own, others);
        assert_eq!(engine.log.lock().unwrap()[emitted as usize], line(2));
        assert_eq!(engine.own_log().len(), 3);
    });
}

/// The queue holds one line: the next caller must wait, and is woken.
pub(crate) fn who_waits_for_room_gets_it() {
    model(3, || {
        let engine = Engine::new(line(0).len() + 1);
        let writer = Engine::run_writer(&engine);
        let other = {
            let engine = Arc::clone(&engine);
            thread::spawn(move || engine.record_and_look(1).expect("nobody has closed it"))
        };
        engine.record_and_look(2).expect("nobody has closed it");
        other.join().unwrap();
        engine.queue.close(None);
        writer.join().unwrap();
        assert_eq!(engine.own_log().len(), 2);
    });
}

/// Closed at any moment: each caller gets an answer, what was taken is written, and what was refused is not.
pub(crate) fn a_close_ends_all() {
    model(3, || {
        let engine = Engine::new(line(0).len() + 1);
        // No writer yet: the first has the room, and the second waits for it.
        engine.emit(0).expect("there is room");
        let waiting = {
            let engine = Arc::clone(&engine);
            thread::spawn(move || engine.record_and_look(1))
        };
        engine.queue.close(None);
        let closed = waiting.join().unwrap().expect_err("there was no room before the end");
        assert_eq!(closed.kind(), ErrorKind::Closed);
        let writer = Engine::run_writer(&engine);
        writer.join().unwrap();
        assert_eq!(engine.own_log(), [line(0)]);
    });
}

/// Closed while the writer is at work: what is acknowledged is in the log, what is refused is not, and every caller
/// gets an answer.
pub(crate) fn a_close_at_any_moment() {
    model(3, || {
        let engine = Engine::new(line(0).len() + 1);
        let writer = Engine::run_writer(&engine);
        let first = engine.emit(0).expect("there is room");
        let other = {
            let engine = Arc::clone(&engine);
            thread::spawn(move || engine.record_and_look(1))
        };
        engine.queue.close(None);
        let kept = match other.join().unwrap() {
            Ok(_) => 2,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Closed);
                1
            }
        };
        writer.join().unwrap();
        assert!(first.completion.outcome().expect("it was taken").is_ok());
        assert_eq!(engine.own_log(), [line(0), line(1)][..kept]);
    });
}

/// The writer fails while it has a group and others push: every caller gets an error, and none is told that its entry
/// is recorded.
pub(crate) fn nothing_is_acknowledged_after_a_failure() {
    model(3, || {
        let engine = Engine::new(1 << 20);
        let writer = {
            let engine = Arc::clone(&engine);
            thread::spawn(move || {
                let group = engine.queue.take().expect("nobody has closed it");
                let error = Error::new(ErrorKind::Unavailable, "the disk failed");
                engine.queue.fail(&error, &engine.lost);
                group.completion.set_failed(error.outcome_unknown());
                assert!(engine.queue.take().is_none(), "nothing more is written");
            })
        };
        let other = {
            let engine = Arc::clone(&engine);
            thread::spawn(move || engine.record(1))
        };
        engine.record(2).expect_err("the disk failed");
        let error = other.join().unwrap().expect_err("the disk failed");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        writer.join().unwrap();
        assert!(engine.log.lock().unwrap().is_empty());
    });
}

//! A read of what other processes have recorded: a commit without entries. It is answered like any other.

use std::sync::Arc;

use graven_core::hash::leaf_hash;
use loom::thread::{self, JoinHandle};

use crate::completion::Completion;
use crate::counters::Lost;
use crate::error::{Error, ErrorKind};
use crate::park::{bed, model, outcome};
use crate::queue::{Line, Queue};

const LINE: &[u8] =
    br#"{"id":"1","timestamp":"2026-01-01T00:00:00Z","category":"api","action":"a"}"#;

fn queue() -> Arc<Queue> {
    Arc::new(Queue::new(1 << 20))
}

/// A writer that commits whatever there is. Returns how many entries it had.
fn run_writer(queue: &Arc<Queue>) -> JoinHandle<u64> {
    let queue = Arc::clone(queue);
    thread::spawn(move || {
        let mut size = 0;
        while let Some(group) = queue.take() {
            let first = size;
            size += group.len() as u64;
            group.completion.set_durable(first);
        }
        size
    })
}

/// A thread that asks for a read and waits for its answer: how many entries were read or written before it.
fn reads(queue: &Arc<Queue>) -> JoinHandle<Result<u64, Error>> {
    let queue = Arc::clone(queue);
    thread::spawn(move || read(&queue))
}

fn read(queue: &Queue) -> Result<u64, Error> {
    let (bed, waker) = bed();
    let completion = queue.ask_to_read()?;
    outcome(&completion, None, (&bed, &waker))
}

fn emit(queue: &Queue) -> Option<Arc<Completion>> {
    let mut line = Line { bytes: LINE, hash: leaf_hash(LINE), blob: None };
    queue.push(&mut line, None).ok().map(|place| place.completion)
}

/// Two reads and an entry, while the writer sleeps or works: each is answered.
pub(crate) fn a_read_is_answered() {
    model(3, || {
        let queue = queue();
        let writer = run_writer(&queue);
        let other = reads(&queue);
        let emitted = emit(&queue).expect("there is room");
        read(&queue).expect("nothing failed");
        assert!(emitted.outcome().is_some(), "what was queued before a read is written before its answer");
        other.join().unwrap().expect("nothing failed");
        queue.close(None);
        assert_eq!(writer.join().unwrap(), 1);
    });
}

/// The queue is closed at any moment: a read that was taken is answered, and every other is refused.
pub(crate) fn a_read_at_a_close() {
    model(3, || {
        let queue = queue();
        let writer = run_writer(&queue);
        let other = reads(&queue);
        queue.close(None);
        let read = other.join().unwrap().map_err(|error| error.kind());
        assert!(matches!(read, Ok(0) | Err(ErrorKind::Closed)), "{read:?}");
        writer.join().unwrap();
    });
}

/// The engine fails at any moment: each read is refused or answered with the error, and then nothing is left for the
/// writer.
pub(crate) fn a_read_at_a_failure() {
    model(3, || {
        let queue = queue();
        let writer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                let error = Error::new(ErrorKind::Unavailable, "the disk failed");
                let group = queue.take().expect("nobody has closed it");
                queue.fail(&error, &Lost::default());
                group.completion.set_failed(error);
                assert!(queue.take().is_none(), "nothing more is written");
            })
        };
        let other = reads(&queue);
        let own = read(&queue);
        for read in [own, other.join().unwrap()] {
            assert_eq!(read.expect_err("it failed").kind(), ErrorKind::Unavailable);
        }
        writer.join().unwrap();
        assert!(queue.youngest().is_none(), "nothing is left that somebody could wait for");
    });
}

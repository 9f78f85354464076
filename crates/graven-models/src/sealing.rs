//! How the writer, the publisher and the callers that want a checkpoint work together. The bound is one entry here.

use std::sync::Arc;
use std::time::Duration;

use graven_core::hash::Hash;
use loom::thread;

use crate::error::{Error, ErrorKind};
use crate::park::model;
use crate::seal::Seal;

/// A deadline, which in a model never comes.
const FOREVER: Duration = Duration::from_secs(3600);

/// The publisher's loop. Returns how many entries it sealed.
fn publish(seal: &Seal) -> u64 {
    let mut size = 0;
    while seal.wait_for_work() {
        size += seal.take().len() as u64;
        seal.set_sealed(size);
    }
    size
}

fn ended() -> Error {
    Error::new(ErrorKind::Closed, "closed")
}

/// The writer is held back by the bound, a caller waits for its checkpoint, and both get on.
pub(crate) fn everybody_gets_on() {
    model(3, || {
        let seal = Arc::new(Seal::new(0, Vec::new(), 0));
        let publisher = {
            let seal = Arc::clone(&seal);
            thread::spawn(move || publish(&seal))
        };
        let caller = {
            let seal = Arc::clone(&seal);
            thread::spawn(move || {
                seal.wait_for_sealed(2, FOREVER).expect("it does not end before");
                assert_eq!(seal.sealed(), 2);
            })
        };
        for _ in 0..2 {
            seal.wait_for_bound(1, 10).expect("it does not end before");
            seal.add(&[Hash::EMPTY_TREE], 10);
        }
        caller.join().unwrap();
        seal.end(ended());
        assert_eq!(publisher.join().unwrap(), 2);
    });
}

/// The end comes at any moment: the publisher stops, and neither writer nor caller waits for what will not come.
pub(crate) fn an_end_is_told() {
    model(3, || {
        let seal = Arc::new(Seal::new(0, vec![Hash::EMPTY_TREE], 10));
        let publisher = {
            let seal = Arc::clone(&seal);
            thread::spawn(move || publish(&seal))
        };
        let writer = {
            let seal = Arc::clone(&seal);
            thread::spawn(move || seal.wait_for_bound(1, 10))
        };
        let caller = {
            let seal = Arc::clone(&seal);
            thread::spawn(move || seal.wait_for_sealed(5, FOREVER))
        };
        seal.end(ended());
        caller.join().unwrap().expect_err("five entries were never there");
        let _ = writer.join().unwrap();
        assert!(publisher.join().unwrap() <= 1);
    });
}

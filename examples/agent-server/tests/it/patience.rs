//! No test waits for ever: each wait has a deadline, and the failure says what was waited for.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use crate::client::PATIENCE;

/// Waits until this is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        thread::yield_now();
    }
}

/// The first line that a process says.
#[track_caller]
pub(crate) fn first_line(from: impl Read + Send + 'static) -> String {
    let (say, heard) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(from).read_line(&mut line);
        // Nobody listens any more when it took too long.
        let _ = say.send(read.map(|_| line));
    });
    let line = heard.recv_timeout(PATIENCE);
    line.unwrap_or_else(|error| panic!("waited {PATIENCE:?} in vain: a process says a line: {error}"))
        .unwrap()
}

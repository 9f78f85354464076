//! A test that hangs fails.

use std::cell::RefCell;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// No test takes a tenth of this.
const PATIENCE: Duration = Duration::from_secs(300);

thread_local! {
    /// Dropped when the test, which is a thread, ends.
    static RUNNING: RefCell<Option<Sender<()>>> = const { RefCell::new(None) };
}

/// From now on the test that runs on this thread must end before long, or all end.
pub(crate) fn must_end() {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let (running, ended) = mpsc::channel();
    thread::spawn(move || {
        if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{name} hangs");
            std::process::abort();
        }
    });
    RUNNING.set(Some(running));
}

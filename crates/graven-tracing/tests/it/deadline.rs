//! The deadline of a test: one that hangs ends with its name, and does not hold up everything after it.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// Far more than any test here takes, also on a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(300);

/// Ends the program when it lives longer than the deadline. Kept by what a test works with.
pub(crate) struct Deadline {
    _dropped: Sender<()>,
}

impl Deadline {
    /// Begins now, for the test of this thread.
    pub(crate) fn begin() -> Deadline {
        let (sender, receiver) = mpsc::channel();
        let test = thread::current().name().unwrap_or("a test").to_owned();
        thread::spawn(move || {
            if receiver.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{test} hangs: it has run for {DEADLINE:?}");
                std::process::abort();
            }
        });
        Deadline { _dropped: sender }
    }
}

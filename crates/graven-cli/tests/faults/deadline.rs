//! Kills a process that does not end, so that no run waits for ever.

use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

/// How long a process may run. Far more than any needs, also under strace and on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// Kills the process at the deadline, unless the sender is dropped before. The run then shows a kill that no fault
/// explains, and fails.
pub(crate) fn watch(process: u32) -> Sender<()> {
    let (watching, ended) = mpsc::channel();
    std::thread::spawn(move || {
        if ended.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout) {
            eprintln!("process {process} did not end within {DEADLINE:?} and is killed");
            // If it cannot be killed, the message above is all that can be done.
            let _ = Command::new("kill").args(["-KILL", &process.to_string()]).status();
        }
    });
    watching
}

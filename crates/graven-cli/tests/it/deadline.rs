//! A child process with a deadline, so that no test waits for ever.

use std::ops::{Deref, DerefMut};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

/// How long a command may run. Far more than any needs, also on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// A running command. It is killed at its deadline and when it is dropped, and then its output ends.
pub(crate) struct Running {
    /// `None` once it was waited for.
    child: Option<Child>,
    /// A drop stops the watching thread.
    _watching: Sender<()>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        Running::start_until(command, DEADLINE)
    }

    fn start_until(command: &mut Command, deadline: Duration) -> Running {
        let child = command.spawn().unwrap();
        let (watching, ended) = mpsc::channel::<()>();
        let (process, shown) = (child.id().to_string(), format!("{command:?}"));
        std::thread::spawn(move || {
            if ended.recv_timeout(deadline) == Err(RecvTimeoutError::Timeout) {
                eprintln!("killed after {deadline:?}, because it did not end: {shown}");
                // If it cannot be killed, the message above is all that can be done.
                let _ = Command::new("kill").args(["-KILL", &process]).status();
            }
        });
        Running { child: Some(child), _watching: watching }
    }

    /// Reads all output and waits for the end.
    pub(crate) fn output(mut self) -> Output {
        self.child.take().expect("nobody else takes it").wait_with_output().unwrap()
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        self.child.as_ref().expect("only `output` takes it")
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        self.child.as_mut().expect("only `output` takes it")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself, which is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_command_that_does_not_end_is_killed() {
    let mut command = Command::new("sleep");
    command.arg("600").stdin(Stdio::null()).stdout(Stdio::piped());
    let output = Running::start_until(&mut command, Duration::from_millis(50)).output();
    assert_eq!(output.status.code(), None);
}

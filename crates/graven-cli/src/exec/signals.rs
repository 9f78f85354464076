//! Passes the signals that this process gets on to a child.
//!
//! A signal of the terminal (Ctrl-C, Ctrl-\, a hang-up) reaches every process of the foreground group, also the child.
//! So only a signal for this process alone is passed on; otherwise the child would get it twice. A signal that this
//! process ignores from its start (`nohup`) stays ignored, also in the child.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::iterator::{Handle, SignalsInfo};
use signal_hook::low_level::siginfo::Cause;

/// The signals to pass on. Stop and continue are not among them: the terminal sends those to the whole group.
const PASSED_ON: [i32; 8] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH];

/// The signals that ask a process to end.
const ASK_TO_END: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// The signals for this process. While this exists, they do not end the process.
#[derive(Debug)]
pub(super) struct Signals {
    info: SignalsInfo<WithOrigin>,
}

impl Signals {
    /// From now on, signals are kept for a child.
    pub(super) fn hold() -> io::Result<Signals> {
        let ignored = ignored();
        let wanted = PASSED_ON.iter().filter(|&&signal| ignored & (1 << (signal - 1)) == 0);
        Ok(Signals { info: SignalsInfo::new(wanted)? })
    }

    /// Passes on all signals while the child lives. After that, a signal that asks to end calls `late`.
    pub(super) fn pass_to(mut self, child: Child, late: impl Fn() + Send + 'static) -> io::Result<Passing> {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
        // `None` once the child is reaped: then another process may get its pid, and must not get the signal.
        let alive = Arc::new(Mutex::new(Some(pid)));
        let handle = self.info.handle();
        let target = Arc::clone(&alive);
        let thread = thread::Builder::new().name("signals".into()).spawn(move || {
            for origin in self.info.forever() {
                let target = target.lock().unwrap_or_else(PoisonError::into_inner);
                match (*target, Signal::from_named_raw(origin.signal)) {
                    // From the kernel: the terminal has signalled the whole foreground group.
                    (Some(_), _) if matches!(origin.cause, Cause::Kernel) => {}
                    // An error means that the child has just ended.
                    (Some(pid), Some(signal)) => drop(kill_process(pid, signal)),
                    (None, _) if ASK_TO_END.contains(&origin.signal) => late(),
                    _ => {}
                }
            }
        })?;
        Ok(Passing { child, pid, alive, handle, thread: Some(thread) })
    }
}

/// A child that gets the signals. After a drop, the signals do nothing.
#[derive(Debug)]
pub(super) struct Passing {
    child: Child,
    pid: Pid,
    alive: Arc<Mutex<Option<Pid>>>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Passing {
    /// Waits until the child ends.
    pub(super) fn wait(&mut self) -> io::Result<ExitStatus> {
        // First wait without reaping. Until the child is reaped, no other process can have its pid.
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(error) = waitid(WaitId::Pid(self.pid), ended) {
            if error != rustix::io::Errno::INTR {
                return Err(error.into());
            }
        }
        *self.alive.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.child.wait()
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The name of a signal, `SIGTERM`.
pub(super) fn name(signal: i32) -> Option<&'static str> {
    signal_hook::low_level::signal_name(signal)
}

/// The signals that this process ignores, as a bit set. Empty where the system does not tell.
#[expect(clippy::disallowed_methods, reason = "this file is the system's, not a trail's")]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

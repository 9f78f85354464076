//! Passes on to a child the signals that this process is sent.
//!
//! What the terminal sends (Ctrl-C, Ctrl-\, a hang-up) reaches every process of the foreground group, the child too:
//! only what was sent to this process alone is passed on, or the child would get it twice. A signal that this process
//! was told to ignore (`nohup`) stays ignored, in the child as well.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::iterator::{Handle, SignalsInfo};
use signal_hook::low_level::siginfo::Cause;

/// What a process may be sent from outside. Stopping and continuing stay with the terminal, which asks the whole group.
const PASSED_ON: [i32; 8] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH];

/// Those that ask a process to end.
const ASK_TO_END: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// The signals to this process, held back from it: from now on they end nothing here.
#[derive(Debug)]
pub(super) struct Signals {
    info: SignalsInfo<WithOrigin>,
}

impl Signals {
    /// From now on, signals wait for a child.
    pub(super) fn hold() -> io::Result<Signals> {
        let ignored = ignored();
        let wanted = PASSED_ON.iter().filter(|&&signal| ignored & (1 << (signal - 1)) == 0);
        Ok(Signals { info: SignalsInfo::new(wanted)? })
    }

    /// Passes on what came and what comes while the child lives. Afterwards, a signal that asks to end calls `late`.
    pub(super) fn pass_to(mut self, child: Child, late: impl Fn() + Send + 'static) -> io::Result<Passing> {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
        // The pid may be sent a signal as long as it is in here: once the child is reaped, another process may get it.
        let alive = Arc::new(Mutex::new(Some(pid)));
        let handle = self.info.handle();
        let target = Arc::clone(&alive);
        let thread = thread::Builder::new().name("signals".into()).spawn(move || {
            for origin in self.info.forever() {
                let target = target.lock().unwrap_or_else(PoisonError::into_inner);
                match (*target, Signal::from_named_raw(origin.signal)) {
                    // From the kernel: the terminal told the whole foreground group.
                    (Some(_), _) if matches!(origin.cause, Cause::Kernel) => {}
                    // It may have just ended: then there is nobody to tell.
                    (Some(pid), Some(signal)) => drop(kill_process(pid, signal)),
                    (None, _) if ASK_TO_END.contains(&origin.signal) => late(),
                    _ => {}
                }
            }
        })?;
        Ok(Passing { child, pid, alive, handle, thread: Some(thread) })
    }
}

/// A child to which signals are passed on. Dropping it ends that; the signals then do nothing.
#[derive(Debug)]
pub(super) struct Passing {
    child: Child,
    pid: Pid,
    alive: Arc<Mutex<Option<Pid>>>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Passing {
    /// Waits for the child's end.
    pub(super) fn wait(&mut self) -> io::Result<ExitStatus> {
        // First wait without reaping: until then the pid is surely the child's.
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

/// The signals that this process was told to ignore, as a bit set; none where the system does not say.
#[expect(clippy::disallowed_methods, reason = "this file is the system's, not a trail's")]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

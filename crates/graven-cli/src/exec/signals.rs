//! Passes the signals that this process gets on to a child.
//!
//! A signal of the terminal (Ctrl-C, Ctrl-\, a hang-up) reaches every process of the foreground group, also the child.
//! So only a signal for this process alone is passed on; otherwise the child would get it twice. A signal that this
//! process ignores from its start (`nohup`) stays ignored, also in the child. That is not so for SIGCHLD: who ignores it
//! never learns how a child ended.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::consts::{SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
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

/// Where the signals go.
#[derive(Debug)]
enum Target {
    /// There is no child yet: these have come so far.
    Early(Vec<i32>),
    /// To the child.
    Child(Pid),
    /// The child is reaped. Another process may get its pid, and must not get the signal.
    Gone,
}

impl Signals {
    /// From now on, signals are kept for a child.
    pub(super) fn hold() -> io::Result<Signals> {
        signal_hook::flag::register(SIGCHLD, Arc::default())?;
        let ignored = ignored();
        let wanted = PASSED_ON.iter().filter(|&&signal| ignored & (1 << (signal - 1)) == 0);
        Ok(Signals { info: SignalsInfo::new(wanted)? })
    }

    /// Passes all signals on to the child that will be. After its end, a signal that asks to end calls `late`.
    pub(super) fn pass_on(mut self, late: impl Fn() + Send + 'static) -> io::Result<Passing> {
        let target = Arc::new(Mutex::new(Target::Early(Vec::new())));
        let handle = self.info.handle();
        let shared = Arc::clone(&target);
        let thread = thread::Builder::new().name("signals".into()).spawn(move || {
            for origin in self.info.forever() {
                let mut target = shared.lock().unwrap_or_else(PoisonError::into_inner);
                match &mut *target {
                    Target::Early(signals) => signals.push(origin.signal),
                    // From the kernel: the terminal has signalled the whole foreground group.
                    Target::Child(_) if matches!(origin.cause, Cause::Kernel) => {}
                    Target::Child(pid) => send(*pid, origin.signal),
                    Target::Gone if ASK_TO_END.contains(&origin.signal) => late(),
                    Target::Gone => {}
                }
            }
        })?;
        Ok(Passing { target, handle, thread: Some(thread) })
    }
}

/// Passes the signals on. After a drop, the signals do nothing.
#[derive(Debug)]
pub(super) struct Passing {
    target: Arc<Mutex<Target>>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Passing {
    /// The first signal that asked to end before there was a child.
    pub(super) fn asked_to_end(&self) -> Option<i32> {
        match &*self.target() {
            Target::Early(signals) => signals.iter().copied().find(|signal| ASK_TO_END.contains(signal)),
            Target::Child(_) | Target::Gone => None,
        }
    }

    /// Passes the signals to a child, also those that came before it, and waits until it ends.
    pub(super) fn to(&mut self, mut child: Child) -> io::Result<ExitStatus> {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
        if let Target::Early(signals) = std::mem::replace(&mut *self.target(), Target::Child(pid)) {
            signals.into_iter().for_each(|signal| send(pid, signal));
        }
        // First wait without reaping. Until the child is reaped, no other process can have its pid.
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(error) = waitid(WaitId::Pid(pid), ended) {
            if error != rustix::io::Errno::INTR {
                return Err(error.into());
            }
        }
        *self.target() = Target::Gone;
        child.wait()
    }

    fn target(&self) -> MutexGuard<'_, Target> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It does not panic, and there is nothing to do if it did.
            let _ = thread.join();
        }
    }
}

/// Sends a signal to a child that is not reaped.
fn send(pid: Pid, signal: i32) {
    if let Some(signal) = Signal::from_named_raw(signal) {
        // An error means that the child has just ended.
        let _ = kill_process(pid, signal);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustix::process::getpid;

    use super::*;

    #[test]
    fn a_signal_that_comes_before_the_child_calls_it_off() {
        let passing = Signals::hold().unwrap().pass_on(|| ()).unwrap();
        assert_eq!(passing.asked_to_end(), None);
        let until_seen = |signals: usize| {
            let seen = || matches!(&*passing.target(), Target::Early(early) if early.len() >= signals);
            assert!((0..6_000).any(|_| seen() || {
                thread::sleep(Duration::from_millis(10));
                false
            }));
        };
        // These two do not ask to end.
        kill_process(getpid(), Signal::USR1).unwrap();
        kill_process(getpid(), Signal::WINCH).unwrap();
        until_seen(2);
        assert_eq!(passing.asked_to_end(), None);
        kill_process(getpid(), Signal::TERM).unwrap();
        until_seen(3);
        assert_eq!(passing.asked_to_end(), Some(SIGTERM));
    }
}

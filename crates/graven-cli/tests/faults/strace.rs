//! Runs the binary under strace, to see its system calls or to make one of them fail.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::deadline::watch;
use crate::graven;

/// Every system call that can touch a file, as a list for strace.
pub(crate) const FILE_CALLS: &str = "open,openat,openat2,creat,read,pread64,readv,preadv,write,pwrite64,writev,\
pwritev,pwritev2,fsync,fdatasync,sync,syncfs,sync_file_range,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,\
mkdirat,link,linkat,symlink,symlinkat,truncate,ftruncate,fallocate,copy_file_range,sendfile,splice,msync,close,dup,\
dup2,dup3,stat,lstat,fstat,newfstatat,statx,getdents64,readlink,readlinkat,flock,access,faccessat2,chmod,fchmod";

/// What happens at the chosen system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The call is not done, and fails with an error of the disk.
    Eio,
    /// The call is not done, and fails because the disk is full.
    Enospc,
    /// The process is killed at the start of the call, which is not done.
    Kill,
    /// The call is not done, and returns success. The tests must notice this.
    Lie,
    /// The call begins [`HANG`] late, as on a disk that does not answer.
    Hang,
}

/// How long a call hangs.
pub(crate) const HANG: Duration = Duration::from_secs(5);

impl Fault {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Fault::Eio => "EIO",
            Fault::Enospc => "ENOSPC",
            Fault::Kill => "SIGKILL",
            Fault::Lie => "lie",
            Fault::Hang => "hang",
        }
    }

    fn injection(self) -> &'static str {
        match self {
            Fault::Eio => "error=EIO",
            Fault::Enospc => "error=ENOSPC",
            Fault::Kill => "signal=SIGKILL",
            Fault::Lie => "retval=0",
            // In microseconds.
            Fault::Hang => "delay_enter=5000000",
        }
    }
}

/// Where a fault strikes: at the n-th call with this name in a thread, or at every one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Strike {
    pub(crate) call: String,
    pub(crate) fault: Fault,
    pub(crate) nth: Option<usize>,
}

/// Which threads strace follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Threads {
    /// The first thread, from its beginning.
    Main,
    /// All threads, from the beginning.
    All,
}

/// The path of strace.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("GRAVEN_STRACE").map_or_else(|| "strace".into(), PathBuf::from)
}

/// Strace with the options to see all calls, or to strike one.
fn options(strike: Option<&Strike>, log: &Path) -> Command {
    let mut strace = Command::new(program());
    strace.arg("-y").arg("-xx").args(["-s", "100000000"]).arg("-o").arg(log);
    match strike {
        None => strace.args(["-e", &format!("trace={FILE_CALLS}")]),
        Some(Strike { call, fault, nth }) => {
            let when = nth.map_or_else(String::new, |nth| format!(":when={nth}"));
            let inject = format!("inject={call}:{}{when}", fault.injection());
            strace.args(["-e", &format!("trace={call}"), "-e", &inject])
        }
    };
    strace
}

/// The binary under strace from its beginning, without arguments.
pub(crate) fn command(threads: Threads, strike: Option<&Strike>, log: &Path) -> Command {
    let mut strace = options(strike, log);
    if threads == Threads::All {
        // Without --seccomp-bpf, although it is faster: with it, a signal comes only at the first call of a thread
        // (strace 6.1).
        strace.arg("-f");
    }
    strace.arg("--").arg(graven());
    strace
}

/// Strace, attached to a thread. It ends when the thread ends.
pub(crate) struct Attached {
    strace: Child,
    /// Dropped at the end. Otherwise strace is killed at its deadline.
    _alive: Sender<()>,
}

impl Attached {
    /// Waits until strace has ended.
    pub(crate) fn wait(mut self) {
        self.strace.wait().expect("it is our child");
    }
}

/// Attaches strace to one thread of a running process, and returns when it is attached.
pub(crate) fn attach(thread: u32, strike: Option<&Strike>, log: &Path) -> Attached {
    let mut strace = options(strike, log);
    strace.arg("-p").arg(thread.to_string()).stdin(Stdio::null()).stderr(Stdio::piped());
    let mut strace = strace.spawn().expect("strace starts");
    let alive = watch(strace.id());
    let mut said = String::new();
    let mut stderr = BufReader::new(strace.stderr.take().expect("piped"));
    stderr.read_line(&mut said).expect("strace prints text");
    strace.stderr = Some(stderr.into_inner());
    assert!(said.contains("attached"), "strace cannot attach: {said}");
    Attached { strace, _alive: alive }
}

/// The thread with this name in a process. `None` when the process ends without one, at the latest at its deadline.
pub(crate) fn find_thread(child: &mut Child, name: &str) -> Option<u32> {
    let tasks = format!("/proc/{}/task", child.id());
    while child.try_wait().expect("it is ours").is_none() {
        for task in std::fs::read_dir(&tasks).into_iter().flatten().flatten() {
            let comm = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            if comm.trim_end() == name {
                return task.file_name().to_str().and_then(|id| id.parse().ok());
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    None
}

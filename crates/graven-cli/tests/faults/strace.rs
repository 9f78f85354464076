//! Runs the binary under strace: to see what it asks of the system, or to make one call of it fail.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::graven;

/// Every call that can touch a file, and how strace is told so.
pub(crate) const FILE_CALLS: &str = "open,openat,openat2,creat,read,pread64,readv,preadv,write,pwrite64,writev,\
pwritev,pwritev2,fsync,fdatasync,sync,syncfs,sync_file_range,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,\
mkdirat,link,linkat,symlink,symlinkat,truncate,ftruncate,fallocate,copy_file_range,sendfile,splice,msync,close,dup,\
dup2,dup3,stat,lstat,fstat,newfstatat,statx,getdents64,readlink,readlinkat,flock,access,faccessat2,chmod,fchmod";

/// What happens at the chosen call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// It is not done, and fails with an error of the medium.
    Eio,
    /// It is not done, and fails for want of space.
    Enospc,
    /// The process is killed as it enters the call, which is not done.
    Kill,
    /// It is not done, and says that it was: what no test may pass.
    Lie,
}

impl Fault {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Fault::Eio => "EIO",
            Fault::Enospc => "ENOSPC",
            Fault::Kill => "SIGKILL",
            Fault::Lie => "lie",
        }
    }

    fn injection(self) -> &'static str {
        match self {
            Fault::Eio => "error=EIO",
            Fault::Enospc => "error=ENOSPC",
            Fault::Kill => "signal=SIGKILL",
            Fault::Lie => "retval=0",
        }
    }
}

/// Where a fault strikes: at the n-th call of that name which a thread makes, or at every one.
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
    /// All of them, from the beginning.
    All,
}

/// Where strace is.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("GRAVEN_STRACE").map_or_else(|| "strace".into(), PathBuf::from)
}

/// Strace with the options for seeing or for striking.
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

/// The binary under strace from its beginning, still without its arguments.
pub(crate) fn command(threads: Threads, strike: Option<&Strike>, log: &Path) -> Command {
    let mut strace = options(strike, log);
    if threads == Threads::All {
        // Not with --seccomp-bpf, which is faster: then a signal comes only at a thread's first call (strace 6.1).
        strace.arg("-f");
    }
    strace.arg("--").arg(graven());
    strace
}

/// Attaches strace to one thread of a running process; returns once it is attached.
pub(crate) fn attach(thread: u32, strike: Option<&Strike>, log: &Path) -> Child {
    let mut strace = options(strike, log);
    strace.arg("-p").arg(thread.to_string()).stdin(Stdio::null()).stderr(Stdio::piped());
    let mut strace = strace.spawn().expect("strace starts");
    let mut said = String::new();
    let mut stderr = BufReader::new(strace.stderr.take().expect("piped"));
    stderr.read_line(&mut said).expect("strace speaks");
    strace.stderr = Some(stderr.into_inner());
    assert!(said.contains("attached"), "strace cannot attach: {said}");
    strace
}

/// The thread of that name in a process; `None` when the process ends before it has one.
pub(crate) fn find_thread(child: &mut Child, name: &str) -> Option<u32> {
    let tasks = format!("/proc/{}/task", child.id());
    while child.try_wait().expect("it is ours").is_none() {
        for task in std::fs::read_dir(&tasks).into_iter().flatten().flatten() {
            let comm = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            if comm.trim_end() == name {
                return task.file_name().to_str().and_then(|id| id.parse().ok());
            }
        }
        std::thread::yield_now();
    }
    None
}

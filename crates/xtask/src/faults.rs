//! Faults of the real system: `crates/graven-cli/tests/faults` drives the shipped binary under strace.
//!
//! `GRAVEN_FAULTS=full` opens every image of a power cut, and not only a sample.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::report::Outcome;
use crate::{cargo_test, release, shell};

/// Where temporary files cost nothing to sync. Which calls are made, and fail, is the same there.
const MEMORY: &str = "/dev/shm";

/// Strace, and where the libraries lie that came with it.
struct Strace {
    program: PathBuf,
    libraries: Option<PathBuf>,
}

/// Builds our binary and disturbs it.
pub(crate) fn suite() -> Outcome {
    let Some(strace) = found().or_else(fetch) else {
        return Outcome::NotRun {
            why: "strace is missing".to_owned(),
            install: "sudo apt-get update && sudo apt-get install strace".to_owned(),
        };
    };
    if let Err(why) = strace.can_trace() {
        return Outcome::NotRun {
            why: format!("strace may not trace here ({why})"),
            install: "allow ptrace, as with `docker run --cap-add=SYS_PTRACE`".to_owned(),
        };
    }
    let binary = match release::build() {
        Ok(binary) => binary,
        Err(problem) => return Outcome::Failed(problem),
    };
    // The whole workspace is named so that what the suite `tests` built is taken; only one package has such a test.
    let test = ["test", "--workspace", "--test", "faults", "--"];
    let mut command = shell::locked(&[&test[..], &["--nocapture", "--test-threads=1"]].concat());
    command.env("GRAVEN_BIN", binary).env("GRAVEN_STRACE", &strace.program);
    if let Some(libraries) = &strace.libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    if std::fs::File::create(Path::new(MEMORY).join(format!("graven-{}", std::process::id()))).is_ok() {
        let _ = std::fs::remove_file(Path::new(MEMORY).join(format!("graven-{}", std::process::id())));
        command.env("TMPDIR", MEMORY);
    }
    cargo_test::counted(&mut command)
}

impl Strace {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }

    /// Whether it may follow a process, and make a call of it fail.
    fn can_trace(&self) -> Result<(), String> {
        let mut command = self.command();
        command.args(["-o", "/dev/null", "-e", "trace=chdir", "-e", "inject=chdir:error=EIO", "true"]);
        let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(said.trim().replace('\n', "; ")) }
    }
}

/// On the path, or in our own tools.
fn found() -> Option<Strace> {
    let works = |strace: &Strace| shell::output(strace.command().arg("-V")).is_some();
    let on_path = Strace { program: "strace".into(), libraries: None };
    Some(on_path).filter(works).or_else(|| Some(fetched()?).filter(works))
}

fn tools() -> PathBuf {
    shell::target().join("tools").join("strace")
}

/// What [`fetch`] left.
fn fetched() -> Option<Strace> {
    let libraries = std::fs::read_dir(tools().join("usr").join("lib")).ok()?;
    let libraries = libraries.flatten().map(|entry| entry.path()).find(|path| path.is_dir());
    Some(Strace { program: tools().join("usr").join("bin").join("strace"), libraries })
}

/// Unpacks the system's own package below the target directory, which needs no root and changes nothing else.
fn fetch() -> Option<Strace> {
    let folder = tools();
    println!("strace is not there yet; its package is unpacked once, into {}", folder.display());
    std::fs::create_dir_all(&folder).ok()?;
    let download = |package: &str| {
        shell::run(Command::new("apt-get").args(["download", package]).current_dir(&folder)).is_ok()
    };
    if !download("strace") {
        // Without root this fails, and then there is nothing that could be fetched.
        shell::run(Command::new("apt-get").args(["update", "--quiet"])).ok()?;
        download("strace").then_some(())?;
    }
    // Where strace needs no such library there may be no such package.
    download("libunwind8");
    for package in std::fs::read_dir(&folder).ok()?.flatten().map(|entry| entry.path()) {
        if package.extension().is_some_and(|ending| ending == "deb") {
            shell::run(Command::new("dpkg").arg("-x").arg(&package).arg(&folder)).ok()?;
        }
    }
    found()
}

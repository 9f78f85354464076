//! Running other programs: where they run, what they print, how they ended.

use std::env;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The root of the repository: two directories above this package.
pub(crate) fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let package = PathBuf::from(package);
    package.ancestors().nth(2).expect("this package lies in crates/xtask").to_path_buf()
}

/// Cargo's target directory: this program lies in its `debug`.
pub(crate) fn target() -> PathBuf {
    match env::current_exe().ok().as_deref().and_then(|exe| exe.ancestors().nth(2)) {
        Some(target) => target.to_path_buf(),
        None => root().join("target"),
    }
}

/// The cargo that runs this program.
pub(crate) fn cargo_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// The same for a command that builds: a lock file that is out of step is an error, and not written anew.
pub(crate) fn locked(arguments: &[&str]) -> Command {
    let (subcommand, rest) = arguments.split_at(1);
    cargo_command(&[subcommand, &["--locked"], rest].concat())
}

/// What the compiler builds for when not told otherwise, such as `x86_64-unknown-linux-gnu`.
pub(crate) fn host() -> Result<String, String> {
    let version = output(Command::new("rustc").arg("-vV")).unwrap_or_default();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not say what it builds for".to_owned())
}

/// Runs cargo in the root of the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Result<(), String> {
    run(&mut cargo_command(arguments))
}

/// Runs a command to its end; an error unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    println!("$ {}", shown(command));
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` ended with {status}", shown(command))) }
}

/// The same, and each line of its standard output is given to `seen` as well as printed.
pub(crate) fn run_seen(command: &mut Command, mut seen: impl FnMut(&str)) -> Result<(), String> {
    println!("$ {}", shown(command));
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| not_started(command, &error))?;
    let output = child.stdout.take().expect("standard output was asked for");
    for line in BufReader::new(output).split(b'\n') {
        let line = line.map_err(|error| format!("cannot read what `{}` prints: {error}", shown(command)))?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        seen(&line);
    }
    let status = child.wait().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` ended with {status}", shown(command))) }
}

/// The same for one of several commands at a time: what it prints is shown when it has ended, in one piece.
pub(crate) fn run_apart(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| not_started(command, &error))?;
    let said = [output.stdout, output.stderr].concat();
    println!("$ {}\n{}", shown(command), String::from_utf8_lossy(&said).trim_end());
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("`{}` ended with {}", shown(command), output.status))
    }
}

/// What a command prints on standard output; `None` when it cannot run or does not succeed.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as a person would type it.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn not_started(command: &Command, error: &io::Error) -> String {
    format!("cannot run `{}`: {error}", shown(command))
}

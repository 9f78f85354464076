//! A server in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::peer::Failure;

/// A server that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Serving(Child);

impl Serving {
    /// Starts it, with nothing to read from it.
    pub(super) fn start(mut command: Command) -> Result<Serving, Failure> {
        Ok(Serving(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    /// Starts it, and returns the first line that it prints.
    pub(super) fn start_and_listen(mut command: Command) -> Result<(Serving, String), Failure> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take();
        let serving = Serving(child);
        let mut said = String::new();
        BufReader::new(out.ok_or("no pipe")?).read_line(&mut said)?;
        if said.is_empty() {
            return Err("the server ended without a word".into());
        }
        Ok((serving, said))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // One that has ended already needs neither.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command that builds something, to its end.
pub(super) fn build(command: &mut Command) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let built = command.output().map_err(|error| format!("{name} is needed: {error}"))?;
    if built.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&built.stderr);
    Err(format!("{name}: {}", said.trim().lines().last().unwrap_or_default()).into())
}

/// Where the programs of the peers are built: beside this one.
pub(super) fn built(name: &str) -> Result<PathBuf, Failure> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

/// A folder of this project.
pub(super) fn sources(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

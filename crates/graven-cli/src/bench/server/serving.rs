//! The servers of the bench: processes of this program.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::client::{Target, failed};
use crate::bench::disk;
use crate::shared::failure::Failure;

/// One client sends everything here, so no limit may be reached that is there to share a server among many.
const SETTINGS: &[&str] = &[
    "limits.rate_per_token=1000000",
    "limits.rate_per_address=1000000",
    "limits.connections_per_address=4096",
    "limits.requests_per_token=4096",
    "limits.requests=4096",
    "limits.streams=4096",
    "limits.streams_per_token=4096",
];

/// A server that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Serving {
    child: Child,
    pub(super) target: Target,
}

impl Serving {
    /// Starts `graven serve` with a new data folder, and with more trails: `NAME=DIR` each.
    pub(super) fn start(data: &Path, trails: &[String]) -> Result<Serving, Failure> {
        let mut command = program()?;
        command.arg("serve").arg("--json").arg("--data").arg(data).args(["--listen", "127.0.0.1:0"]);
        command.args(SETTINGS.iter().flat_map(|setting| ["--set", setting]));
        command.args(trails.iter().flat_map(|trail| ["--trail", trail]));
        let (child, said) = start(command)?;
        let said: Value = serde_json::from_str(&said).map_err(failed)?;
        let text = |name: &str| {
            said[name].as_str().ok_or_else(|| failed(format_args!("it does not say its {name}")))
        };
        let address = text("address")?.trim_start_matches("http://").parse().map_err(failed)?;
        let target = Target { address, token: text("token")?.to_owned() };
        Ok(Serving { child, target })
    }

    /// Starts a server whose handler does nothing.
    pub(super) fn empty() -> Result<Serving, Failure> {
        let mut command = program()?;
        command.args(["bench", "server", "--empty"]);
        let (child, said) = start(command)?;
        let target = Target { address: said.trim().parse().map_err(failed)?, token: String::new() };
        Ok(Serving { child, target })
    }

    /// Its resident memory in bytes.
    pub(super) fn resident_bytes(&self) -> Result<f64, Failure> {
        let bytes = disk::resident_bytes(self.child.id());
        bytes.map(|bytes| bytes as f64).ok_or_else(|| failed("the system does not tell its memory"))
    }

    /// Ends it in order.
    pub(super) fn stop(mut self) -> Result<(), Failure> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("the id of a child"), Signal::TERM).map_err(failed)?;
        let status = self.child.wait().map_err(failed)?;
        if status.success() { Ok(()) } else { Err(failed(format_args!("it ended with {status}"))) }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // One that has ended already needs neither.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Result<Command, Failure> {
    Ok(Command::new(std::env::current_exe().map_err(failed)?))
}

/// Starts a server, and waits for its first line.
fn start(mut command: Command) -> Result<(Child, String), Failure> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut said = String::new();
    let read = BufReader::new(child.stdout.take().expect("piped above")).read_line(&mut said);
    match read {
        Ok(1..) => Ok((child, said)),
        other => {
            // It is not of use any more.
            let _ = child.kill();
            let _ = child.wait();
            Err(failed(other.map_or_else(|error| error.to_string(), |_| "it did not start".to_owned())))
        }
    }
}

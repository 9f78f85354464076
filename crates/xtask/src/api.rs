//! The API as somebody else reads its description: schemathesis makes up requests from `openapi.json`, sends them to the
//! shipped binary, and judges the answers.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::report::Outcome;
use crate::{release, shell, venv};

/// What pip installs: schemathesis and everything it needs, each in one version.
const REQUIREMENTS: &str = ".ci/schemathesis.txt";

/// What it reads.
const DESCRIPTION: &str = "crates/graven-server/openapi.json";

/// How it asks.
const CONFIG: &str = ".ci/schemathesis.toml";

/// How many requests are made up for each operation, at most.
const EXAMPLES: &str = "40";

/// What is wrong with an answer: it is a fault of the server, or is not as the description says.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

/// This may hit the token that is used, so it comes last.
const REVOKES: &str = "revokeToken";

/// How long the server may take to end.
const ENDING: Duration = Duration::from_secs(30);

/// A server that runs. It is killed if it is still there when this is dropped.
struct Server {
    child: Child,
    address: String,
    token: String,
}

pub(crate) fn suite() -> Outcome {
    let program = match venv::bin("schemathesis", REQUIREMENTS) {
        Ok(bin) => bin.join("schemathesis"),
        Err(missing) => return missing,
    };
    release::build().and_then(|binary| judge(&program, &binary)).into()
}

fn judge(program: &Path, binary: &Path) -> Result<(), String> {
    let data = shell::target().join("tmp").join(format!("api-{}", std::process::id()));
    let server = Server::start(binary, &data)?;
    let root = shell::root();
    let (first, last) = (["--exclude-operation-id", REVOKES], ["--include-operation-id", REVOKES]);
    let judged = [first, last].iter().try_for_each(|which| {
        let mut judge = Command::new(program);
        judge.arg("--config-file").arg(root.join(CONFIG));
        judge.args(["run", "--checks", CHECKS, "--max-examples", EXAMPLES]).args(which);
        judge.args(["--continue-on-failure", "--request-timeout", "30", "--suppress-health-check", "all"]);
        judge.args(["--generation-database", "none", "--no-color"]);
        judge.arg("--header").arg(format!("Authorization: Bearer {}", server.token));
        judge.arg("--url").arg(&server.address).arg(root.join(DESCRIPTION));
        // It writes beside where it runs.
        shell::run(judge.current_dir(&data))
    });
    let ended = server.end();
    // What is left below the target directory is overwritten by nobody and hurts nobody.
    let _ = fs::remove_dir_all(&data);
    judged.and(ended)
}

impl Server {
    /// Starts the server on a free port, with limits that one client alone does not reach.
    fn start(binary: &Path, data: &Path) -> Result<Server, String> {
        let mut command = Command::new(binary);
        command.args(["serve", "--json", "--listen", "127.0.0.1:0"]).arg("--data").arg(data);
        for limit in [
            "limits.refused_logins=100000",
            "limits.rate_per_address=1000000",
            "limits.rate_per_token=1000000",
        ] {
            command.args(["--set", limit]);
        }
        let failed = |error: &dyn std::fmt::Display| format!("cannot start graven serve: {error}");
        let mut child =
            command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().map_err(|error| failed(&error))?;
        let output = child.stdout.take().expect("standard output was asked for");
        let mut server = Server { child, address: String::new(), token: String::new() };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).map_err(|error| failed(&error))?;
        (server.address, server.token) = member(&line, "address")
            .zip(member(&line, "token"))
            .ok_or_else(|| failed(&format_args!("it says no address and token: {line:?}")))?;
        Ok(server)
    }

    /// Ends it in order.
    fn end(mut self) -> Result<(), String> {
        shell::run(Command::new("kill").arg("-TERM").arg(self.child.id().to_string()))?;
        let begun = Instant::now();
        while begun.elapsed() < ENDING {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("graven serve ended with {status}")),
                Ok(None) => std::thread::sleep(Duration::from_millis(50)),
                Err(error) => return Err(format!("cannot wait for graven serve: {error}")),
            }
        }
        Err(format!("graven serve did not end in {} s", ENDING.as_secs()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It fails when the server has ended, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text of a member of an object on one line, which has no escapes.
fn member(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(text, _)| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_and_the_token_are_read() {
        let line =
            "{\"address\":\"http://127.0.0.1:1\",\"data\":\"d\",\"token\":\"gvn_a\",\"version\":\"0\"}\n";
        assert_eq!(member(line, "address").as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(member(line, "token").as_deref(), Some("gvn_a"));
        assert_eq!(member("{\"token\":null}", "token"), None);
    }
}

//! A server as a process of its own, and the plainest client of it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::Value;

use crate::deadline::Running;
use crate::run::Place;

/// How long one request may take. Far more than any needs, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs. It is killed when it is dropped.
pub(crate) struct Served {
    process: Running,
    /// Where it listens: an address and a port.
    pub(crate) address: String,
    /// The token of the first start, if this was it.
    pub(crate) token: Option<String>,
}

impl Served {
    /// Starts a server with these arguments behind `graven serve`, on a free port.
    pub(crate) fn start(place: &Place, arguments: &[&str]) -> Served {
        let all = ["--json", "serve", "--listen", "127.0.0.1:0"].iter().chain(arguments).copied();
        let mut process = Running::start(place.command(all).stderr(Stdio::null()));
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let address = said["address"].as_str().unwrap().trim_start_matches("http://").to_owned();
        Served { process, address, token: said["token"].as_str().map(str::to_owned) }
    }

    /// Lets it write no file that is longer than this, as if the disk were full; `None` ends that.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        prlimit(self.pid(), Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
    }

    /// Its resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.process.id().try_into().unwrap())
    }

    /// Ends it in order, as a service manager does.
    pub(crate) fn end(mut self) {
        kill_process(self.pid().unwrap(), Signal::TERM).unwrap();
        assert!(self.process.wait().unwrap().success());
    }

    /// Kills it: it can do nothing more.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Sends JSON to an address of a server; the status and the answer.
///
/// # Errors
/// When there is no whole answer.
pub(crate) fn post(address: &str, token: &str, path: &str, body: &Value) -> io::Result<(u16, Value)> {
    ask(address, token, ("POST", path), &body.to_string())
}

/// Gets what is at an address of a server; the status and the answer.
///
/// # Errors
/// When there is no whole answer.
pub(crate) fn get(address: &str, token: &str, path: &str) -> io::Result<(u16, Value)> {
    ask(address, token, ("GET", path), "")
}

fn ask(address: &str, token: &str, (method, path): (&str, &str), body: &str) -> io::Result<(u16, Value)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let broken = || io::Error::other(format!("not a whole answer: {answer:?}"));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    let body = serde_json::from_str(body).map_err(|_| broken())?;
    Ok((status, body))
}

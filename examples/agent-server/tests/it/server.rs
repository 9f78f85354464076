//! The server as a process with a trail of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;
use graven::reader::{Pending, Reader};
use graven::{Category, Machine};
use graven_core::verdict::Verdict;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Answer, Client, PATIENCE};

pub(crate) const ADMIN: &str = "admin-token-of-the-test";
pub(crate) const USER: &str = "user-token-of-the-test";

/// A running server. Killed when dropped.
pub(crate) struct Server {
    _folder: TempDir,
    trail: PathBuf,
    child: Child,
    pub(crate) admin: Client,
    pub(crate) user: Client,
}

/// Mounts a file system of 1 MiB over a folder that nobody else sees, and becomes the command behind it.
const SMALL_DISK: &str = "mount -t tmpfs -o size=1m none \"$1\" && shift && exec \"$@\"";

impl Server {
    pub(crate) fn start() -> Server {
        Server::start_with(&[])
    }

    /// With these arguments more.
    pub(crate) fn start_with(arguments: &[&str]) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_agent-server"));
        command.args(arguments);
        let trail = folder.path().join("trail");
        Server::start_as(command, folder, trail)
    }

    /// On a trail that another server may have open too.
    pub(crate) fn start_on(trail: &Path) -> Server {
        let folder = tempfile::tempdir().unwrap();
        Server::start_as(Command::new(env!("CARGO_BIN_EXE_agent-server")), folder, trail.to_owned())
    }

    /// With its trail on a file system of 1 MiB; `None` where the machine allows none.
    pub(crate) fn start_on_a_small_disk() -> Option<Server> {
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path().join("disk");
        std::fs::create_dir(&disk).unwrap();
        let on_disk = |program: &str| {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, "sh"]);
            command.arg(&disk).arg(program);
            command
        };
        on_disk("true").status().ok().filter(ExitStatus::success)?;
        let trail = disk.join("trail");
        let mut server = Server::start_as(on_disk(env!("CARGO_BIN_EXE_agent-server")), folder, trail.clone());
        // From here, the way to it leads through the process that has it.
        let root = PathBuf::from(format!("/proc/{}/root", server.child.id()));
        server.trail = root.join(trail.strip_prefix("/").unwrap());
        Some(server)
    }

    fn start_as(mut command: Command, folder: TempDir, trail: PathBuf) -> Server {
        std::fs::create_dir(folder.path().join("tmp")).unwrap();
        let mut child = command
            .args(["--listen", "127.0.0.1:0", "--admin-token", ADMIN, "--user-token", USER, "--trail"])
            .arg(&trail)
            .env("TMPDIR", folder.path().join("tmp"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let line = first_line(&mut child);
        let address = line.trim().strip_prefix("listening on http://").unwrap().parse().unwrap();
        let client = |token: &str| Client { address, token: Some(token.to_owned()) };
        Server { _folder: folder, trail, child, admin: client(ADMIN), user: client(USER) }
    }

    /// Where its trail is.
    pub(crate) fn trail(&self) -> &Path {
        &self.trail
    }

    /// Sends a signal to the server, and only to it.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut ended = None;
        until("the server ends after a signal", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.expect("it has ended")
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Every stored entry, the trail's own included, oldest first.
    pub(crate) fn all_entries(&self) -> Vec<Value> {
        let records = Reader::open(self.trail()).unwrap().entries(..).unwrap();
        records.map(|record| serde_json::from_slice(&record.unwrap().line).unwrap()).collect()
    }

    /// The stored entries but the trail's own.
    pub(crate) fn entries(&self) -> Vec<Value> {
        let own = Category::Trail.as_str();
        self.all_entries().into_iter().filter(|entry| entry["category"] != own).collect()
    }

    pub(crate) fn pending(&self) -> Vec<Pending> {
        Reader::open(self.trail()).unwrap().pending(&mut |_| ()).unwrap()
    }

    /// What verification says of the trail.
    pub(crate) fn verdict(&self) -> Verdict {
        let layout = Layout::in_dir(self.trail());
        let report = fsck::verify(&Machine::os(), &layout, &VerifyOptions::default(), &|_, _| ()).unwrap();
        report.verdict
    }

    /// A new session of the user's: its path.
    pub(crate) fn session(&self) -> String {
        let made = self.user.ask("POST", "/v1/sessions", Some(&json!({"title": "a test"}))).unwrap();
        assert_eq!(made.status, 201, "{made:?}");
        format!("/v1/sessions/{}", made.json["id"].as_str().unwrap())
    }

    /// A prompt of the user's.
    pub(crate) fn prompt(&self, session: &str, text: &str) -> Answer {
        self.user.ask("POST", &format!("{session}/prompts"), Some(&json!({"text": text}))).unwrap()
    }

    /// A tool of the user's.
    pub(crate) fn tool(&self, session: &str, tool: &str, arguments: &[&str]) -> Answer {
        let call = json!({"arguments": arguments});
        self.user.ask("POST", &format!("{session}/tools/{tool}"), Some(&call)).unwrap()
    }
}

/// What the server says when it listens.
fn first_line(child: &mut Child) -> String {
    let (sender, receiver) = mpsc::channel();
    let stdout = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _read = BufReader::new(stdout).read_line(&mut line);
        sender.send(line)
    });
    receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        child.kill().unwrap();
        panic!("the server has said nothing for {PATIENCE:?}")
    })
}

/// Looks again until it is so; a test that waits too long has failed.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{PATIENCE:?} have passed, and not yet: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended before.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

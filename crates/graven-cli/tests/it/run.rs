//! Runs the built binary in a temporary folder, with a deadline.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::deadline::Running;

/// A folder that usually has a trail in it.
pub(crate) struct Place {
    folder: TempDir,
}

/// The result of a command.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Place {
    /// An empty folder.
    pub(crate) fn empty() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder with a new trail in `trail`.
    pub(crate) fn with_trail() -> Place {
        let place = Place::empty();
        place.run(["init", "trail"]).ok();
        place
    }

    /// A trail with small segments and `count` entries.
    pub(crate) fn with_entries(count: usize) -> Place {
        let place = Place::empty();
        place.run(["init", "trail", "--segment-bytes", "40000"]).ok();
        place.feed(["record", "trail", "--stdin"], lines(count)).ok();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The command, with this folder as its working directory and its state folder inside.
    pub(crate) fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_graven"));
        command.args(arguments).current_dir(self.folder.path()).env("XDG_STATE_HOME", self.path("state"));
        command.env("XDG_CACHE_HOME", self.path("cache"));
        command.env_remove("NO_COLOR").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Done {
        Done::of(Running::start(&mut self.command(arguments)).output())
    }

    /// Runs the command with this standard input.
    pub(crate) fn feed<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a str>,
        input: impl AsRef<[u8]>,
    ) -> Done {
        let mut child = self.start(arguments);
        let mut stdin = child.stdin.take().unwrap();
        let input = input.as_ref().to_vec();
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let done = Done::of(child.output());
        writer.join().unwrap();
        done
    }

    /// Starts the command, with a pipe as its standard input.
    pub(crate) fn start<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Running {
        Running::start(self.command(arguments).stdin(Stdio::piped()))
    }

    /// The stored lines of the trail, oldest first.
    pub(crate) fn stored(&self) -> Vec<String> {
        let tail = self.run(["tail", "trail", "-n", "100000000", "--json"]).ok();
        tail.text().lines().map(str::to_owned).collect()
    }

    /// The stored entries without the trail's own.
    pub(crate) fn entries(&self) -> Vec<Value> {
        let entries = self.stored().into_iter().map(|line| serde_json::from_str(&line).unwrap());
        entries.filter(|entry: &Value| entry["category"] != "trail").collect()
    }
}

impl Done {
    pub(crate) fn of(output: Output) -> Done {
        Done {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Checks that it succeeded, and printed nothing to standard error.
    pub(crate) fn ok(self) -> Done {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.text());
        self
    }

    /// Checks that it ended with this code.
    pub(crate) fn code(self, code: i32) -> Done {
        assert_eq!(self.code, Some(code), "{}\n{}", self.text(), self.stderr);
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// The answer as one JSON value.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The answer as one JSON value for each line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// One line of input.
pub(crate) fn line(action: &str) -> String {
    format!(
        "{{\"category\":\"api\",\"action\":{action:?},\"outcome\":\"success\",\"principal\":\"alice\"}}\n"
    )
}

/// Many lines of input, numbered from 0.
pub(crate) fn lines(count: usize) -> String {
    (0..count).map(|number| line(&format!("action {number}"))).collect()
}

/// The hash of `printf '\0%s' "$line" | sha256sum`, in base64.
pub(crate) fn leaf_hash(line: &str) -> String {
    graven_core::hash::leaf_hash(line.as_bytes()).to_string()
}

/// Copies a directory and everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copied = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &copied);
        } else {
            std::fs::copy(entry.path(), copied).unwrap();
        }
    }
}

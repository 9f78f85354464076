//! Feeds the binary with entries, and keeps its answer to each.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use graven_core::hash::Hash;
use serde_json::Value;

use crate::deadline::watch;

/// The id of the n-th entry.
pub(crate) fn id(number: u64) -> String {
    format!("e-{number}")
}

/// One line of input. The entries of [`LARGE`] have the same detail, which does not fit into a line.
pub(crate) fn line(number: u64) -> String {
    let detail = if LARGE.contains(&number) { "x".repeat(66_000) } else { format!("entry {number}") };
    format!(
        "{{\"id\":\"{}\",\"category\":\"api\",\"action\":\"GET /{number}\",\"outcome\":\"success\",\"detail\":\"{detail}\"}}\n",
        id(number)
    )
}

/// The entries with a large detail. The first creates the blob, the second finds the existing one.
pub(crate) const LARGE: [u64; 2] = [252, 253];

/// All answers of the binary about entries.
#[derive(Debug, Default, Clone)]
pub(crate) struct Told {
    /// Receipts: index and leaf hash, by id.
    pub(crate) acknowledged: BTreeMap<String, (u64, Hash)>,
    /// Refused, and certainly not recorded.
    pub(crate) refused: Vec<String>,
    /// Refused, but perhaps recorded.
    pub(crate) doubtful: Vec<String>,
    /// The number of answers.
    pub(crate) answers: usize,
}

impl Told {
    /// Reads one line of standard output. `asked` are the ids in the order in which they were sent.
    pub(crate) fn hear(&mut self, line: &str, asked: &[String]) {
        let said: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        let Some(id) = asked.get(self.answers) else { panic!("an answer to no entry: {line}") };
        self.answers += 1;
        if let Some(error) = said["error"].as_str() {
            if is_doubtful(error) {
                self.doubtful.push(id.clone())
            } else {
                self.refused.push(id.clone())
            }
            return;
        }
        assert_eq!(said["id"].as_str(), Some(id.as_str()), "answers come in the order of the input");
        let index = said["index"].as_u64().expect("an index");
        let hash = Hash::parse(said["leaf_hash"].as_str().expect("a hash")).expect("a hash");
        let before = self.acknowledged.insert(id.clone(), (index, hash));
        assert!(before.is_none(), "{id} was acknowledged twice");
    }
}

/// Whether an error says that the entry may be recorded anyway.
pub(crate) fn is_doubtful(error: &str) -> bool {
    error.contains("may be recorded") || error.contains("may still be recorded")
}

/// The end of a command.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` when it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

/// A `graven record --stdin` that is being fed.
pub(crate) struct Feeding {
    pub(crate) child: Child,
    pub(crate) told: Told,
    asked: Vec<String>,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    stderr: JoinHandle<String>,
    /// Dropped at the end. Otherwise the process is killed at its deadline.
    alive: Sender<()>,
}

impl Feeding {
    pub(crate) fn start(mut command: Command) -> Feeding {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut errors = child.stderr.take().expect("piped");
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            errors.read_to_end(&mut text).expect("readable");
            String::from_utf8_lossy(&text).into_owned()
        });
        Feeding {
            told: Told::default(),
            asked: Vec::new(),
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().expect("piped")),
            stderr,
            alive: watch(child.id()),
            child,
        }
    }

    /// Sends entries, and waits until each is answered or the output ends.
    pub(crate) fn send(&mut self, numbers: impl IntoIterator<Item = u64>) {
        self.ask(numbers);
        while self.told.answers < self.asked.len() && self.hear() {}
    }

    /// Sends entries.
    pub(crate) fn ask(&mut self, numbers: impl IntoIterator<Item = u64>) {
        let mut input = String::new();
        for number in numbers {
            self.asked.push(id(number));
            input.push_str(&line(number));
        }
        // This fails when the process is dead. Then its output ends too.
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(input.as_bytes()).and_then(|()| stdin.flush());
        }
    }

    fn hear(&mut self) -> bool {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("readable");
        // A kill may have cut the last line.
        let whole = line.ends_with('\n');
        if whole {
            self.told.hear(line.trim_end(), &self.asked);
        }
        whole
    }

    /// Closes the input and waits until the process ends.
    pub(crate) fn finish(mut self) -> (Told, Vec<String>, Ended) {
        self.stdin = None;
        while self.hear() {}
        let status = self.child.wait().expect("it was ours");
        drop(self.alive);
        let stderr = self.stderr.join().expect("it only reads");
        (self.told, self.asked, Ended { code: status.code(), stderr })
    }
}

/// Runs a command until it ends.
pub(crate) fn run(mut command: Command) -> (String, Ended) {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = child.spawn().expect("it starts");
    let alive = watch(child.id());
    let output = child.wait_with_output().expect("it was ours");
    drop(alive);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (String::from_utf8(output.stdout).expect("UTF-8"), Ended { code: output.status.code(), stderr })
}

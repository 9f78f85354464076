//! What is recorded, and what the binary said of each entry.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use graven_core::hash::Hash;
use serde_json::Value;

/// How long a run may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(120);

/// The id of the n-th entry.
pub(crate) fn id(number: u64) -> String {
    format!("e-{number}")
}

/// One line of input. Those of [`LARGE`] have a detail that does not fit into a line, the same in each.
pub(crate) fn line(number: u64) -> String {
    let detail = if LARGE.contains(&number) { "x".repeat(66_000) } else { format!("entry {number}") };
    format!(
        "{{\"id\":\"{}\",\"category\":\"api\",\"action\":\"GET /{number}\",\"outcome\":\"success\",\"detail\":\"{detail}\"}}\n",
        id(number)
    )
}

/// The entries with a large detail: the first makes the blob, the second finds it there.
pub(crate) const LARGE: [u64; 2] = [252, 253];

/// Everything that the binary has said of entries.
#[derive(Debug, Default, Clone)]
pub(crate) struct Told {
    /// Receipts: index and leaf hash, by id.
    pub(crate) acknowledged: BTreeMap<String, (u64, Hash)>,
    /// Refused, and surely not recorded.
    pub(crate) refused: Vec<String>,
    /// Refused, and perhaps recorded all the same.
    pub(crate) doubtful: Vec<String>,
    /// How many answers there were.
    pub(crate) answers: usize,
}

impl Told {
    /// Takes one line of standard output. `asked` are the ids in the order in which they were sent.
    pub(crate) fn hear(&mut self, line: &str, asked: &[String]) {
        let said: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        let Some(id) = asked.get(self.answers) else { panic!("nobody asked for this answer: {line}") };
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

/// Whether an error says that the entry may be there all the same.
pub(crate) fn is_doubtful(error: &str) -> bool {
    error.contains("may be recorded") || error.contains("may still be recorded")
}

/// How a command ended.
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
    /// Dropped at the end; otherwise the run is ended for hanging.
    alive: mpsc::Sender<()>,
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

    /// Sends entries, and waits until each is answered or nothing more can come.
    pub(crate) fn send(&mut self, numbers: impl IntoIterator<Item = u64>) {
        let mut input = String::new();
        for number in numbers {
            self.asked.push(id(number));
            input.push_str(&line(number));
        }
        // It may be dead by now: then the answers end.
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(input.as_bytes()).and_then(|()| stdin.flush());
        }
        while self.told.answers < self.asked.len() && self.hear() {}
    }

    fn hear(&mut self) -> bool {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("readable");
        // The last may be cut by a kill.
        let whole = line.ends_with('\n');
        if whole {
            self.told.hear(line.trim_end(), &self.asked);
        }
        whole
    }

    /// Ends the input and waits for the end.
    pub(crate) fn finish(mut self) -> (Told, Vec<String>, Ended) {
        self.stdin = None;
        while self.hear() {}
        let status = self.child.wait().expect("it was ours");
        drop(self.alive);
        let stderr = self.stderr.join().expect("it only reads");
        (self.told, self.asked, Ended { code: status.code(), stderr })
    }
}

/// Runs a command to its end.
pub(crate) fn run(mut command: Command) -> (String, Ended) {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = child.spawn().expect("it starts");
    let alive = watch(child.id());
    let output = child.wait_with_output().expect("it was ours");
    drop(alive);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (String::from_utf8(output.stdout).expect("UTF-8"), Ended { code: output.status.code(), stderr })
}

/// Kills the process if the sender is not dropped in time. That shows as a kill where none was injected.
fn watch(process: u32) -> mpsc::Sender<()> {
    let (alive, ended) = mpsc::channel();
    std::thread::spawn(move || {
        if ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("process {process} hangs and is killed");
            let _ = Command::new("kill").args(["-9", &process.to_string()]).status();
        }
    });
    alive
}

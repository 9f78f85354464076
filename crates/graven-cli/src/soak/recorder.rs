//! One life of a recorder: a child process that several producers feed, and that is killed or ends normally.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use graven_core::hash::Hash;
use serde::Deserialize;

use crate::shared::failure::Failure;

/// How many threads send entries.
const PRODUCERS: u64 = 4;

/// How many entries each producer sends in a life that ends normally.
const QUOTA: u64 = 500;

/// The most receipts before a kill.
const RECEIPTS_MAX: u64 = 3_000;

/// One entry in this number has a detail that is too large for a line.
const LARGE_EVERY: u64 = 400;

/// When a life ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// By a kill, after this number of receipts.
    AfterReceipts(u64),
    /// By a kill, this long after the start: perhaps while it opens the trail.
    After(Duration),
    /// By the end of its input.
    Well,
}

/// The result of a life.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// Receipts, by index.
    pub(super) receipts: BTreeMap<u64, (String, Hash)>,
    /// Whether it was killed.
    pub(super) killed: bool,
    /// What went wrong in the recorder itself.
    pub(super) wrong: Vec<String>,
}

/// An answer on the recorder's standard output.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    Receipt { index: u64, id: String, leaf_hash: Hash },
    Refusal { line: u64, error: String },
}

/// Runs a recorder until it is killed or has recorded its share. `name` makes its entries different from all others.
pub(super) fn live(trail: &Path, name: &str, random: &mut Rng) -> Result<Life, Failure> {
    let end = match random.u64(0..10) {
        0 | 1 => End::Well,
        2 => End::After(Duration::from_micros(random.u64(0..40_000))),
        _ => End::AfterReceipts(random.u64(1..=RECEIPTS_MAX)),
    };
    let cannot = |error| Failure::cannot(format_args!("cannot run a recorder: {error}"));
    let mut child = Command::new(std::env::current_exe().map_err(cannot)?)
        .arg("record")
        .arg(trail)
        .arg("--stdin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(cannot)?;
    if let End::After(moment) = end {
        thread::sleep(moment);
        child.kill().map_err(cannot)?;
    }
    let stdin = Mutex::new(child.stdin.take());
    let ended = AtomicBool::new(false);
    let seeds: Vec<u64> = (0..PRODUCERS).map(|_| random.u64(..)).collect();
    let quota = if matches!(end, End::Well) { QUOTA } else { u64::MAX };
    let mut life = Life::default();
    thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .zip(seeds)
            .map(|(producer, seed)| {
                let (stdin, ended, name) = (&stdin, &ended, format!("{name}-{producer}"));
                scope.spawn(move || produce(stdin, ended, &name, quota, Rng::with_seed(seed)))
            })
            .collect();
        scope.spawn(|| {
            // A recorder that is not killed ends when its input ends.
            producers.into_iter().for_each(|producer| drop(producer.join()));
            *stdin.lock().unwrap_or_else(PoisonError::into_inner) = None;
        });
        let heard = hear(&mut child, end, &mut life);
        ended.store(true, Ordering::Relaxed);
        heard
    })
    .map_err(cannot)?;
    finish(child, end, &mut life).map_err(cannot)?;
    Ok(life)
}

/// Sends entries until it has sent its share, or the recorder has ended.
fn produce(stdin: &Mutex<Option<ChildStdin>>, ended: &AtomicBool, name: &str, quota: u64, mut random: Rng) {
    let mut sent = 0;
    while sent < quota && !ended.load(Ordering::Relaxed) {
        let mut lines = String::new();
        for _ in 0..random.u64(1..=20).min(quota - sent) {
            let bytes = if random.u64(0..LARGE_EVERY) == 0 { 66_000 } else { random.usize(0..200) };
            let detail: String = (0..bytes).map(|_| random.alphanumeric()).collect();
            lines.push_str(&format!(
                "{{\"id\":\"{name}-{sent}\",\"category\":\"api\",\"action\":\"GET /{sent}\",\"outcome\":\"success\",\"detail\":\"{detail}\"}}\n"
            ));
            sent += 1;
        }
        let mut stdin = stdin.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = stdin.as_mut().is_some_and(|stdin| stdin.write_all(lines.as_bytes()).is_ok());
        if !taken {
            return;
        }
    }
}

/// Reads the answers until their end, and kills the recorder when it must die.
fn hear(child: &mut Child, end: End, life: &mut Life) -> std::io::Result<()> {
    let mut answers = BufReader::new(child.stdout.take().expect("piped above"));
    let mut line = String::new();
    let mut heard = 0;
    while answers.read_line(&mut line)? > 0 {
        // The kill may have cut the last line.
        if line.ends_with('\n') {
            life.take(&line);
            heard += 1;
        }
        if matches!(end, End::AfterReceipts(receipts) if heard == receipts) {
            child.kill()?;
        }
        line.clear();
    }
    Ok(())
}

/// Waits until the recorder ends, and checks that it ended as planned.
fn finish(mut child: Child, end: End, life: &mut Life) -> std::io::Result<()> {
    let mut said = String::new();
    child.stderr.take().expect("piped above").read_to_string(&mut said)?;
    let status = child.wait()?;
    life.killed = status.code().is_none();
    if life.killed == matches!(end, End::Well) || !said.is_empty() {
        life.wrong.push(format!("the recorder ended with {status}: {}", said.trim()));
    }
    let all = PRODUCERS * QUOTA;
    if matches!(end, End::Well) && life.receipts.len() as u64 != all {
        life.wrong.push(format!("{} of {all} entries were acknowledged", life.receipts.len()));
    }
    Ok(())
}

impl Life {
    fn take(&mut self, line: &str) {
        match serde_json::from_str(line) {
            Ok(Answer::Receipt { index, id, leaf_hash }) => {
                if let Some((other, _)) = self.receipts.insert(index, (id.clone(), leaf_hash)) {
                    self.wrong.push(format!("the index {index} was given to {other} and to {id}"));
                }
            }
            Ok(Answer::Refusal { line, error }) => {
                self.wrong.push(format!("line {line} was refused: {error}"))
            }
            Err(error) => self.wrong.push(format!("{error}: {}", line.trim())),
        }
    }
}

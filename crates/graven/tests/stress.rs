//! Many threads and tasks at one trail, over several openings: nothing acknowledged is lost, nothing emitted vanishes
//! uncounted, nothing is there twice, and every close leaves an intact trail.
//!
//! `GRAVEN_STRESS_ROUNDS` makes it longer.

#[path = "it/support/patience.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod patience;

use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use graven::fsck::{VerifyOptions, verify};
use graven::layout::Layout;
use graven::reader::{Reader, Record};
use graven::{Category, Entry, Error, ErrorKind, Machine, Outcome, Receipt, Settings, Trail, WhenFull};
use graven_core::verdict::Verdict;

use patience::{PATIENCE, must_end, until_count};

/// How often the trail is opened, used by everybody, and closed while they use it.
const ROUNDS: u64 = 8;

/// Threads, and as many tasks, that use it at the same time.
const USERS: u64 = 4;

/// How many answers there are in a round before the trail is closed.
const ANSWERS: u64 = 4_000;

/// What one user did in one round.
#[derive(Default)]
struct Done {
    receipts: Vec<Receipt>,
    emitted: u64,
}

/// One user: its own entries, and its own choice of what to do next.
struct User {
    trail: Trail,
    name: String,
    entries: u64,
    choice: u64,
    answers: Arc<AtomicU64>,
    done: Done,
}

impl User {
    fn new(trail: &Trail, round: u64, number: u64, answers: &Arc<AtomicU64>) -> User {
        let name = format!("{round}-{number}");
        let choice = round * 1_000 + number + 1;
        let (trail, answers) = (trail.clone(), Arc::clone(answers));
        User { trail, name, entries: 0, choice, answers, done: Done::default() }
    }

    /// A number below `below` (xorshift).
    fn choose(&mut self, below: u64) -> u64 {
        self.choice ^= self.choice << 13;
        self.choice ^= self.choice >> 7;
        self.choice ^= self.choice << 17;
        self.choice % below
    }

    fn entry(&mut self, what: &str) -> Entry {
        self.entries += 1;
        let size = self.choose(300) as usize;
        Entry::new(Category::ToolExecution, what, Outcome::Success)
            .id(format!("{}-{}", self.name, self.entries))
            .detail("x".repeat(size))
    }

    fn batch(&mut self) -> Vec<Entry> {
        (0..self.choose(40)).map(|_| self.entry("batch")).collect()
    }

    /// Keeps what was acknowledged; `false` once the trail is closed.
    fn answered(&mut self, answer: Result<Vec<Receipt>, Error>) -> bool {
        match answer {
            Ok(receipts) => {
                self.answers.fetch_add(receipts.len() as u64, Ordering::Relaxed);
                self.done.receipts.extend(receipts);
                true
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}");
                false
            }
        }
    }

    /// What needs no answer: emits, gives up, reads.
    fn other(&mut self, what: u64) {
        match what {
            0 => {
                let entry = self.entry("emit");
                self.done.emitted += 1;
                self.trail.emit(entry);
            }
            1 => {
                // Asked once, and never again.
                let entry = self.entry("given up");
                poll_once(pin!(self.trail.record(entry)));
                let entries = self.batch();
                poll_once(pin!(self.trail.record_batch(entries)));
            }
            2 => drop(self.trail.recent(20)),
            _ => {
                let counters = self.trail.counters();
                assert!(counters.sealed <= counters.durable, "what is sealed is durable");
            }
        }
    }

    /// A thread that waits.
    fn run_blocking(mut self) -> Done {
        loop {
            let goes_on = match self.choose(8) {
                what @ 0..4 => {
                    self.other(what);
                    true
                }
                4 => {
                    let entries = self.batch();
                    let answer = self.trail.record_batch_blocking(entries);
                    self.answered(answer)
                }
                5 => self.trail.checkpoint_blocking().is_ok() || self.trail_is_closed(),
                _ => {
                    let entry = self.entry("record");
                    let answer = self.trail.record_blocking(entry).map(|receipt| vec![receipt]);
                    self.answered(answer)
                }
            };
            if !goes_on {
                return self.done;
            }
        }
    }

    /// A task on an executor.
    async fn run(mut self) -> Done {
        loop {
            let goes_on = match self.choose(8) {
                what @ 0..4 => {
                    self.other(what);
                    tokio::task::yield_now().await;
                    true
                }
                4 => {
                    let entries = self.batch();
                    let answer = self.trail.record_batch(entries).await;
                    self.answered(answer)
                }
                5 => self.trail.flush().await.is_ok() || self.trail_is_closed(),
                _ => {
                    let entry = self.entry("record");
                    let answer = self.trail.record(entry).await.map(|receipt| vec![receipt]);
                    self.answered(answer)
                }
            };
            if !goes_on {
                return self.done;
            }
        }
    }

    /// Records one more entry: the answer says whether the trail is closed.
    fn trail_is_closed(&mut self) -> bool {
        let entry = self.entry("after the end?");
        let answer = self.trail.record_blocking(entry).map(|receipt| vec![receipt]);
        self.answered(answer)
    }
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) {
    let _: Poll<F::Output> = future.poll(&mut Context::from_waker(Waker::noop()));
}

fn settings(dir: &Path) -> Settings {
    let settings = Settings::new(dir).origin("graven.local/stress").segment_bytes(300_000);
    // A deadline that a slow machine does not reach: only the close may end the recording.
    settings.queue_bytes(0).ring_entries(100).when_full(WhenFull::Wait(PATIENCE))
}

/// Opens the trail, lets all users use it, closes it meanwhile, and returns what each of them did.
fn round(dir: &Path, runtime: &tokio::runtime::Runtime, round: u64) -> Vec<Done> {
    must_end();
    let trail = Trail::open(settings(dir)).expect("it opens");
    let answers = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> =
        (0..USERS).map(|n| runtime.spawn(User::new(&trail, round, n, &answers).run())).collect();
    let threads: Vec<_> = (USERS..2 * USERS)
        .map(|n| User::new(&trail, round, n, &answers))
        .map(|user| thread::spawn(move || user.run_blocking()))
        .collect();
    until_count("answers of a round", ANSWERS, || answers.load(Ordering::Relaxed));
    trail.close_blocking().expect("storage is sound");
    let done: Vec<Done> = threads.into_iter().map(|thread| thread.join().expect("no user panics")).collect();
    let tasks = tasks.into_iter().map(|task| runtime.block_on(task).expect("no user panics"));
    done.into_iter().chain(tasks).collect()
}

fn records(dir: &Path) -> Vec<Record> {
    let reader = Reader::open(dir).expect("it is a trail");
    reader.entries(..).expect("it can be read").map(|record| record.expect("it can be read")).collect()
}

/// How many losses the trail's gap entries count.
fn losses(entries: &[Entry]) -> u64 {
    let gaps = entries.iter().filter(|entry| entry.action == "trail.gap");
    let details = gaps.map(|gap| gap.detail.as_ref().expect("a gap says how many"));
    details
        .map(|detail| {
            serde_json::from_str::<serde_json::Value>(detail.as_str()).expect("JSON")["dropped"].clone()
        })
        .map(|dropped| dropped.as_u64().expect("a number"))
        .sum()
}

#[test]
fn everybody_at_once_over_several_openings() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("trail");
    let rounds = std::env::var("GRAVEN_STRESS_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let mut done = Vec::new();
    for n in 0..rounds {
        done.extend(round(&dir, &runtime, n));
        let report = verify(&Machine::os(), &Layout::in_dir(&dir), &VerifyOptions::default(), &|_, _| {});
        assert_eq!(report.expect("it can be read").verdict, Verdict::Intact, "after round {n}");
    }
    // What was lost in the last round is told at the next opening.
    Trail::open(settings(&dir)).expect("it opens").close_blocking().expect("storage is sound");

    let records = records(&dir);
    let entries: Vec<Entry> = records.iter().map(|record| record.entry().expect("an entry")).collect();
    let mut index_of = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let before = index_of.insert(entry.id.clone().expect("every stored entry has one"), index as u64);
        assert_eq!(before, None, "entry {index} is there twice");
    }
    for Done { receipts, .. } in &done {
        assert!(receipts.is_sorted_by(|a, b| a.index < b.index), "each user's entries are in its order");
        for receipt in receipts {
            assert_eq!(index_of.get(&receipt.id), Some(&receipt.index), "acknowledged");
            assert_eq!(records[receipt.index as usize].leaf_hash(), receipt.leaf_hash, "and as acknowledged");
        }
    }
    let acknowledged: usize = done.iter().map(|done| done.receipts.len()).sum();
    let emitted: u64 = done.iter().map(|done| done.emitted).sum();
    let kept = entries.iter().filter(|entry| entry.action == "emit").count() as u64;
    assert_eq!(kept + losses(&entries), emitted, "every emitted entry is there, or counted");
    println!(
        "{rounds} rounds, {acknowledged} acknowledged, {emitted} emitted, {} in the trail",
        entries.len()
    );
}

//! Kill -9 at random moments: what was acknowledged is there, exactly once and byte for byte.
//!
//! The child runs eight recorders and prints each receipt as soon as it has it; the parent kills it and looks.

#[path = "it/support/patience.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod patience;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use graven::{Category, Entry, Outcome, Settings, Trail};
use graven_core::hash::Hash;

/// How many times the child is killed, on one trail.
const ROUNDS: u64 = 200;

/// Names the trail to the child.
const CHILD: &str = "GRAVEN_TEST_KILL_TRAIL";

/// Small segments, so that the child dies in rotations too.
fn settings(dir: &std::path::Path) -> Settings {
    Settings::new(dir).segment_bytes(64 << 10)
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    if let Ok(dir) = std::env::var(CHILD) {
        record_for_ever(dir.as_ref());
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut acknowledged: HashMap<u64, (String, Hash)> = HashMap::new();
    let mut random = fastrand::Rng::with_seed(
        std::env::var("GRAVEN_SEED")
            .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().expect("GRAVEN_SEED is a number")),
    );
    println!("GRAVEN_SEED={} repeats the moments, not the machine's timing", random.get_seed());
    let mut checked = 0;
    for round in 0..ROUNDS {
        let receipts = kill_one(folder.path(), random.u64(0..600));
        for (index, id, leaf_hash) in receipts {
            let known = acknowledged.insert(index, (id, leaf_hash));
            assert!(known.is_none(), "round {round}: the index {index} was given twice");
        }
        let trail =
            Trail::open(settings(folder.path())).unwrap_or_else(|error| panic!("round {round}: {error:?}"));
        checked = check(&trail, checked, &acknowledged, round);
        trail.close_blocking().expect("it closes");
        verify(folder.path(), round);
    }
    assert!(acknowledged.len() > 10_000, "the recorders recorded: {}", acknowledged.len());
    // Everything once more from the beginning: no round may have harmed an earlier one.
    let trail = Trail::open(settings(folder.path())).expect("it opens");
    check(&trail, 0, &acknowledged, ROUNDS);
    let mut ids: Vec<&str> = acknowledged.values().map(|(id, _)| id.as_str()).collect();
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "each id stands for one entry");
}

/// Compares the entries from `first` on with what was acknowledged; returns how many there are.
fn check(trail: &Trail, first: u64, acknowledged: &HashMap<u64, (String, Hash)>, round: u64) -> u64 {
    let mut found = 0_u64;
    for record in trail.entries(first..).expect("readable") {
        let record = record.expect("readable");
        if let Some((id, leaf_hash)) = acknowledged.get(&record.index) {
            assert_eq!(record.leaf_hash(), *leaf_hash, "round {round}: entry {} was changed", record.index);
            assert_eq!(record.entry().expect("an entry").id.as_deref(), Some(id.as_str()));
            found += 1;
        }
    }
    let wanted = acknowledged.keys().filter(|index| **index >= first).count() as u64;
    assert_eq!(found, wanted, "round {round}: acknowledged entries are missing");
    trail.len()
}

fn verify(dir: &std::path::Path, round: u64) {
    let machine = graven::Machine::os();
    let layout = graven::layout::Layout::in_dir(dir);
    let report = graven::fsck::verify(&machine, &layout, &graven::fsck::VerifyOptions::default(), &|_, _| {})
        .expect("it can be verified");
    assert_eq!(report.verdict, graven_core::verdict::Verdict::Intact, "round {round}: {:?}", report.findings);
}

/// Runs a child until it has acknowledged `after` entries, kills it, and returns all that it acknowledged.
fn kill_one(dir: &std::path::Path, after: u64) -> Vec<(u64, String, Hash)> {
    // For each round anew. A child whose parent is gone cannot print, and ends.
    patience::must_end();
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "what_was_acknowledged_survives_kill_9", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the child starts");
    let mut receipts = Vec::new();
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    // A receipt is a line that begins with '#'; the last may be cut by the kill.
    while output.read_line(&mut line).expect("readable") > 0 {
        if let Some(receipt) = line.strip_prefix('#').and_then(|line| line.strip_suffix('\n')) {
            receipts.push(parse(receipt));
        }
        if receipts.len() as u64 == after {
            child.kill().expect("kill -9");
        }
        line.clear();
    }
    child.kill().expect("kill -9");
    child.wait().expect("it was ours");
    receipts
}

fn parse(line: &str) -> (u64, String, Hash) {
    let mut words = line.split(' ');
    let mut word = || words.next().expect("three words");
    let (index, id, hash) = (word(), word(), word());
    (index.parse().expect("an index"), id.to_owned(), Hash::parse(hash).expect("a hash"))
}

/// The child.
fn record_for_ever(dir: &std::path::Path) -> ! {
    let trail = Trail::open(settings(dir)).expect("it opens");
    std::thread::scope(|scope| {
        for recorder in 0..8 {
            let trail = &trail;
            scope.spawn(move || {
                for n in 0.. {
                    let entry =
                        Entry::new(Category::ToolExecution, format!("tool:{recorder}:{n}"), Outcome::Success);
                    let receipt = trail.record_blocking(entry).expect("recorded");
                    let line = format!("#{} {} {}\n", receipt.index, receipt.id, receipt.leaf_hash);
                    std::io::stdout().lock().write_all(line.as_bytes()).expect("the parent reads");
                }
            });
        }
    });
    unreachable!("the recorders never end")
}

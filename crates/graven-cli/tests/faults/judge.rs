//! Judges a trail after a fault: no acknowledged entry is lost, none is there twice, no verdict accuses, and every
//! answer was true.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use graven::Machine;
use graven::fsck::{VerifyOptions, verify};
use graven::reader::Reader;
use graven_core::entry::Entry;
use graven_core::hash::leaf_hash;
use graven_core::verdict::Verdict;

use crate::graven;
use crate::workload::{self, Told};

/// A trail in its own folder, with the verifier's memory beside it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    /// The trail: a directory, or a live file.
    pub(crate) trail: PathBuf,
}

/// The errors found after a run. All lists are empty when there is none.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Acknowledged entries that are missing or differ from their receipts.
    pub(crate) lost: Vec<String>,
    /// Entries that are there more than once.
    pub(crate) doubled: Vec<String>,
    /// Verdicts that accuse, and refusals to open, although there was no tampering.
    pub(crate) false_verdicts: Vec<String>,
    /// Answers that are not true.
    pub(crate) untrue: Vec<String>,
}

impl Wrong {
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Wrong::default()
    }
}

/// What is known about a trail before it is judged.
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    /// The bytes of the log that were durable before the fault.
    pub(crate) before: Vec<u8>,
    pub(crate) told: Told,
    /// All ids that were sent, answered or not.
    pub(crate) asked: Vec<String>,
    /// Whether the binary reported that the trail was created.
    pub(crate) created: bool,
    /// The correct verdict before the trail is opened, when it was tampered with before the run.
    pub(crate) rightly: Option<Verdict>,
    /// Whether it must be repaired before it opens.
    pub(crate) contradicted: bool,
}

impl Known {
    /// How many entries must be there: those from before, and those acknowledged in the run.
    pub(crate) fn acknowledged(&self) -> u64 {
        (memchr::memchr_iter(b'\n', &self.before).count() + self.told.acknowledged.len()) as u64
    }
}

/// The error text for a verifier that panics.
pub(crate) const PANIC: &str = "verify panicked";

/// The id of the entry that is recorded after the fault.
pub(crate) const AFTERWARDS: &str = "afterwards";

impl Place {
    /// The command `graven`, run in the folder.
    pub(crate) fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(graven());
        command.args(arguments).current_dir(&self.folder).env("XDG_STATE_HOME", self.folder.join("state"));
        command
    }

    pub(crate) fn trail(&self) -> &str {
        self.trail.to_str().expect("a plain path")
    }

    /// Verifies the trail, with the memory of earlier verifications.
    pub(crate) fn verdict(&self) -> Result<Verdict, String> {
        let reader = Reader::open(&self.trail).map_err(|error| error.chain())?;
        let options = VerifyOptions { state: Some(self.folder.join("memory")), ..VerifyOptions::default() };
        let looked = || verify(&Machine::os(), reader.layout(), &options, &|_, _| {});
        let report = catch_unwind(AssertUnwindSafe(looked)).map_err(|_| self.keep())?;
        let report = report.map_err(|error| error.chain())?;
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        Ok(report.verdict)
    }

    /// Keeps a copy of the files that made the verifier panic.
    fn keep(&self) -> String {
        let kept = tempfile::Builder::new().prefix("graven-faults-").disable_cleanup(true).tempdir().unwrap();
        copy(&self.folder, kept.path());
        format!("{PANIC}: the files are kept in {}", kept.path().display())
    }

    /// The stored lines, in order.
    pub(crate) fn lines(&self) -> Result<Vec<Vec<u8>>, String> {
        let reader = Reader::open(&self.trail).map_err(|error| error.chain())?;
        let entries = reader.entries(..).map_err(|error| error.chain())?;
        entries.map(|record| record.map(|record| record.line).map_err(|error| error.chain())).collect()
    }

    /// The bytes of the log, complete lines only; empty when there is no trail.
    pub(crate) fn log(&self) -> Vec<u8> {
        self.lines().unwrap_or_default().iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect()
    }

    fn is_trail(&self) -> bool {
        Reader::open(&self.trail).is_ok()
    }

    /// Verifies what the fault left, opens it again with the binary, verifies again, and compares.
    pub(crate) fn judge(&self, known: &Known) -> Wrong {
        let mut wrong = Wrong::default();
        if self.is_trail() {
            match self.verdict() {
                Ok(verdict) if verdict.accuses() && known.rightly != Some(verdict) => {
                    wrong.false_verdicts.push(format!("before it was opened: {verdict}"));
                }
                Ok(_) => {}
                Err(error) => wrong.false_verdicts.push(format!("cannot be verified: {error}")),
            }
        } else {
            if known.created || !known.before.is_empty() {
                wrong.lost.push("the whole trail".into());
            }
            // An interrupted creation is repeated.
            self.must(&["init", self.trail(), "--segment-bytes", "1"], &mut wrong);
        }
        if known.contradicted {
            self.must(&["repair", self.trail(), "--yes"], &mut wrong);
        }
        let one = ["--category", "api", "--action", "a", "--outcome", "success", "--id", AFTERWARDS];
        self.must(&[&["record", self.trail()], &one[..]].concat(), &mut wrong);
        match self.verdict() {
            Ok(Verdict::Intact) => {}
            Ok(verdict) => wrong.false_verdicts.push(format!("after it was opened: {verdict}")),
            Err(error) => wrong.false_verdicts.push(format!("cannot be verified: {error}")),
        }
        match self.lines() {
            Ok(lines) => compare(&lines, known, &mut wrong),
            Err(error) => wrong.lost.push(format!("the log cannot be read: {error}")),
        }
        wrong
    }

    /// Runs the binary, which must succeed: a refusal is a false verdict on an honest trail.
    fn must(&self, arguments: &[&str], wrong: &mut Wrong) {
        let (_, ended) = workload::run(self.command(arguments.iter().copied()));
        if ended.code != Some(0) {
            wrong.false_verdicts.push(format!("{}: {:?} {}", arguments[0], ended.code, ended.stderr.trim()));
        }
    }
}

/// Compares the stored lines with everything that is known.
fn compare(lines: &[Vec<u8>], known: &Known, wrong: &mut Wrong) {
    let log: Vec<u8> = lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
    if !log.starts_with(&known.before) {
        wrong.lost.push("the log from before has changed".into());
    }
    let mut places: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, line) in lines.iter().enumerate() {
        let Ok(entry) = Entry::from_line(line) else {
            wrong.lost.push(format!("line {index} is no entry"));
            continue;
        };
        if entry.category.to_string() != "trail" {
            places.entry(entry.id.expect("each has one")).or_default().push(index);
        }
    }
    for (id, at) in &places {
        if at.len() > 1 {
            wrong.doubled.push(format!("{id} at {at:?}"));
        }
    }
    for (id, (index, hash)) in &known.told.acknowledged {
        let there = places.get(id).is_some_and(|at| at.contains(&(*index as usize)));
        if !there || leaf_hash(&lines[*index as usize]) != *hash {
            wrong.lost.push(format!("{id}, acknowledged as entry {index}, is at {:?}", places.get(id)));
        }
    }
    for id in known.told.refused.iter().filter(|id| places.contains_key(*id)) {
        wrong.untrue.push(format!("{id} was refused, and is there"));
    }
    let mut never_sent = places.keys().filter(|id| {
        let sent = known.asked.contains(id) || *id == AFTERWARDS;
        !sent && !contains(&known.before, format!("\"{id}\"").as_bytes())
    });
    if let Some(id) = never_sent.next() {
        wrong.untrue.push(format!("{id} was never sent"));
    }
    if !places.contains_key(AFTERWARDS) {
        wrong.lost.push("the entry that was recorded afterwards".into());
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
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

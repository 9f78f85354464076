//! Trails that an earlier version wrote open for ever: they verify, their old entries prove, and not a byte of those
//! changes. The trails are in `testdata/trails`, each format version in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};

use graven::fsck::{VerifyOptions, verify, verify_proof};
use graven::prove::prove;
use graven::reader::Reader;
use graven::{Category, Entry, Machine, Outcome, Settings, Trail, VerifierKey};
use graven_core::hash::sha256;
use graven_core::verdict::Verdict;

/// One of the kept trails.
struct Kept {
    /// Its path in the folder: a directory, or a live file.
    name: &'static str,
    /// What a verifier said of it when it was kept.
    verdict: Verdict,
    /// How many entries the recorder wrote into it, `e-0` and on.
    entries: u64,
    /// How many of its own the engine wrote.
    own: u64,
}

const TRAILS: [Kept; 4] = [
    Kept { name: "closed", verdict: Verdict::Intact, entries: 523, own: 1 },
    Kept { name: "crashed", verdict: Verdict::TornTail, entries: 530, own: 1 },
    Kept { name: "rotating", verdict: Verdict::Intact, entries: 767, own: 1 },
    Kept { name: "beside/audit.jsonl", verdict: Verdict::Intact, entries: 523, own: 2 },
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/trails/v1")
}

/// A copy that a test may open.
fn copied() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_dir(&folder(), copy.path());
    copy
}

fn copy_dir(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copied = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&copied).unwrap();
            copy_dir(&entry.path(), &copied);
        } else {
            fs::copy(entry.path(), copied).unwrap();
        }
    }
}

impl Kept {
    fn settings(&self, copy: &Path) -> Settings {
        let path = copy.join(self.name);
        let settings = if path.is_dir() { Settings::new(path) } else { Settings::live_file(path) };
        settings.must_exist()
    }

    /// The key that was handed out.
    fn key(&self) -> VerifierKey {
        let keys = fs::read_to_string(folder().join("keys")).unwrap();
        let keys = keys.lines().filter_map(|line| line.split_once(' '));
        let (_, key) = keys.into_iter().find(|(name, _)| *name == self.name).unwrap();
        VerifierKey::parse(key).unwrap()
    }

    fn verdict(&self, copy: &Path) -> Verdict {
        let reader = Reader::open(copy.join(self.name)).unwrap();
        let options = VerifyOptions { key: Some(self.key()), ..VerifyOptions::default() };
        verify(&Machine::os(), reader.layout(), &options, &|_, _| {}).unwrap().verdict
    }

    /// The complete lines, end to end, read from the files without any code of ours.
    fn log(&self, copy: &Path) -> Vec<u8> {
        let path = copy.join(self.name);
        let (live, rest) = match path.is_dir() {
            true => (path.join("audit.jsonl"), path),
            false => (path.clone(), PathBuf::from(format!("{}.d", path.display()))),
        };
        let mut files: Vec<PathBuf> =
            fs::read_dir(rest.join("segments")).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.push(live);
        let mut log: Vec<u8> = files.iter().flat_map(|file| fs::read(file).unwrap()).collect();
        log.truncate(log.iter().rposition(|byte| *byte == b'\n').unwrap() + 1);
        log
    }

    fn is_complete(&self, log: &[u8]) {
        let lines = log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let entries: Vec<Entry> = lines.map(|line| Entry::from_line(line).unwrap()).collect();
        let (own, callers): (Vec<_>, Vec<_>) =
            entries.iter().partition(|entry| entry.category.to_string() == "trail");
        assert_eq!(own.len() as u64, self.own, "{}", self.name);
        let ids: Vec<_> = callers.iter().map(|entry| entry.id.clone().unwrap()).collect();
        let expected: Vec<_> = (0..self.entries).map(|n| format!("e-{n}")).collect();
        assert_eq!(ids, expected, "{}", self.name);
    }
}

#[test]
fn the_kept_files_were_not_touched() {
    let sums = fs::read_to_string(folder().join("SHA256SUMS")).unwrap();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let bytes = fs::read(folder().join(name)).unwrap();
        assert_eq!(sha256(&bytes).to_hex(), sum, "{name} is kept as it is, and never made again");
    }
    assert_eq!(sums.lines().count(), 64);
}

#[test]
fn they_verify_and_read_as_they_did() {
    let copy = copied();
    for kept in &TRAILS {
        assert_eq!(kept.verdict(copy.path()), kept.verdict, "{}", kept.name);
        let log = kept.log(copy.path());
        kept.is_complete(&log);
        let reader = Reader::open(copy.path().join(kept.name)).unwrap();
        let read: Vec<u8> = reader
            .entries(..)
            .unwrap()
            .flat_map(|record| [record.unwrap().line, b"\n".to_vec()].concat())
            .collect();
        assert!(read == log, "{}: the reader gives other bytes than the files", kept.name);
    }
}

#[test]
fn they_open_and_go_on_and_no_old_byte_changes() {
    for kept in &TRAILS {
        let copy = copied();
        let before = kept.log(copy.path());
        let trail = Trail::open(kept.settings(copy.path())).unwrap();
        let entry = Entry::new(Category::Api, "GET /after", Outcome::Success);
        let receipt = trail.record_blocking(entry).unwrap();
        assert!(receipt.index >= kept.entries + kept.own, "{}", kept.name);
        assert_eq!(trail.verifier_key(), kept.key(), "{}", kept.name);
        trail.close_blocking().unwrap();
        drop(trail);
        assert_eq!(kept.verdict(copy.path()), Verdict::Intact, "{}", kept.name);
        let after = kept.log(copy.path());
        assert!(after.len() > before.len() && after.starts_with(&before), "{}", kept.name);
    }
}

#[test]
fn their_entries_prove_also_after_they_went_on() {
    let copy = copied();
    for kept in &TRAILS {
        let trail = Trail::open(kept.settings(copy.path())).unwrap();
        trail.close_blocking().unwrap();
        let reader = Reader::open(copy.path().join(kept.name)).unwrap();
        let (_, checkpoint) = reader.checkpoint().unwrap();
        for index in (0..kept.entries + kept.own).step_by(37).chain([0, 6, 9, 255, 256, 511, 512]) {
            let proof = prove(&reader, index, &checkpoint).unwrap();
            let file = proof.tlog_proof.to_string();
            verify_proof(file.as_bytes(), &proof.line, &kept.key()).unwrap();
        }
    }
}

#[test]
fn a_proof_that_was_handed_out_still_holds() {
    let read = |name| fs::read(folder().join(name)).unwrap();
    let (proof, entry) = (read("closed.entry-6.tlog-proof"), read("closed.entry-6"));
    let checkpoint = verify_proof(&proof, &entry, &TRAILS[0].key()).unwrap();
    assert_eq!(checkpoint.size, 524);
    let line = entry.strip_suffix(b"\n").unwrap();
    assert_eq!(Entry::from_line(line).unwrap().on_behalf_of, ["inner", "outer"]);
}

#[test]
fn their_large_details_are_found() {
    let copy = copied();
    for kept in &TRAILS {
        let trail = Trail::open(kept.settings(copy.path())).unwrap();
        let detail = |id: &str| {
            let index = trail.receipt_blocking(id).unwrap().index;
            let record = trail.entries(index..=index).unwrap().next().unwrap().unwrap();
            trail.detail(&record.entry().unwrap()).unwrap().unwrap()
        };
        assert_eq!(detail("e-9"), format!("{{\"text\":\"{}\"}}", "x".repeat(66_000)), "{}", kept.name);
        assert!(detail("e-12").starts_with("{\"$blob\":{\"sha256\":\"0000"), "{}", kept.name);
    }
}

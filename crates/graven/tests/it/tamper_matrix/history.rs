//! The past is brought back or rewritten.

use std::collections::BTreeMap;
use std::path::Path;

use graven::VerifierKey;
use graven::fsck::{KeySource, Remembered, Report, VerifyOptions};
use graven::{Category, Entry, Outcome, Settings, Trail};
use graven_core::checkpoint::Checkpoint;
use graven_core::hash::{Hash, leaf_hash};
use graven_core::note::{Note, SigningKey};
use graven_core::tree::Tree;
use graven_core::verdict::Verdict;

use super::specimen::{Specimen, places, read_tree, verify, verify_with};

/// A trail that was verified once when it was closed with 700 entries, and then grew to 1,500.
struct Grown {
    trail: Specimen,
    old: BTreeMap<String, Vec<u8>>,
    state: tempfile::TempDir,
}

impl Grown {
    fn new() -> Grown {
        let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        grow(folder.path(), 700);
        let old = read_tree(folder.path());
        grow(folder.path(), 1_500);
        let grown = Grown { trail: Specimen::of(folder), old, state };
        let report = grown.verify();
        assert_eq!((report.verdict, report.key_source), (Verdict::Intact, Some(KeySource::SelfAsserted)));
        grown
    }

    fn verify(&self) -> Report {
        verify_with(
            self.trail.path(),
            &VerifyOptions { state: Some(self.state.path().to_owned()), ..VerifyOptions::default() },
        )
    }

    /// Puts back the old form of these files, and removes those that were not there.
    fn bring_back(&self, which: impl Fn(&str) -> bool) {
        for name in self.trail.files.keys().filter(|name| which(name)) {
            self.trail.put(name, self.old.get(name).map(Vec::as_slice));
        }
    }
}

pub(super) fn grow(dir: &Path, entries: u64) {
    let trail = Trail::open(Settings::new(dir).segment_bytes(40_000)).unwrap();
    let next = |n| Entry::new(Category::Api, format!("GET /{n}"), Outcome::Success);
    while trail.len() < entries {
        trail
            .record_batch_blocking((trail.len()..entries.min(trail.len() + 256)).map(next).collect())
            .unwrap();
    }
    trail.close_blocking().unwrap();
}

#[test]
fn an_older_copy_of_everything_shows_by_the_memory_alone() {
    let grown = Grown::new();
    grown.bring_back(|_| true);
    assert_eq!(verify(grown.trail.path()).verdict, Verdict::Intact, "without a memory nobody can tell");
    let report = grown.verify();
    assert_eq!((report.key_source, report.memory), (Some(KeySource::Pinned), Remembered::Path));
    assert_eq!(places(&report), [(Verdict::RolledBack, Some(700), Some(1_499), None, None)]);
    // An accusation leaves the memory as it was.
    assert_eq!(grown.verify().verdict, Verdict::RolledBack);
}

#[test]
fn an_older_checkpoint_is_rolled_back() {
    let grown = Grown::new();
    grown.bring_back(|name| name == "checkpoint");
    let found = places(&verify(grown.trail.path()));
    assert_eq!(found, [(Verdict::RolledBack, Some(700), None, Some("checkpoint".to_owned()), None)]);
}

#[test]
fn an_older_live_file_is_told() {
    // The older live file holds entries that are in a closed segment now.
    let grown = Grown::new();
    grown.bring_back(|name| name == "audit.jsonl");
    let report = verify(grown.trail.path());
    assert!(report.findings.iter().any(|f| f.index == Some(1_280)), "{:?}", report.findings);
    assert_eq!(report.exit_code(), 1);
}

#[test]
fn another_trail_in_the_same_place_is_another_key() {
    let grown = Grown::new();
    let other = Specimen::new(2_000, 40_000);
    for name in grown.trail.files.keys() {
        grown.trail.put(name, None);
    }
    for (name, bytes) in &other.files {
        grown.trail.put(name, Some(bytes));
    }
    assert_eq!(verify(grown.trail.path()).verdict, Verdict::Intact, "without a memory nobody can tell");
    let report = grown.verify();
    assert_eq!((report.verdict, report.key_source), (Verdict::BadSignature, Some(KeySource::Pinned)));
    // A key that the caller gives is believed, and remembered.
    let key = verify(grown.trail.path()).key;
    let state = Some(grown.state.path().to_owned());
    assert_eq!(
        verify_with(grown.trail.path(), &VerifyOptions { key, state, ..VerifyOptions::default() }).verdict,
        Verdict::Intact
    );
    assert_eq!(grown.verify().verdict, Verdict::Intact);
}

/// Rewrites everything below the signatures so that it agrees with itself again: `tiles/` from the lines.
pub(super) fn rehash(specimen: &Specimen) -> Vec<Hash> {
    let mut leaves = Vec::new();
    for name in specimen.names_in("segments/").into_iter().chain(["audit.jsonl".to_owned()]) {
        let bytes = std::fs::read(specimen.path().join(name)).unwrap();
        leaves.extend(bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(leaf_hash));
    }
    let mut hashes = leaves.clone();
    for level in 0.. {
        if hashes.is_empty() {
            break;
        }
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
        specimen.put(&format!("tiles/{level}"), Some(&bytes));
        hashes = hashes.as_chunks::<256>().0.iter().map(|full| Tree::from_iter(*full).root()).collect();
    }
    leaves
}

pub(super) fn edit(specimen: &Specimen, index: usize) {
    let line = &specimen.lines()[index];
    let mut bytes = specimen.bytes(&line.file).to_vec();
    bytes[line.start + 9] ^= 1;
    specimen.put(&line.file, Some(&bytes));
}

#[test]
fn edited_and_hashed_again_without_the_key_is_forked_between_two_checkpoints() {
    for (index, range) in [(0, (0, 255)), (300, (256, 511)), (1_100, (1_024, 1_279)), (1_400, (1_280, 1_499))]
    {
        let specimen = Specimen::new(1_500, 40_000);
        edit(&specimen, index);
        rehash(&specimen);
        let report = verify(specimen.path());
        let found: Vec<_> = places(&report).into_iter().map(|place| (place.0, place.1, place.2)).collect();
        assert_eq!(found, [(Verdict::Forked, Some(range.0), Some(range.1))], "{:?}", report.findings);
    }
}

#[test]
fn edited_with_the_hashes_removed_is_altered_between_two_checkpoints() {
    let specimen = Specimen::new(1_500, 40_000);
    edit(&specimen, 300);
    for name in specimen.names_in("tiles/") {
        specimen.put(&name, None);
    }
    let report = verify(specimen.path());
    let found = places(&report);
    let file = Some("segments/00000000000000000256.jsonl".to_owned());
    assert!(
        found.contains(&(Verdict::Altered, Some(256), Some(511), file, Some(0))),
        "{:?}",
        report.findings
    );
}

#[test]
fn deleted_with_the_hashes_removed_is_missing_in_its_segment() {
    let specimen = Specimen::new(1_500, 40_000);
    let line = &specimen.lines()[300];
    let mut bytes = specimen.bytes(&line.file).to_vec();
    bytes.drain(line.start..=line.end);
    let mut changes = vec![(line.file.as_str(), Some(bytes))];
    let tiles = specimen.names_in("tiles/");
    changes.extend(tiles.iter().map(|name| (name.as_str(), None)));
    let found = places(&specimen.with(&changes));
    let expected = (Verdict::Missing, Some(256), Some(511), Some(line.file.clone()), None);
    assert!(found.contains(&expected), "{found:?}");
}

#[test]
fn rewritten_with_the_stolen_key_is_forked_for_a_verifier_with_a_memory() {
    let grown = Grown::new();
    edit(&grown.trail, 1_400);
    let leaves = rehash(&grown.trail);
    let secret = std::fs::read_to_string(grown.trail.path().join("keys/signing")).unwrap();
    let key = SigningKey::parse(secret.trim_end()).unwrap();
    let root = Tree::from_iter(leaves).root();
    let origin = key.name().to_owned();
    let checkpoint = Checkpoint { origin: origin.clone(), size: 1_500, root, extensions: Vec::new() };
    grown.trail.put("checkpoint", Some(checkpoint.sign(&key).to_string().as_bytes()));
    let closed = Note::sign(format!("graven/closed/v1\n{origin}\n1500\n{root}\n"), &key);
    grown.trail.put("closed", Some(closed.to_string().as_bytes()));
    assert_eq!(verify(grown.trail.path()).verdict, Verdict::Intact, "without a memory nobody can tell");
    assert_eq!(places(&grown.verify()), [(Verdict::Forked, Some(1_280), Some(1_499), None, None)]);
    // A boundary checkpoint is a memory of its own.
    edit(&grown.trail, 300);
    let leaves = rehash(&grown.trail);
    let root = Tree::from_iter(leaves).root();
    let checkpoint = Checkpoint { origin, size: 1_500, root, extensions: Vec::new() };
    grown.trail.put("checkpoint", Some(checkpoint.sign(&key).to_string().as_bytes()));
    grown.trail.put("closed", None);
    let report = verify(grown.trail.path());
    assert_eq!(report.verdict, Verdict::Forked);
    assert_eq!(
        (report.findings[0].index, report.findings[0].last),
        (Some(256), Some(511)),
        "{:?}",
        report.findings
    );
}

#[test]
fn the_key_given_is_the_key_that_judges() {
    let specimen = Specimen::new(10, 1 << 20);
    let key: VerifierKey = verify(specimen.path()).key.unwrap();
    let report =
        verify_with(specimen.path(), &VerifyOptions { key: Some(key.clone()), ..VerifyOptions::default() });
    assert_eq!((report.verdict, report.key), (Verdict::Intact, Some(key)));
}

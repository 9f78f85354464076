//! What a verifier has seen counts at whatever path, and whatever was put there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;

use graven::ErrorKind;
use graven::disk::OsDisk;
use graven::fsck::{self, KeySource, OlderCopy, Remembered, Report, VerifyOptions};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Error, Machine};
use graven_core::checkpoint::Checkpoint;
use graven_core::hash::sha256;
use graven_core::note::{Note, SigningKey};
use graven_core::tree::Tree;
use graven_core::verdict::Verdict;

use super::history::{edit, grow, rehash};
use super::specimen::{Specimen, places};

/// A folder with trails and the memory of one verifier.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    /// With a trail of 700 entries in `old`, and the same grown to 1,500 in `trail`; only that was seen.
    fn new() -> Desk {
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        grow(&desk.at("trail"), 700);
        desk.copy("trail", "old");
        grow(&desk.at("trail"), 1_500);
        let report = desk.verify("trail");
        assert_eq!((report.verdict, report.memory), (Verdict::Intact, Remembered::None));
        desk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn state(&self) -> PathBuf {
        self.at("state")
    }

    fn copy(&self, from: &str, to: &str) {
        copy(&self.at(from), &self.at(to));
    }

    fn try_verify(&self, name: &str) -> Result<Report, Error> {
        self.verify_with(name, &VerifyOptions::default())
    }

    /// Verifies as the command does.
    fn verify_with(&self, name: &str, options: &VerifyOptions) -> Result<Report, Error> {
        let (path, state) = (self.at(name), Some(self.state()));
        let layout = Layout::find_one(&OsDisk, &path)?;
        let options = VerifyOptions { state, name: Some(path), ..options.clone() };
        fsck::verify(&Machine::os(), &layout, &options, &|_, _| ())
    }

    fn verify(&self, name: &str) -> Report {
        self.try_verify(name).unwrap()
    }

    /// A copy of `from` with another entry at `index`, which the owner of the key has signed.
    fn rewritten(&self, from: &str, to: &str, index: usize) {
        let folder = tempfile::tempdir().unwrap();
        copy(&self.at(from), folder.path());
        let specimen = Specimen::of(folder);
        edit(&specimen, index);
        let leaves = rehash(&specimen);
        let secret = fs::read_to_string(specimen.path().join("keys/signing")).unwrap();
        let key = SigningKey::parse(secret.trim_end()).unwrap();
        let origin = key.name().to_owned();
        let root = |size: usize| Tree::from_iter(leaves[..size].iter().copied()).root();
        let sign = |size: usize| {
            let root = root(size);
            let checkpoint =
                Checkpoint { origin: origin.clone(), size: size as u64, root, extensions: Vec::new() };
            checkpoint.sign(&key).to_string().into_bytes()
        };
        for name in specimen.names_in("checkpoints/") {
            let size = name.strip_prefix("checkpoints/").unwrap().parse().unwrap();
            specimen.put(&name, Some(&sign(size)));
        }
        let size = leaves.len();
        specimen.put("checkpoint", Some(&sign(size)));
        let closed = Note::sign(format!("graven/closed/v1\n{origin}\n{size}\n{}\n", root(size)), &key);
        specimen.put("closed", Some(closed.to_string().as_bytes()));
        assert_eq!(
            super::specimen::verify(specimen.path()).verdict,
            Verdict::Intact,
            "it agrees with itself"
        );
        copy(specimen.path(), &self.at(to));
    }

    /// The files of the memory.
    fn memory(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let names = fs::read_dir(self.state()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = names.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        files.sort();
        files
    }

    fn file_of_the_key(&self) -> PathBuf {
        let is_of_a_key = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("key-");
        self.memory().into_iter().map(|(path, _)| path).find(is_of_a_key).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() { copy(&path, &to) } else { assert!(fs::copy(&path, &to).is_ok()) }
    }
}

/// The word, the first and last entry, the file and the exit code.
type Told = (Verdict, Option<u64>, Option<u64>, Option<String>, u8);

fn told(report: &Report) -> Vec<Told> {
    let exit = report.exit_code();
    places(report).into_iter().map(|place| (place.0, place.1, place.2, place.3, exit)).collect()
}

/// Says that the trail, and each note that its key signed, is not of the expected key.
fn assert_another_key(report: &Report) {
    let found = told(report);
    let files: Vec<&str> = found.iter().filter_map(|told| told.3.as_deref()).collect();
    assert!(files.contains(&"graven.json") && files.contains(&"checkpoint"), "{:?}", report.findings);
    let word = |told: &Told| (told.0, told.1, told.4) == (Verdict::BadSignature, None, 1);
    assert!(found.iter().all(word), "{:?}", report.findings);
    assert_eq!(report.memory, Remembered::Path);
}

#[test]
fn a_forged_trail_behind_a_link_at_the_same_path_has_another_key() {
    let desk = Desk::new();
    grow(&desk.at("forged"), 2_000);
    for (link, to) in [("link", ""), ("link.jsonl", "/audit.jsonl")] {
        symlink(desk.at(&format!("trail{to}")), desk.at(link)).unwrap();
        assert_eq!(told(&desk.verify(link)), []);
        fs::remove_file(desk.at(link)).unwrap();
        symlink(desk.at(&format!("forged{to}")), desk.at(link)).unwrap();
        for _ in 0..2 {
            assert_another_key(&desk.verify(link));
        }
    }
    // A directory or a link in the place of what was seen is no new trail either.
    fs::rename(desk.at("trail"), desk.at("moved")).unwrap();
    symlink(desk.at("forged"), desk.at("trail")).unwrap();
    for name in ["trail", "trail/audit.jsonl", "./old/../trail/", "trail/../link"] {
        assert_another_key(&desk.verify(name));
    }
}

#[test]
fn a_forged_directory_beside_the_live_file_is_refused() {
    let desk = Desk::new();
    grow(&desk.at("forged"), 2_000);
    desk.copy("forged", "trail/audit.jsonl.d");
    let refused = |error: Error| {
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("audit.jsonl is the live file of two trails"), "{error}");
        assert!(error.to_string().contains("audit.jsonl.d"), "{error}");
    };
    let names = ["trail", "trail/audit.jsonl", "trail/."];
    for name in names {
        refused(desk.try_verify(name).unwrap_err());
        refused(Reader::open(desk.at(name)).unwrap_err());
        refused(graven::Trail::open(graven::Settings::new(desk.at(name))).unwrap_err());
    }
    refused(graven::Trail::open(graven::Settings::live_file(desk.at("trail/audit.jsonl"))).unwrap_err());
    let machine = Machine::os();
    for layout in [Layout::in_dir(desk.at("trail")), Layout::beside_live(desk.at("trail/audit.jsonl"))] {
        refused(fsck::verify(&machine, &layout, &VerifyOptions::default(), &|_, _| ()).unwrap_err());
    }
    // Nor does it help to remove what says that there is a trail: `audit.jsonl.d` is then the only one that says so.
    fs::remove_file(desk.at("trail/graven.json")).unwrap();
    refused(desk.try_verify("trail/audit.jsonl").unwrap_err());
    // With the trail gone, the forged one is at the path of another key.
    for name in ["checkpoint", "closed", "audit.jsonl"] {
        fs::remove_file(desk.at("trail").join(name)).unwrap();
    }
    fs::rename(desk.at("trail/audit.jsonl.d/audit.jsonl"), desk.at("trail/audit.jsonl")).unwrap();
    assert_another_key(&desk.verify("trail/audit.jsonl"));
}

#[test]
fn a_forged_directory_beside_a_link_to_the_live_file_is_refused() {
    let desk = Desk::new();
    grow(&desk.at("forged"), 2_000);
    symlink(desk.at("trail/audit.jsonl"), desk.at("app.jsonl")).unwrap();
    assert_eq!(desk.verify("app.jsonl").exit_code(), 0);
    desk.copy("forged", "app.jsonl.d");
    assert_eq!(desk.try_verify("app.jsonl").unwrap_err().kind(), ErrorKind::Invalid);
    // The trail itself is not concerned.
    assert_eq!(desk.verify("trail").exit_code(), 0);
}

#[test]
fn a_rollback_of_everything_to_a_new_path_is_an_older_copy() {
    let desk = Desk::new();
    let before = desk.memory();
    let expect_newest = VerifyOptions { expect_newest: true, ..VerifyOptions::default() };
    let report = desk.verify_with("old", &expect_newest).unwrap();
    assert_eq!((report.verdict, report.exit_code()), (Verdict::Intact, 1));
    assert_eq!(desk.memory(), before, "what is refused is not remembered");
    for memory in [Remembered::Key, Remembered::Path] {
        let report = desk.verify("old");
        assert_eq!((report.verdict, report.exit_code(), report.memory), (Verdict::Intact, 0, memory));
        let said = serde_json::to_value(&report).unwrap();
        // The boundaries that were seen reach to 640 or less; the rest cannot be compared.
        let older: &OlderCopy = report.older_copy.as_ref().unwrap();
        let rest = older.not_compared.unwrap();
        assert_eq!((older.size, older.seen, rest.last), (700, 1_500, 699));
        assert!(rest.first >= 256 && rest.first.is_multiple_of(256), "{rest:?}");
        let rest = serde_json::json!({"first": rest.first, "last": 699});
        let expected = serde_json::json!({"size": 700, "seen": 1_500, "not_compared": rest});
        assert_eq!((&said["older_copy"], said["memory"].is_string()), (&expected, true));
    }
    assert_eq!(desk.verify_with("old", &expect_newest).unwrap().exit_code(), 1);
    // The newest trail is none, wherever it is.
    desk.copy("trail", "moved");
    for name in ["trail", "moved"] {
        let report = desk.verify_with(name, &expect_newest).unwrap();
        assert_eq!(
            (report.verdict, report.exit_code(), report.older_copy),
            (Verdict::Intact, 0, None),
            "{name}"
        );
    }
}

#[test]
fn an_older_copy_that_ends_where_a_root_is_remembered_is_compared_as_a_whole() {
    let desk = Desk { folder: tempfile::tempdir().unwrap() };
    grow(&desk.at("trail"), 1_024);
    desk.copy("trail", "old");
    grow(&desk.at("trail"), 1_500);
    assert_eq!(desk.verify("trail").exit_code(), 0);
    let said = serde_json::to_value(desk.verify("old")).unwrap();
    assert_eq!(said["older_copy"], serde_json::json!({"size": 1_024, "seen": 1_500}));
}

#[test]
fn an_older_copy_that_grows_on_its_own_is_forked() {
    let desk = Desk::new();
    assert_eq!(desk.verify("old").exit_code(), 0);
    // With the same key, entries of its own: first fewer than were seen, then more.
    let state = desk.memory();
    for entries in [1_400, 1_700] {
        grow(&desk.at("old"), entries);
        let report = desk.verify("old");
        let found = told(&report);
        assert_eq!((found.len(), found[0].0, found[0].4), (1, Verdict::Forked, 1), "{:?}", report.findings);
        assert!(found[0].1 <= Some(700) && found[0].2 >= Some(700), "{:?}", report.findings);
        assert_eq!(desk.memory(), state);
    }
}

#[test]
fn another_history_with_the_same_key_at_another_path_is_forked() {
    let desk = Desk::new();
    let state = desk.memory();
    // The peaks of 1,500 end at 1,024, 1,280, 1,408, …; the boundaries are between.
    desk.rewritten("trail", "longer", 1_400);
    desk.rewritten("old", "shorter", 300);
    desk.rewritten("old", "first", 0);
    for (name, index) in [("longer", 1_400), ("shorter", 300), ("first", 0)] {
        for _ in 0..2 {
            let report = desk.verify(name);
            let found = told(&report);
            assert_eq!(
                (found.len(), found[0].0, found[0].4),
                (1, Verdict::Forked, 1),
                "{:?}",
                report.findings
            );
            let range = found[0].1.unwrap()..=found[0].2.unwrap();
            assert!(range.contains(&index) && range.count() <= 256, "{name}: {:?}", report.findings);
            assert_eq!((report.memory, report.key_source), (Remembered::Key, Some(KeySource::SelfAsserted)));
            assert_eq!(
                (desk.memory(), report.older_copy),
                (state.clone(), None),
                "an accusation is not remembered"
            );
        }
    }
}

#[test]
fn a_trail_that_grows_at_many_paths_is_one_trail() {
    let desk = Desk::new();
    for (entries, name) in [(1_600, "first"), (2_200, "second")] {
        grow(&desk.at("trail"), entries);
        desk.copy("trail", name);
        let report = desk.verify(name);
        assert_eq!(
            (told(&report), report.memory, report.older_copy),
            (vec![], Remembered::Key, None),
            "{name}"
        );
    }
    let report = desk.verify("first");
    assert_eq!((report.exit_code(), report.older_copy.map(|copy| copy.seen)), (0, Some(2_200)));
    let report = desk.verify("trail");
    assert_eq!((report.exit_code(), report.memory, report.older_copy), (0, Remembered::Path, None));
}

#[test]
fn a_memory_that_cannot_be_understood_is_an_error_that_names_it() {
    let desk = Desk::new();
    for (file, bytes) in desk.memory() {
        let cut = &bytes[..bytes.len() / 2];
        let twice = [&bytes[..], &bytes].concat();
        for damaged in [&b""[..], b"not JSON", b"{}", cut, &twice, &bytes[1..]] {
            fs::write(&file, damaged).unwrap();
            let error = desk.try_verify("trail").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Data, "{error}");
            assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
            assert_eq!(fs::read(&file).unwrap(), damaged, "it is kept for a person to look at");
        }
        fs::write(&file, bytes).unwrap();
        assert_eq!(desk.verify("trail").exit_code(), 0);
    }
    // The memory of another key in its place is damage, too.
    let file = desk.file_of_the_key();
    let forged = Desk::new();
    fs::copy(forged.file_of_the_key(), &file).unwrap();
    assert_eq!(desk.try_verify("trail").unwrap_err().kind(), ErrorKind::Data);
}

#[test]
fn a_memory_that_cannot_be_read_is_an_error_that_names_it() {
    let desk = Desk::new();
    let file = desk.file_of_the_key();
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let error = desk.try_verify("trail").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
    // The folder is a file.
    fs::remove_dir_all(desk.state()).unwrap();
    fs::write(desk.state(), "").unwrap();
    let error = desk.try_verify("trail").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains(desk.state().to_str().unwrap()), "{error}");
}

#[test]
fn a_memory_that_cannot_be_written_is_a_warning() {
    let desk = Desk::new();
    let layout = Layout::in_dir(desk.at("trail"));
    // Nobody can make a folder there, root neither.
    let nowhere = VerifyOptions { state: Some("/proc/graven".into()), ..VerifyOptions::default() };
    let report = fsck::verify(&Machine::os(), &layout, &nowhere, &|_, _| ()).unwrap();
    assert_eq!((report.verdict, report.memory, report.exit_code()), (Verdict::Intact, Remembered::None, 0));
    assert!(
        report.warnings.len() == 1 && report.warnings[0].contains("/proc/graven"),
        "{:?}",
        report.warnings
    );
    // Nothing is written where nothing is new.
    let report = desk.verify("trail");
    assert_eq!((report.memory, report.warnings), (Remembered::Path, vec![]));
}

#[test]
fn what_an_earlier_version_remembered_is_carried_over() {
    let desk = Desk::new();
    grow(&desk.at("forged"), 2_000);
    // As written by an earlier version, by a link: one file, named by the path with links resolved.
    fs::remove_file(desk.file_of_the_key()).unwrap();
    let resolved = fs::canonicalize(desk.at("trail")).unwrap();
    let name = format!("{}.json", &sha256(resolved.as_os_str().as_encoded_bytes()).to_hex()[..32]);
    let memory = desk.memory();
    assert_eq!(memory.len(), 1);
    fs::rename(&memory[0].0, desk.state().join(name)).unwrap();
    symlink(desk.at("trail"), desk.at("link")).unwrap();
    let report = desk.verify("link");
    assert_eq!((report.verdict, report.memory), (Verdict::Intact, Remembered::Path));
    assert_eq!(report.key_source, Some(KeySource::Pinned));
    // From now on it is remembered by the link.
    fs::remove_file(desk.at("link")).unwrap();
    symlink(desk.at("forged"), desk.at("link")).unwrap();
    assert_another_key(&desk.verify("link"));
}

#[test]
fn what_an_earlier_version_remembered_of_a_live_file_is_carried_over() {
    let desk = Desk { folder: tempfile::tempdir().unwrap() };
    let live = desk.at("app.jsonl");
    let make = || graven::Trail::open(graven::Settings::live_file(&live)).unwrap().close_blocking().unwrap();
    make();
    assert_eq!(desk.verify("app.jsonl").memory, Remembered::None);
    fs::remove_file(desk.file_of_the_key()).unwrap();
    let dir = desk.at("app.jsonl.d");
    let name = format!("{}.json", &sha256(dir.as_os_str().as_encoded_bytes()).to_hex()[..32]);
    fs::rename(&desk.memory()[0].0, desk.state().join(name)).unwrap();
    fs::remove_file(&live).unwrap();
    fs::remove_dir_all(&dir).unwrap();
    make();
    assert_another_key(&desk.verify("app.jsonl"));
}

#[test]
fn verifiers_that_share_a_memory_accuse_nobody_and_keep_the_newest() {
    let desk = Desk { folder: tempfile::tempdir().unwrap() };
    let names: Vec<String> = (1..=6).map(|n| format!("copy-{n}")).collect();
    for (entries, name) in (1..).map(|n| n * 150).zip(&names) {
        grow(&desk.at("trail"), entries);
        desk.copy("trail", name);
    }
    thread::scope(|scope| {
        for start in 0..4 {
            let (desk, names) = (&desk, &names);
            scope.spawn(move || {
                for name in names.iter().cycle().skip(start).step_by(2).take(12) {
                    let report = desk.verify(name);
                    assert_eq!(
                        (report.exit_code(), &report.warnings[..]),
                        (0, &[][..]),
                        "{:?}",
                        report.findings
                    );
                }
            });
        }
    });
    let older = desk.verify("copy-1").older_copy.unwrap();
    let newest = desk.verify("copy-6");
    assert_eq!((older.seen, newest.older_copy), (newest.sealed, None));
    let leftovers = desk.memory().into_iter().filter(|(path, _)| path.extension() != Some("json".as_ref()));
    assert_eq!(leftovers.count(), 0);
}

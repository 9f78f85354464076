//! A trail is made in a folder that somebody else has prepared: nothing that lies there becomes the trail's own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use graven::clock::sim::SimClock;
use graven::disk::sim::{FailBut, Fault, Op, SimDisk};
use graven::disk::{Access, Disk, Open};
use graven::fsck::{VerifyOptions, verify};
use graven::layout::Layout;
use graven::{Category, Entry, ErrorKind, Machine, Outcome, Settings, Trail, durable};
use graven_core::note::SigningKey;
use graven_core::verdict::Verdict;

const DIR: &str = "/trail";

fn machine(disk: &SimDisk) -> Machine {
    Machine { disk: Arc::new(disk.clone()), clock: Arc::new(SimClock::new(1)) }
}

fn open(disk: &SimDisk) -> Result<Trail, graven::Error> {
    Trail::open_on(Settings::new(DIR), machine(disk))
}

/// A folder with these files.
fn prepared(files: &[(&str, &str)]) -> SimDisk {
    let disk = SimDisk::new();
    for (name, text) in files {
        let path = Path::new(DIR).join(name);
        durable::create_dir_all(&disk, path.parent().unwrap()).unwrap();
        durable::replace(&disk, &path, text.as_bytes()).unwrap();
    }
    disk
}

fn secret(seed: u8) -> String {
    let key = SigningKey::from_seed("example.com/planted", [seed; 32]).unwrap();
    format!("{}\n", *key.to_secret_string())
}

fn empty_checkpoint(seed: u8) -> String {
    let key = SigningKey::from_seed("example.com/planted", [seed; 32]).unwrap();
    let origin = key.name().to_owned();
    let root = graven::Hash::EMPTY_TREE;
    graven_core::checkpoint::Checkpoint { origin, size: 0, root, extensions: Vec::new() }
        .sign(&key)
        .to_string()
}

#[test]
fn a_key_that_lies_there_is_never_the_trails_own() {
    for files in [
        vec![("keys/signing", secret(1))],
        vec![("keys/signing", secret(1)), ("checkpoint", empty_checkpoint(2))],
        vec![("keys/signing", secret(1)), ("checkpoint", "no checkpoint".to_owned())],
        vec![("keys/redaction", format!("{}\n", "0".repeat(64)))],
    ] {
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let disk = prepared(&files);
        let error = open(&disk).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
        assert!(error.to_string().contains("keys/"), "{error}");
        for (name, text) in files {
            assert_eq!(disk.contents(Path::new(DIR).join(name)).unwrap(), text.as_bytes(), "it is kept");
        }
    }
}

#[test]
fn a_key_of_another_user_is_refused_though_its_checkpoint_is_there() {
    let disk = prepared(&[("keys/signing", &secret(1)), ("checkpoint", &empty_checkpoint(1))]);
    let path = Layout::in_dir(DIR).signing_key();
    let before = disk.metadata(&path).unwrap();
    disk.set_access(&path, before.id, Access { owner: 4_711, ..before.access }).unwrap();
    let error = open(&disk).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("belongs to user 4711"), "{error}");
}

#[test]
fn keys_that_belong_to_another_user_open_no_trail() {
    for name in ["keys", "keys/signing", "keys/redaction"] {
        let disk = SimDisk::new();
        drop(open(&disk).unwrap());
        let path = Path::new(DIR).join(name);
        let before = disk.metadata(&path).unwrap();
        disk.set_access(&path, before.id, Access { owner: 4_711, ..before.access }).unwrap();
        assert_eq!(open(&disk).unwrap_err().kind(), ErrorKind::Unavailable, "{name}");
        disk.set_access(&path, before.id, Access { owner: 0, ..before.access }).unwrap();
        open(&disk).unwrap_or_else(|error| panic!("root may have made {name}: {error}"));
    }
}

#[test]
fn what_belongs_to_us_is_taken_from_everybody_else() {
    let disk = SimDisk::new();
    drop(open(&disk).unwrap());
    for (name, loose, tight) in
        [("keys", 0o777, 0o700), ("keys/signing", 0o666, 0o600), ("keys/redaction", 0o640, 0o600)]
    {
        let path = Path::new(DIR).join(name);
        let before = disk.metadata(&path).unwrap();
        disk.set_access(&path, before.id, Access { mode: loose, ..before.access }).unwrap();
        drop(open(&disk).unwrap());
        assert_eq!(disk.metadata(&path).unwrap().access.mode, tight, "{name}");
    }
}

#[test]
fn a_key_elsewhere_that_others_can_write_is_refused_and_one_that_they_can_read_is_not() {
    let disk = SimDisk::new();
    disk.create_dir("/vault".as_ref()).unwrap();
    let key = Path::new("/vault/key");
    let settings = || Settings::new(DIR).signing_key(key);
    drop(Trail::open_on(settings(), machine(&disk)).unwrap());
    for name in ["/vault/key", "/vault/key.redaction"] {
        let before = disk.metadata(name.as_ref()).unwrap();
        for (mode, refused) in [(0o620, true), (0o602, true), (0o644, false), (0o600, false)] {
            disk.set_access(name.as_ref(), before.id, Access { mode, ..before.access }).unwrap();
            let opened = Trail::open_on(settings(), machine(&disk)).map_err(|error| error.kind());
            assert_eq!(opened.err(), refused.then_some(ErrorKind::Unavailable), "{name} {mode:o}");
            assert_eq!(disk.metadata(name.as_ref()).unwrap().access.mode, mode, "it is not ours to change");
        }
    }
}

#[test]
fn a_checkpoint_of_no_entries_without_a_key_is_made_anew() {
    let disk = SimDisk::new();
    disk.inject(
        Fault::when(|step| step.op == Op::Create && step.is_new("signing"))
            .fail(std::io::ErrorKind::Other, FailBut::NotDone),
    );
    open(&disk).unwrap_err();
    let layout = Layout::in_dir(DIR);
    let before = disk.contents(layout.checkpoint()).unwrap();
    let other = Machine { clock: Arc::new(SimClock::new(2)), ..machine(&disk) };
    let trail = Trail::open_on(Settings::new(DIR), other).unwrap();
    trail.record_blocking(Entry::new(Category::Api, "GET /", Outcome::Success)).unwrap();
    trail.close_blocking().unwrap();
    assert!(!before.starts_with(trail.verifier_key().name().as_bytes()));
    let report = verify(&machine(&disk), &layout, &VerifyOptions::default(), &|_, _| {}).unwrap();
    assert_eq!(report.verdict, Verdict::Intact);
}

#[test]
fn links_lead_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let mode = || fs::metadata(&victim).unwrap().permissions().mode();
    let before = mode();
    for name in [
        "keys/signing",
        "keys/signing.tmp",
        "checkpoint",
        "checkpoint.tmp",
        "graven.json.tmp",
        "settings.json",
    ] {
        let dir = folder.path().join(name.replace('/', "-"));
        fs::create_dir_all(dir.join("keys")).unwrap();
        symlink(&victim, dir.join(name)).unwrap();
        // With or without an error: what the link leads to stays as it is.
        let opened = Trail::open(Settings::new(&dir));
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{name}");
        assert_eq!(mode(), before, "{name}");
        drop(opened);
    }
    assert!(folder.path().join("checkpoint.tmp/graven.json").exists(), "a stale name is in nobody's way");
}

#[test]
fn a_directory_that_is_a_link_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for name in ["keys", "tiles", "segments", "checkpoints", "blobs", "torn"] {
        let dir = folder.path().join(format!("trail-{name}"));
        fs::create_dir(&dir).unwrap();
        symlink(&elsewhere, dir.join(name)).unwrap();
        let error = Trail::open(Settings::new(&dir)).unwrap_err();
        assert!(error.to_string().contains("is a link"), "{name}: {error}");
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "{name}");
    }
}

#[test]
fn an_open_keys_directory_is_closed_before_there_is_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    fs::create_dir_all(dir.join("keys")).unwrap();
    fs::set_permissions(dir.join("keys"), fs::Permissions::from_mode(0o777)).unwrap();
    drop(Trail::open(Settings::new(&dir)).unwrap());
    let mode = |name: &str| fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("keys"), mode("keys/signing"), mode("keys/redaction")), (0o700, 0o600, 0o600));
}

#[test]
fn a_file_that_is_not_a_trails_is_moved_aside_only_for_the_caller_who_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.jsonl");
    for text in ["somebody's notes\n", ""] {
        fs::write(&file, text).unwrap();
        let error = Trail::open(Settings::new(&file)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        assert!(!folder.path().join("notes.jsonl.d").exists());
    }
    let inside = folder.path().join("audit.jsonl");
    fs::write(&inside, "somebody's notes\n").unwrap();
    assert_eq!(Trail::open(Settings::new(folder.path())).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(fs::read_to_string(&inside).unwrap(), "somebody's notes\n");
    fs::write(&file, "somebody's notes\n").unwrap();
    let trail = Trail::open(Settings::live_file(&file)).unwrap();
    assert_eq!(trail.recent(1)[0].action, "trail.adopted");
}

#[test]
fn nothing_is_left_open_by_a_file_that_was_made() {
    // As the seam promises it, for each file that an opening makes.
    let disk = SimDisk::new();
    drop(open(&disk).unwrap());
    for path in disk.files() {
        assert_eq!(disk.metadata(&path).unwrap().access.mode, 0o600, "{}", path.display());
    }
    assert!(disk.open(&Layout::in_dir(DIR).signing_key(), Open::Read).is_ok());
}

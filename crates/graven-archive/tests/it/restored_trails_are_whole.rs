//! What is restored is a trail, whole and verified, or it is no trail.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use graven::fsck::{Report, VerifyOptions, verify};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Machine, VerifierKey};
use graven_archive::fixture::Fixture;
use graven_archive::{ArchiveError, RestoreOptions, Restored};
use graven_core::verdict::Verdict;

use crate::archived::{Archived, lines};
use crate::archives_read_as_trails::chain;

fn restore(archived: &Archived, name: &str, options: &RestoreOptions) -> Result<Restored, ArchiveError> {
    archived.archive().restore(&archived.path(name), options, &mut |_, _| ())
}

fn verified(archived: &Archived, name: &str) -> Report {
    let layout = Layout::in_dir(archived.path(name));
    verify(&Machine::os(), &layout, &VerifyOptions::default(), &|_, _| ()).unwrap()
}

#[test]
fn a_restored_trail_is_the_one_that_was_shipped() {
    for fixture in [
        Fixture { epochs: vec![vec![1_700]], closed: true, ..Fixture::default() },
        Fixture { epochs: vec![vec![100, 700], vec![1_100, 1_650]], listed_every: 2, ..Fixture::default() },
    ] {
        let size = *fixture.epochs.iter().flatten().last().unwrap();
        let archived = Archived::new(1_700, &fixture);
        let restored = restore(&archived, "back", &RestoreOptions::default()).unwrap();
        assert_eq!((restored.newest.entries, restored.newest.size), (size, size));
        assert_eq!(verified(&archived, "back").verdict, Verdict::Intact);
        let (back, original) =
            (Reader::open(archived.path("back")).unwrap(), Reader::open(archived.dir()).unwrap());
        assert_eq!(lines(&back), lines(&original)[..size as usize]);
        for name in ["graven.json", "settings.json", "segments/00000000000000000000.jsonl"] {
            let read = |dir: &str| fs::read(archived.path(dir).join(name)).unwrap();
            assert_eq!(read("back"), read("trail"), "{name}");
        }
        assert_eq!(archived.path("back").join("closed").exists(), fixture.closed);
        assert!(!archived.path("back").join("restoring").exists());
    }
}

#[test]
fn what_is_past_the_newest_head_is_restored_unsealed() {
    let fixture = Fixture { epochs: vec![vec![1_000, 1_600]], past: 50, ..Fixture::default() };
    let archived = Archived::new(1_700, &fixture);
    let restored = restore(&archived, "back", &RestoreOptions::default()).unwrap();
    assert_eq!((restored.newest.entries, restored.newest.size), (1_650, 1_600));
    let report = verified(&archived, "back");
    assert_eq!((report.verdict, report.entries, report.sealed), (Verdict::Unsealed, 1_650, 1_600));
}

#[test]
fn an_auditor_gets_a_copy_that_nobody_writes() {
    let archived = Archived::new(600, &Fixture { epochs: vec![vec![600]], ..Fixture::default() });
    let options = RestoreOptions { read_only: true, ..RestoreOptions::default() };
    restore(&archived, "back", &options).unwrap();
    let back = archived.path("back");
    assert!(!back.join("settings.json").exists());
    let mode = |name: &str| fs::metadata(back.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("graven.json"), mode("audit.jsonl"), mode("tiles/0")), (0o400, 0o400, 0o400));
    assert_eq!(verified(&archived, "back").verdict, Verdict::Intact);
}

#[test]
fn a_chain_is_restored_with_the_newest_trail_on_top() {
    let archived = chain();
    let restored = restore(&archived, "back", &RestoreOptions::default()).unwrap();
    assert_eq!((restored.before.len(), restored.before[0].entries, restored.newest.entries), (1, 500, 300));
    assert_eq!(verified(&archived, "back").verdict, Verdict::Intact);
    let origin = restored.before[0].origin.replace('/', "%2F");
    assert_eq!(verified(&archived, &format!("back/before/{origin}")).verdict, Verdict::Intact);
}

#[test]
fn an_attempt_that_was_cut_short_is_begun_again_and_nothing_is_mixed() {
    let archived = Archived::new(1_700, &Fixture { epochs: vec![vec![1_700]], ..Fixture::default() });
    let back = archived.path("back");
    for folder in ["segments", "tiles", "before/other/segments"] {
        fs::create_dir_all(back.join(folder)).unwrap();
    }
    // As a killed attempt leaves it, of another archive.
    fs::write(back.join("restoring"), "{}\n").unwrap();
    for file in [
        "audit.jsonl",
        "segments/00000000000000000000.jsonl",
        "segments/00000000000000099999.jsonl",
        "tiles/7",
    ] {
        fs::write(back.join(file), "{\"id\":\"other\"}\n").unwrap();
    }
    restore(&archived, "back", &RestoreOptions::default()).unwrap();
    assert_eq!(verified(&archived, "back").verdict, Verdict::Intact);
    assert!(!back.join("segments/00000000000000099999.jsonl").exists());
}

#[test]
fn what_cannot_be_restored_is_refused_with_a_reason_and_leaves_no_trail() {
    let archived = Archived::new(1_700, &Fixture { epochs: vec![vec![1_700]], ..Fixture::default() });
    let refused = |name: &str, options: &RestoreOptions, why: &str| {
        let error = restore(&archived, name, options).unwrap_err();
        assert!(error.chain().contains(why), "{}", error.chain());
        assert!(!archived.path(name).join("graven.json").exists() || name == "trail");
    };
    fs::create_dir(archived.path("full")).unwrap();
    fs::write(archived.path("full").join("mine"), "mine").unwrap();
    refused("full", &RestoreOptions::default(), "the folder is not empty, it holds \"mine\"");
    assert_eq!(fs::read(archived.path("full").join("mine")).unwrap(), b"mine");
    refused("trail", &RestoreOptions::default(), "there is a trail already");
    let other = Archived::new(1, &Fixture { epochs: vec![vec![1]], ..Fixture::default() }).key();
    let key = |key: VerifierKey| RestoreOptions { key: Some(key), ..RestoreOptions::default() };
    refused("key", &key(other), "has another key than the given one");
    assert!(!archived.path("key").exists());
    let segment = archived.objects().into_iter().find(|name| name.ends_with(".jsonl.zst")).unwrap();
    let bytes = archived.read(&segment);
    archived.write(&segment, &bytes[..bytes.len() / 2]);
    refused("cut", &key(archived.key()), "the object was cut");
    archived.write(&segment, &bytes);
    restore(&archived, "cut", &key(archived.key())).unwrap();
    // The object of a segment says what its manifest says, and the checkpoint at its end nothing says.
    let manifest =
        archived.objects().into_iter().find(|name| name.contains("/segments/0-") && name.ends_with(".json"));
    archived.remove(&manifest.unwrap());
    restore(&archived, "without a manifest", &RestoreOptions::default()).unwrap();
    assert_eq!(verified(&archived, "without a manifest").verdict, Verdict::Intact);
    let boundary = archived.objects().into_iter().find(|name| name.contains("/boundaries/")).unwrap();
    archived.remove(&boundary);
    refused(
        "boundary",
        &RestoreOptions::default(),
        "the checkpoint at the end of a closed segment is missing",
    );
    archived.remove("origin");
    refused("empty", &RestoreOptions::default(), "there is no trail at file://");
}

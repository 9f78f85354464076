//! A copy of a trail is a whole trail, also when a process writes and closes segments meanwhile, and an unfinished one
//! is no trail at all.

#![expect(clippy::disallowed_methods, reason = "tests read and damage files by hand")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use graven::clock::sim::SimClock;
use graven::disk::sim::{FailBut, Fault, SimDisk};
use graven::disk::{Disk, Open};
use graven::export::{CopyOptions, CopyReport, copy_trail};
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Category, Entry, Error, ErrorKind, Machine, Outcome, Settings, Trail};
use graven_core::verdict::Verdict;
use serde_json::json;

use crate::support::files::{assert_intact, lock_line};
use crate::support::handmade::Handmade;
use crate::support::model::{DIR, Place, entry, machine};
use crate::support::patience::{must_end, until};

const KEYS: CopyOptions = CopyOptions { keys: true };

fn copy(from: &Path, to: &Path, options: CopyOptions) -> Result<CopyReport, Error> {
    copy_trail(&Reader::open(from).unwrap(), to, options)
}

/// All lines of a trail, with their newlines.
fn log(dir: &Path) -> Vec<u8> {
    let entries = Reader::open(dir).unwrap().entries(..).unwrap();
    entries.flat_map(|entry| [entry.unwrap().line, b"\n".to_vec()].concat()).collect()
}

fn verdict(dir: &Path) -> Verdict {
    let layout = Layout::in_dir(dir);
    fsck::verify(&Machine::os(), &layout, &VerifyOptions::default(), &|_, _| ()).unwrap().verdict
}

fn entries(count: u64) -> Vec<Entry> {
    let large = "x".repeat(70_000);
    let entry = |n| {
        let entry = Entry::new(Category::Api, format!("GET /{n}"), Outcome::Success);
        if n % 100 == 7 { entry.detail(format!("{large}{}", n % 300)) } else { entry }
    };
    (0..count).map(entry).collect()
}

#[test]
fn a_copy_beside_a_writer_that_closes_segments_is_intact_and_a_beginning_of_the_log() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    let trail = Trail::open(Settings::new(&dir).segment_bytes(30_000)).unwrap();
    trail.record_batch_blocking(entries(300)).unwrap();
    let done = AtomicBool::new(false);
    let copies: Vec<_> = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                trail.record_batch_blocking(entries(150)).unwrap();
            }
        });
        let mut copies = Vec::new();
        let mut segments = 0;
        until("copies were made while segments were closed", || {
            let checkpoint = trail.checkpoint_blocking().unwrap();
            let sealed: u64 = checkpoint.lines().nth(1).unwrap().parse().unwrap();
            let to = folder.path().join(format!("copy {}", copies.len()));
            let report = copy(&dir, &to, CopyOptions::default()).unwrap();
            assert!(report.entries >= sealed, "{} of {sealed}", report.entries);
            segments = segments.max(report.segments);
            copies.push((to, report));
            copies.len() >= 8 && segments >= 4 || writer.is_finished()
        });
        done.store(true, Ordering::Release);
        writer.join().unwrap();
        copies
    });
    trail.close_blocking().unwrap();
    let whole = log(&dir);
    for (to, report) in &copies {
        assert_intact(&Layout::in_dir(to));
        let copied = log(to);
        assert!(whole.starts_with(&copied));
        assert_eq!((report.entries, report.size), (lines(&copied), lines(&copied)));
        let segments = fs::read_dir(to.join("segments")).unwrap().count() as u64;
        assert_eq!((report.segments, report.keys), (segments, false));
        assert_eq!(fs::read_dir(to.join("keys")).unwrap().count(), 0);
    }
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[test]
fn a_copy_with_its_key_goes_on_and_one_without_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    let settings = |dir: &Path| Settings::new(dir).must_exist();
    let trail = Trail::open(Settings::new(&dir).segment_bytes(30_000)).unwrap();
    trail.record_batch_blocking(entries(600)).unwrap();
    trail.checkpoint_blocking().unwrap();
    let [with, without] = ["with", "without"].map(|name| folder.path().join(name));
    assert!(copy(&dir, &with, KEYS).unwrap().keys);
    copy(&dir, &without, CopyOptions::default()).unwrap();
    assert!(Trail::open(settings(&without)).is_err());
    assert_eq!(verdict(&without), Verdict::Intact);
    let copied = Trail::open(settings(&with)).unwrap();
    copied.record_blocking(entries(1).remove(0)).unwrap();
    copied.close_blocking().unwrap();
    assert_intact(&Layout::in_dir(&with));
    // The note of a clean close is copied too.
    trail.close_blocking().unwrap();
    let closed = folder.path().join("closed");
    copy(&dir, &closed, KEYS).unwrap();
    assert_eq!(fs::read(closed.join("closed")).unwrap(), fs::read(dir.join("closed")).unwrap());
    assert_intact(&Layout::in_dir(&closed));
    for name in ["graven.json", "checkpoint", "audit.jsonl", "keys/signing", "keys/redaction"] {
        assert_eq!(fs::read(closed.join(name)).unwrap(), fs::read(dir.join(name)).unwrap(), "{name}");
        let mode = fs::metadata(closed.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert!(!closed.join("LOCK").exists());
}

#[test]
fn a_trail_beside_its_live_file_is_copied_into_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("events.jsonl");
    let trail = Trail::open(Settings::live_file(&live).segment_bytes(30_000)).unwrap();
    trail.record_batch_blocking(entries(600)).unwrap();
    trail.close_blocking().unwrap();
    let to = folder.path().join("copy");
    copy(&live, &to, KEYS).unwrap();
    assert_intact(&Layout::in_dir(&to));
    assert_eq!(log(&to), log(&live));
}

#[test]
fn what_lock_says_is_durable_is_copied_though_nothing_sealed_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::new(&folder.path().join("trail"));
    trail.append(256);
    trail.rotate();
    trail.append(10);
    trail.seal();
    trail.append(5);
    let bytes = fs::metadata(trail.path("audit.jsonl")).unwrap().len();
    fs::write(trail.path("LOCK"), lock_line("durable", 77, 256, bytes, 271)).unwrap();
    trail.append(3);
    let to = folder.path().join("copy");
    let report = copy(trail.dir(), &to, CopyOptions::default()).unwrap();
    assert_eq!((report.entries, report.size), (271, 266));
    assert_eq!(verdict(&to), Verdict::Unsealed);
    // Without that line, only what is sealed.
    fs::write(trail.path("LOCK"), "process 77\n").unwrap();
    let to = folder.path().join("another");
    assert_eq!(copy(trail.dir(), &to, CopyOptions::default()).unwrap().entries, 266);
    assert_intact(&Layout::in_dir(&to));
}

#[test]
fn a_trail_that_contradicts_itself_is_not_copied() {
    type Damage = fn(&Handmade);
    let damages: [(&str, Damage); 5] = [
        ("root that was sealed", |trail| {
            let live = trail.path("audit.jsonl");
            let text = fs::read_to_string(&live).unwrap();
            fs::write(live, text.replacen("e-290\"", "e-29O\"", 1)).unwrap();
        }),
        ("checkpoints/256", |trail| {
            let segment = trail.segment(0);
            let text = fs::read_to_string(&segment).unwrap();
            fs::write(segment, text.replacen("e-29\"", "e-2O\"", 1)).unwrap();
        }),
        ("300 entries were durable", |trail| {
            let live = trail.path("audit.jsonl");
            let text = fs::read_to_string(&live).unwrap();
            let end = text.trim_end().rfind('\n').unwrap() + 1;
            fs::write(live, &text[..end]).unwrap();
        }),
        ("\"+256\"", |trail| fs::write(trail.path("checkpoints/+256"), "").unwrap()),
        ("older than the newest one", |trail| {
            fs::write(trail.path("checkpoint"), trail.checkpoint(10)).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let folder = tempfile::tempdir().unwrap();
        let mut trail = Handmade::new(&folder.path().join("trail"));
        trail.append(256);
        trail.rotate();
        trail.append(44);
        trail.seal();
        damage(&trail);
        let to = folder.path().join("copy");
        let error = copy(trail.dir(), &to, CopyOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
        assert!(error.to_string().contains(what) && error.to_string().contains("not a trail yet"), "{error}");
        assert_eq!(Reader::open(&to).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn a_missing_large_detail_or_key_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    let key = folder.path().join("key");
    let trail = Trail::open(Settings::new(&dir).signing_key(&key)).unwrap();
    trail.record_batch_blocking(entries(10)).unwrap();
    trail.close_blocking().unwrap();
    let to = folder.path().join("copy");
    let error = copy(&dir, &to, KEYS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(!to.exists());
    fs::remove_dir_all(dir.join("blobs")).unwrap();
    assert_eq!(copy(&dir, &to, CopyOptions::default()).unwrap_err().kind(), ErrorKind::Data);
}

#[test]
fn a_folder_in_use_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::new(&folder.path().join("trail"));
    trail.append(1);
    trail.seal();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("mine"), "mine").unwrap();
    for place in [&out, &out.join("mine"), &trail.path("tiles"), &trail.path("new/copy")] {
        let error = copy(trail.dir(), place, CopyOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{}", place.display());
    }
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
    fs::remove_file(out.join("mine")).unwrap();
    copy(trail.dir(), &out, CopyOptions::default()).unwrap();
    assert_intact(&Layout::in_dir(&out));
}

const COPY: &str = "/var/copy";

/// A trail with two segments and a large detail, on a simulated disk.
fn on_a_simulated_disk() -> (SimDisk, SimClock) {
    let (disk, clock) = (Place::InDir.disk(), SimClock::new(7));
    let trail = Trail::open_on(Place::InDir.settings(), machine(&disk, &clock)).unwrap();
    for first in [0, 256] {
        trail.record_batch_blocking((first..first + 256).map(|n| entry(&clock, n)).collect()).unwrap();
    }
    trail.record_blocking(entry(&clock, 600).detail(json!({"large": "y".repeat(70_000)}))).unwrap();
    trail.close_blocking().unwrap();
    (disk, clock)
}

fn copy_on(disk: &SimDisk, clock: &SimClock) -> Result<CopyReport, Error> {
    let reader = Reader::open_on(&machine(disk, clock), Layout::in_dir(DIR)).unwrap();
    copy_trail(&reader, Path::new(COPY), KEYS)
}

/// Either there is no `graven.json`, or the copy is whole. Returns whether it is.
fn is_whole_or_none(disk: &SimDisk, clock: &SimClock, what: &str) -> bool {
    let layout = Layout::in_dir(COPY);
    if disk.metadata(&layout.meta()).is_err() {
        return false;
    }
    let report = fsck::verify(&machine(disk, clock), &layout, &VerifyOptions::default(), &|_, _| ()).unwrap();
    assert_eq!((report.verdict, &report.findings[..]), (Verdict::Intact, &[][..]), "{what}");
    assert_eq!(report.entries, original_len(disk, clock), "{what}");
    true
}

/// The number of entries of the original.
fn original_len(disk: &SimDisk, clock: &SimClock) -> u64 {
    Reader::open_on(&machine(disk, clock), Layout::in_dir(DIR)).unwrap().len().unwrap()
}

#[test]
fn a_copy_that_fails_at_any_call_is_no_trail() {
    let (origin, clock) = on_a_simulated_disk();
    let mut failed = 0;
    for n in 0.. {
        let disk = origin.restart();
        disk.inject(Fault::nth_change(n).forever().fail(std::io::ErrorKind::StorageFull, FailBut::NotDone));
        let result = copy_on(&disk, &clock);
        disk.heal();
        let whole = is_whole_or_none(&disk, &clock, &format!("call {n}"));
        match result {
            Ok(_) => {
                assert!(whole);
                break;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "call {n}: {error:?}"),
        }
        failed += 1;
    }
    assert!(failed > 20, "{failed}");
}

#[test]
fn a_power_cut_leaves_a_whole_copy_or_none() {
    let (origin, clock) = on_a_simulated_disk();
    let disk = origin.restart();
    disk.record_history();
    copy_on(&disk, &clock).unwrap();
    let (mut none, mut whole) = (0, 0);
    for (moment, snapshot) in disk.history().iter().enumerate() {
        for choice in snapshot.crash_choices(8, moment as u64) {
            let left = snapshot.crash(&choice);
            match is_whole_or_none(&left, &clock, &format!("after call {moment}, {choice:?}")) {
                true => whole += 1,
                false => none += 1,
            }
        }
    }
    assert!(none > 20 && whole > 0, "{none} and {whole}");
}

#[test]
fn a_full_disk_is_said_and_leaves_no_trail() {
    let (origin, clock) = on_a_simulated_disk();
    let disk = origin.restart();
    disk.set_space(Some(disk.used() + 50_000));
    let error = copy_on(&disk, &clock).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(!is_whole_or_none(&disk, &clock, "full"));
    assert!(disk.open(&Layout::in_dir(COPY).meta(), Open::Read).is_err());
}

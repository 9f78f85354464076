//! `graven.json` is signed: every change of it is named, and a trail of version 1 is signed when it is first opened.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use graven::clock::sim::SimClock;
use graven::disk::sim::{FailBut, Fault, Op, SimDisk};
use graven::disk::{Disk, Open};
use graven::fsck::{Report, VerifyOptions, verify};
use graven::layout::Layout;
use graven::meta::Meta;
use graven::{Category, Entry, ErrorKind, Machine, Outcome, Settings, Trail, durable};
use graven_core::verdict::Verdict;

const DIR: &str = "/var/lib/trail";

fn machine(disk: &SimDisk) -> Machine {
    Machine { disk: Arc::new(disk.clone()), clock: Arc::new(SimClock::new(1)) }
}

fn report(disk: &SimDisk) -> Report {
    verify(&machine(disk), &Layout::in_dir(DIR), &VerifyOptions::default(), &|_, _| {}).unwrap()
}

fn open(disk: &SimDisk) -> Result<Trail, graven::Error> {
    Trail::open_on(Settings::new(DIR), machine(disk))
}

fn meta(disk: &SimDisk) -> Meta {
    Meta::read(disk, &Layout::in_dir(DIR)).unwrap()
}

/// How often the trail's upgrade is recorded.
fn upgrades(trail: &Trail) -> usize {
    let records = trail.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap());
    records.filter(|entry| entry.category == Category::Trail && entry.action == "trail.upgraded").count()
}

/// A new trail with one entry, closed.
fn new_trail() -> SimDisk {
    let disk = SimDisk::new();
    let trail = open(&disk).unwrap();
    trail.record_blocking(Entry::new(Category::Api, "GET /", Outcome::Success)).unwrap();
    trail.close_blocking().unwrap();
    drop(trail);
    disk
}

/// The kept trail of version 1 that was closed.
fn old_trail() -> SimDisk {
    let disk = SimDisk::new();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/trails/v1/closed");
    copy(&disk, &kept, Path::new(DIR));
    disk
}

fn copy(disk: &SimDisk, from: &Path, to: &Path) {
    durable::create_dir_all(disk, to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copied = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(disk, &entry.path(), &copied);
        } else {
            let file = disk.open(&copied, Open::CreateNew).unwrap();
            durable::write_all_at(&*file, &fs::read(entry.path()).unwrap(), 0).unwrap();
            file.sync_all().unwrap();
        }
    }
    disk.sync_dir(to).unwrap();
}

#[test]
fn every_changed_byte_is_named_and_no_writer_opens_the_trail() {
    let disk = new_trail();
    let path = Layout::in_dir(DIR).meta();
    let bytes = disk.contents(&path).unwrap();
    assert_eq!(report(&disk).verdict, Verdict::Intact);
    for place in 0..bytes.len() {
        disk.tamper(&path, |bytes| bytes[place] ^= 1).unwrap();
        let report = report(&disk);
        let text = String::from_utf8_lossy(&disk.contents(&path).unwrap()).into_owned();
        let unknown = report.verdict == Verdict::UnknownVersion && text.starts_with(r#"{"version":3,"#);
        assert!(report.verdict.accuses() || unknown, "{:?}: {text}", report.verdict);
        assert!(report.findings.iter().any(|found| found.file.as_deref() == Some("graven.json")), "{text}");
        assert_eq!(open(&disk).unwrap_err().kind(), ErrorKind::Data, "{text}");
        disk.tamper(&path, |bytes| bytes[place] ^= 1).unwrap();
    }
}

#[test]
fn another_time_or_size_is_named_and_the_entries_are_still_judged() {
    let disk = new_trail();
    let change = |from: &'static str, to: &'static str| {
        disk.tamper(Layout::in_dir(DIR).meta(), |bytes| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            assert!(text.contains(from), "{text}");
            *bytes = text.replace(from, to).into_bytes();
        })
        .unwrap();
    };
    change(r#""segment_bytes":268435456"#, r#""segment_bytes":268435457"#);
    let report = report(&disk);
    assert_eq!((report.verdict, report.findings.len()), (Verdict::Altered, 1));
    assert_eq!((report.sealed, report.root.is_some()), (1, true));
    change(r#""segment_bytes":268435457"#, r#""segment_bytes":268435456"#);
    assert_eq!(self::report(&disk).verdict, Verdict::Intact);
}

#[test]
fn the_first_opening_of_an_old_trail_signs_it_and_says_so_once() {
    let disk = old_trail();
    let before = meta(&disk);
    assert_eq!((before.version, before.is_signed()), (1, false));
    for _ in 0..2 {
        let trail = open(&disk).unwrap();
        assert_eq!(upgrades(&trail), 1);
        trail.close_blocking().unwrap();
        drop(trail);
        let after = meta(&disk);
        assert_eq!((after.version, after.is_signed()), (2, true));
        assert_eq!(
            (&after.origin, &after.key, after.created, after.segment_bytes),
            (&before.origin, &before.key, before.created, before.segment_bytes)
        );
        assert_eq!(report(&disk).verdict, Verdict::Intact);
    }
}

#[test]
fn an_upgrade_that_is_cut_short_is_done_again() {
    for (op, but) in
        [(Op::Create, FailBut::NotDone), (Op::Rename, FailBut::NotDone), (Op::Rename, FailBut::Done)]
    {
        let disk = old_trail();
        let fault = Fault::when(move |step| step.op == op && step.is_new("graven.json"));
        disk.inject(fault.fail(std::io::ErrorKind::Other, but));
        assert_eq!(open(&disk).unwrap_err().kind(), ErrorKind::Unavailable);
        let done = but == FailBut::Done;
        assert_eq!(meta(&disk).is_signed(), done);
        let snapshot = disk.snapshot();
        for choice in snapshot.crash_choices(6, 1) {
            let disk = snapshot.crash(&choice);
            assert!(!report(&disk).verdict.accuses(), "{:?}", report(&disk).findings);
            let trail = open(&disk).unwrap();
            assert!((1..=2).contains(&upgrades(&trail)));
            trail.close_blocking().unwrap();
            assert!(meta(&disk).is_signed());
            assert_eq!(report(&disk).verdict, Verdict::Intact);
        }
    }
}

#[test]
fn an_old_trail_that_is_only_read_stays_as_it_is() {
    let disk = old_trail();
    assert_eq!(report(&disk).verdict, Verdict::Intact);
    assert!(disk.calls().iter().all(|call| !call.step.is_new("graven.json")));
    assert!(!meta(&disk).is_signed());
}

/// Replaces `graven.json` by the unsigned one that version 1 would have.
fn downgrade(disk: &SimDisk) {
    disk.tamper(Layout::in_dir(DIR).meta(), |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let (signed, _) = text.split_once(",\"signature\"").unwrap();
        *bytes = format!("{}}}\n", signed.replace("\"version\":2", "\"version\":1")).into_bytes();
    })
    .unwrap();
}

#[test]
fn an_upgraded_trail_that_is_unsigned_again_was_changed() {
    let disk = old_trail();
    let trail = open(&disk).unwrap();
    trail.checkpoint_blocking().unwrap();
    let upgraded = disk.snapshot().restart();
    downgrade(&upgraded);
    assert_eq!(
        report(&upgraded).verdict,
        Verdict::Intact,
        "a crash may have come before the file was replaced"
    );
    let quoted = serde_json::json!({"category": "trail", "action": "trail.upgraded"});
    trail
        .record_blocking(Entry::new(Category::Api, "trail.upgraded", Outcome::Success).detail(quoted))
        .unwrap();
    trail.close_blocking().unwrap();
    drop(trail);
    assert_eq!(report(&disk).verdict, Verdict::Intact);
    downgrade(&disk);
    let report = report(&disk);
    assert_eq!((report.verdict, report.findings.len()), (Verdict::Altered, 1));
    assert!(report.findings[0].message.contains("entry 524"), "{:?}", report.findings);
}

#[test]
fn a_verifier_remembers_that_a_trail_was_signed() {
    let disk = new_trail();
    let options = VerifyOptions { state: Some("/memory".into()), ..VerifyOptions::default() };
    let verdict = || verify(&machine(&disk), &Layout::in_dir(DIR), &options, &|_, _| {}).unwrap().verdict;
    assert_eq!(verdict(), Verdict::Intact);
    downgrade(&disk);
    assert_eq!([verdict(), verdict()], [Verdict::Altered; 2]);
}

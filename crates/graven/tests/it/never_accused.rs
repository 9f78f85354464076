//! A verification accuses nobody when a writer is at work, after a crash, or when nothing happened.

#![expect(clippy::disallowed_methods, reason = "tampering does not go through the engine")]

mod paced;

use std::cell::Cell;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use graven::fsck::{self, Report, VerifyOptions};
use graven::layout::Layout;
use graven::{Category, Entry, Machine, Outcome, Settings, Trail};
use graven_core::verdict::Verdict;

use crate::support::handmade::Handmade;
use crate::support::patience::{Deadline, must_end, until};
use paced::Paced;

fn settings(dir: &Path) -> Settings {
    Settings::new(dir).segment_bytes(30_000)
}

fn entries(count: u64) -> Vec<Entry> {
    let large = "x".repeat(70_000);
    let entry = |n| {
        let entry = Entry::new(Category::Api, format!("GET /{n}"), Outcome::Success);
        if n == 7 { entry.detail(&large) } else { entry }
    };
    (0..count).map(entry).collect()
}

/// Verifies with a memory, and fails on any accusation.
fn verify(dir: &Path, state: &Path) -> Report {
    verify_with(dir, state, &|_, _| ())
}

fn verify_with(dir: &Path, state: &Path, progress: &dyn Fn(u64, u64)) -> Report {
    let options = VerifyOptions { state: Some(state.to_owned()), ..VerifyOptions::default() };
    let report = fsck::verify(&Machine::os(), &Layout::in_dir(dir), &options, &progress).unwrap();
    assert_eq!((report.exit_code(), &report.warnings[..]), (0, &[][..]), "{:?}", report.findings);
    assert!(report.entries >= report.sealed);
    report
}

/// How many steps the writer takes during one verification, spread over it.
const STEPS: u64 = 3;

/// Runs the writer until the trail was verified at least this number of times, and the reports are `enough`; what the
/// verifications saw. The writer takes a step whenever `next` answers `true`: a part of each verification later, so
/// that the trail does not outgrow a slow verifier.
fn verify_beside(
    dir: &Path,
    times: usize,
    enough: impl Fn(&[Report]) -> bool,
    write: impl Fn(&dyn Fn() -> bool) + Sync,
) -> Vec<Report> {
    must_end();
    let state = tempfile::tempdir().unwrap();
    let (done, allowed) = (AtomicBool::new(false), AtomicU64::new(1));
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let taken = Cell::new(0);
            write(&|| {
                let is_done = || done.load(Ordering::Acquire);
                until("the verification goes on", || {
                    is_done() || taken.get() < allowed.load(Ordering::Acquire)
                });
                taken.set(taken.get() + 1);
                !is_done()
            });
        });
        let stop = StopOnDrop(&done);
        let mut reports = Vec::new();
        until("there is a trail", || writer.is_finished() || dir.join("graven.json").exists());
        let mut deadline = Deadline::new("the writer writes");
        let mut before = None;
        while (reports.len() < times || !enough(&reports)) && !writer.is_finished() {
            deadline.check();
            let begun = 1 + reports.len() as u64 * STEPS;
            let progress = |done: u64, total: u64| {
                allowed.fetch_max(begun + done * STEPS / total.max(1), Ordering::AcqRel);
            };
            let report = verify_with(dir, state.path(), &progress);
            allowed.fetch_max(begun + STEPS, Ordering::AcqRel);
            if before.replace(report.entries) != Some(report.entries) {
                deadline.renew();
            }
            reports.push(report);
        }
        drop(stop);
        writer.join().unwrap();
        reports
    })
}

/// A failed verification must not leave the writer running.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_recorder_that_rotates_is_never_accused() {
    let folder = tempfile::tempdir().unwrap();
    let segments = AtomicU64::new(0);
    let sizes = |reports: &[Report]| reports.iter().map(|report| report.sealed).collect::<HashSet<_>>();
    let enough = |reports: &[Report]| {
        let rotations = reports.last().map_or(0, |report| report.entries / 256);
        rotations > 10 && sizes(reports).len() > 10
    };
    let reports = verify_beside(folder.path(), 150, enough, |next| {
        let trail = Trail::open(settings(folder.path())).unwrap();
        while next() {
            trail.record_batch_blocking(entries(100)).unwrap();
        }
        trail.close_blocking().unwrap();
        segments.store(trail.len() / 256, Ordering::Release);
    });
    assert!(reports.is_sorted_by_key(|report| report.sealed), "what is sealed stays sealed");
    let sizes = sizes(&reports);
    assert!(sizes.len() > 10, "the trail grew under the verifications: {sizes:?}");
    assert!(segments.load(Ordering::Acquire) > 10, "and was rotated: {segments:?}");
}

#[test]
fn a_recorder_that_opens_and_closes_is_never_accused() {
    let folder = tempfile::tempdir().unwrap();
    let grew = |reports: &[Report]| reports[0].sealed < reports[reports.len() - 1].sealed;
    let reports = verify_beside(folder.path(), 150, grew, |next| {
        while next() {
            let trail = Trail::open(settings(folder.path())).unwrap();
            trail.record_batch_blocking(entries(50)).unwrap();
            trail.close_blocking().unwrap();
        }
    });
    assert!(reports.last().unwrap().sealed > reports.first().unwrap().sealed);
}

#[test]
fn a_closed_trail_is_intact_whatever_its_size() {
    for count in [0, 1, 2, 255, 256, 257, 511, 512, 1_025] {
        let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let trail = Trail::open(settings(folder.path())).unwrap();
        while trail.len() < count {
            trail.record_batch_blocking(entries((count - trail.len()).min(100))).unwrap();
        }
        trail.close_blocking().unwrap();
        let report = verify(folder.path(), state.path());
        assert_eq!((report.verdict, report.findings), (Verdict::Intact, vec![]));
        assert_eq!((report.entries, report.sealed), (trail.len(), trail.len()));
    }
}

#[test]
fn a_trail_beside_its_own_live_file_is_verified_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("audit.log");
    let trail = Trail::open(Settings::live_file(&live)).unwrap();
    trail.record_batch_blocking(entries(20)).unwrap();
    trail.close_blocking().unwrap();
    let verify = || {
        let layout = Layout::beside_live(&live);
        fsck::verify(&Machine::os(), &layout, &VerifyOptions::default(), &|_, _| ()).unwrap()
    };
    assert_eq!((verify().verdict, verify().entries), (Verdict::Intact, trail.len()));
    let mut bytes = std::fs::read(&live).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&live, bytes).unwrap();
    let finding = verify().findings.remove(0);
    assert_eq!((finding.verdict, finding.file.as_deref()), (Verdict::Altered, Some("audit.log")));
}

#[test]
fn every_step_of_a_writer_may_be_the_last_before_a_crash() {
    let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let check = |sealed, unsealed| {
        let report = verify(folder.path(), state.path());
        assert_eq!((report.sealed, report.entries), (sealed, sealed + unsealed));
    };
    let mut trail = Handmade::new(folder.path());
    check(0, 0);
    for round in 0..3 {
        let first = round * 512;
        trail.append(100);
        check(first, 100);
        trail.seal();
        check(first + 100, 0);
        trail.append(412);
        check(first + 100, 412);
        trail.rotate_boundary();
        check(first + 512, 0);
        trail.rotate_rename();
        check(first + 512, 0);
        trail.rotate_create();
        check(first + 512, 0);
    }
    trail.append(3);
    trail.append_torn(b"{");
    check(1_536, 3);
}

/// The steps of a writer that rotates without end.
fn steps(mut trail: Handmade) -> impl FnMut() + Send {
    let mut step = 0;
    move || {
        match step % 8 {
            0 | 3 => trail.append(60),
            1 | 4 => trail.seal(),
            2 => trail.append(136),
            5 => trail.rotate_boundary(),
            6 => trail.rotate_rename(),
            _ => trail.rotate_create(),
        }
        step += 1;
    }
}

#[test]
fn whatever_step_the_writer_takes_between_two_calls_the_first_look_is_clean() {
    let paces = [2, 3, 4, 5, 6, 7, 9, 11, 13, 17, 23];
    for (every, start) in paces.into_iter().flat_map(|every| (0..8).map(move |start| (every, start))) {
        let folder = tempfile::tempdir().unwrap();
        let mut step = steps(Handmade::new(folder.path()));
        for _ in 0..8 + start {
            step();
        }
        let machine = Machine { disk: Arc::new(Paced::new(every, step)), ..Machine::os() };
        let looks = Cell::new(0);
        let progress = |done, total| looks.set(looks.get() + u32::from(done == total));
        let options = VerifyOptions::default();
        let report = fsck::verify(&machine, &Layout::in_dir(folder.path()), &options, &progress).unwrap();
        assert_eq!(
            (report.exit_code(), looks.get()),
            (0, 1),
            "every {every} from {start}: {:?}",
            report.findings
        );
    }
}

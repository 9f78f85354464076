//! Each storage step, failed in each way: what the caller is told, and that the next opening finds a good trail.
//!
//! The expected tables are in `testdata/faults`: a step a line, and what the caller is told when it fails.

use std::collections::BTreeMap;
use std::io::ErrorKind as IoErrorKind;
use std::path::Path;
use std::time::Duration;

use graven::clock::sim::SimClock;
use graven::disk::sim::{Call, Effect, FailBut, Fault, Op, SimDisk, Step};
use graven::durable::temporary_of;
use graven::sim::Process;
use graven::{Error, ErrorKind, Trail};
use serde_json::json;

use crate::support::model::{DIR, Model, Place, check, entry, machine};
use crate::support::patience::until;

/// What the steps belong to, and how it is set going on a trail that is in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Create,
    Record,
    RecordLargeDetail,
    Seal,
    Rotate,
    Close,
    OpenAfterClose,
    OpenAfterCrash,
}

/// One trail on its way to the step that fails.
struct Scene {
    disk: SimDisk,
    clock: SimClock,
    model: Model,
    trail: Option<Trail>,
    n: u64,
}

impl Scene {
    /// Everything up to, but not including, what is to fail.
    fn before(doing: Doing) -> Scene {
        let (disk, clock) = (Place::InDir.disk(), SimClock::new(5));
        let mut scene = Scene { disk, clock, model: Model::default(), trail: None, n: 0 };
        if doing == Doing::Create {
            return scene;
        }
        scene.open().unwrap();
        // With one more, the 256th entry ends the segment; the one after it is written after the rotation.
        scene.record(if doing == Doing::Rotate { 254 } else { 1 }).unwrap();
        scene.send_the_publisher_to_rest();
        match doing {
            Doing::Seal => scene.record(1).unwrap(),
            Doing::OpenAfterClose => {
                scene.trail().close_blocking().unwrap();
                scene.trail = None;
            }
            Doing::OpenAfterCrash => scene.crash_with_a_torn_tail(),
            Doing::Create | Doing::Record | Doing::RecordLargeDetail | Doing::Rotate | Doing::Close => {}
        }
        scene
    }

    /// What is to fail. `Err` is what the caller is told.
    fn act(&mut self, doing: Doing) -> Result<(), Error> {
        match doing {
            Doing::Create | Doing::OpenAfterClose => self.open(),
            // Without threads: a publisher would seal what it finds while the writer records what was mended.
            Doing::OpenAfterCrash => {
                Process::new().open(Place::InDir.settings(), machine(&self.disk, &self.clock)).map(drop)
            }
            Doing::Record => self.record(1),
            Doing::RecordLargeDetail => {
                let large = entry(&self.clock, 9_999).detail(json!({"large": "y".repeat(70_000)}));
                let trail = self.trail().clone();
                self.model.record(&self.disk, &trail, large).map(drop)
            }
            Doing::Seal => self.trail().checkpoint_blocking().map(drop),
            Doing::Rotate => self.record_batch(2),
            Doing::Close => self.trail().close_blocking(),
        }
    }

    /// Seals all that there is. From now on the publisher does nothing before it is asked: it rests for four times as
    /// long as it worked, and here it works for an hour. So nothing happens beside what is to fail.
    fn send_the_publisher_to_rest(&mut self) {
        self.trail().checkpoint_blocking().unwrap();
        let gate = self.disk.hold(|step| step.op == Op::Lock && step.is_named("checkpoints"));
        self.record(1).unwrap();
        gate.reached();
        self.clock.advance(Duration::from_secs(3_600));
        gate.open();
        // Without asking for a checkpoint: that would wake it.
        until("all is sealed", || self.trail().counters().sealed == self.trail().len());
    }

    fn open(&mut self) -> Result<(), Error> {
        self.trail = Some(Trail::open_on(Place::InDir.settings(), machine(&self.disk, &self.clock))?);
        Ok(())
    }

    fn trail(&self) -> &Trail {
        self.trail.as_ref().expect("opened before")
    }

    fn record(&mut self, count: u64) -> Result<(), Error> {
        let trail = self.trail().clone();
        for _ in 0..count {
            self.n += 1;
            self.clock.advance(Duration::from_millis(1));
            self.model.record(&self.disk, &trail, entry(&self.clock, self.n))?;
        }
        Ok(())
    }

    fn record_batch(&mut self, count: u64) -> Result<(), Error> {
        let trail = self.trail().clone();
        self.n += count;
        let entries = (self.n - count..self.n).map(|n| entry(&self.clock, n + 1)).collect();
        self.model.record_batch(&self.disk, &trail, entries).map(drop)
    }

    /// A power cut while two entries were being written, of which one and a half reached the disk.
    fn crash_with_a_torn_tail(&mut self) {
        let live = Path::new(DIR).join("audit.jsonl");
        self.record(1).unwrap();
        self.disk.inject(Fault::when(writes_live).fail(IoErrorKind::Other, FailBut::Partly(100)));
        self.record(1).unwrap_err();
        let snapshot = self.disk.restart().snapshot();
        assert!(!snapshot.contents(&live).unwrap().ends_with(b"\n"));
        self.trail = None;
        self.disk = snapshot.restart();
    }
}

fn syncs_live(step: &Step) -> bool {
    step.op == Op::SyncData && step.is_named("audit.jsonl")
}

fn writes_live(step: &Step) -> bool {
    step.op == Op::Write && step.is_named("audit.jsonl")
}

/// A storage step: the call, and how many calls of its kind came before it. Temporary names are without their unique
/// part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct StepAt {
    op: Op,
    file: String,
    nth: u64,
}

/// The steps of doing this, in a run in which nothing fails.
fn steps(doing: Doing) -> Vec<StepAt> {
    let mut scene = Scene::before(doing);
    let before = scene.disk.calls_made();
    scene.act(doing).unwrap();
    let calls = scene.disk.calls();
    let mut seen = BTreeMap::new();
    let mut places = Vec::new();
    for Call { step, result } in &calls[before..] {
        if !step.op.changes() || result.is_err() {
            continue;
        }
        let file = lasting(&step.path);
        let nth = seen.entry((step.op, file.clone())).or_insert(0);
        places.push(StepAt { op: step.op, file, nth: *nth });
        *nth += 1;
    }
    places
}

/// The path, and for a temporary name the same in each run.
fn lasting(path: &Path) -> String {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(temporary_of);
    name.map_or_else(|| path.to_owned(), |name| path.with_file_name(format!("{name}.tmp")))
        .display()
        .to_string()
}

/// The ways in which a step can fail.
fn ways(op: Op) -> Vec<FailBut> {
    let mut ways = vec![FailBut::NotDone, FailBut::Done];
    if op == Op::Write {
        ways.extend([FailBut::Partly(1), FailBut::Partly(40)]);
    }
    if op.syncs() {
        ways.push(FailBut::Forgotten);
    }
    ways
}

/// What the caller is told, in words for the table.
fn told(result: &Result<(), Error>) -> String {
    match result {
        Ok(()) => "ok".into(),
        Err(error) => {
            format!("{:?}{}", error.kind(), if error.may_be_recorded() { ", may be recorded" } else { "" })
        }
    }
}

/// Fails each step in each way, checks the trail after it, and returns the table: file and call, what was told.
fn table(doing: Doing) -> String {
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    for step_at in steps(doing) {
        for but in ways(step_at.op) {
            let row = format!("{:?} {}", step_at.op, named(&step_at.file));
            let outcome = match fail_at(doing, &step_at, but) {
                Ok(outcome) => outcome,
                Err(problem) => panic!("{doing:?}, {step_at:?} fails ({but:?}): {problem}"),
            };
            match rows.iter_mut().find(|(known, _)| *known == row) {
                Some((_, outcomes)) if outcomes.contains(&outcome) => {}
                Some((_, outcomes)) => outcomes.push(outcome),
                None => rows.push((row, vec![outcome])),
            }
        }
    }
    rows.into_iter().map(|(row, outcomes)| format!("{row}: {}\n", outcomes.join(" | "))).collect()
}

/// The file's name within the trail, without hashes.
fn named(path: &str) -> String {
    let name = path.strip_prefix(DIR).map_or(path, |name| if name.is_empty() { "." } else { &name[1..] });
    let is_hash = |part: &str| part.len() >= 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts = name.split_inclusive(['/', '.', '-']);
    let shown = parts.map(|part| match part.strip_suffix(['/', '.', '-']).unwrap_or(part) {
        core if is_hash(core) => part.replace(core, "#"),
        _ => part.to_owned(),
    });
    shown.collect()
}

/// What the caller is told.
fn fail_at(doing: Doing, step_at: &StepAt, but: FailBut) -> Result<String, String> {
    let mut scene = Scene::before(doing);
    let (op, file) = (step_at.op, step_at.file.clone());
    let strikes = move |step: &Step| step.op == op && lasting(&step.path) == file;
    scene.disk.inject(Fault::when(strikes).skip(step_at.nth).fail(IoErrorKind::Other, but));
    let result = scene.act(doing);
    if scene.disk.has_faults() {
        return Err("this step did not come".into());
    }
    if result.is_err()
        && let Some(trail) = &scene.trail
    {
        // A trail that does not know what its disk holds takes nothing more, from any caller.
        let refused = trail.record_blocking(entry(&scene.clock, 77_777));
        match refused.map_err(|error| error.kind()) {
            Err(ErrorKind::Unavailable | ErrorKind::Closed) => {}
            other => return Err(format!("after the failure it answers {other:?}")),
        }
    }
    let told = told(&result);
    let moment = scene.disk.snapshot();
    scene.trail = None;
    for choice in moment.crash_choices(5, 0) {
        check(&moment.crash(&choice), Place::InDir, &scene.model)
            .map_err(|problem| format!("told {told}; after a power cut that leaves {choice:?}: {problem}"))?;
    }
    check(&moment.restart(), Place::InDir, &scene.model)
        .map_err(|problem| format!("told {told}; killed: {problem}"))?;
    check(&scene.disk, Place::InDir, &scene.model)
        .map_err(|problem| format!("told {told}; reopened: {problem}"))?;
    Ok(told)
}

/// Compares the table with the file that is kept of it in `testdata/faults`.
#[track_caller]
fn assert_table(doing: Doing, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/faults").join(file);
    let expected = std::fs::read_to_string(&path).unwrap();
    let table = table(doing);
    assert!(table == expected, "{doing:?}:\n{table}\nexpected, by {file}:\n{expected}");
}

#[test]
fn recording() {
    assert_table(Doing::Record, "recording.txt");
}

#[test]
fn recording_a_large_detail() {
    assert_table(Doing::RecordLargeDetail, "recording_a_large_detail.txt");
}

#[test]
fn sealing() {
    assert_table(Doing::Seal, "sealing.txt");
}

#[test]
fn rotating() {
    assert_table(Doing::Rotate, "rotating.txt");
}

#[test]
fn closing() {
    assert_table(Doing::Close, "closing.txt");
}

#[test]
fn creating() {
    assert_table(Doing::Create, "creating.txt");
}

#[test]
fn opening_after_a_close() {
    assert_table(Doing::OpenAfterClose, "opening_after_a_close.txt");
}

#[test]
fn opening_after_a_crash() {
    assert_table(Doing::OpenAfterCrash, "opening_after_a_crash.txt");
}

#[test]
fn nothing_is_signed_after_a_checkpoint_that_failed() {
    let mut scene = Scene::before(Doing::Create);
    scene.open().unwrap();
    scene.record(254).unwrap();
    scene.trail().checkpoint_blocking().unwrap();
    let disk = scene.disk.clone();
    let writes_hashes = |step: &Step| step.op == Op::Write && step.path.ends_with("tiles/0");
    let publisher = disk.hold(writes_hashes);
    disk.inject(Fault::when(writes_hashes));
    // The publisher takes the hash of entry 254 and is about to fail with it ...
    scene.record(1).unwrap();
    publisher.reached();
    // ... while the writer syncs entry 255, the last of its segment, and will want a checkpoint over both.
    let writer = disk.hold(syncs_live);
    let told = std::thread::scope(|threads| {
        let recording = threads.spawn(|| scene.record_batch(2));
        writer.reached();
        writer.open();
        publisher.open();
        recording.join().unwrap()
    });
    assert_eq!(told.map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
    assert!(!disk.has_faults());
    scene.trail = None;
    check(&disk, Place::InDir, &scene.model).unwrap();
}

#[test]
fn calls_that_are_interrupted_or_do_only_a_part_are_continued() {
    for fault in [
        Fault::on(Op::Write).forever().effect(Effect::Short(7)),
        Fault::on(Op::Read).forever().effect(Effect::Short(5)),
    ] {
        let scene = Scene::before(Doing::Create);
        scene.disk.inject(fault);
        run_all(scene);
    }
    // Opening a file is not among them: the standard library tries that again by itself.
    for op in [Op::Read, Op::Write, Op::SetBytes, Op::SyncData, Op::SyncAll, Op::SyncDir, Op::Rename] {
        let scene = Scene::before(Doing::Create);
        for skip in 0..200 {
            scene.disk.inject(Fault::on(op).skip(skip).interrupt());
        }
        run_all(scene);
    }
}

fn run_all(mut scene: Scene) {
    scene.act(Doing::Create).unwrap();
    scene.act(Doing::Record).unwrap();
    scene.act(Doing::RecordLargeDetail).unwrap();
    scene.act(Doing::Seal).unwrap();
    scene.act(Doing::Close).unwrap();
    scene.trail = None;
    scene.act(Doing::OpenAfterClose).unwrap();
    scene.trail = None;
    check(&scene.disk, Place::InDir, &scene.model).unwrap();
}

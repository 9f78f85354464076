//! On a real disk that is full, entries are refused with the reason, and no acknowledged entry is lost. When there is
//! space again, recording goes on in the same process.
//!
//! Two disks are tried, each in a process of its own and with the same checks: a small file system in memory, where the
//! machine lets us mount one, and a limit on the length of files, which needs no rights.

use std::cell::Cell;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind as IoErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use graven::audit::{AuditCategory, AuditEntry, AuditLog, AuditOutcome};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Category, Entry, Error, ErrorKind, Hash, Outcome, Settings, Trail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::patience::{Deadline, must_end};
use crate::support::plain::block_on;
use crate::support::{another_process, assert_intact};

/// Names the folder to the other process.
const FOLDER: &str = "GRAVEN_TEST_FULL_DISK";
/// Tells it that the folder is on a small file system of its own.
const MOUNTED: &str = "GRAVEN_TEST_FULL_DISK_MOUNTED";

/// Mounts a small file system over its first argument and becomes the command behind it.
const MOUNT: &str = r#"mount -t tmpfs -o size=1m,mode=700 graven "$0" && exec "$@""#;
/// Ignores the signal that ends a process whose file may not grow: then the write fails instead.
const IGNORE: &str = r#"trap '' XFSZ && exec "$@""#;

#[test]
fn a_full_file_system_loses_nothing_and_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut mount = Command::new("unshare");
    mount.args(["-rm", "sh", "-c", MOUNT]).arg(folder.path());
    let may_mount = {
        let probe =
            Command::new("unshare").args(["-rm", "sh", "-c", MOUNT]).arg(folder.path()).arg("true").output();
        probe.is_ok_and(|probe| probe.status.success())
    };
    if may_mount {
        let said = in_another_process(mount.env(MOUNTED, ""), folder.path());
        assert!(said.contains("FULL: a file system"), "{said}");
    } else {
        eprintln!("no file system may be mounted here: a limit on the length of files stands in for it");
        limited();
    }
}

#[test]
fn files_that_may_not_grow_lose_nothing_and_end_nothing() {
    limited();
}

fn limited() {
    let folder = tempfile::tempdir().unwrap();
    let said = in_another_process(Command::new("sh").args(["-c", IGNORE, "sh"]), folder.path());
    assert!(said.contains("FULL: a limit"), "{said}");
}

/// Runs the test below under a command; what it printed.
fn in_another_process(command: &mut Command, folder: &Path) -> String {
    another_process::again_under(command, "real_full_disk::in_the_other_process", FOLDER, folder)
}

/// Not a test by itself: what happens in the other process.
#[test]
fn in_the_other_process() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    must_end();
    let space = match std::env::var_os(MOUNTED) {
        Some(_) => Space::FileSystem { ballast: folder.join("ballast") },
        None => Space::Limit,
    };
    a_trail(&folder.join("trail"), &space);
    an_audit_log(&folder.join("audit.log"), &space);
    match space {
        Space::FileSystem { .. } => eprintln!("FULL: a file system"),
        Space::Limit => eprintln!("FULL: a limit"),
    }
}

/// What can run out.
enum Space {
    /// A file system of 1 MiB, and a file that takes up its space.
    FileSystem { ballast: PathBuf },
    /// A limit on the length of this process's files.
    Limit,
}

impl Space {
    /// Leaves `room` bytes for this file to grow, or a little more.
    fn fill(&self, file: &Path, room: u64) {
        match self {
            Space::FileSystem { ballast } => {
                let mut ballast = OpenOptions::new().create(true).append(true).open(ballast).unwrap();
                let full = loop {
                    if let Err(error) = ballast.write_all(&[0; 4096]) {
                        break error;
                    }
                };
                assert_eq!(full.kind(), IoErrorKind::StorageFull);
                let bytes = ballast.metadata().unwrap().len();
                ballast.set_len(bytes.saturating_sub(room)).unwrap();
            }
            Space::Limit => limit(Some(fs::metadata(file).unwrap().len() + room)),
        }
    }

    fn free(&self) {
        match self {
            Space::FileSystem { ballast } => fs::remove_file(ballast).unwrap(),
            Space::Limit => limit(None),
        }
    }

    /// Whether an error names this as its cause.
    fn is_named_by(&self, text: &str) -> bool {
        match self {
            Space::FileSystem { .. } => text.contains("No space left on device"),
            Space::Limit => text.contains("File too large"),
        }
    }
}

fn limit(bytes: Option<u64>) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum }).unwrap();
}

/// A trail, and all that it has acknowledged.
struct Recorder {
    dir: PathBuf,
    acknowledged: Vec<(u64, String, Hash)>,
    n: u64,
}

impl Recorder {
    fn open(&self) -> Result<Trail, Error> {
        // Small segments, so that the space may run out in a rotation.
        Trail::open(Settings::new(&self.dir).segment_bytes(30_000))
    }

    fn record(&mut self, trail: &Trail) -> Result<(), Error> {
        self.n += 1;
        let detail = "x".repeat((self.n * 37 % 500) as usize);
        let entry =
            Entry::new(Category::ToolExecution, format!("tool:{}", self.n), Outcome::Success).detail(detail);
        let receipt = trail.record_blocking(entry)?;
        self.acknowledged.push((receipt.index, receipt.id, receipt.leaf_hash));
        Ok(())
    }

    /// Records until an entry is refused; the error.
    fn record_until_refused(&mut self, trail: &Trail) -> Error {
        for _ in 0..10_000 {
            if let Err(error) = self.record(trail) {
                return error;
            }
        }
        panic!("the disk never ran full");
    }

    fn assert_nothing_is_lost(&self, trail: &Trail) {
        let mut records = trail.entries(..).unwrap().map(Result::unwrap);
        for (index, id, leaf_hash) in &self.acknowledged {
            let record = records.find(|record| record.index == *index).unwrap();
            assert_eq!(record.leaf_hash(), *leaf_hash, "entry {index}");
            assert_eq!(record.entry().unwrap().id.as_ref(), Some(id));
        }
    }
}

/// Full again and again, with a little room or none.
fn a_trail(dir: &Path, space: &Space) {
    let mut recorder = Recorder { dir: dir.to_owned(), acknowledged: Vec::new(), n: 0 };
    let layout = Layout::in_dir(dir);
    let mut trail = recorder.open().unwrap();
    (0..20).for_each(|_| recorder.record(&trail).unwrap());
    for room in [0, 1, 250, 4_096, 40_000, 0] {
        space.fill(layout.live(), room);
        let refused = recorder.record_until_refused(&trail);
        assert_unavailable(&refused, dir, space);
        assert_unavailable(&trail.poisoned().expect("it says why"), dir, space);
        assert_unavailable(&recorder.record(&trail).unwrap_err(), dir, space);
        // Opening it without space may succeed, but recording will not.
        for _ in 0..2 {
            match recorder.open() {
                Ok(again) => assert_unavailable(&recorder.record_until_refused(&again), dir, space),
                Err(error) => assert_unavailable(&error, dir, space),
            }
        }
        space.free();
        // The old handle is still there.
        let again = recorder.open().unwrap();
        recorder.record(&again).unwrap();
        recorder.assert_nothing_is_lost(&again);
        trail = again;
    }
    trail.close_blocking().unwrap();
    assert_intact(&layout);
    recorder.assert_nothing_is_lost(&recorder.open().unwrap());
}

#[track_caller]
fn assert_unavailable(error: &Error, at: &Path, space: &Space) {
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    let said = error.chain();
    assert!(said.contains(&*at.to_string_lossy()) && space.is_named_by(&said), "{said}");
}

/// Each a little later than the last.
fn audit_entry(n: i64) -> AuditEntry {
    AuditEntry {
        id: n.to_string(),
        timestamp: chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::milliseconds(n),
        category: AuditCategory::Session,
        action: "load".to_owned(),
        principal: None,
        outcome: AuditOutcome::Success,
        detail: None,
        duration_ms: None,
    }
}

/// The log opens its trail again by itself.
fn an_audit_log(path: &Path, space: &Space) {
    let log = AuditLog::new(10_000, Some(path.to_owned()));
    let (n, mut acknowledged, mut untold) = (Cell::new(0), Vec::new(), Vec::new());
    let next = || {
        n.set(n.get() + 1);
        audit_entry(n.get())
    };
    for room in [0, 700, 5_000] {
        let mut try_next = || {
            let entry = next();
            let id = entry.id.clone();
            block_on(log.try_record(entry)).map(|_| acknowledged.push(id))
        };
        (0..10).for_each(|_| try_next().unwrap());
        space.fill(path, room);
        let failures = log.failures();
        let refused = (0..10_000).find_map(|_| try_next().err()).expect("the disk runs full");
        assert_unavailable(&refused, path, space);
        for _ in 0..3 {
            let entry = next();
            untold.push(entry.id.clone());
            block_on(log.record(entry));
        }
        assert!(log.failures() > failures + 1, "those that nobody was told of are counted");
        space.free();
        let deadline = Deadline::new("it records again, as there is space");
        while try_next().is_err() {
            deadline.check();
            // The log waits a while after each failure before it tries again. Not needed for the result.
            thread::sleep(Duration::from_millis(20));
        }
    }
    // Entries that failed are in memory all the same.
    let recent = block_on(log.recent(usize::MAX));
    assert!(untold.iter().all(|id| recent.iter().any(|entry| entry.id == *id)));
    drop(log);
    assert_intact(&Layout::beside_live(path));
    let (mut stored, mut dropped) = (Vec::new(), 0);
    for record in Reader::open(path).unwrap().entries(..).unwrap() {
        let entry = record.unwrap().entry().unwrap();
        if entry.action == "trail.gap" {
            let detail: serde_json::Value = serde_json::from_str(entry.detail.unwrap().as_str()).unwrap();
            dropped += detail["dropped"].as_u64().unwrap();
        }
        stored.extend(entry.id);
    }
    for id in &acknowledged {
        assert_eq!(stored.iter().filter(|stored| *stored == id).count(), 1, "{id} was acknowledged");
    }
    // Each entry whose failure nobody was told of is there or counted in a gap.
    let there = untold.iter().filter(|id| stored.contains(id)).count() as u64;
    assert!(there + dropped >= untold.len() as u64, "{there} there, {dropped} in gaps of {}", untold.len());
}

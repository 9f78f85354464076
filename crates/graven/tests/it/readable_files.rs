//! Who owns the files of a trail, and who may read them.

use std::path::Path;
use std::sync::Arc;

use graven::clock::sim::SimClock;
use graven::disk::sim::{FailBut, Fault, Op, SimDisk};
use graven::disk::{Access, Disk, Kind, OsDisk};
use graven::{Category, Entry, Error, ErrorKind, Machine, Outcome, Settings, Trail, durable};

const DIR: &str = "/trail";

fn machine(disk: &SimDisk) -> Machine {
    Machine { disk: Arc::new(disk.clone()), clock: Arc::new(SimClock::new(1)) }
}

/// Opens the trail, makes a file of each kind in it, and closes it.
fn used(disk: &SimDisk, settings: Settings) -> Result<(), Error> {
    let trail = Trail::open_on(settings.segment_bytes(10_000), machine(disk))?;
    let large = serde_json::json!({"large": "x".repeat(70_000)});
    trail.record_blocking(Entry::new(Category::Api, "GET /", Outcome::Success).detail(large))?;
    for _ in 0..3 {
        let entries = (0..256).map(|_| Entry::new(Category::Api, "GET /", Outcome::Success)).collect();
        trail.record_batch_blocking(entries)?;
    }
    trail.close_blocking()
}

fn access(disk: &SimDisk, path: &Path) -> Access {
    disk.metadata(path).unwrap().access
}

/// Each file and directory of the trail.
fn all(disk: &SimDisk) -> Vec<(String, Kind, Access)> {
    let mut dirs = vec![Path::new(DIR).to_owned()];
    let mut all = Vec::new();
    while let Some(dir) = dirs.pop() {
        for entry in disk.read_dir(&dir).unwrap() {
            let path = dir.join(&entry.name);
            let name = path.strip_prefix(DIR).unwrap().display().to_string();
            all.push((name, entry.metadata.kind, entry.metadata.access));
            if entry.metadata.kind == Kind::Dir {
                dirs.push(path);
            }
        }
    }
    assert!(all.len() > 20, "{all:?}");
    all
}

fn is_private(name: &str) -> bool {
    name.starts_with("keys") || name == "settings.json" || name == "LOCK"
}

#[track_caller]
fn readable(disk: &SimDisk, file: u32, dir: u32, group: u32) {
    for (name, kind, access) in all(disk) {
        let mode = match (is_private(&name), kind) {
            (true, Kind::Dir) => 0o700,
            (true, _) => 0o600,
            (false, Kind::Dir) => dir,
            (false, _) => file,
        };
        assert_eq!(access.mode, mode, "{name} {:o}", access.mode);
        let group = if is_private(&name) { 1_000 } else { group };
        assert_eq!((access.owner, access.group), (1_000, group), "{name}");
    }
    assert_eq!(access(disk, DIR.as_ref()).mode & dir, dir);
}

#[test]
fn a_group_that_ships_logs_reads_everything_but_the_keys() {
    let disk = SimDisk::new();
    used(&disk, Settings::new(DIR).file_mode(0o640).group(77)).unwrap();
    readable(&disk, 0o640, 0o750, 77);
    // A later opening that does not say it makes its files in the same way.
    used(&disk, Settings::new(DIR)).unwrap();
    readable(&disk, 0o640, 0o750, 77);
}

#[test]
fn a_trail_that_is_there_becomes_readable_and_private_again() {
    let disk = SimDisk::new();
    used(&disk, Settings::new(DIR)).unwrap();
    readable(&disk, 0o600, 0o700, 1_000);
    used(&disk, Settings::new(DIR).file_mode(0o644)).unwrap();
    readable(&disk, 0o644, 0o755, 1_000);
    used(&disk, Settings::new(DIR).file_mode(0o600)).unwrap();
    readable(&disk, 0o600, 0o700, 1_000);
}

#[test]
fn a_change_that_was_cut_short_is_done_by_the_next_opening_that_asks_for_it() {
    let disk = SimDisk::new();
    used(&disk, Settings::new(DIR)).unwrap();
    let fault = Fault::when(|step| step.op == Op::SetAccess && step.is_named("closed"));
    disk.inject(fault.fail(std::io::ErrorKind::Other, FailBut::NotDone));
    let asked = || Settings::new(DIR).file_mode(0o640);
    assert_eq!(used(&disk, asked()).unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(!disk.has_faults());
    used(&disk, asked()).unwrap();
    readable(&disk, 0o640, 0o750, 1_000);
}

#[test]
fn others_never_write() {
    for mode in [0o660, 0o666, 0o700, 0o640 | 0o4000, 0o040, 0o645] {
        let disk = SimDisk::new();
        let error = used(&disk, Settings::new(DIR).file_mode(mode)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{mode:o}");
    }
}

#[test]
fn a_group_that_may_not_be_given_is_an_error_only_for_the_caller_who_asks_for_it() {
    let disk = SimDisk::new();
    used(&disk, Settings::new(DIR).file_mode(0o640).group(77)).unwrap();
    let denied =
        || Fault::on(Op::SetAccess).forever().fail(std::io::ErrorKind::PermissionDenied, FailBut::NotDone);
    disk.inject(denied());
    used(&disk, Settings::new(DIR)).unwrap();
    assert_eq!(
        access(&disk, Path::new("/trail/closed")).mode,
        0o600,
        "private rather than for the wrong group"
    );
    let error = used(&disk, Settings::new(DIR).file_mode(0o644).group(78)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

/// Only root can give files away, so this is tried only where the tests run as root.
#[test]
fn what_root_makes_belongs_to_the_owner_of_the_trails_directory() {
    use std::os::unix::fs::{MetadataExt, chown};

    fn give(dir: &Path, owner: u32) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            chown(&path, Some(owner), Some(owner)).unwrap();
            if path.is_dir() {
                give(&path, owner);
            }
        }
        chown(dir, Some(owner), Some(owner)).unwrap();
    }
    fn check(dir: &Path, owner: u32) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let found = std::fs::metadata(&path).unwrap();
            assert_eq!((found.uid(), found.gid()), (owner, owner), "{}", path.display());
            if path.is_dir() {
                check(&path, owner);
            }
        }
    }

    if OsDisk.user() != 0 {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    let open = || Trail::open(Settings::new(&dir).segment_bytes(10_000)).unwrap();
    drop(open());
    give(&dir, 65_534);
    std::fs::remove_file(dir.join("keys/redaction")).unwrap();
    std::fs::remove_dir_all(dir.join("tiles")).unwrap();
    let trail = open();
    let large = serde_json::json!({"large": "x".repeat(70_000)});
    trail.record_blocking(Entry::new(Category::Api, "GET /", Outcome::Success).detail(large)).unwrap();
    for _ in 0..3 {
        let entries = (0..256).map(|_| Entry::new(Category::Api, "GET /", Outcome::Success)).collect();
        trail.record_batch_blocking(entries).unwrap();
    }
    trail.close_blocking().unwrap();
    drop(trail);
    check(&dir, 65_534);
    assert!(durable::exists(&OsDisk, &dir.join("tiles/0")).unwrap());
}

//! What cannot be looked at is not taken for absent or damaged: no trail is made anew over one that is there, no key
//! is replaced, and nothing that was derived is lost by making it again.

use std::io::ErrorKind as IoErrorKind;
use std::path::{Path, PathBuf};

use graven::clock::sim::SimClock;
use graven::disk::Disk;
use graven::disk::sim::{FailBut, Fault, Op, SimDisk, Step};
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;
use graven::{Error, ErrorKind, Settings, Trail, WhenFull};
use graven_core::verdict::Verdict;

use crate::support::model::{DIR, Place, entry, lines, machine};

fn open(disk: &SimDisk, clock: &SimClock) -> Result<Trail, Error> {
    Trail::open_on(Place::InDir.settings(), machine(disk, clock))
}

/// A closed trail with this number of entries.
fn closed_with(entries: u64) -> (SimDisk, SimClock) {
    let (disk, clock) = (Place::InDir.disk(), SimClock::new(1));
    let trail = open(&disk, &clock).unwrap();
    trail.record_batch_blocking((0..entries).map(|n| entry(&clock, n)).collect()).unwrap();
    trail.close_blocking().unwrap();
    (disk, clock)
}

fn verdict(disk: &SimDisk) -> Verdict {
    let machine = machine(disk, &SimClock::new(0));
    fsck::verify(&machine, &Layout::in_dir(DIR), &VerifyOptions::default(), &|_, _| {}).unwrap().verdict
}

fn on(op: Op, name: &'static str) -> impl Fn(&Step) -> bool + Send + Sync + 'static {
    let path: PathBuf = Path::new(DIR).join(name);
    move |step| step.op == op && step.path == path
}

fn fails(op: Op, name: &'static str) -> Fault {
    Fault::when(on(op, name)).fail(IoErrorKind::Other, FailBut::NotDone)
}

#[test]
fn a_trail_whose_graven_json_cannot_be_looked_at_is_not_made_anew() {
    let (disk, clock) = (Place::InDir.disk(), SimClock::new(1));
    let trail = open(&disk, &clock).unwrap();
    // Acknowledged, and under no checkpoint yet: nothing else says that there is a trail.
    let publisher = disk.hold(|step: &Step| step.op == Op::Create && step.is_new("checkpoint"));
    let receipt = trail.record_blocking(entry(&clock, 1)).unwrap();
    let moment = disk.snapshot();
    drop(publisher);
    drop(trail);
    let disk = moment.restart();
    disk.inject(fails(Op::Metadata, "graven.json").forever());
    assert_eq!(open(&disk, &clock).unwrap_err().kind(), ErrorKind::Unavailable);
    disk.heal();
    let trail = open(&disk, &clock).unwrap();
    assert_eq!(trail.receipt_blocking(0).unwrap(), receipt);
    assert_eq!(lines(&disk, Place::InDir).unwrap().len(), 2, "the entry, and trail.recovered");
}

#[test]
fn what_cannot_be_read_is_unavailable_and_not_damaged() {
    for (op, name) in [
        (Op::Metadata, "graven.json"),
        (Op::Metadata, "audit.jsonl"),
        (Op::ReadDir, "segments"),
        (Op::ReadDir, "checkpoints"),
        (Op::Open, "checkpoint"),
        (Op::Open, "closed"),
    ] {
        let (disk, clock) = closed_with(3);
        // Each look fails, also the first, which asks what kind of file the live file is.
        disk.inject(fails(op, name).forever());
        let error = open(&disk, &clock).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{op:?} {name}: {}", error.chain());
        disk.heal();
        assert_eq!(verdict(&disk), Verdict::Intact, "{op:?} {name}");
        open(&disk, &clock).unwrap();
    }
}

#[test]
fn a_verifier_names_what_it_cannot_read() {
    for (op, name) in [
        (Op::Open, "graven.json"),
        (Op::ReadDir, "segments"),
        (Op::ReadDir, "checkpoints"),
        (Op::Open, "checkpoint"),
        (Op::Read, "audit.jsonl"),
        (Op::Open, "tiles/0"),
        (Op::Open, "LOCK"),
    ] {
        let (disk, clock) = closed_with(3);
        disk.inject(fails(op, name).forever());
        let layout = Layout::in_dir(DIR);
        let error = fsck::verify(&machine(&disk, &clock), &layout, &VerifyOptions::default(), &|_, _| {});
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
        assert!(error.chain().contains(&format!("{DIR}/{name}: ")), "{op:?} {name}: {}", error.chain());
    }
}

#[test]
fn settings_that_cannot_be_read_are_not_those_of_the_default() {
    let (disk, clock) = (Place::InDir.disk(), SimClock::new(1));
    let drops = || Place::InDir.settings().when_full(WhenFull::Drop);
    Trail::open_on(drops(), machine(&disk, &clock)).unwrap().close_blocking().unwrap();
    disk.inject(fails(Op::Open, "settings.json").forever());
    let error = Trail::open_on(drops(), machine(&disk, &clock)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
    disk.heal();
    let trail = Trail::open_on(drops(), machine(&disk, &clock)).unwrap();
    assert!(trail.is_empty(), "nothing has changed, and nobody says so: {:?}", trail.recent(1));
}

#[test]
fn a_key_elsewhere_that_cannot_be_looked_at_is_not_replaced() {
    let (disk, clock) = (Place::InDir.disk(), SimClock::new(1));
    let settings = |dir: &str| Settings::new(dir).signing_key("/var/audit.key").origin(dir);
    let _first = Trail::open_on(settings("/var/one"), machine(&disk, &clock)).unwrap();
    let key = disk.contents("/var/audit.key").unwrap();
    let fault = Fault::when(|step| step.op == Op::Metadata && step.is_named("audit.key"));
    disk.inject(fault.fail(IoErrorKind::Other, FailBut::NotDone));
    let second = Trail::open_on(settings("/var/two"), machine(&disk, &clock));
    assert_eq!(second.unwrap_err().kind(), ErrorKind::Unavailable);
    let _second = Trail::open_on(settings("/var/two"), machine(&disk, &clock)).unwrap();
    assert_eq!(disk.contents("/var/audit.key").unwrap(), key);
}

#[test]
fn tiles_made_again_survive_a_kill_before_their_names_were_synced() {
    let (disk, clock) = closed_with(3);
    disk.remove_file(Layout::in_dir(DIR).level(0).as_path()).unwrap();
    disk.sync_dir(Layout::in_dir(DIR).tiles().as_path()).unwrap();
    // Killed when the new file had its name and the directory was not synced: the next opening finds nothing to make.
    disk.inject(fails(Op::SyncDir, "tiles").skip(1).forever());
    open(&disk, &clock).unwrap_err();
    let disk = disk.restart();
    open(&disk, &clock).unwrap().checkpoint_blocking().unwrap();
    let snapshot = disk.snapshot();
    let after = snapshot.crash(&snapshot.crash_choice_nothing());
    assert!(!verdict(&after).accuses(), "{}", verdict(&after));
}

#[test]
fn tiles_that_could_not_be_read_are_not_lost_when_making_them_again_fails() {
    let (disk, clock) = closed_with(3);
    disk.inject(fails(Op::Open, "tiles/0"));
    let writes = |step: &Step| step.op == Op::Write && step.path.starts_with(Path::new(DIR).join("tiles"));
    disk.inject(Fault::when(writes).fail(IoErrorKind::Other, FailBut::Partly(40)));
    open(&disk, &clock).unwrap_err();
    assert!(!disk.has_faults());
    assert_eq!(verdict(&disk), Verdict::Intact);
    for choice in disk.snapshot().crash_choices(50, 1) {
        assert_eq!(verdict(&disk.crash(&choice)), Verdict::Intact, "{choice:?}");
    }
}

#[test]
fn a_trail_without_tiles_opens_also_in_the_middle_of_a_rotation() {
    let (disk, clock) = (Place::InDir.disk(), SimClock::new(1));
    let trail = open(&disk, &clock).unwrap();
    disk.inject(fails(Op::Create, "audit.jsonl"));
    trail.record_batch_blocking((0..300).map(|n| entry(&clock, n)).collect()).unwrap_err();
    assert!(disk.contents(Path::new(DIR).join("audit.jsonl")).is_err(), "between two live files");
    drop(trail);
    let disk = disk.restart();
    for level in 0..2 {
        disk.remove_file(Layout::in_dir(DIR).level(level).as_path()).unwrap();
    }
    let trail = open(&disk, &clock).unwrap();
    assert_eq!(trail.len(), 256);
    trail.close_blocking().unwrap();
    assert_eq!(verdict(&disk), Verdict::Intact);
}

#[test]
fn a_trail_without_the_directory_of_its_tiles_opens_whatever_its_size() {
    for entries in [0, 3] {
        let (disk, clock) = closed_with(entries);
        disk.rename(Layout::in_dir(DIR).tiles().as_path(), Path::new("/var/old")).unwrap();
        let trail = open(&disk, &clock).unwrap();
        trail.record_blocking(entry(&clock, 9)).unwrap();
        trail.close_blocking().unwrap();
        assert_eq!(verdict(&disk), Verdict::Intact);
    }
}

#[test]
fn a_creation_that_was_cut_short_goes_on_with_its_key() {
    let (disk, clock) = (Place::InDir.disk(), SimClock::new(1));
    // Somebody may have seen the trail with this key before a power cut took its `graven.json` away.
    disk.inject(Fault::when(|step| step.op == Op::Rename && step.is_new("graven.json")));
    open(&disk, &clock).unwrap_err();
    let key = disk.contents(Layout::in_dir(DIR).signing_key()).unwrap();
    let trail = open(&disk, &clock).unwrap();
    assert_eq!(disk.contents(Layout::in_dir(DIR).signing_key()).unwrap(), key);
    assert!(String::from_utf8(key).unwrap().contains(trail.verifier_key().name()));
}

//! What a trail claims costs nothing: all work is bounded by what is there, and grows with it and no faster. Counted on
//! the simulated disk, not timed.

use std::path::Path;

use graven::clock::Clock;
use graven::clock::sim::SimClock;
use graven::disk::Disk;
use graven::disk::sim::{Op, SimDisk};
use graven::durable;
use graven::export;
use graven::fsck::{self, Report, VerifyOptions};
use graven::layout::Layout;
use graven::prove;
use graven::reader::Reader;
use graven::{Category, Entry, Outcome, Trail};
use graven_core::checkpoint::Checkpoint;
use graven_core::entry::Phase;
use graven_core::hash::{Hash, leaf_hash};
use graven_core::note::SigningKey;
use graven_core::tree::Tree;
use graven_core::verdict::Verdict;

use crate::support::model::{DIR, Place, entry, machine};
use crate::support::patience::must_end;

/// What was asked of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Work {
    calls: u64,
    bytes: u64,
}

impl Work {
    /// What `act` asks of the disk, and what comes of it.
    fn of<T>(disk: &SimDisk, act: impl FnOnce() -> T) -> (Work, T) {
        must_end();
        let before = disk.calls_made();
        let outcome = act();
        let calls = disk.calls().split_off(before);
        let reads = calls.iter().filter(|call| call.step.op == Op::Read);
        let bytes = reads.filter_map(|call| call.result.as_ref().ok()).sum();
        (Work { calls: calls.len() as u64, bytes }, outcome)
    }

    /// That this is at most `times` as much as another, with room for what any look costs.
    #[track_caller]
    fn is_at_most(self, times: f64, other: Work, what: &str) {
        let most = |count: u64, room: f64| count as f64 * times + room;
        let calls = self.calls as f64 <= most(other.calls, 200.0);
        let bytes = self.bytes as f64 <= most(other.bytes, 2e6);
        assert!(calls && bytes, "{what}: {self:?}, more than {times} times {other:?}");
    }
}

fn path(name: &str) -> std::path::PathBuf {
    Path::new(DIR).join(name)
}

fn put(disk: &SimDisk, name: &str, bytes: &[u8]) {
    durable::write_whole(disk, &path(name), bytes).unwrap();
}

/// A closed trail with this number of entries.
fn closed_with(entries: u64) -> SimDisk {
    let (disk, clock) = (Place::InDir.disk(), SimClock::new(1));
    let trail = Trail::open_on(Place::InDir.settings(), machine(&disk, &clock)).unwrap();
    trail.record_batch_blocking((0..entries).map(|n| entry(&clock, n)).collect()).unwrap();
    trail.close_blocking().unwrap();
    disk.remove_file(&path("closed")).unwrap();
    disk
}

fn verify(disk: &SimDisk) -> Report {
    let machine = machine(disk, &SimClock::new(0));
    fsck::verify(&machine, &Layout::in_dir(DIR), &VerifyOptions::default(), &|_, _| {}).unwrap()
}

fn key(disk: &SimDisk) -> SigningKey {
    let secret = String::from_utf8(disk.contents(path("keys/signing")).unwrap()).unwrap();
    SigningKey::parse(secret.trim_end()).unwrap()
}

/// Puts a checkpoint there that the trail's own key signed for any number of entries.
fn claim(disk: &SimDisk, size: u64, root: Hash) {
    let key = key(disk);
    let head = Checkpoint { origin: key.name().to_owned(), size, root, extensions: Vec::new() };
    put(disk, "checkpoint", head.sign(&key).to_string().as_bytes());
}

/// Everything that reads a trail, and is expected to be refused what is not there.
fn use_it(disk: &SimDisk) {
    let machine = machine(disk, &SimClock::new(9));
    let reader = Reader::open_on(&machine, Layout::in_dir(DIR)).unwrap();
    let (_, note) = reader.checkpoint().unwrap();
    prove::prove(&reader, 0, &note).unwrap_err();
    reader.stats().unwrap();
    reader.tally(&mut |_| ()).unwrap();
    export::export_tiles(&reader, Path::new("/var/log")).unwrap_err();
    export::copy_trail(&reader, Path::new("/var/copy"), Default::default()).unwrap_err();
    Trail::open_on(Place::InDir.settings(), machine.clone()).unwrap_err();
    Trail::repair_on(Place::InDir.settings(), machine).unwrap_err();
}

const SIZES: [u64; 8] =
    [10_001, 1_000_000_000, 59 << 24, u32::MAX as u64 + 7, 1 << 40, (1 << 62) + 12_345, 1 << 63, u64::MAX];

#[test]
fn a_checkpoint_for_any_number_of_entries_costs_no_more_than_the_trail() {
    let honest = closed_with(1_000);
    let (look, report) = Work::of(&honest, || verify(&honest));
    assert_eq!(report.verdict, Verdict::Intact);
    for size in SIZES {
        let disk = honest.snapshot().restart();
        claim(&disk, size, leaf_hash(b"no root of these entries"));
        let (work, report) = Work::of(&disk, || verify(&disk));
        // Two looks, and each of them reads the entries again to say which are missing.
        work.is_at_most(4.0, look, &format!("verify, {size} entries"));
        assert_eq!((report.exit_code(), report.sealed), (1, size), "{:?}", report.findings);
        let (work, ()) = Work::of(&disk, || use_it(&disk));
        work.is_at_most(40.0, look, &format!("the others, {size} entries"));
    }
}

/// The topmost hashes fit the signed root, and nothing below them is there.
#[test]
fn hashes_that_vouch_for_entries_that_are_not_there_cost_nothing() {
    let honest = closed_with(1_000);
    let (look, _) = Work::of(&honest, || verify(&honest));
    for level in 1..8_u32 {
        let disk = honest.snapshot().restart();
        let hashes: Vec<Hash> = (0..48_u8).map(|number| leaf_hash(&[number])).collect();
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
        put(&disk, &format!("tiles/{level}"), &bytes);
        claim(&disk, 48 << (8 * level), Tree::from_iter(hashes).root());
        let (work, report) = Work::of(&disk, || verify(&disk));
        work.is_at_most(4.0, look, &format!("level {level}"));
        assert_eq!(report.exit_code(), 1, "{:?}", report.findings);
        assert!(report.findings.len() < 100, "{}", report.findings.len());
        let missing = report.findings.iter().any(|finding| finding.last == Some((48 << (8 * level)) - 1));
        assert!(missing, "level {level}: {:?}", report.findings);
    }
}

#[test]
fn many_names_in_checkpoints_and_segments_are_each_looked_at_once() {
    let look = |count: u64| {
        let disk = closed_with(2_000);
        let note = disk.contents(path("checkpoints/256")).unwrap();
        for number in 0..count {
            put(&disk, &format!("checkpoints/{}", (number + 100) * 256), &note);
            put(&disk, &format!("segments/{:020}.jsonl", (number + 100) * 256), b"x\n");
        }
        // All entries in one segment: many strangers ask how many lines it has.
        let mut log = Vec::new();
        for name in disk.files().iter().filter(|name| name.extension().is_some_and(|e| e == "jsonl")) {
            log.extend(disk.contents(name).unwrap());
        }
        put(&disk, "segments/00000000000000000000.jsonl", &log);
        let (work, report) = Work::of(&disk, || verify(&disk));
        assert_eq!(report.exit_code(), 1);
        work
    };
    let (few, many) = (look(500), look(1_000));
    many.is_at_most(2.1, few, "twice as many names");
}

/// A line names one blob, whatever its texts hold; and a blob is read once, however many lines name it.
#[test]
fn a_blob_that_many_lines_name_is_read_once() {
    let with = |lines: u64| {
        let (disk, clock) = (Place::InDir.disk(), SimClock::new(1));
        let trail = Trail::open_on(Place::InDir.settings(), machine(&disk, &clock)).unwrap();
        let large = "x".repeat(1 << 20);
        let with_blob = |n| Entry::new(Category::Api, format!("GET /{n}"), Outcome::Success).detail(&large);
        trail.record_batch_blocking((0..lines).map(with_blob).collect()).unwrap();
        trail.close_blocking().unwrap();
        let (work, report) = Work::of(&disk, || verify(&disk));
        assert_eq!(report.verdict, Verdict::Intact);
        work
    };
    let (few, many) = (with(4), with(60));
    // Each thread may be at it at once, hence the room.
    assert!(many.bytes <= few.bytes + (4 << 20), "{few:?}, {many:?}");
}

/// Beside 10,000 candidates for the combination that fits, a few damaged hashes make no search without end.
#[test]
fn damaged_hashes_are_not_combined_without_end() {
    let disk = closed_with(1_000);
    let good = disk.contents(path("tiles/1")).unwrap();
    let (look, _) = Work::of(&disk, || verify(&disk));
    let mut tiles = disk.contents(path("tiles/0")).unwrap();
    for tile in 0..3 {
        tiles[tile * 8_192] ^= 1;
    }
    put(&disk, "tiles/0", &tiles);
    put(&disk, "tiles/1", &good.iter().map(|byte| byte ^ 1).collect::<Vec<u8>>());
    let mut log = disk.contents(path("audit.jsonl")).unwrap();
    let end = log.len();
    log[end - 20] ^= 1;
    put(&disk, "audit.jsonl", &log);
    let (work, report) = Work::of(&disk, || verify(&disk));
    work.is_at_most(4.0, look, "damaged hashes");
    assert_eq!(report.exit_code(), 1);
}

#[test]
fn a_reader_that_asks_again_reads_the_end_once() {
    let disk = closed_with(10);
    let mut log = disk.contents(path("audit.jsonl")).unwrap();
    log.resize(log.len() + (20 << 20), b'x');
    put(&disk, "audit.jsonl", &log);
    let reader = Reader::open_on(&machine(&disk, &SimClock::new(0)), Layout::in_dir(DIR)).unwrap();
    let mut follow = reader.follow(10);
    let (first, _) = Work::of(&disk, || follow.poll().unwrap());
    let (later, _) = Work::of(&disk, || (0..10).for_each(|_| assert!(follow.poll().unwrap().is_empty())));
    assert!(first.bytes >= 20 << 20, "{first:?}");
    assert!(later.bytes <= first.bytes, "{later:?}, {first:?}");
}

#[test]
fn pending_intents_are_found_in_one_further_pass() {
    let with = |intents: u64| {
        let (disk, clock) = (Place::InDir.disk(), SimClock::new(1));
        let trail = Trail::open_on(Place::InDir.settings(), machine(&disk, &clock)).unwrap();
        let intent = |n| {
            let entry = Entry::new(Category::Api, "act", Outcome::Pending).phase(Phase::Intent);
            entry.id(format!("intent-{n}")).timestamp(clock.now())
        };
        trail.record_batch_blocking((0..intents).map(intent).collect()).unwrap();
        trail.close_blocking().unwrap();
        let machine = machine(&disk, &SimClock::new(0));
        let reader = Reader::open_on(&machine, Layout::in_dir(DIR)).unwrap();
        let (work, pending) = Work::of(&disk, || reader.pending(&mut |_| ()).unwrap());
        assert_eq!(pending.len() as u64, intents);
        work
    };
    with(800).is_at_most(2.1, with(400), "twice as many intents");
}

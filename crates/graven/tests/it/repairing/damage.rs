//! Trails that opening refuses: because of what is past the newest signed head, or because of what is under it.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};

use graven::clock::sim::SimClock;
use graven::disk::sim::{Op, SimDisk, Step};
use graven::disk::{Disk, Open};
use graven::{Entry, Settings, Trail, durable};

use crate::support::model::{DIR, Place, entry, lines, machine};

/// Segments so small that 256 entries fill one.
pub(super) fn settings() -> Settings {
    Place::InDir.settings()
}

/// A trail that a repair puts in order.
pub(super) struct Damaged {
    pub(super) disk: SimDisk,
    /// The lines that a repair keeps.
    pub(super) kept: Vec<Vec<u8>>,
    /// The bytes that it cuts.
    pub(super) torn: Vec<u8>,
    /// How many of the lines no checkpoint covers that a repair begins at.
    pub(super) unsealed: u64,
}

/// What is wrong past the newest signed head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Past {
    /// More bytes than one group, and none of them a line.
    Garbage,
    /// A line far before the end that is none any more.
    DamagedLine,
    /// One entry more than there were when the trail was closed.
    LineAfterTheClose,
    /// The beginning of a line, though the trail was closed.
    BytesAfterTheClose,
    /// An older checkpoint in the place of the last, though the trail was closed.
    CheckpointOlderThanTheClose,
    /// An older checkpoint than the one under which a segment was closed.
    CheckpointOlderThanASegment,
    /// A crash fell into a rotation, and something was added to the segment.
    SegmentGoesOn,
    /// An older checkpoint, and more entries past it than there can be.
    TooMany,
}

impl Past {
    /// Those that are made quickly.
    pub(super) const CHEAP: [Past; 7] = [
        Past::Garbage,
        Past::DamagedLine,
        Past::LineAfterTheClose,
        Past::BytesAfterTheClose,
        Past::CheckpointOlderThanTheClose,
        Past::CheckpointOlderThanASegment,
        Past::SegmentGoesOn,
    ];
    pub(super) const ALL: [Past; 8] = [
        Past::Garbage,
        Past::DamagedLine,
        Past::LineAfterTheClose,
        Past::BytesAfterTheClose,
        Past::CheckpointOlderThanTheClose,
        Past::CheckpointOlderThanASegment,
        Past::SegmentGoesOn,
        Past::TooMany,
    ];

    pub(super) fn damage(self) -> Damaged {
        match self {
            Past::Garbage => {
                let disk = crashed(5, small(3));
                let kept = stored(&disk);
                let torn = b"not an entry\n".repeat(100_000);
                edit(&disk, "audit.jsonl", |bytes| bytes.extend(&torn));
                Damaged { disk, kept, torn, unsealed: 3 }
            }
            Past::DamagedLine => {
                let disk = crashed(5, (0..25).map(large).collect());
                let (kept, start) = first_lines(&disk, 10);
                edit(&disk, "audit.jsonl", |bytes| bytes[start] = b'[');
                let torn = contents(&disk, "audit.jsonl").split_off(start);
                Damaged { disk, kept, torn, unsealed: 5 }
            }
            Past::LineAfterTheClose => {
                let disk = closed(20);
                let kept = stored(&disk);
                let torn = [kept.last().unwrap().as_slice(), b"\n"].concat();
                edit(&disk, "audit.jsonl", |bytes| bytes.extend(&torn));
                Damaged { disk, kept, torn, unsealed: 0 }
            }
            Past::BytesAfterTheClose => {
                let disk = closed(20);
                let kept = stored(&disk);
                edit(&disk, "audit.jsonl", |bytes| bytes.extend(b"{\"id\":"));
                Damaged { disk, kept, torn: b"{\"id\":".to_vec(), unsealed: 0 }
            }
            Past::CheckpointOlderThanTheClose => {
                let disk = rolled_back(10, 20);
                Damaged { kept: stored(&disk), disk, torn: Vec::new(), unsealed: 10 }
            }
            Past::CheckpointOlderThanASegment => {
                let disk = rolled_back(100, 300);
                remove(&disk, "closed");
                Damaged { kept: stored(&disk), disk, torn: Vec::new(), unsealed: 300 - 256 }
            }
            Past::SegmentGoesOn => {
                let disk = crashed_in_a_rotation();
                let kept = stored(&disk);
                let torn = [kept.last().unwrap().as_slice(), b"\n"].concat();
                edit(&disk, "audit.jsonl", |bytes| bytes.extend(&torn));
                Damaged { disk, kept, torn, unsealed: 0 }
            }
            Past::TooMany => {
                let disk = too_many();
                let kept = stored(&disk);
                Damaged { unsealed: kept.len() as u64 - 10, kept, disk, torn: Vec::new() }
            }
        }
    }
}

/// What is wrong under a signed head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Under {
    ChangedByte,
    LineMissing,
    LinesSwapped,
    LinesCut,
    LiveFileMissing,
    CheckpointForged,
    CheckpointMissing,
    ClosedForged,
    SegmentMissing,
    SegmentEmpty,
    SegmentInserted,
    BoundaryForged,
    /// The last segment and the live file made into one.
    SegmentJoined,
    /// Nothing vouches for the changed line but the checkpoint.
    ChangedByteWithoutTiles,
}

impl Under {
    pub(super) const ALL: [Under; 14] = [
        Under::ChangedByte,
        Under::LineMissing,
        Under::LinesSwapped,
        Under::LinesCut,
        Under::LiveFileMissing,
        Under::CheckpointForged,
        Under::CheckpointMissing,
        Under::ClosedForged,
        Under::SegmentMissing,
        Under::SegmentEmpty,
        Under::SegmentInserted,
        Under::BoundaryForged,
        Under::SegmentJoined,
        Under::ChangedByteWithoutTiles,
    ];

    pub(super) fn damage(self) -> SimDisk {
        const SEGMENT: &str = "segments/00000000000000000000.jsonl";
        let disk = closed(300);
        match self {
            Under::ChangedByte => edit(&disk, "audit.jsonl", |bytes| bytes[20] ^= 1),
            Under::LineMissing => edit_lines(&disk, |lines| drop(lines.remove(10))),
            Under::LinesSwapped => edit_lines(&disk, |lines| lines.swap(10, 20)),
            Under::LinesCut => edit_lines(&disk, |lines| lines.truncate(30)),
            Under::LiveFileMissing => remove(&disk, "audit.jsonl"),
            Under::CheckpointForged => edit(&disk, "checkpoint", |bytes| flip_a_late_byte(bytes)),
            Under::CheckpointMissing => remove(&disk, "checkpoint"),
            Under::ClosedForged => edit(&disk, "closed", |bytes| flip_a_late_byte(bytes)),
            Under::SegmentMissing => remove(&disk, SEGMENT),
            Under::SegmentEmpty => edit(&disk, SEGMENT, Vec::clear),
            Under::SegmentInserted => {
                put(&disk, "segments/00000000000000000512.jsonl", &contents(&disk, SEGMENT));
            }
            Under::BoundaryForged => edit(&disk, "checkpoints/256", |bytes| flip_a_late_byte(bytes)),
            Under::SegmentJoined => {
                let segment = contents(&disk, SEGMENT);
                edit(&disk, "audit.jsonl", |bytes| drop(bytes.splice(..0, segment)));
                remove(&disk, SEGMENT);
                remove(&disk, "closed");
            }
            Under::ChangedByteWithoutTiles => {
                edit(&disk, "audit.jsonl", |bytes| bytes[20] ^= 1);
                edit(&disk, "tiles/0", |bytes| bytes[300] ^= 1);
            }
        }
        disk
    }
}

fn flip_a_late_byte(bytes: &mut [u8]) {
    let place = bytes.len() - 20;
    bytes[place] ^= 1;
}

/// A trail that was closed with `count` entries.
pub(super) fn closed(count: u64) -> SimDisk {
    let disk = Place::InDir.disk();
    let trail = open(&disk, settings());
    trail.record_batch_blocking(small(count)).unwrap();
    trail.close_blocking().unwrap();
    disk
}

/// A closed trail with the checkpoint that it had before.
fn rolled_back(before: u64, after: u64) -> SimDisk {
    let disk = Place::InDir.disk();
    let trail = open(&disk, settings());
    trail.record_batch_blocking(small(before)).unwrap();
    let older = trail.checkpoint_blocking().unwrap();
    trail.record_batch_blocking(small(after - before)).unwrap();
    trail.close_blocking().unwrap();
    put(&disk, "checkpoint", older.as_bytes());
    disk
}

/// A trail whose process was killed with `sealed` entries under the checkpoint, and these past it.
fn crashed(sealed: u64, unsealed: Vec<Entry>) -> SimDisk {
    let disk = Place::InDir.disk();
    let trail = open(&disk, settings());
    trail.record_batch_blocking(small(sealed)).unwrap();
    trail.checkpoint_blocking().unwrap();
    let publisher =
        disk.hold(|step: &Step| step.op == Op::Write && step.path.starts_with(Path::new(DIR).join("tiles")));
    trail.record_batch_blocking(unsealed).unwrap();
    let killed = disk.snapshot().restart();
    publisher.open();
    killed
}

/// A trail whose process was killed when a segment's end was signed, and its file not yet renamed.
fn crashed_in_a_rotation() -> SimDisk {
    let disk = Place::InDir.disk();
    let trail = open(&disk, settings());
    trail.record_batch_blocking(small(256)).unwrap();
    let rename = disk.hold(|step: &Step| step.op == Op::Rename && step.is_named("audit.jsonl"));
    let mut next = Box::pin(trail.record(small(1).remove(0)));
    assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    rename.reached();
    let killed = disk.snapshot().restart();
    rename.open();
    killed
}

/// A trail whose process was killed when it was long past an older checkpoint.
fn too_many() -> SimDisk {
    let disk = Place::InDir.disk();
    let trail = open(&disk, settings().segment_bytes(1 << 40));
    trail.record_batch_blocking(small(10)).unwrap();
    let older = trail.checkpoint_blocking().unwrap();
    for some in 0..12 {
        trail.record_batch_blocking((some * 100..some * 100 + 100).map(large).collect()).unwrap();
    }
    let killed = disk.snapshot().restart();
    put(&killed, "checkpoint", older.as_bytes());
    killed
}

fn open(disk: &SimDisk, settings: Settings) -> Trail {
    Trail::open_on(settings, machine(disk, &SimClock::new(1))).unwrap()
}

/// `count` entries, each unlike every other.
fn small(count: u64) -> Vec<Entry> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let first = NEXT.fetch_add(count, Ordering::Relaxed);
    (first..first + count).map(|n| entry(&SimClock::new(0), n)).collect()
}

fn large(n: u64) -> Entry {
    entry(&SimClock::new(0), 1_000_000 + n).detail("x".repeat(60_000))
}

fn stored(disk: &SimDisk) -> Vec<Vec<u8>> {
    lines(disk, Place::InDir).unwrap()
}

/// The first lines of the live file, and where they end.
fn first_lines(disk: &SimDisk, count: usize) -> (Vec<Vec<u8>>, usize) {
    let lines = stored(disk)[..count].to_vec();
    let end = lines.iter().map(|line| line.len() + 1).sum();
    (lines, end)
}

fn contents(disk: &SimDisk, name: &str) -> Vec<u8> {
    disk.contents(Path::new(DIR).join(name)).unwrap()
}

fn edit(disk: &SimDisk, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    disk.tamper(Path::new(DIR).join(name), change).unwrap();
}

fn edit_lines(disk: &SimDisk, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    edit(disk, "audit.jsonl", |bytes| {
        let mut lines: Vec<Vec<u8>> =
            bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        change(&mut lines);
        *bytes = lines.concat();
    });
}

fn put(disk: &SimDisk, name: &str, bytes: &[u8]) {
    let path = Path::new(DIR).join(name);
    let file = disk.open(&path, Open::Create).unwrap();
    file.set_bytes(0).unwrap();
    durable::write_all_at(&*file, bytes, 0).unwrap();
    file.sync_all().unwrap();
    disk.sync_dir(path.parent().unwrap()).unwrap();
}

fn remove(disk: &SimDisk, name: &str) {
    let path = Path::new(DIR).join(name);
    disk.remove_file(&path).unwrap();
    disk.sync_dir(path.parent().unwrap()).unwrap();
}

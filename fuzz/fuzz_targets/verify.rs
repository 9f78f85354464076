//! Verification: with any bytes in its files, a trail gets a verdict, and the work is bounded by the bytes that are there.
//!
//! The input is a list of changes: one byte says which file, two how many bytes of the input are its new content. A size
//! of eight bytes can also be claimed by a checkpoint that the trail's own key signs.

#![no_main]

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use graven::clock::sim::SimClock;
use graven::disk::sim::{Op, SimDisk, Snapshot};
use graven::durable;
use graven::fsck::{VerifyOptions, verify};
use graven::layout::Layout;
use graven::sim::Process;
use graven::{Category, Entry, Hash, Machine, Outcome, Settings};
use graven_core::checkpoint::Checkpoint;
use graven_core::note::SigningKey;
use libfuzzer_sys::fuzz_target;

const DIR: &str = "/trail";

/// How many bytes may be read, and how many calls made: for each byte of the trail, and for any trail. A verification
/// that accuses looks twice.
const READ_MAX: (u64, u64) = (40, 4 << 20);
const CALLS_MAX: (u64, u64) = (1, 2_000);

/// The files that may be changed.
const FILES: [&str; 13] = [
    "audit.jsonl",
    "segments/00000000000000000000.jsonl",
    "segments/00000000000000000256.jsonl",
    "segments/00000000000000000512.jsonl",
    "checkpoint",
    "checkpoints/256",
    "checkpoints/512",
    "checkpoints/18446744073709551360",
    "closed",
    "LOCK",
    "tiles/0",
    "tiles/1",
    "tiles/3",
];

/// A small trail with two segments.
static TRAIL: LazyLock<Snapshot> = LazyLock::new(|| {
    let disk = SimDisk::new();
    let settings = Settings::new(DIR).origin("fuzz.example/log").segment_bytes(1);
    let mut trail = Process::new().open(settings, machine(&disk)).expect("the disk is sound");
    for n in 0..600 {
        trail.trail().emit(Entry::new(Category::Api, format!("entry {n}"), Outcome::Success));
    }
    trail.checkpoint().expect("the disk is sound");
    trail.close().expect("the disk is sound");
    disk.snapshot()
});

fuzz_target!(|data: &[u8]| {
    let disk = TRAIL.restart();
    let mut rest = data;
    while let Some(([which, high, low], behind)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (content, after) = behind.split_at(length);
        rest = after;
        match FILES.get(usize::from(*which)) {
            Some(name) => write(&disk, name, content),
            None => claim(&disk, content),
        }
    }
    let there: u64 =
        disk.files().iter().map(|path| disk.contents(path).map_or(0, |bytes| bytes.len() as u64)).sum();
    let before = disk.calls_made();
    let layout = Layout::in_dir(DIR);
    // A trail without a readable identity has no verdict, which is an answer as well.
    let report = verify(&machine(&disk), &layout, &VerifyOptions::default(), &|_, _| {});
    let calls = disk.calls().split_off(before);
    let read: u64 = calls
        .iter()
        .filter(|call| call.step.op == Op::Read)
        .filter_map(|call| call.result.as_ref().ok())
        .sum();
    assert!(read <= READ_MAX.0 * there + READ_MAX.1, "{read} bytes read of {there}");
    assert!(
        calls.len() as u64 <= CALLS_MAX.0 * there + CALLS_MAX.1,
        "{} calls for {there} bytes",
        calls.len()
    );
    let report = report.expect("the disk is sound");
    assert!(report.findings.len() as u64 + report.findings_left_out <= 100 + there);
});

/// Puts a checkpoint there that the trail's key signed for any number of entries.
fn claim(disk: &SimDisk, size: &[u8]) {
    let Some((size, root)) = size.split_first_chunk() else { return };
    let size = u64::from_be_bytes(*size);
    let secret = disk.contents(path("keys/signing")).expect("it is there");
    let secret = String::from_utf8(secret).expect("a key is text");
    let key = SigningKey::parse(secret.trim_end()).expect("a trail has a sound key");
    let root = match size {
        0 => Hash::EMPTY_TREE,
        _ => Hash::from_bytes(root.first_chunk().copied().unwrap_or([7; 32])),
    };
    let head = Checkpoint { origin: key.name().to_owned(), size, root, extensions: Vec::new() };
    write(disk, "checkpoint", head.sign(&key).to_string().as_bytes());
}

fn machine(disk: &SimDisk) -> Machine {
    Machine { disk: Arc::new(disk.clone()), clock: Arc::new(SimClock::new(1)) }
}

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn write(disk: &SimDisk, name: &str, bytes: &[u8]) {
    durable::write_whole(disk, &path(name), bytes).expect("the disk is sound");
}

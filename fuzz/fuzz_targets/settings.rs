//! What a user can set: keys, origins, categories, sizes, and their files. What can be read prints back the same. With
//! any value, a trail opens and works, or says what is wrong.
//!
//! The first byte says what the other bytes are.

#![no_main]

use std::path::Path;
use std::sync::Arc;

use graven::clock::sim::SimClock;
use graven::disk::Disk;
use graven::disk::sim::SimDisk;
use graven::fsck::{VerifyOptions, verify};
use graven::sim::Process;
use graven::{Category, Entry, ErrorKind, Machine, Outcome, Settings, VerifierKey};
use graven_core::note::{SigningKey, check_name};
use graven_core::verdict::Verdict;
use libfuzzer_sys::fuzz_target;

const DIR: &str = "/trail";

fuzz_target!(|data: &[u8]| {
    let Some((what, rest)) = data.split_first() else { return };
    match what % 4 {
        0 => words(rest),
        1 => numbers(rest),
        2 => a_signing_key_file(rest),
        _ => a_verifiers_memory(usize::from(what / 4 % 2), rest),
    }
});

/// One line of text: a key, a name.
fn words(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text, "parse, print");
        assert!(check_name(key.name()).is_ok());
    }
    if let Ok(key) = SigningKey::parse(text) {
        assert_eq!(key.to_secret_string().as_str(), text, "parse, print");
        assert!(!format!("{key:?}").contains(text), "a secret is not shown");
    }
    if let Ok(category) = text.parse::<Category>() {
        assert_eq!(category.as_str(), text, "parse, print");
    }
    if let Ok(outcome) = text.parse::<Outcome>() {
        assert_eq!(outcome.as_str(), text, "parse, print");
    }
    let sound = check_name(text).is_ok();
    assert_eq!(SigningKey::from_seed(text, [1; 32]).is_ok(), sound, "one rule for names");
    let disk = SimDisk::new();
    let settings = Settings::new(DIR).origin(text);
    assert_eq!(opens(&disk, settings), sound, "an origin is the name of a key");
}

/// Sizes of every kind, including the largest and the smallest.
fn numbers(bytes: &[u8]) {
    let Some(([segment, ring, queue, blob], _)) = bytes.as_chunks::<8>().0.split_first_chunk() else {
        return;
    };
    let number = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let settings = Settings::new(DIR)
        .origin("fuzz.example/log")
        .segment_bytes(number(segment))
        .ring_entries(number(ring) as usize)
        .ring_bytes((number(ring) >> 32) as usize)
        .queue_bytes(number(queue) as usize)
        .blob_bytes_max(number(blob));
    assert!(opens(&SimDisk::new(), settings), "every size is possible");
}

/// The file of a signing key, for a new trail.
fn a_signing_key_file(bytes: &[u8]) {
    let disk = SimDisk::new();
    write(&disk, Path::new("/key"), bytes);
    let settings = Settings::new(DIR).origin("fuzz.example/log").signing_key("/key");
    if opens(&disk, settings) {
        assert_eq!(disk.contents("/key").unwrap(), bytes, "the key file is unchanged");
    }
}

/// The verifier's memory of a trail: of its path, or of its key. One that cannot be understood is an error, and is kept.
fn a_verifiers_memory(which: usize, bytes: &[u8]) {
    let disk = SimDisk::new();
    assert!(opens(&disk, Settings::new(DIR).origin("fuzz.example/log")));
    let state = Path::new("/state");
    let options = VerifyOptions { state: Some(state.into()), ..VerifyOptions::default() };
    let layout = graven::layout::Layout::in_dir(DIR);
    let look = || verify(&machine(&disk), &layout, &options, &|_, _| {});
    assert_eq!(look().expect("the trail can be read").verdict, Verdict::Intact);
    let files = disk.read_dir(state).expect("what was seen is remembered");
    assert_eq!(files.len(), 2);
    let file = state.join(&files[which].name);
    write(&disk, &file, bytes);
    if let Err(error) = look() {
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
        assert_eq!(
            disk.contents(&file).unwrap(),
            bytes,
            "a memory that cannot be understood is not replaced"
        );
    }
}

/// Makes a trail, uses it and verifies it. `false` when it does not open, with an error of a fitting kind.
fn opens(disk: &SimDisk, settings: Settings) -> bool {
    let mut trail = match Process::new().open(settings, machine(disk)) {
        Ok(trail) => trail,
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Data), "{error:?}");
            return false;
        }
    };
    for n in 0..3 {
        trail.trail().emit(Entry::new(Category::Api, format!("entry {n}"), Outcome::Success));
    }
    trail.checkpoint().expect("the disk is sound");
    assert!(trail.trail().len() >= 3);
    trail.close().expect("the disk is sound");
    let layout = graven::layout::Layout::in_dir(DIR);
    let report = verify(&machine(disk), &layout, &VerifyOptions::default(), &|_, _| {}).unwrap();
    assert_eq!(report.verdict, Verdict::Intact, "{:?}", report.findings);
    true
}

fn machine(disk: &SimDisk) -> Machine {
    Machine { disk: Arc::new(disk.clone()), clock: Arc::new(SimClock::new(1)) }
}

fn write(disk: &SimDisk, path: &Path, bytes: &[u8]) {
    graven::durable::write_whole(disk, path, bytes).expect("the disk is sound");
}

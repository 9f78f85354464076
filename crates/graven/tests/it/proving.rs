//! Every sealed entry can be proved to a stranger, also when the stored hashes are lost; a changed one cannot.

#![expect(clippy::disallowed_methods, reason = "tests damage files by hand")]

use std::fs;

use graven::ErrorKind;
use graven::prove::prove;
use graven::reader::Reader;
use graven_core::tlog_proof::TlogProof;

use crate::support::handmade::{Handmade, line};

/// Two closed segments and a live file: 256 + 512 + 300 sealed entries, and 5 that are not.
fn trail(dir: &std::path::Path) -> Handmade {
    let mut trail = Handmade::new(dir);
    for entries in [256, 512] {
        trail.append(entries);
        trail.rotate();
    }
    trail.append(300);
    trail.seal();
    trail.append(5);
    trail
}

const SEALED: u64 = 256 + 512 + 300;

fn assert_proves(trail: &Handmade, reader: &Reader, index: u64, size: u64) {
    let proof = prove(reader, index, &trail.checkpoint(size)).unwrap();
    assert_eq!((proof.index, &*proof.line), (index, line(index).as_bytes()));
    let file = proof.tlog_proof.to_string();
    let checkpoint =
        TlogProof::parse(file.as_bytes()).unwrap().verify(&proof.line, trail.key().verifier_key());
    assert_eq!(checkpoint.unwrap().size, size);
}

#[test]
fn each_entry_is_proved_under_each_checkpoint_that_covers_it() {
    let folder = tempfile::tempdir().unwrap();
    let trail = trail(folder.path());
    let reader = Reader::open(trail.dir()).unwrap();
    for size in [1, 2, 255, 256, 257, 768, 1_023, SEALED] {
        for index in (0..size).step_by(if size > 300 { 61 } else { 1 }).chain([size - 1]) {
            assert_proves(&trail, &reader, index, size);
        }
    }
}

#[test]
fn what_is_not_sealed_or_not_there_is_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    let trail = trail(folder.path());
    let reader = Reader::open(trail.dir()).unwrap();
    let (_, checkpoint) = reader.checkpoint().unwrap();
    let kind = |index| prove(&reader, index, &checkpoint).unwrap_err().kind();
    assert_eq!(kind(SEALED), ErrorKind::Unavailable);
    assert_eq!(kind(SEALED + 4), ErrorKind::Unavailable);
    assert_eq!(kind(SEALED + 5), ErrorKind::NotFound);
    let stranger = Handmade::with_key(
        &folder.path().join("other"),
        graven_core::note::SigningKey::from_seed("graven.local/handmade", [8; 32]).unwrap(),
    );
    assert_eq!(prove(&reader, 0, &stranger.checkpoint(0)).unwrap_err().kind(), ErrorKind::Data);
}

#[test]
fn proofs_are_made_from_the_lines_when_the_stored_hashes_are_lost_or_damaged() {
    let damages: [fn(&Handmade); 4] = [
        |trail| fs::remove_dir_all(trail.path("tiles")).unwrap(),
        |trail| fs::remove_file(trail.path("tiles/1")).unwrap(),
        |trail| fs::write(trail.path("tiles/0"), [7; 32 * SEALED as usize]).unwrap(),
        |trail| fs::write(trail.path("tiles/0"), [7; 100]).unwrap(),
    ];
    for damage in damages {
        let folder = tempfile::tempdir().unwrap();
        let trail = trail(folder.path());
        damage(&trail);
        let reader = Reader::open(trail.dir()).unwrap();
        for index in [0, 255, 256, 700, SEALED - 1] {
            assert_proves(&trail, &reader, index, SEALED);
        }
    }
}

#[test]
fn what_is_stored_past_the_checkpoint_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let trail = trail(folder.path());
    for level in ["tiles/0", "tiles/1"] {
        let mut bytes = fs::read(trail.path(level)).unwrap();
        bytes.extend_from_slice(&[9; 1_000]);
        fs::write(trail.path(level), bytes).unwrap();
    }
    let reader = Reader::open(trail.dir()).unwrap();
    for index in [0, 767, SEALED - 1] {
        assert_proves(&trail, &reader, index, SEALED);
    }
}

#[test]
fn a_changed_entry_is_not_proved_and_its_place_is_named() {
    for tiles in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let trail = trail(folder.path());
        let path = trail.segment(256);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("e-300\"", "e-30O\"")).unwrap();
        if !tiles {
            fs::remove_dir_all(trail.path("tiles")).unwrap();
        }
        let reader = Reader::open(trail.dir()).unwrap();
        let error = prove(&reader, 300, &trail.checkpoint(SEALED)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        let offset = text.find(&line(300)).unwrap();
        for part in ["entry 300", &format!("00000000000000000256.jsonl, byte {offset}")] {
            assert!(error.to_string().contains(part), "{error}");
        }
        if tiles {
            assert_proves(&trail, &reader, 301, SEALED);
        }
    }
}

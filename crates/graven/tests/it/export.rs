//! An exported log is exactly what C2SP tlog-tiles asks for, and is never one whose root was not reproduced.

#![expect(clippy::disallowed_methods, reason = "tests read and damage files by hand")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use graven::export::export_tiles;
use graven::reader::Reader;
use graven::{Category, Entry, ErrorKind, Outcome, Settings, Trail};
use graven_core::hash::{leaf_hash, sha256};
use graven_core::note::SigningKey;
use graven_core::tile::{self, Bundle};

use crate::support::handmade::{Handmade, line};

/// The names of all files under a folder.
fn files(dir: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => assert!(names.insert(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned())),
            }
        }
    }
    names
}

fn export(trail: &Handmade, out: &Path) -> Result<graven::export::ExportReport, graven::Error> {
    export_tiles(&Reader::open(trail.dir()).unwrap(), out)
}

#[test]
fn exactly_what_the_checkpoint_implies_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::new(&folder.path().join("trail"));
    for size in [0, 1, 2, 255, 256, 257, 511, 512, 1_000] {
        trail.append(size - trail.len());
        trail.seal();
        let out = folder.path().join(size.to_string());
        let report = export(&trail, &out).unwrap();
        let tiles = tile::tiles(size).map(|tile| tile.path());
        let names: BTreeSet<String> =
            tiles.chain(tile::bundles(size).map(|b| b.path())).chain(["checkpoint".into()]).collect();
        assert_eq!(files(&out), names, "size {size}");
        assert_eq!(report.tiles + report.bundles + 1, names.len() as u64);
        assert_eq!(fs::read_to_string(out.join("checkpoint")).unwrap(), trail.checkpoint(size));
        for bundle in tile::bundles(size) {
            let bytes = fs::read(out.join(bundle.path())).unwrap();
            let hashes = fs::read(out.join(bundle.path().replace("entries", "0"))).unwrap();
            for (number, entry) in Bundle::decode(&bytes, bundle.width).unwrap().into_iter().enumerate() {
                assert_eq!(entry, line(bundle.index * 256 + number as u64).as_bytes());
                assert_eq!(hashes[number * 32..][..32], *leaf_hash(entry).as_bytes());
            }
        }
    }
}

/// The log of the test vectors, which other implementations have accepted.
#[test]
fn the_log_of_the_vectors_comes_out_byte_for_byte() {
    let vectors = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/tlog_vectors.json")).unwrap();
    let vectors: serde_json::Value = serde_json::from_slice(&vectors).unwrap();
    let key = SigningKey::parse(vectors["log"]["skey"].as_str().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::with_key(&folder.path().join("trail"), key);
    for index in 0..70_000 {
        trail.append_line(&format!(r#"{{"seq":{index},"kind":"test"}}"#));
        if index == 65_535 {
            trail.rotate();
        }
    }
    trail.seal();
    let out = folder.path().join("out");
    export(&trail, &out).unwrap();
    for (name, digest) in vectors["tiles_sha256"].as_object().unwrap() {
        assert_eq!(sha256(&fs::read(out.join(name)).unwrap()).to_hex(), digest.as_str().unwrap(), "{name}");
    }
    let signed = vectors["checkpoints"].as_array().unwrap().iter().find(|c| c["size"] == 70_000).unwrap();
    assert_eq!(fs::read_to_string(out.join("checkpoint")).unwrap(), signed["signed"].as_str().unwrap());
}

/// The engine's own trail, and each entry proved under the exported checkpoint.
#[test]
fn what_the_engine_wrote_is_exported_and_proved() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    let trail = Trail::open(Settings::new(&dir).segment_bytes(30_000)).unwrap();
    let entries = (0..1_500).map(|n| Entry::new(Category::Api, format!("GET /{n}"), Outcome::Success));
    let receipts = trail.record_batch_blocking(entries.collect()).unwrap();
    let checkpoint = trail.checkpoint_blocking().unwrap();
    let reader = Reader::open(&dir).unwrap();
    let out = folder.path().join("out");
    let report = export_tiles(&reader, &out).unwrap();
    assert_eq!(report.size, 1_500);
    assert_eq!(fs::read_to_string(out.join("checkpoint")).unwrap(), checkpoint);
    for receipt in receipts.iter().step_by(100) {
        let proof = graven::prove::prove(&reader, receipt.index, &checkpoint).unwrap();
        proof.tlog_proof.verify(&proof.line, &trail.verifier_key()).unwrap();
        assert_eq!(leaf_hash(&proof.line), receipt.leaf_hash);
    }
}

#[test]
fn what_is_not_sealed_is_left_out_and_the_stored_hashes_are_not_needed() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::new(&folder.path().join("trail"));
    trail.append(300);
    trail.seal();
    trail.append(300);
    fs::remove_dir_all(trail.path("tiles")).unwrap();
    let report = export(&trail, &folder.path().join("a/b/out")).unwrap();
    assert_eq!(report.size, 300);
}

#[test]
fn only_our_own_signature_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::new(&folder.path().join("trail"));
    trail.append(3);
    trail.seal();
    let witness = SigningKey::from_seed("witness.example", [9; 32]).unwrap();
    let ours = trail.checkpoint(3);
    let (text, _) = ours.split_once("\n\n").unwrap();
    let theirs = graven_core::note::Note::sign(format!("{text}\n"), &witness).to_string();
    let (_, line) = theirs.split_once("\n\n").unwrap();
    fs::write(trail.path("checkpoint"), format!("{ours}{line}")).unwrap();
    let out = folder.path().join("out");
    export(&trail, &out).unwrap();
    assert_eq!(fs::read_to_string(out.join("checkpoint")).unwrap(), ours);
}

#[test]
fn a_log_whose_root_is_not_reproduced_gets_no_checkpoint() {
    type Damage = fn(&str) -> String;
    let damages: [(&str, Damage); 3] = [
        ("entry 290", |text| text.replacen("e-290\"", "e-29O\"", 1)),
        ("300 entries, but only 299 are stored", |text| text.replacen(&(line(299) + "\n"), "", 1)),
        ("entry 17", |text| text.replacen(&(line(17) + "\n"), "", 1) + "{}\n"),
    ];
    for (what, damage) in damages {
        let folder = tempfile::tempdir().unwrap();
        let mut trail = Handmade::new(&folder.path().join("trail"));
        trail.append(300);
        trail.seal();
        let live = trail.path("audit.jsonl");
        fs::write(&live, damage(&fs::read_to_string(&live).unwrap())).unwrap();
        let out = folder.path().join("out");
        let error = export(&trail, &out).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().contains(what), "{error}");
        assert!(!out.join("checkpoint").exists());
    }
}

#[test]
fn a_folder_in_use_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::new(&folder.path().join("trail"));
    trail.append(1);
    trail.seal();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("mine"), "mine").unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    let before = (files(trail.dir()), files(&out));
    for place in [&out, &file, &trail.path("tiles"), &trail.path("new/export")] {
        assert_eq!(export(&trail, place).unwrap_err().kind(), ErrorKind::Invalid, "{}", place.display());
    }
    assert_eq!((files(trail.dir()), files(&out)), before);
    fs::remove_file(out.join("mine")).unwrap();
    export(&trail, &out).unwrap();
}

//! The published test vectors, which Go's `tlog` and `note` and others accept, hold for us to the byte.

use std::sync::LazyLock;

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::{Hash, leaf_hash, sha256};
use graven_core::note::{Note, NoteError, SigningKey, VerifierKey};
use graven_core::proof::{verify_consistency, verify_inclusion};
use graven_core::tile::{Bundle, Tile, TileError, bundles, node_hashes, tiles};
use graven_core::tlog_proof::TlogProof;
use graven_core::tree::{Node, Tree};
use serde_json::Value;

use crate::memory::Log;

static VECTORS: LazyLock<Value> = LazyLock::new(|| {
    let json = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/tlog_vectors.json"));
    serde_json::from_str(json).expect("the vectors are JSON")
});

/// The log of the vectors, at the largest size they have.
static LOG: LazyLock<Log> = LazyLock::new(|| {
    Log::of((0..70_000).map(|index| format!(r#"{{"seq":{index},"kind":"test"}}"#).into_bytes()).collect())
});

#[test]
fn the_entries_hash_to_their_leaves() {
    assert_eq!(LOG.entries[7], text(&VECTORS["entry_example"]).as_bytes());
    assert_eq!(leaf_hash(&LOG.entries[7]), hash(&VECTORS["leaf_hash_entry_7"]));
}

#[test]
fn the_tree_of_the_certificate_transparency_projects_has_their_root() {
    let leaves: [&[u8]; 8] = [
        &[],
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];
    let tree: Tree = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    assert_eq!(tree.root().to_hex(), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

#[test]
fn the_keys_read_and_print_and_sign_as_one() {
    let log = &VECTORS["log"];
    let key = SigningKey::parse(text(&log["skey"])).unwrap();
    assert_eq!(key.to_secret_string().as_str(), text(&log["skey"]));
    assert_eq!(key.verifier_key().to_string(), text(&log["vkey"]));
    assert_eq!(VerifierKey::parse(text(&log["vkey"])).as_ref(), Ok(key.verifier_key()));
    let seed = std::array::from_fn(|byte| byte as u8);
    let from_seed = SigningKey::from_seed(text(&log["origin"]), seed).unwrap();
    assert_eq!(from_seed.to_secret_string(), key.to_secret_string());
    let witness = text(&VECTORS["witness"]["vkey_0x04"]);
    assert_eq!(VerifierKey::parse(witness), Err(NoteError::UnsupportedKey { kind: 0x04 }));
}

#[test]
fn the_key_pair_in_the_words_of_go_reads_and_prints() {
    let secret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    let public = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let key = SigningKey::parse(secret).unwrap();
    assert_eq!((key.to_secret_string().as_str(), key.verifier_key().to_string().as_str()), (secret, public));
    assert_eq!((key.name(), key.key_id()), ("PeterNeumann", 0xc74f_20a3));
}

#[test]
fn the_example_of_the_note_format_verifies() {
    let key =
        VerifierKey::parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k").unwrap();
    let signature =
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=";
    let note = format!("This is an example message.\n\n— example.com/foo {signature}\n");
    let note = Note::parse(note.as_bytes()).unwrap();
    assert_eq!(note.verify(&[&key]), Ok(vec![&key]));
}

#[test]
fn the_checkpoints_open_and_are_what_we_sign_for_the_same_entries() {
    let (key, mut tree, mut checked) = (signing_key(), Tree::new(), 0);
    for vector in array(&VECTORS["checkpoints"]) {
        let (size, signed) = (number(&vector["size"]), text(&vector["signed"]));
        tree.extend((tree.size()..size).map(|index| LOG.leaf(index)));
        assert_eq!(tree.root(), hash(&vector["root"]), "size {size}");

        let (checkpoint, note) = Checkpoint::open(signed.as_bytes(), key.verifier_key()).unwrap();
        let expected =
            Checkpoint { origin: key.name().into(), size, root: tree.root(), extensions: Vec::new() };
        assert_eq!(checkpoint, expected);
        assert_eq!(note.to_string(), signed);
        assert_eq!(expected.sign(&key).to_string(), signed);
        checked += 1;
    }
    assert_eq!(checked, 16);
}

#[test]
fn the_inclusion_proofs_verify_and_are_what_we_make() {
    let mut checked = 0;
    for vector in array(&VECTORS["inclusion"]) {
        let (index, size, proof) =
            (number(&vector["index"]), number(&vector["size"]), hashes(&vector["proof"]));
        assert_eq!(LOG.inclusion(index, size), proof, "{index} of {size}");
        assert_eq!(verify_inclusion(&hash(&vector["leaf"]), index, size, &proof, &LOG.root(size)), Ok(()));
        checked += 1;
    }
    assert_eq!(checked, 89);
}

#[test]
fn the_consistency_proofs_verify_and_are_what_we_make() {
    let mut checked = 0;
    for vector in array(&VECTORS["consistency"]) {
        let (old, new, proof) = (number(&vector["old"]), number(&vector["new"]), hashes(&vector["proof"]));
        assert_eq!(LOG.consistency(old, new), proof, "{old} to {new}");
        assert_eq!(verify_consistency(old, new, &proof, &LOG.root(old), &LOG.root(new)), Ok(()));
        checked += 1;
    }
    assert_eq!(checked, 120);
}

#[test]
fn a_witness_beside_the_log_is_an_unknown_signer_and_is_kept() {
    let cosigned = text(&VECTORS["cosigned_checkpoint_70000"]["note"]);
    let (checkpoint, note) = Checkpoint::open(cosigned.as_bytes(), signing_key().verifier_key()).unwrap();
    assert_eq!((checkpoint.size, checkpoint.root), (70_000, LOG.root(70_000)));
    assert_eq!(note.to_string(), cosigned);
    let line = text(&VECTORS["cosigned_checkpoint_70000"]["line"]);
    assert_eq!(note.signatures[1].to_string(), line.trim_end());
}

#[test]
fn the_proof_file_verifies_and_is_what_we_write() {
    let file = text(&VECTORS["tlog_proof"]);
    let proof = TlogProof::parse(file.as_bytes()).unwrap();
    let checkpoint = proof.verify(&LOG.entries[65_536], signing_key().verifier_key()).unwrap();
    assert_eq!((proof.index, checkpoint.size), (65_536, 70_000));
    let cosigned = text(&VECTORS["cosigned_checkpoint_70000"]["note"]);
    let made = TlogProof {
        index: 65_536,
        hashes: LOG.inclusion(65_536, 70_000),
        extra: None,
        checkpoint: cosigned.into(),
    };
    assert_eq!(made.to_string(), file);
    assert_eq!(made, proof);
}

#[test]
fn the_tiles_and_bundles_have_their_digests() {
    let mut checked = 0;
    for (path, digest) in VECTORS["tiles_sha256"].as_object().expect("an object") {
        let bytes = match Tile::parse(path) {
            Ok(tile) => {
                assert!(tiles(70_000).any(|implied| implied == tile), "{path}");
                tile_bytes(tile)
            }
            Err(TileError::Path(_)) => {
                let bundle = Bundle::parse(path).unwrap();
                assert!(bundles(70_000).any(|implied| implied == bundle), "{path}");
                bundle_bytes(bundle)
            }
            Err(other) => panic!("{other}"),
        };
        assert_eq!(sha256(&bytes).to_hex(), text(digest), "{path}");
        checked += 1;
    }
    assert_eq!(checked, 7);
}

#[test]
fn the_numbers_in_paths_are_written_as_there() {
    for (index, path) in VECTORS["paths"].as_object().expect("an object") {
        let bundle = Bundle { index: index.parse().unwrap(), width: 256 };
        assert_eq!(bundle.path(), format!("tile/entries/{}", text(path)));
    }
}

fn tile_bytes(tile: Tile) -> Vec<u8> {
    let first = tile.index * 256;
    let nodes = (first..first + u64::from(tile.width)).map(|index| Node { level: tile.level * 8, index });
    nodes
        .flat_map(|node| {
            assert_eq!(node_hashes(node), (tile.level, node.index..node.index + 1));
            let Ok(hash) = LOG.hash(node);
            *hash.as_bytes()
        })
        .collect()
}

fn bundle_bytes(bundle: Bundle) -> Vec<u8> {
    let first = bundle.index as usize * 256;
    let entries = &LOG.entries[first..first + usize::from(bundle.width)];
    let mut bytes = Vec::new();
    for entry in entries {
        Bundle::encode_entry(entry, &mut bytes).expect("the entries are short");
    }
    assert_eq!(Bundle::decode(&bytes, bundle.width).expect("it was encoded here"), entries);
    bytes
}

fn signing_key() -> SigningKey {
    SigningKey::parse(text(&VECTORS["log"]["skey"])).expect("the vectors have a private key")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

fn hash(value: &Value) -> Hash {
    Hash::parse(text(value)).expect("a hash")
}

fn hashes(value: &Value) -> Vec<Hash> {
    array(value).iter().map(hash).collect()
}

//! Proof files: what can be read prints back the same, and a valid one that is changed never proves something else.
//!
//! The input is read as a proof file. It is also read as the recipe for a valid file: the size of the log, the entry to
//! prove, which byte to change and how.

#![no_main]

use std::convert::Infallible;

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::{Hash, leaf_hash};
use graven_core::note::SigningKey;
use graven_core::proof::inclusion_proof;
use graven_core::tlog_proof::TlogProof;
use graven_core::tree::{Node, Tree};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(proof) = TlogProof::parse(bytes) {
        assert_eq!(proof.to_string().as_bytes(), bytes, "parse, print");
        assert_eq!(
            TlogProof::parse(proof.to_string().as_bytes()).as_ref(),
            Ok(&proof),
            "parse, print, parse"
        );
        proof.verify(b"entry", key().verifier_key()).expect_err("this was never signed");
    }
    if let Some(([size, index, place, change], extra)) = bytes.split_first_chunk() {
        let size = u64::from(*size) + 1;
        made(size, u64::from(*index) % size, *place, *change, extra);
    }
});

fn key() -> SigningKey {
    SigningKey::from_seed("fuzz.example/log", [42; 32]).expect("a good name")
}

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

/// The root of a complete subtree, computed from the definition.
fn root(node: Node) -> Result<Hash, Infallible> {
    let leaves = node.index << node.level..(node.index + 1) << node.level;
    Ok(leaves.map(|leaf| leaf_hash(&entry(leaf))).collect::<Tree>().root())
}

/// Makes a proof file and verifies it. Then changes one byte, and checks that verification fails.
fn made(size: u64, index: u64, place: u8, change: u8, extra: &[u8]) {
    let tree: Tree = (0..size).map(|leaf| leaf_hash(&entry(leaf))).collect();
    let Ok(hashes) = inclusion_proof(index, size, root);
    let key = key();
    let checkpoint =
        Checkpoint { origin: key.name().to_owned(), size, root: tree.root(), extensions: Vec::new() };
    let extra = (!extra.is_empty()).then(|| extra.to_vec());
    let proof = TlogProof { index, hashes, extra, checkpoint: checkpoint.sign(&key).to_string() };
    let mut file = proof.to_string().into_bytes();
    let read = TlogProof::parse(&file).expect("what is printed can be read");
    assert_eq!(read, proof);
    assert_eq!(read.verify(&entry(index), key.verifier_key()).as_ref(), Ok(&checkpoint));
    read.verify(&entry(index + 1), key.verifier_key()).expect_err("another entry");

    if change == 0 {
        return;
    }
    let place = usize::from(place) * file.len() / 256;
    file[place] ^= change;
    if let Ok(read) = TlogProof::parse(&file)
        && read.verify(&entry(index), key.verifier_key()).is_ok()
    {
        // The extra bytes are not protected. Everything else has only one spelling.
        assert_eq!(TlogProof { extra: None, ..read }, TlogProof { extra: None, ..proof });
    }
}

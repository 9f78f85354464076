//! Proof files: what reads prints back the same, and no good one can be changed and still prove anything else.
//!
//! Bytes are read as a file by themselves, and as the recipe of a good file: how large the log is, which entry is
//! proved, which byte is changed and how.

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
        proof.verify(b"entry", key().verifier_key()).expect_err("nobody has signed this");
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

/// The root of a complete subtree, by the definition.
fn root(node: Node) -> Result<Hash, Infallible> {
    let leaves = node.index << node.level..(node.index + 1) << node.level;
    Ok(leaves.map(|leaf| leaf_hash(&entry(leaf))).collect::<Tree>().root())
}

/// Makes a proof file, has it verified, changes a byte and has that refused.
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
        // Nothing vouches for the extra bytes, and for nothing else is there a second way to say it.
        assert_eq!(TlogProof { extra: None, ..read }, TlogProof { extra: None, ..proof });
    }
}

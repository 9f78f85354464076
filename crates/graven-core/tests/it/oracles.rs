//! Other people's implementations and ours judge alike: `tlog_tiles`, `signed_note` and `ct-merkle`.

use std::cell::RefCell;
use std::sync::LazyLock;

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::{Hash, leaf_hash};
use graven_core::note::{Note, SigningKey};
use graven_core::proof::{verify_consistency, verify_inclusion};
use graven_core::tile::{Tile, tiles};
use proptest::prelude::*;
use sha2::Sha256;

use crate::memory::Log;

const SIZE_MAX: u64 = 700;

static LOG: LazyLock<Log> = LazyLock::new(|| Log::of_size(SIZE_MAX));

/// Sizes and pairs of them: all small ones, and some around the places where tiles and levels begin.
fn sizes() -> impl Iterator<Item = u64> + Clone {
    (1..=20).chain([31, 32, 33, 100, 127, 255, 256, 257, 300, 511, 512, 513, SIZE_MAX])
}

fn indexes(size: u64) -> impl Iterator<Item = u64> {
    (0..size).filter(move |index| *index < 20 || index % 37 == 0 || size - index < 5)
}

#[test]
fn tlog_tiles_has_the_same_roots_and_proofs() {
    let stored = Stored::of(&LOG);
    for size in sizes() {
        let root = tlog_tiles::tree_hash(size, &stored).unwrap();
        assert_eq!(LOG.root(size), ours(root), "size {size}");
        for index in indexes(size) {
            let proof = tlog_tiles::prove_record(size, index, &stored).unwrap();
            assert_eq!(LOG.inclusion(index, size), all_ours(&proof), "{index} of {size}");
            tlog_tiles::check_record(&proof, size, root, index, theirs(LOG.leaf(index))).unwrap();
        }
        for old in sizes().take_while(|old| *old <= size) {
            let proof = tlog_tiles::prove_tree(size, old, &stored).unwrap();
            assert_eq!(LOG.consistency(old, size), all_ours(&proof), "{old} to {size}");
        }
    }
}

#[test]
fn tlog_tiles_implies_the_same_tiles_under_the_same_paths() {
    let odd = [65_535, 65_536, 65_537, 70_000, 16_777_216, 16_777_217 + 256 * 3];
    for size in (0..1_000).chain(odd) {
        let mut found: Vec<(u8, u64, u32)> =
            tiles(size).map(|tile| (tile.level, tile.index, tile.width.into())).collect();
        let expected = tlog_tiles::Tile::new_tiles(8, 0, size);
        let mut expected: Vec<(u8, u64, u32)> =
            expected.iter().map(|tile| (tile.level(), tile.level_index(), tile.width())).collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert!(found == expected, "size {size}");
    }
    for (level, index, width) in
        [(0, 0, 1), (0, 273, 112), (1, 999, 256), (2, 1_000, 255), (7, 1_234_067, 256)]
    {
        let path = Tile { level, index, width }.path();
        let other = tlog_tiles::Tile::from_path(&path.replacen("tile/", "tile/8/", 1)).unwrap();
        assert_eq!(
            (other.level(), other.level_index(), other.width()),
            (level, index, width.into()),
            "{path}"
        );
    }
}

#[test]
fn ct_merkle_has_the_same_roots_and_proofs() {
    let mut tree = ct_merkle::mem_backed_tree::MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut roots = vec![tree.root()];
    for size in 1..=SIZE_MAX {
        tree.push(LOG.entries[size as usize - 1].clone());
        roots.push(tree.root());
        assert_eq!(LOG.root(size).as_bytes().as_slice(), tree.root().as_bytes().as_slice(), "size {size}");
        if !sizes().any(|chosen| chosen == size) {
            continue;
        }
        for index in indexes(size) {
            let proof = tree.prove_inclusion(index as usize);
            assert_eq!(bytes(&LOG.inclusion(index, size)), proof.as_bytes(), "{index} of {size}");
        }
        for old in sizes().take_while(|old| *old < size) {
            let proof = LOG.consistency(old, size);
            assert_eq!(
                bytes(&proof),
                tree.prove_consistency((size - old) as usize).as_bytes(),
                "{old} to {size}"
            );
            let proof = ct_merkle::ConsistencyProof::try_from_bytes(bytes(&proof)).unwrap();
            tree.root().verify_consistency(&roots[old as usize], &proof).unwrap();
        }
    }
}

#[test]
fn signed_note_accepts_our_notes_and_we_accept_its() {
    let ours = SigningKey::from_seed("example.com/graven", [7; 32]).unwrap();
    let signer = signed_note::StandardSigner::new(&ours.to_secret_string()).unwrap();
    let known = verifiers(&ours);
    for text in ["a text\n", "\n", "with\n\nempty lines\n\n", "räksmörgås — 日本\n"] {
        let note = Note::sign(text, &ours);
        let other = signed_note::Note::from_bytes(note.to_string().as_bytes()).unwrap();
        assert_eq!(other.text(), text.as_bytes());
        other.verify(&known).unwrap();

        let mut other = signed_note::Note::new(text.as_bytes(), &[]).unwrap();
        other.add_sigs(&[&signer]).unwrap();
        assert_eq!(Note::parse(&other.to_bytes()), Ok(note));
    }
}

#[test]
fn tlog_tiles_reads_our_checkpoints() {
    let key = SigningKey::from_seed("example.com/graven", [7; 32]).unwrap();
    let extensions = vec!["one".to_owned(), "another line".to_owned()];
    for (size, extensions) in [(0, vec![]), (1, vec![]), (SIZE_MAX, extensions)] {
        let checkpoint = Checkpoint { origin: key.name().to_owned(), size, root: LOG.root(size), extensions };
        let note = checkpoint.sign(&key);
        let other = tlog_tiles::Checkpoint::from_bytes(note.text.as_bytes()).unwrap();
        assert_eq!((other.origin(), other.size(), ours(*other.hash())), (key.name(), size, checkpoint.root));
        assert_eq!(other.to_bytes(), note.text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// We are the stricter reader, so there is one direction in which nothing may differ.
    #[test]
    fn signed_note_accepts_every_note_that_we_accept(changes in changes(), lines in 1..4usize) {
        let key = SigningKey::from_seed("example.com/graven", [7; 32]).unwrap();
        let mut note = Note::sign("text\n\nmore\n", &key);
        for number in 1..lines {
            let mut other = note.signatures[0].clone();
            other.name = format!("unknown{number}");
            note.signatures.insert(number % 2, other);
        }
        let bytes = changed(note.to_string().into_bytes(), &changes);
        if let Ok(note) = Note::parse(&bytes) {
            prop_assert_eq!(note.to_string().into_bytes(), bytes.clone());
            let other = signed_note::Note::from_bytes(&bytes).unwrap();
            prop_assert_eq!(other.text(), note.text.as_bytes());
            if note.verify(&[key.verifier_key()]).is_ok() {
                prop_assert!(other.verify(&verifiers(&key)).is_ok());
            }
        }
    }

    #[test]
    fn tlog_tiles_judges_inclusion_proofs_as_we_do(
        (size, index) in (1..=SIZE_MAX).prop_flat_map(|size| (Just(size), 0..size)),
        (claimed_size, claimed_index) in (1..=SIZE_MAX).prop_flat_map(|size| (Just(size), 0..size)),
        honest in any::<bool>(),
    ) {
        let proof = LOG.inclusion(index, size);
        let (size, index) = if honest { (size, index) } else { (claimed_size, claimed_index) };
        for root in [LOG.root(size), LOG.root(claimed_size)] {
            let other = tlog_tiles::check_record(&all_theirs(&proof), size, theirs(root), index, theirs(LOG.leaf(index)));
            let found = verify_inclusion(&LOG.leaf(index), index, size, &proof, &root);
            prop_assert_eq!(found.is_ok(), other.is_ok());
        }
    }

    #[test]
    fn tlog_tiles_judges_consistency_proofs_as_we_do(
        (new, old) in (1..=SIZE_MAX).prop_flat_map(|new| (Just(new), 1..=new)),
        (claimed_new, claimed_old) in (1..=SIZE_MAX).prop_flat_map(|new| (Just(new), 1..=new)),
        honest in any::<bool>(),
    ) {
        let proof = LOG.consistency(old, new);
        let (claimed_new, claimed_old) = if honest { (new, old) } else { (claimed_new, claimed_old) };
        for (new_root, old_root) in [(LOG.root(new), LOG.root(old)), (LOG.root(claimed_new), LOG.root(claimed_old))] {
            let (size, start) = (claimed_new, claimed_old);
            let other = tlog_tiles::check_tree(&all_theirs(&proof), size, theirs(new_root), start, theirs(old_root));
            let found = verify_consistency(start, size, &proof, &old_root, &new_root);
            prop_assert_eq!(found.is_ok(), other.is_ok());
        }
    }
}

/// Some bytes to put in some places, most of them bytes that mean something in a note.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    let byte = prop_oneof![prop::sample::select(b"\n\n +=Aa\x00\xe2\x80\x94".to_vec()), any::<u8>()];
    prop::collection::vec((any::<prop::sample::Index>(), byte), 0..3)
}

fn changed(mut bytes: Vec<u8>, changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    for (index, byte) in changes {
        let place = index.index(bytes.len());
        // Replaced, doubled or removed, as the place has it.
        match place % 3 {
            0 => bytes[place] = *byte,
            1 => bytes.insert(place, *byte),
            _ => drop(bytes.remove(place)),
        }
    }
    bytes
}

fn verifiers(key: &SigningKey) -> signed_note::VerifierList {
    let verifier = signed_note::StandardVerifier::new(&key.verifier_key().to_string());
    signed_note::VerifierList::new(vec![Box::new(verifier.expect("it is a verifier key"))])
}

/// The hashes of a log in the order in which `tlog_tiles` stores them.
struct Stored(RefCell<Vec<tlog_tiles::Hash>>);

impl Stored {
    fn of(log: &Log) -> Stored {
        let stored = Stored(RefCell::default());
        for (index, entry) in (0..).zip(&log.entries) {
            assert_eq!(ours(tlog_tiles::record_hash(entry)), leaf_hash(entry));
            let hashes =
                tlog_tiles::stored_hashes(index, entry, &stored).expect("all hashes before are there");
            stored.0.borrow_mut().extend(hashes);
        }
        stored
    }
}

impl tlog_tiles::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.0.borrow()[*index as usize]).collect())
    }
}

fn ours(hash: tlog_tiles::Hash) -> Hash {
    Hash::from_bytes(hash.0)
}

fn theirs(hash: Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(*hash.as_bytes())
}

fn all_ours(hashes: &[tlog_tiles::Hash]) -> Vec<Hash> {
    hashes.iter().copied().map(ours).collect()
}

fn all_theirs(hashes: &[Hash]) -> Vec<tlog_tiles::Hash> {
    hashes.iter().copied().map(theirs).collect()
}

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

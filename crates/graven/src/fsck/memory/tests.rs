//! Verifiers that share a folder: nothing newer is lost, and nobody reads half a file.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use graven_core::hash::{Hash, leaf_hash};
use graven_core::note::SigningKey;
use graven_core::tree::Tree;

use super::*;
use crate::seam::disk::{Disk, OsDisk};

const ENTRIES: u64 = 200;

fn key(seed: u8) -> VerifierKey {
    SigningKey::from_seed("example.com/log", [seed; 32]).unwrap().verifier_key().clone()
}

/// The tree of a size, of one history.
fn tree(history: u64, size: u64) -> Tree {
    (0..size).map(|index| leaf_hash(&[history.to_be_bytes(), index.to_be_bytes()].concat())).collect()
}

fn accepted(key: &VerifierKey, tree: &Tree) -> (Memory, KeyMemory) {
    let (size, root) = (tree.size(), tree.root());
    let path = Memory { key: key.clone(), size, root, format: 2 };
    let none = std::iter::empty::<(u64, Hash)>();
    (path, KeyMemory::after(None, key, (size, tree.peaks()), none))
}

fn memories(folder: &Path) -> Memories {
    Memories::new(&Machine::os(), folder, &Layout::in_dir("/srv/trail"), None).unwrap()
}

#[test]
fn an_older_head_never_replaces_a_newer_one_and_every_read_sees_a_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let (key, next, done) = (key(1), AtomicU64::new(1), AtomicBool::new(false));
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0_u64;
            while !done.load(Ordering::Acquire) {
                for entry in OsDisk.read_dir(folder.path()).unwrap() {
                    if entry.name.ends_with(".json") {
                        let bytes =
                            crate::files::durable::read_file(&OsDisk, &folder.path().join(&entry.name));
                        serde_json::from_slice::<serde_json::Value>(&bytes.unwrap()).unwrap();
                        reads += 1;
                    }
                }
            }
            reads
        });
        let verifiers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        // The head is chosen before the memory is read: by then another may have remembered a newer one.
                        let size = next.fetch_add(1, Ordering::Relaxed);
                        if size > ENTRIES {
                            return;
                        }
                        let memories = memories(folder.path());
                        let judged_by = memories.recall(Some(&key), || None).unwrap();
                        let (path, seen) = accepted(&key, &tree(1, size));
                        let outcome = memories.remember(&judged_by, &path, Some(&seen)).unwrap();
                        assert_eq!(outcome, Outcome::Remembered);
                        let now = memories.recall(Some(&key), || None).unwrap();
                        assert!(now.path.unwrap().size >= size && now.key.unwrap().size >= size);
                    }
                })
            })
            .collect();
        let ended: Vec<_> = verifiers.into_iter().map(|verifier| verifier.join()).collect();
        // The reader ends also when a verifier has failed.
        done.store(true, Ordering::Release);
        assert!(reader.join().unwrap() > 0);
        for verifier in ended {
            verifier.unwrap();
        }
    });
    let now = memories(folder.path()).recall(Some(&key), || None).unwrap();
    assert_eq!((now.path.unwrap().size, now.key.unwrap().size), (ENTRIES, ENTRIES));
}

#[test]
fn what_another_verifier_has_pinned_meanwhile_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let memories = memories(folder.path());
    let nothing = memories.recall(Some(&key(1)), || None).unwrap();
    assert_eq!(nothing.which(), Remembered::None);
    let (first, first_seen) = accepted(&key(1), &tree(1, 100));
    assert_eq!(memories.remember(&nothing, &first, Some(&first_seen)).unwrap(), Outcome::Remembered);
    // Another key at the path; another history with the same key, of the same size and of a common one.
    let others = [(2, 1, 100), (1, 2, 100), (1, 2, 64)];
    for (seed, history, size) in others {
        let (path, seen) = accepted(&key(seed), &tree(history, size));
        let nothing = Recalled { asked: Some(key(seed)), ..Recalled::default() };
        let outcome = memories.remember(&nothing, &path, Some(&seen)).unwrap();
        assert_eq!(outcome, Outcome::Overtaken, "{seed} {history} {size}");
        assert_eq!(memories.recall(None, || None).unwrap().path, Some(first.clone()));
    }
    // What was judged by the memory replaces it, as with a key that the caller gave.
    let (second, second_seen) = accepted(&key(2), &tree(1, 50));
    let judged_by = memories.recall(Some(&key(2)), || None).unwrap();
    assert_eq!(memories.remember(&judged_by, &second, Some(&second_seen)).unwrap(), Outcome::Remembered);
    assert_eq!(memories.recall(None, || None).unwrap().path, Some(second));
}

#[test]
fn what_two_verifiers_could_not_compare_is_kept_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let memories = memories(folder.path());
    let nothing = memories.recall(Some(&key(1)), || None).unwrap();
    let histories = [(1, 100), (2, 164)].map(|(history, size)| tree(history, size));
    for tree in &histories {
        let (path, seen) = accepted(&key(1), tree);
        assert_eq!(memories.remember(&nothing, &path, Some(&seen)).unwrap(), Outcome::Remembered);
    }
    let roots = memories.recall(Some(&key(1)), || None).unwrap().key.unwrap().roots();
    for tree in &histories {
        assert_eq!(roots.get(&tree.size()), Some(&tree.root()), "the larger one contradicts the smaller one");
    }
}

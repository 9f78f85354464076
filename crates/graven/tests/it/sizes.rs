//! Trails of every size at which a tile, a level or a bundle begins or ends.

use graven::{Category, Entry, Outcome, Settings, Trail};
use graven_core::checkpoint::Checkpoint;
use graven_core::hash::leaf_hash;
use graven_core::tree::Tree;

use crate::support::lines;

#[test]
fn the_checkpoint_is_the_root_of_the_lines_at_every_size() {
    for size in [0_u64, 1, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537] {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(Settings::new(folder.path())).unwrap();
        for first in (0..size).step_by(10_000) {
            let some = (first..size.min(first + 10_000))
                .map(|n| Entry::new(Category::Api, n.to_string(), Outcome::Success));
            trail.record_batch_blocking(some.collect()).unwrap();
        }
        let key = trail.verifier_key();
        let signed = trail.checkpoint_blocking().unwrap();
        let (checkpoint, _) = Checkpoint::open(signed.as_bytes(), &key).unwrap();
        let stored = lines(&folder.path().join("audit.jsonl"));
        let tree: Tree = stored.iter().map(|line| leaf_hash(line)).collect();
        assert_eq!((checkpoint.size, checkpoint.root), (size, tree.root()), "{size}");
        for index in [0, size / 2, size.wrapping_sub(1)] {
            if index < size {
                let proof = trail.prove_blocking(index).unwrap();
                proof.tlog_proof.verify(&stored[usize::try_from(index).unwrap()], &key).unwrap();
            }
        }
        drop(trail);
        // And again from the files, with and without the derived hashes.
        for tiles in [true, false] {
            if !tiles {
                std::fs::remove_dir_all(folder.path().join("tiles")).unwrap();
            }
            let trail = Trail::open(Settings::new(folder.path())).unwrap();
            assert_eq!(trail.checkpoint_blocking().unwrap(), signed, "{size}, tiles: {tiles}");
        }
    }
}

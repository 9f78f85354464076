//! What is remembered of a key: roots that follow, unions, and files that cannot be understood.

use graven_core::hash::leaf_hash;
use graven_core::note::SigningKey;
use graven_core::tree::Tree;

use super::*;

fn key(name: &str) -> VerifierKey {
    SigningKey::from_seed(name, [1; 32]).unwrap().verifier_key().clone()
}

fn tree(size: u64) -> Tree {
    (0..size).map(|index| leaf_hash(&index.to_be_bytes())).collect()
}

/// What is remembered of a tree with these boundaries.
fn seen(tree: &Tree, boundaries: &[u64]) -> KeyMemory {
    let heads = boundaries.iter().map(|size| (*size, self::tree(*size).root()));
    KeyMemory::after(None, &key("example.com/log"), (tree.size(), tree.peaks()), heads)
}

#[test]
fn the_roots_are_those_of_the_smaller_trees() {
    for size in (0..70).chain([1_499, 1_500]) {
        let roots = seen(&tree(size), &[256, 1_280].map(|size_of| size_of.min(size))).roots();
        assert!(size == 0 || roots.contains_key(&size), "{size}");
        for (size, root) in roots {
            assert_eq!(root, tree(size).root(), "{size}");
        }
    }
}

#[test]
fn a_smaller_tree_changes_nothing() {
    let large = seen(&tree(1_500), &[256, 512]);
    let (small, key) = (tree(700), key("example.com/log"));
    let after =
        KeyMemory::after(Some(&large), &key, (700, small.peaks()), std::iter::once((640, small.root())));
    assert_eq!(after, large);
}

#[test]
fn a_union_has_the_larger_tree_and_the_heads_of_both() {
    let (small, large) = (seen(&tree(700), &[256, 640]), seen(&tree(1_500), &[256, 1_280]));
    for union in [small.union(&large), large.union(&small)] {
        let union = union.unwrap();
        assert_eq!((union.size, &union.peaks), (1_500, &large.peaks));
        assert_eq!(union.heads.keys().copied().collect::<Vec<_>>(), [256, 640, 700, 1_280]);
    }
    assert_eq!(large.union(&large), Some(large));
}

#[test]
fn there_is_no_union_of_what_contradicts_itself() {
    let large = seen(&tree(1_500), &[256]);
    let another = |size: u64| (1..=size).map(|index| leaf_hash(&index.to_be_bytes())).collect::<Tree>();
    for size in [1_500, 1_280, 1_024] {
        assert_eq!(large.union(&seen(&another(size), &[])), None, "{size}");
        assert_eq!(seen(&another(size), &[]).union(&large), None, "{size}");
    }
}

#[test]
fn the_heads_are_bounded_and_the_newest_stays() {
    let heads = |count: u64| (1..=count).map(|n| (n * 256, leaf_hash(&n.to_be_bytes())));
    for count in [HEADS_MAX as u64, HEADS_MAX as u64 + 1, 10_001] {
        let size = count * 256;
        let peaks = vec![Hash::EMPTY_TREE; size.count_ones() as usize];
        let memory = KeyMemory::after(None, &key("example.com/log"), (size, &peaks), heads(count));
        assert!((HEADS_MAX / 2..=HEADS_MAX).contains(&memory.heads.len()), "{count}: {}", memory.heads.len());
        assert_eq!(memory.heads.last_key_value().map(|(size, _)| *size), Some(size));
    }
}

#[test]
fn what_is_written_is_understood_and_nothing_else_is() {
    let memory = seen(&tree(1_500), &[256, 1_280]);
    let written = serde_json::to_string(&Content::of(&memory)).unwrap();
    assert_eq!(parse(written.as_bytes()), Some(memory));
    for (of, by) in [
        ("\"version\":1", "\"version\":2"),
        ("\"size\":1500", "\"size\":1501"),
        ("[1280,", "[1501,"),
        ("\"origin\":\"example.com/log\"", "\"origin\":\"example.com/other\""),
        ("{\"version\"", "{\"more\":1,\"version\""),
        ("\"key\":\"example", "\"key\":\"sample"),
    ] {
        let changed = written.replacen(of, by, 1);
        assert_ne!(changed, written, "{of}");
        assert_eq!(parse(changed.as_bytes()), None, "{by}");
    }
    assert_eq!(parse(b""), None);
}

#[test]
fn no_origin_chooses_the_name_of_the_file() {
    let name = KeyFile::new(&key("../../etc/passwd")).name;
    let digits = name.strip_prefix("key-").unwrap().strip_suffix(".json").unwrap();
    assert!(digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    assert_ne!(name, KeyFile::new(&key("../../etc/passwe")).name);
}

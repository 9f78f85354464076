//! A head over other entries than a process knows, signed with the trail's own key and with tiles that fit it: the process
//! signs nothing over it.

use graven::ErrorKind;
use graven::sim::Stepped;
use graven_core::checkpoint::Checkpoint;
use graven_core::hash::{Hash, leaf_hash};
use graven_core::note::SigningKey;
use graven_core::tree::Tree;

use super::World;
use crate::support::model::DIR;

/// Which leaf is another one, and how many there are.
struct Forgery {
    what: &'static str,
    leaf: usize,
    size: usize,
}

#[test]
fn a_process_signs_nothing_over_other_entries_than_it_knows() {
    let forgeries = [
        Forgery { what: "one that is sealed", leaf: 1, size: 5 },
        Forgery { what: "one that it has written itself", leaf: 3, size: 5 },
        Forgery { what: "one that is sealed, under a head that covers more", leaf: 1, size: 7 },
        Forgery { what: "its own, under a head that covers more", leaf: 3, size: 7 },
    ];
    for Forgery { what, leaf, size } in forgeries {
        let (world, one, mut other) = two_processes();
        forge(&world, leaf, size);
        other.publish();
        let error = other.trail().poisoned().unwrap_or_else(|| panic!("{what}: it went on"));
        assert_eq!(error.kind(), ErrorKind::Data, "{what}: {}", error.chain());
        // It leaves the evidence as it is.
        assert_eq!(signed_size(&world), size as u64, "{what}");
        drop((one, other));
    }
}

/// The same head over the entries as they are: it is adopted, whatever the process knows of them.
#[test]
fn a_process_goes_on_from_a_head_over_the_entries_that_it_knows() {
    for size in [5, 7] {
        let (world, one, mut other) = two_processes();
        forge(&world, usize::MAX, size);
        other.publish();
        assert!(other.trail().poisoned().is_none(), "{size}: {:?}", other.trail().poisoned());
        one.close().unwrap();
        other.close().unwrap();
        world.check(DIR);
        world.assert_intact();
    }
}

/// The other process has sealed the entries 0 to 2, knows 3 and 4, which it has written itself, and nothing of 5 and 6.
fn two_processes() -> (World, Stepped, Stepped) {
    let mut world = World::new();
    let (mut one, mut other) = (world.open(), world.open());
    world.record_many(&mut one, 2);
    world.record(&mut other).unwrap();
    other.publish();
    world.record_many(&mut other, 2);
    world.record_many(&mut one, 2);
    (world, one, other)
}

/// Signs a head of `size` entries, of which one is another one, and writes its hashes.
fn forge(world: &World, other: usize, size: usize) {
    let live = world.disk.contents(format!("{DIR}/audit.jsonl")).unwrap();
    let lines = live.split(|byte| *byte == b'\n').take(size);
    let leaves: Vec<Hash> = lines
        .enumerate()
        .map(|(index, line)| leaf_hash(if index == other { b"another entry" } else { line }))
        .collect();
    assert_eq!(leaves.len(), size, "the lines are there");
    let hashes: Vec<u8> = leaves.iter().flat_map(|hash| *hash.as_bytes()).collect();
    world.disk.tamper(format!("{DIR}/tiles/0"), |bytes| *bytes = hashes.clone()).unwrap();
    let secret = world.disk.contents(format!("{DIR}/keys/signing")).unwrap();
    let key = SigningKey::parse(String::from_utf8(secret).unwrap().trim_end()).unwrap();
    let root = Tree::from_iter(leaves).root();
    let checkpoint =
        Checkpoint { origin: key.name().to_owned(), size: size as u64, root, extensions: Vec::new() };
    let signed = checkpoint.sign(&key).to_string();
    world.disk.tamper(format!("{DIR}/checkpoint"), |bytes| *bytes = signed.clone().into_bytes()).unwrap();
}

fn signed_size(world: &World) -> u64 {
    let checkpoint = String::from_utf8(world.disk.contents(format!("{DIR}/checkpoint")).unwrap()).unwrap();
    checkpoint.lines().nth(1).unwrap().parse().unwrap()
}

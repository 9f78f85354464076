//! Ten thousand random changes of any file, one at a time: where something vouches, none is unseen, and the work of the
//! verifier is bounded by what is there.

use std::collections::BTreeSet;

use fastrand::Rng;
use graven::disk::sim::Op;
use graven_core::verdict::Verdict;

use super::image::{Copy, Files, Growing, Image};
use crate::support::patience::must_end;

const CHANGES: u64 = 10_000;

/// The trails: one that is changed, an older state of it, and another one.
struct Trails {
    image: Image,
    files: Files,
    /// Where the bytes of other files are taken from.
    foreign: Vec<Vec<u8>>,
}

impl Trails {
    fn new() -> Trails {
        let growing = Growing::in_dir(1);
        growing.grow(300);
        let older = growing.image().files();
        growing.grow(600);
        let (image, other) = (growing.image(), Growing::in_dir(2));
        other.grow(600);
        let other = other.image().files();
        let files = image.files();
        let foreign = older.into_values().chain(other.into_values()).chain(files.values().cloned()).collect();
        Trails { image, files, foreign }
    }

    /// Changes one file at random. Its name, and what it holds now; `None` when it is gone.
    fn change(&self, random: &mut Rng, copy: &Copy) -> (String, Option<Vec<u8>>) {
        let names: Vec<&String> = self.files.keys().collect();
        let name = names[random.usize(..names.len())].clone();
        let mut bytes = self.files[&name].clone();
        match random.u8(..20) {
            0 => {
                copy.remove(&name);
                return (name, None);
            }
            1..3 => bytes = self.foreign[random.usize(..self.foreign.len())].clone(),
            _ => edit(random, &mut bytes),
        }
        copy.put(&name, &bytes);
        (name, Some(bytes))
    }
}

/// One random change of bytes.
fn edit(random: &mut Rng, bytes: &mut Vec<u8>) {
    let place = random.usize(..=bytes.len());
    let length_max = [1, 32, 512, 4_096][random.usize(..4)].min(bytes.len() - place);
    let length = random.usize(..=length_max);
    let other = random.usize(..=bytes.len() - length);
    match random.u8(..9) {
        0 if place < bytes.len() => bytes[place] ^= 1 << random.u8(..8),
        0 | 1 => bytes.truncate(place),
        2 => drop(bytes.drain(place..place + length)),
        3 => drop(bytes.splice(other..other, bytes[place..place + length].to_vec())),
        4 => {
            let noise: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            drop(bytes.splice(place..place, noise));
        }
        5 => bytes[place..place + length].fill(random.u8(..)),
        // Two stretches change places.
        6 => {
            let (one, two) = (bytes[place..place + length].to_vec(), bytes[other..other + length].to_vec());
            bytes[place..place + length].copy_from_slice(&two);
            bytes[other..other + length].copy_from_slice(&one);
        }
        7 => bytes.extend(std::iter::repeat_n(random.u8(..), length)),
        _ => {
            let copy = bytes[place..place + length].to_vec();
            bytes[other..other + length].copy_from_slice(&copy);
        }
    }
}

/// Whether something vouches for this change: a signed head for the entries, the checkpoints and the blobs, and a
/// signature for `graven.json` and `closed`.
fn is_vouched_for(name: &str, before: &[u8], after: Option<&[u8]>) -> bool {
    match name.split('/').next().unwrap_or_default() {
        // No entry rests on them.
        "LOCK" | "keys" | "settings.json" => false,
        // Its absence proves nothing: a crash leaves none.
        "closed" => after.is_some(),
        // What is past the checkpoint is judged elsewhere.
        "tiles" => !after.is_some_and(|after| after.starts_with(before)),
        _ => true,
    }
}

#[test]
fn none_of_ten_thousand_random_changes_is_unseen_where_something_vouches() {
    must_end();
    let trails = Trails::new();
    let stored: u64 = trails.files.values().map(|bytes| bytes.len() as u64).sum();
    let (mut judged, mut changed, mut most) = (0, BTreeSet::new(), 0);
    for seed in 0..CHANGES {
        let mut random = Rng::with_seed(seed);
        let copy = trails.image.copy();
        let (name, after) = trails.change(&mut random, &copy);
        let before = &trails.files[&name];
        let after = after.as_deref();
        let grown = after.map_or(0, <[u8]>::len) as u64;
        let report = copy.verify(false).unwrap_or_else(|error| panic!("seed {seed}: {name}: {error}"));
        let said = || format!("seed {seed}: {name}: {} {:?}", report.verdict, report.findings);
        let is_changed = after != Some(before);
        if is_changed && is_vouched_for(&name, before, after) {
            assert_ne!(report.exit_code(), 0, "{}", said());
            judged += 1;
            changed.insert(name.clone());
        } else if !is_changed {
            assert_eq!(report.verdict, Verdict::Intact, "{}", said());
        }
        let calls = copy.disk.calls();
        let reads = calls.iter().filter(|call| call.step.op == Op::Read);
        let read: u64 = reads.map(|call| call.result.unwrap_or(0)).sum();
        most = most.max(read / (stored + grown));
        assert!(read <= WORK_MAX * (stored + grown), "{read} bytes of {stored} are read: {}", said());
    }
    eprintln!(
        "{judged} changes of {} files were judged; at most {most} times what is there was read",
        changed.len()
    );
    assert!(judged > CHANGES / 2, "{judged}");
    assert_eq!(
        changed.len(),
        trails.files.len() - 4,
        "all but LOCK, two keys and settings.json: {changed:?}"
    );
}

/// How often the verifier may read what is there: it looks at least twice before it accuses, and looks for the place.
const WORK_MAX: u64 = 6;

//! Whatever is done to the files, in any combination, is noticed, and never more than noticed.

use fastrand::Rng;
use graven::Machine;
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;
use graven_core::verdict::Verdict;

use super::specimen::{Specimen, verify};

/// One random change of a file; may by chance change nothing.
fn change(random: &mut Rng, bytes: &mut Vec<u8>) {
    let place = random.usize(..=bytes.len());
    let length_max = [2, 50, 5_000][random.usize(..3)];
    let length = random.usize(..length_max).min(bytes.len() - place);
    match random.u8(..6) {
        0 => bytes.truncate(place),
        1 => drop(bytes.drain(place..place + length)),
        2 => {
            let copy = bytes[place..place + length].to_vec();
            let other = random.usize(..=bytes.len());
            bytes.splice(other..other, copy);
        }
        3 => bytes[place..place + length].fill(0),
        4 => {
            let noise: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            bytes.splice(place..place, noise);
        }
        _ => bytes[place..place + length].iter_mut().for_each(|byte| *byte = b'\n'),
    }
}

#[test]
fn any_mixture_of_changes_is_noticed() {
    let specimen = Specimen::new(1_500, 40_000);
    // These say nothing of the entries.
    let other = ["graven.json", "closed", "settings.json"];
    let names: Vec<&String> = specimen.files.keys().filter(|name| !other.contains(&&***name)).collect();
    for seed in 0..400 {
        let mut random = Rng::with_seed(seed);
        let mut changed = Vec::new();
        for _ in 0..random.u8(1..=4) {
            let name = names[random.usize(..names.len())].as_str();
            let mut bytes = specimen.bytes(name).to_vec();
            if random.u8(..8) == 0 {
                changed.push((name, None));
            } else {
                change(&mut random, &mut bytes);
                // What is past the checkpoint in the files of hashes is judged elsewhere.
                if name.starts_with("tiles/") && bytes.starts_with(specimen.bytes(name)) {
                    continue;
                }
                changed.push((name, Some(bytes)));
            }
        }
        changed.sort();
        changed.dedup_by_key(|(name, _)| *name);
        changed.retain(|(name, bytes)| bytes.as_deref() != Some(specimen.bytes(name)));
        let report = specimen.with(&changed);
        let names: Vec<&str> = changed.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            report.verdict.accuses(),
            !changed.is_empty(),
            "seed {seed}: {names:?}: {:?}",
            report.findings
        );
        let only_tiles = names.iter().all(|name| name.starts_with("tiles/"));
        assert!(!only_tiles || report.verdict <= Verdict::TilesDamaged, "seed {seed}: {:?}", report.findings);
    }
    assert_eq!(verify(specimen.path()).verdict, Verdict::Intact);
}

/// A file that is damaged while the first look reads it, and whole again for the second.
#[test]
fn what_only_the_first_look_found_is_reported_too() {
    let specimen = Specimen::new(300, 1 << 20);
    let (good, mut bad) = (specimen.bytes("audit.jsonl").to_vec(), specimen.bytes("audit.jsonl").to_vec());
    bad[50] ^= 1;
    specimen.put("audit.jsonl", Some(&bad));
    let progress = |done: u64, total: u64| {
        if done == total {
            specimen.put("audit.jsonl", Some(&good));
        }
    };
    let layout = Layout::in_dir(specimen.path());
    let report = fsck::verify(&Machine::os(), &layout, &VerifyOptions::default(), &progress).unwrap();
    assert_eq!((report.verdict, report.exit_code(), report.findings.len()), (Verdict::Intact, 0, 0));
    assert_eq!(report.earlier[0].verdict, Verdict::Altered, "{report:?}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["earlier_findings"][0]["verdict"], "altered");
    // Nothing is said of earlier looks when the last one accuses, or when there was no other.
    assert!(serde_json::to_value(verify(specimen.path())).unwrap().get("earlier_findings").is_none());
    let report = specimen.changed("audit.jsonl", |bytes| bytes[50] ^= 1);
    assert_eq!((report.verdict, report.earlier.len()), (Verdict::Altered, 0));
}

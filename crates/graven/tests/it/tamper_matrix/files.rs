//! Files are removed, swapped, replaced and added.

use graven::VerifierKey;
use graven::fsck::{KeySource, VerifyOptions};
use graven_core::note::SigningKey;
use graven_core::verdict::Verdict;

use super::specimen::{Specimen, places, verify_with};

#[test]
fn every_removed_file_is_told() {
    let specimen = Specimen::new(1_500, 40_000);
    let mut removed = 0;
    for name in specimen.files.keys() {
        let report = specimen.with(&[(name, None)]);
        let number = name.split('/').next_back().unwrap().trim_end_matches(".jsonl").parse::<u64>();
        let (verdict, index, last) = match name.split('/').next().unwrap() {
            // Its absence proves nothing.
            "closed" | "settings.json" => {
                assert_eq!((report.verdict, report.findings.len()), (Verdict::Intact, 0));
                continue;
            }
            "graven.json" | "checkpoint" => (Verdict::Missing, None, None),
            "segments" => (Verdict::Missing, number.clone().ok(), Some(number.unwrap() + 255)),
            "checkpoints" => (Verdict::Missing, number.ok(), None),
            "audit.jsonl" => (Verdict::Truncated, Some(1_280), Some(1_499)),
            "tiles" => (Verdict::TilesDamaged, Some(0), Some(if number == Ok(0) { 1_499 } else { 1_279 })),
            _ => panic!("a file of an unknown kind: {name}"),
        };
        let found = places(&report);
        assert_eq!(found.len(), 1, "{name}: {:?}", report.findings);
        assert_eq!((found[0].0, found[0].1, found[0].2), (verdict, index, last), "{name}");
        assert_eq!(found[0].3.as_ref(), Some(name));
        removed += 1;
    }
    assert!(removed >= 14, "{removed}");
}

#[test]
fn swapped_files_are_told() {
    let specimen = Specimen::new(1_500, 40_000);
    for folder in ["segments/", "checkpoints/", "tiles/"] {
        let names = specimen.names_in(folder);
        for pair in names.windows(2) {
            let (a, b) = (specimen.bytes(&pair[0]).to_vec(), specimen.bytes(&pair[1]).to_vec());
            let report = specimen.with(&[(&pair[0], Some(b)), (&pair[1], Some(a))]);
            let found = places(&report);
            let files: Vec<&str> = found.iter().filter_map(|place| place.3.as_deref()).collect();
            assert!(
                files.contains(&&*pair[0]) || files.contains(&&*pair[1]),
                "{pair:?}: {:?}",
                report.findings
            );
            let verdict = match folder {
                "segments/" => Verdict::Altered,
                "checkpoints/" => Verdict::Missing,
                _ => Verdict::TilesDamaged,
            };
            assert_eq!(report.verdict, verdict, "{pair:?}: {:?}", report.findings);
        }
    }
}

#[test]
fn a_segment_under_a_wrong_name_or_too_many_is_told() {
    let specimen = Specimen::new(1_500, 40_000);
    let copy = specimen.bytes("segments/00000000000000000256.jsonl").to_vec();
    let name = "segments/00000000000000000300.jsonl";
    let report = specimen.with(&[(name, Some(copy.clone()))]);
    assert_eq!(places(&report), [(Verdict::Inserted, Some(300), None, Some(name.to_owned()), None)]);
    // Renamed: its entries are missing, and a stranger is there.
    let report = specimen.with(&[("segments/00000000000000000256.jsonl", None), (name, Some(copy))]);
    let verdicts: Vec<_> = places(&report).into_iter().map(|place| (place.0, place.1, place.2)).collect();
    assert_eq!(verdicts, [(Verdict::Missing, Some(256), Some(511)), (Verdict::Inserted, Some(300), None)]);
}

#[test]
fn a_made_up_boundary_is_a_bad_signature_and_moves_nothing() {
    let specimen = Specimen::new(1_500, 40_000);
    let own = specimen.bytes("checkpoints/512").to_vec();
    let mut forged = own.clone();
    forged[40] ^= 1;
    for size in [1_792, 2_560, 9_999_872] {
        let name = format!("checkpoints/{size}");
        let found = places(&specimen.with(&[(&name, Some(forged.clone()))]));
        assert_eq!(found, [(Verdict::BadSignature, None, None, Some(name.clone()), None)]);
        let found = places(&specimen.with(&[(&name, Some(own.clone()))]));
        assert_eq!(found, [(Verdict::Missing, Some(size), None, Some(name), None)]);
    }
}

#[test]
fn an_old_note_of_a_close_is_told() {
    let specimen = Specimen::new(300, 1 << 20);
    let old = specimen.bytes("closed").to_vec();
    let folder = tempfile::tempdir().unwrap();
    copy_tree(&specimen, folder.path());
    let trail = graven::Trail::open(graven::Settings::new(folder.path())).unwrap();
    let entry = || graven::Entry::new(graven::Category::Api, "more", graven::Outcome::Success);
    trail.record_blocking(entry()).unwrap();
    trail.close_blocking().unwrap();
    let newer = Specimen::of(folder);
    let report = newer.with(&[("closed", Some(old))]);
    assert_eq!(places(&report), [(Verdict::RolledBack, Some(300), None, Some("closed".to_owned()), None)]);
}

/// The whole trail, with its key.
fn copy_tree(specimen: &Specimen, to: &std::path::Path) {
    for (name, bytes) in &specimen.files {
        let path = to.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    for folder in ["keys", "blobs", "segments", "checkpoints", "tiles"] {
        std::fs::create_dir_all(to.join(folder)).unwrap();
    }
    std::fs::copy(specimen.path().join("keys/signing"), to.join("keys/signing")).unwrap();
}

#[test]
fn a_later_version_is_not_judged() {
    let specimen = Specimen::new(10, 1 << 20);
    let text = String::from_utf8(specimen.bytes("graven.json").to_vec()).unwrap();
    let later = text.replace("\"version\":2", "\"version\":3,\"more\":true");
    let report = specimen.with(&[("graven.json", Some(later.into_bytes()))]);
    assert_eq!((report.verdict, report.exit_code()), (Verdict::UnknownVersion, 2));
    let report = specimen.with(&[("graven.json", Some(b"{}".to_vec()))]);
    assert_eq!(places(&report), [(Verdict::Altered, None, None, Some("graven.json".to_owned()), None)]);
}

#[test]
fn another_key_is_a_bad_signature() {
    let specimen = Specimen::new(10, 1 << 20);
    let text = String::from_utf8(specimen.bytes("graven.json").to_vec()).unwrap();
    let meta: serde_json::Value = serde_json::from_str(&text).unwrap();
    let own = meta["public_key"].as_str().unwrap();
    let other = SigningKey::from_seed(meta["origin"].as_str().unwrap(), [9; 32]).unwrap();
    let other = other.verifier_key().to_string();

    // The given key judges before all others.
    let given =
        |key: &str| VerifyOptions { key: Some(VerifierKey::parse(key).unwrap()), ..VerifyOptions::default() };
    let report = verify_with(specimen.path(), &given(&other));
    assert_eq!((report.verdict, report.key_source), (Verdict::BadSignature, Some(KeySource::Given)));
    let report = verify_with(specimen.path(), &given(own));
    assert_eq!((report.verdict, report.key_source), (Verdict::Intact, Some(KeySource::Given)));
    // A trail that names another key contradicts its own checkpoints.
    let forged = text.replace(own, &other);
    let report = specimen.with(&[("graven.json", Some(forged.into_bytes()))]);
    assert_eq!((report.verdict, report.key_source), (Verdict::BadSignature, Some(KeySource::SelfAsserted)));
}

#[test]
fn a_damaged_or_missing_blob_names_its_entry() {
    let folder = tempfile::tempdir().unwrap();
    let trail = graven::Trail::open(graven::Settings::new(folder.path())).unwrap();
    let large = "x".repeat(100_000);
    for n in 0..20 {
        let entry = graven::Entry::new(graven::Category::Api, format!("GET /{n}"), graven::Outcome::Success);
        let entry = if n == 7 { entry.detail(&large) } else { entry.detail("small") };
        trail.record_blocking(entry).unwrap();
    }
    trail.close_blocking().unwrap();
    let specimen = Specimen::of(folder);
    assert_eq!(super::specimen::verify(specimen.path()).verdict, Verdict::Intact);
    let [name] = &specimen.names_in("blobs/")[..] else {
        panic!("one blob");
    };
    let found = |verdict| vec![(verdict, Some(7), None, Some(name.clone()), None)];
    let report = specimen.with(&[(name, None)]);
    assert_eq!(places(&report), found(Verdict::Missing));
    let report = specimen.changed(name, |bytes| bytes[50_000] ^= 1);
    assert_eq!(places(&report), found(Verdict::Altered));
    let report = specimen.changed(name, |bytes| bytes.push(b' '));
    assert_eq!(places(&report), found(Verdict::Altered));
    // The index is the recorded one, also when a line before it is gone.
    let line = specimen.lines()[2].clone();
    let mut live = specimen.bytes("audit.jsonl").to_vec();
    live.drain(line.start..=line.end);
    let report = specimen.with(&[(name, None), ("audit.jsonl", Some(live))]);
    let verdicts: Vec<_> = places(&report).into_iter().map(|place| (place.0, place.1)).collect();
    assert_eq!(verdicts, [(Verdict::Missing, Some(2)), (Verdict::Missing, Some(7))]);
}

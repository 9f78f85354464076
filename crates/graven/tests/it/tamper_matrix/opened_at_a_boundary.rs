//! An opening records its own entries where a segment was due to end: that is no tampering.

use graven::{Settings, Trail};
use graven_core::verdict::Verdict;

use super::specimen::{Specimen, verify};

/// A trail that was opened again, with life signs, when its live file was due to be closed at this size.
fn reopened(size: u64) -> Specimen {
    let specimen = Specimen::new(size, 40_000);
    let settings = Settings::new(specimen.path()).life_signs(true);
    let trail = Trail::open(settings).unwrap();
    assert!(trail.len() > size);
    trail.close_blocking().unwrap();
    let live = std::fs::read_to_string(specimen.path().join("audit.jsonl")).unwrap();
    assert!(live.len() > 40_000 && live.lines().count() > 256, "the entries are in the old file");
    specimen
}

#[test]
fn entries_of_an_opening_past_the_end_of_a_segment_are_in_order() {
    for size in [512, 511] {
        let specimen = reopened(size);
        assert_eq!(verify(specimen.path()).verdict, Verdict::Intact, "{size}");
        // As after a crash before these were sealed.
        let (checkpoint, tiles) = (specimen.bytes("checkpoint"), specimen.bytes("tiles/0"));
        for hashes in [tiles.len(), std::fs::read(specimen.path().join("tiles/0")).unwrap().len()] {
            std::fs::remove_file(specimen.path().join("closed")).unwrap_or_default();
            let now = std::fs::read(specimen.path().join("tiles/0")).unwrap();
            specimen.put("checkpoint", Some(checkpoint));
            specimen.put("tiles/0", Some(&now[..hashes.min(now.len())]));
            assert_eq!(verify(specimen.path()).verdict, Verdict::Unsealed, "{size}");
            specimen.put("tiles/0", Some(&now));
        }
        let trail = Trail::open(Settings::new(specimen.path())).unwrap();
        let more =
            |n| graven::Entry::new(graven::Category::Api, format!("GET /{n}"), graven::Outcome::Success);
        trail.record_batch_blocking((0..600).map(more).collect()).unwrap();
        trail.close_blocking().unwrap();
        assert_eq!(verify(specimen.path()).verdict, Verdict::Intact, "{size}");
    }
}

//! Segments: where they end, what closes them, and openings in the middle of a rotation.

use std::path::Path;

use graven::{Category, Entry, Outcome, Settings, Trail};

use crate::support::lines;

fn settings(dir: &Path) -> Settings {
    Settings::new(dir).segment_bytes(40_000)
}

fn record(trail: &Trail, count: u64) {
    let first = trail.len();
    let entries =
        (first..first + count).map(|n| Entry::new(Category::Api, format!("GET /{n}"), Outcome::Success));
    trail.record_batch_blocking(entries.collect()).unwrap();
}

fn segments(dir: &Path) -> Vec<(u64, u64)> {
    let mut found: Vec<(u64, u64)> = std::fs::read_dir(dir.join("segments"))
        .unwrap()
        .map(|name| {
            let name = name.unwrap();
            let first = name.file_name().into_string().unwrap()[..20].parse().unwrap();
            (first, lines(&name.path()).len() as u64)
        })
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn segments_end_at_multiples_of_256_under_a_checkpoint_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(settings(folder.path())).unwrap();
    record(&trail, 2_000);
    record(&trail, 1);
    let segments = segments(folder.path());
    assert!(segments.len() >= 4, "{segments:?}");
    let mut next = 0;
    for (first, count) in &segments {
        assert_eq!(*first, next);
        next += count;
        assert_eq!(next % 256, 0);
        let boundary =
            std::fs::read_to_string(folder.path().join("checkpoints").join(next.to_string())).unwrap();
        assert_eq!(boundary.lines().nth(1).unwrap(), next.to_string());
        let bytes =
            std::fs::metadata(folder.path().join(format!("segments/{first:020}.jsonl"))).unwrap().len();
        assert!((40_000..80_000).contains(&bytes), "{bytes}");
    }
    let actions = trail.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap().action);
    assert!(actions.eq((0..2_001).map(|n| format!("GET /{n}"))));
}

/// Takes back steps of the rotation that closed the segment `first..size`.
type Undo = fn(&Path, u64, u64);

#[test]
fn a_rotation_that_was_cut_short_is_finished() {
    // What a crash leaves after each step of a rotation, made from a trail that has just rotated at `size`.
    let undo: [(&str, Undo); 3] = [
        ("no new live file", |dir, _, _| std::fs::remove_file(dir.join("audit.jsonl")).unwrap()),
        ("not renamed", |dir, first, _| {
            std::fs::rename(dir.join(format!("segments/{first:020}.jsonl")), dir.join("audit.jsonl"))
                .unwrap();
        }),
        ("no boundary", |dir, first, size| {
            std::fs::rename(dir.join(format!("segments/{first:020}.jsonl")), dir.join("audit.jsonl"))
                .unwrap();
            std::fs::remove_file(dir.join(format!("checkpoints/{size}"))).unwrap();
        }),
    ];
    for (what, undo) in undo {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let trail = Trail::open(settings(dir)).unwrap();
        record(&trail, 1_000);
        drop(trail);
        // As the trail was right after the rotation: an empty live file, the checkpoint of the boundary, and its hashes.
        let (first, count) = *segments(dir).last().unwrap();
        let size = first + count;
        std::fs::remove_file(dir.join("closed")).unwrap();
        std::fs::remove_file(dir.join("LOCK")).unwrap();
        std::fs::write(dir.join("audit.jsonl"), "").unwrap();
        std::fs::copy(dir.join(format!("checkpoints/{size}")), dir.join("checkpoint")).unwrap();
        for (level, hashes) in [("0", size), ("1", size / 256)] {
            let tile = dir.join("tiles").join(level);
            std::fs::OpenOptions::new().write(true).open(tile).unwrap().set_len(hashes * 32).unwrap();
        }
        undo(dir, first, size);
        let trail = Trail::open(settings(dir)).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        record(&trail, 600);
        let actions = trail.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap().action);
        let wanted: Vec<String> = (0..trail.len()).map(|n| format!("GET /{n}")).collect();
        assert_eq!(actions.collect::<Vec<_>>(), wanted, "{what}");
    }
}

#[test]
fn by_age_only_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path()).segment_age(std::time::Duration::ZERO)).unwrap();
    record(&trail, 300);
    record(&trail, 300);
    assert_eq!(segments(folder.path()), [(0, 256), (256, 256)]);
}

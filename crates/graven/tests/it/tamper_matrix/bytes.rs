//! One bit of one byte is flipped.

use graven_core::verdict::Verdict;

use super::specimen::{Line, Place, Specimen, at, places};

/// Flips a bit that depends on the offset.
fn flip(bytes: &mut [u8], offset: usize) {
    bytes[offset] ^= 1 << (offset % 8);
}

/// What must be said of a flipped byte in a line, or of its newline. `next` is the line after it in its file.
fn expected(line: &Line, next: Option<&Line>, bytes: &[u8], offset: usize) -> Vec<Place> {
    if offset == line.end {
        // Two lines become one; the last one of a file is no entry any more.
        let cut_off = if line.file == "audit.jsonl" { Verdict::Truncated } else { Verdict::Missing };
        return match next {
            Some(next) => {
                let gone = next.end + 1;
                let verdict = if gone == bytes.len() { cut_off } else { Verdict::Missing };
                let second = (verdict, Some(next.index), None, Some(next.file.clone()), Some(gone as u64));
                vec![at(Verdict::Altered, line), second]
            }
            None => vec![at(cut_off, line)],
        };
    }
    let mut flipped = bytes.to_vec();
    flip(&mut flipped, offset);
    let mut expected = vec![at(Verdict::Altered, line)];
    if flipped[offset] == b'\n' {
        // One line becomes two.
        let index = Some(line.index + 1);
        expected.push((Verdict::Inserted, index, None, Some(line.file.clone()), Some(offset as u64 + 1)));
    }
    expected
}

fn flip_in_segments(specimen: &Specimen, step: usize) {
    let lines = specimen.lines();
    let mut flips = 0;
    for (number, line) in lines.iter().enumerate() {
        let next = lines.get(number + 1).filter(|next| next.file == line.file);
        let bytes = specimen.bytes(&line.file);
        for offset in
            (line.start..=line.end).filter(|offset| offset % step == 0 || step > 1 && *offset == line.end)
        {
            if step > 1 && offset == line.end && !line.index.is_multiple_of(50) && next.is_some() {
                continue;
            }
            let report = specimen.changed(&line.file, |bytes| flip(bytes, offset));
            let expected = expected(line, next, bytes, offset);
            assert_eq!(places(&report), expected, "byte {offset} of {}", line.file);
            assert_eq!(report.exit_code(), 1);
            flips += 1;
        }
    }
    assert!(flips > 500, "{flips}");
}

#[test]
fn every_flipped_byte_of_a_small_live_file_is_named() {
    flip_in_segments(&Specimen::new(24, 1 << 20), 1);
}

#[test]
fn flipped_bytes_of_many_segments_are_named() {
    flip_in_segments(&Specimen::new(2_900, 80_000), 997);
}

#[test]
fn every_flipped_byte_of_a_signed_note_is_a_bad_signature() {
    let specimen = Specimen::new(600, 40_000);
    for name in ["checkpoint", "closed", "checkpoints/256"] {
        for offset in 0..specimen.bytes(name).len() {
            let report = specimen.changed(name, |bytes| flip(bytes, offset));
            let expected = (Verdict::BadSignature, None, None, Some(name.to_owned()), None);
            assert_eq!(places(&report), [expected], "byte {offset} of {name}");
            assert!(report.root.is_some());
        }
    }
}

#[test]
fn flipped_bytes_of_tiles_are_damaged_tiles_and_nothing_else() {
    let specimen = Specimen::new(2_900, 40_000);
    for (name, step, leaves) in [("tiles/0", 331, 1), ("tiles/1", 1, 256)] {
        for offset in (0..specimen.bytes(name).len()).step_by(step) {
            let report = specimen.changed(name, |bytes| flip(bytes, offset));
            let hash = offset as u64 / 32;
            let last = (leaves > 1).then_some(hash * leaves + leaves - 1);
            let expected =
                (Verdict::TilesDamaged, Some(hash * leaves), last, Some(name.to_owned()), Some(hash * 32));
            assert_eq!(places(&report), [expected], "byte {offset} of {name}");
            assert_eq!((report.verdict, report.exit_code()), (Verdict::TilesDamaged, 1));
        }
    }
}

#[test]
fn several_changes_are_told_in_one_run() {
    let specimen = Specimen::new(2_900, 40_000);
    let lines = specimen.lines();
    let (early, late) = (&lines[300], &lines[2_899]);
    let mut segment = specimen.bytes(&early.file).to_vec();
    segment[early.start + 9] ^= 1;
    let mut live = specimen.bytes(&late.file).to_vec();
    live[late.start + 9] ^= 1;
    let mut tile = specimen.bytes("tiles/0").to_vec();
    tile[1_000 * 32] ^= 1;
    let report = specimen.with(&[
        (&early.file, Some(segment)),
        (&late.file, Some(live)),
        ("tiles/0", Some(tile)),
        ("checkpoints/512", None),
    ]);
    let found = places(&report);
    assert!(found.contains(&at(Verdict::Altered, early)), "{found:?}");
    assert!(found.contains(&at(Verdict::Altered, late)), "{found:?}");
    assert!(found.iter().any(|place| place.0 == Verdict::Missing && place.1 == Some(512)), "{found:?}");
    let group = (Verdict::TilesDamaged, Some(768), Some(1_023), Some("tiles/0".to_owned()), Some(768 * 32));
    assert!(found.contains(&group), "{found:?}");
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn an_altered_entry_whose_hash_is_gone_is_narrowed_down_to_its_tile() {
    let specimen = Specimen::new(2_900, 40_000);
    let line = &specimen.lines()[300];
    let mut segment = specimen.bytes(&line.file).to_vec();
    segment[line.start + 9] ^= 1;
    let mut tile = specimen.bytes("tiles/0").to_vec();
    tile[310 * 32] ^= 1;
    let report = specimen.with(&[(&line.file, Some(segment)), ("tiles/0", Some(tile))]);
    let expected = (Verdict::Altered, Some(256), Some(511), Some(line.file.clone()), Some(0));
    assert!(places(&report).contains(&expected), "{:?}", report.findings);
}

#[test]
fn entries_whose_leaf_hashes_are_all_gone_are_narrowed_down_by_the_level_above() {
    let specimen = Specimen::new(2_900, 1 << 20);
    let line = &specimen.lines()[1_300];
    let mut live = specimen.bytes(&line.file).to_vec();
    live[line.start + 9] ^= 1;
    let report = specimen.with(&[(&line.file, Some(live)), ("tiles/0", None)]);
    let start = specimen.lines()[1_280].start as u64;
    let expected = [
        (Verdict::TilesDamaged, Some(0), Some(2_815), Some("tiles/0".to_owned()), Some(0)),
        (Verdict::Altered, Some(1_280), Some(1_535), Some(line.file.clone()), Some(start)),
    ];
    assert_eq!(places(&report), expected);
}

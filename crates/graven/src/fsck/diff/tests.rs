//! Makes known edits, and checks what the comparison reports.

use graven_core::hash::leaf_hash;

use super::*;

#[derive(Default)]
struct Heard {
    edits: Vec<(Kind, u64, u64)>,
    lost: Vec<u64>,
}

impl Listener for Heard {
    fn edit(&mut self, edit: Edit) {
        self.edits.push((edit.kind, edit.at, edit.count));
    }
    fn stands_for_lost(&mut self, recorded: u64, _: Stored) {
        self.lost.push(recorded);
    }
}

fn hash(line: u32) -> Hash {
    leaf_hash(&line.to_be_bytes())
}

fn compare(stored: &[u32], recorded: &[Option<u32>], open_end: bool) -> (Heard, End) {
    let mut heard = Heard::default();
    let mut stored = (0..).map(|i| i * 10).zip(stored.iter().map(|line| hash(*line)));
    let total = recorded.len() as u64;
    let mut recorded =
        recorded.iter().map(|line| line.map_or(Recorded::Lost, |line| Recorded::Leaf(hash(line))));
    let end = diff(|| Ok(stored.next()), || Ok(recorded.next()), total, 999, open_end, &mut heard).unwrap();
    (heard, end)
}

fn edits(stored: &[u32], recorded: &[u32]) -> Vec<(Kind, u64, u64)> {
    let recorded: Vec<Option<u32>> = recorded.iter().copied().map(Some).collect();
    compare(stored, &recorded, false).0.edits
}

/// Runs a test at every place of sequences of several lengths.
fn everywhere(test: impl Fn(Vec<u32>, usize)) {
    for count in [1, 2, 3, 5, 40, 200] {
        for place in 0..count {
            test((0..count).collect(), place as usize);
        }
    }
}

#[test]
fn equal_sequences_have_no_edits() {
    assert_eq!(edits(&[1, 2, 3], &[1, 2, 3]), []);
    assert_eq!(edits(&[], &[]), []);
}

#[test]
fn an_altered_line_is_told_at_its_place() {
    everywhere(|recorded, place| {
        let mut stored = recorded.clone();
        stored[place] = 999_999;
        assert_eq!(
            edits(&stored, &recorded),
            [(Kind::Altered, place as u64, 1)],
            "{place} of {}",
            recorded.len()
        );
    });
}

#[test]
fn a_deleted_line_is_told_at_its_place() {
    everywhere(|recorded, place| {
        let mut stored = recorded.clone();
        stored.remove(place);
        let kind = if place == stored.len() { Kind::CutOff } else { Kind::Missing };
        assert_eq!(edits(&stored, &recorded), [(kind, place as u64, 1)], "{place} of {}", recorded.len());
    });
}

#[test]
fn an_inserted_and_a_doubled_line_are_told_at_their_place() {
    everywhere(|recorded, place| {
        let mut stored = recorded.clone();
        stored.insert(place, 999_999);
        assert_eq!(
            edits(&stored, &recorded),
            [(Kind::Inserted, place as u64, 1)],
            "{place} of {}",
            recorded.len()
        );
        stored[place] = recorded[place];
        assert_eq!(edits(&stored, &recorded), [(Kind::Inserted, place as u64 + 1, 1)]);
    });
}

#[test]
fn swapped_lines_are_altered_lines() {
    everywhere(|recorded, place| {
        for other in [place + 1, place + 2, place + 30] {
            if other >= recorded.len() {
                continue;
            }
            let mut stored = recorded.clone();
            stored.swap(place, other);
            let both = if other == place + 1 {
                vec![(Kind::Altered, place as u64, 2)]
            } else {
                vec![(Kind::Altered, place as u64, 1), (Kind::Altered, other as u64, 1)]
            };
            assert_eq!(edits(&stored, &recorded), both, "{place} and {other} of {}", recorded.len());
        }
    });
}

#[test]
fn several_edits_are_all_told() {
    let recorded: Vec<u32> = (0..1_000).collect();
    let mut stored = recorded.clone();
    stored.remove(900);
    stored.insert(500, 999_999);
    stored[100] = 999_998;
    stored.drain(10..20);
    let expected =
        [(Kind::Missing, 10, 10), (Kind::Altered, 100, 1), (Kind::Inserted, 500, 1), (Kind::Missing, 900, 1)];
    assert_eq!(edits(&stored, &recorded), expected);
}

#[test]
fn lines_after_an_open_end_are_left_alone() {
    let recorded: Vec<Option<u32>> = (0..100).map(Some).collect();
    let mut stored: Vec<u32> = (0..105).collect();
    let (heard, end) = compare(&stored, &recorded, true);
    assert_eq!((heard.edits, end), (vec![], End { lines: 100, offset: 1_000 }));
    stored.insert(99, 999_999);
    let (heard, end) = compare(&stored, &recorded, true);
    assert_eq!((heard.edits, end), (vec![(Kind::Inserted, 99, 1)], End { lines: 101, offset: 1_010 }));
    let (heard, end) = compare(&stored[..100], &recorded, true);
    assert_eq!((heard.edits, end.offset), (vec![(Kind::Altered, 99, 1)], 999));
}

#[test]
fn anything_may_stand_where_a_hash_was_lost() {
    let recorded: Vec<Option<u32>> = (0..100).map(|i| (!(30..60).contains(&i)).then_some(i)).collect();
    let mut stored: Vec<u32> = (0..100).collect();
    let (heard, _) = compare(&stored, &recorded, false);
    assert_eq!((heard.edits, heard.lost), (vec![], (30..60).collect()));
    stored.remove(40);
    let (heard, _) = compare(&stored, &recorded, false);
    assert_eq!(heard.edits, [(Kind::Missing, 60, 1)]);
}

#[test]
fn a_whole_other_file_is_altered_from_end_to_end() {
    let recorded: Vec<u32> = (0..500).collect();
    let stored: Vec<u32> = (10_000..10_400).collect();
    assert_eq!(edits(&stored, &recorded), [(Kind::Altered, 0, 400), (Kind::CutOff, 400, 100)]);
}

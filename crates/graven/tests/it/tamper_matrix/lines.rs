//! Whole lines are deleted, inserted, doubled, swapped, and the file is cut.

use graven_core::verdict::Verdict;

use super::specimen::{Line, Place, Specimen, at, places};

/// Every line of a small trail; of a large one, those at the edges of each segment and some between.
fn each_line(test: impl Fn(&Specimen, &[Line], usize)) {
    let small = Specimen::new(30, 1 << 20);
    let lines = small.lines();
    for number in 0..lines.len() {
        test(&small, &lines, number);
    }
    let large = Specimen::new(1_500, 40_000);
    let lines = large.lines();
    for number in 0..lines.len() {
        if matches!(number % 256, 0 | 1 | 100 | 254 | 255) || number + 2 >= lines.len() {
            test(&large, &lines, number);
        }
    }
}

fn is_last(lines: &[Line], number: usize) -> bool {
    lines.get(number + 1).is_none_or(|next| next.file != lines[number].file)
}

/// What is said of a line that is gone.
fn gone(lines: &[Line], number: usize) -> Place {
    let cut = is_last(lines, number) && lines[number].file == "audit.jsonl";
    at(if cut { Verdict::Truncated } else { Verdict::Missing }, &lines[number])
}

fn bytes_of<'a>(specimen: &'a Specimen, line: &Line) -> &'a [u8] {
    &specimen.bytes(&line.file)[line.start..=line.end]
}

#[test]
fn a_deleted_line_is_missing() {
    each_line(|specimen, lines, number| {
        let line = &lines[number];
        let report = specimen.changed(&line.file, |bytes| drop(bytes.drain(line.start..=line.end)));
        assert_eq!(places(&report), [gone(lines, number)], "entry {number} of {}", lines.len());
    });
}

#[test]
fn an_inserted_line_is_inserted() {
    each_line(|specimen, lines, number| {
        let line = &lines[number];
        let mut new = bytes_of(specimen, line).to_vec();
        new[10] ^= 1;
        let report = specimen.changed(&line.file, |bytes| drop(bytes.splice(line.start..line.start, new)));
        assert_eq!(
            places(&report),
            [at(Verdict::Inserted, line)],
            "before entry {number} of {}",
            lines.len()
        );
    });
}

#[test]
fn a_doubled_line_is_inserted() {
    each_line(|specimen, lines, number| {
        let line = &lines[number];
        let copy = bytes_of(specimen, line).to_vec();
        let report = specimen.changed(&line.file, |bytes| drop(bytes.splice(line.start..line.start, copy)));
        let file = Some(line.file.clone());
        let expected = (Verdict::Inserted, Some(line.index + 1), None, file, Some(line.end as u64 + 1));
        assert_eq!(places(&report), [expected], "entry {number} of {}", lines.len());
    });
}

#[test]
fn swapped_lines_are_altered() {
    for distance in [1, 2, 7] {
        each_line(|specimen, lines, number| {
            let (line, Some(other)) = (&lines[number], lines.get(number + distance)) else {
                return;
            };
            if line.file != other.file {
                return;
            }
            let report = specimen.changed(&line.file, |bytes| {
                let (first, second) = (bytes_of(specimen, line), bytes_of(specimen, other));
                bytes.splice(other.start..=other.end, first.iter().copied());
                bytes.splice(line.start..=line.end, second.iter().copied());
            });
            let found = places(&report);
            if distance == 1 {
                let expected =
                    (Verdict::Altered, Some(line.index), Some(other.index), Some(line.file.clone()));
                let [(verdict, index, last, file, offset)] = &found[..] else {
                    panic!("{found:?}");
                };
                assert_eq!((*verdict, *index, *last, file.clone()), expected);
                assert_eq!(*offset, Some(line.start as u64));
            } else {
                let indexes: Vec<_> = found.iter().map(|place| (place.0, place.1, place.2)).collect();
                let both = [line.index, other.index].map(|index| (Verdict::Altered, Some(index), None));
                assert_eq!(indexes, both, "entries {number} and {}", number + distance);
            }
        });
    }
}

#[test]
fn a_cut_at_any_line_is_told_from_the_first_entry_that_is_gone() {
    each_line(|specimen, lines, number| {
        let line = &lines[number];
        let last = lines.iter().rev().find(|other| other.file == line.file).unwrap().index;
        // At the line's start, in its middle, and before its newline.
        for cut in [line.start, line.start + 20, line.end] {
            let report = specimen.changed(&line.file, |bytes| bytes.truncate(cut));
            let verdict = if line.file == "audit.jsonl" { Verdict::Truncated } else { Verdict::Missing };
            let (_, index, _, file, offset) = at(verdict, line);
            let expected = (verdict, index, (last > line.index).then_some(last), file, offset);
            assert_eq!(places(&report), [expected], "cut at byte {cut} of {}", line.file);
        }
    });
}

#[test]
fn bytes_after_the_end_of_a_closed_segment_are_inserted() {
    let specimen = Specimen::new(600, 40_000);
    let name = &specimen.names_in("segments/")[0];
    let end = specimen.bytes(name).len() as u64;
    let report = specimen.changed(name, |bytes| bytes.extend(b"{\"no newline\""));
    assert_eq!(places(&report), [(Verdict::Inserted, Some(256), None, Some(name.clone()), Some(end))]);
}

#[test]
fn many_lines_deleted_at_once_are_one_finding() {
    let specimen = Specimen::new(1_500, 1 << 20);
    let lines = specimen.lines();
    let report =
        specimen.changed("audit.jsonl", |bytes| drop(bytes.drain(lines[100].start..lines[1_200].start)));
    let place = (
        Verdict::Missing,
        Some(100),
        Some(1_199),
        Some("audit.jsonl".to_owned()),
        Some(lines[100].start as u64),
    );
    assert_eq!(places(&report), [place]);
}

//! `LOCK` says how much of the live file is durable: a shorter live file was shortened or replaced.

use graven_core::verdict::Verdict;

use super::specimen::{places, verify};
use crate::support::files::lock_line;
use crate::support::handmade::Handmade;

/// A trail with a segment of 256 entries, and 10 entries in the live file, 5 of them sealed.
fn trail(dir: &std::path::Path) -> Handmade {
    let mut trail = Handmade::new(dir);
    trail.append(256);
    trail.rotate();
    trail.append(5);
    trail.seal();
    trail.append(5);
    trail
}

fn say(trail: &Handmade, state: &str, first: u64, bytes: u64) {
    std::fs::write(trail.path("LOCK"), lock_line(state, 77, first, bytes, 266)).unwrap();
}

#[test]
fn a_live_file_shorter_than_what_was_durable_is_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let trail = trail(folder.path());
    let live = trail.path("audit.jsonl");
    let bytes = std::fs::read(&live).unwrap();
    let ends: Vec<u64> = (1..).zip(&bytes).filter(|(_, byte)| **byte == b'\n').map(|(end, _)| end).collect();
    let file = Some("audit.jsonl".to_owned());
    for state in ["durable", "writing"] {
        say(&trail, state, 256, ends[9]);
        std::fs::write(&live, &bytes).unwrap();
        assert_eq!(verify(folder.path()).verdict, Verdict::Unsealed);
        // Cut at a line, cut within a line.
        for (left, lines) in [(ends[8], 9), (ends[6] + 3, 7), (ends[4], 5)] {
            std::fs::write(&live, &bytes[..left as usize]).unwrap();
            let report = verify(folder.path());
            let place = (Verdict::Truncated, Some(256 + lines), None, file.clone(), Some(left));
            assert!(places(&report).contains(&place), "{:?}", report.findings);
            assert_eq!((report.verdict, report.exit_code()), (Verdict::Truncated, 1));
        }
        // Sealed entries are missing too: one finding is enough.
        std::fs::write(&live, &bytes[..ends[2] as usize]).unwrap();
        let place = (Verdict::Truncated, Some(259), Some(260), file.clone(), Some(ends[2]));
        assert_eq!(places(&verify(folder.path())), [place]);
    }
}

#[test]
fn a_missing_live_file_of_which_nothing_was_sealed_is_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::new(folder.path());
    trail.append(256);
    trail.rotate();
    trail.append(3);
    std::fs::remove_file(trail.path("audit.jsonl")).unwrap();
    // Without `LOCK` this is a state of a rotation.
    assert_eq!(verify(folder.path()).verdict, Verdict::Intact);
    say(&trail, "durable", 256, 100);
    let place = (Verdict::Truncated, Some(256), None, Some("audit.jsonl".to_owned()), Some(0));
    assert_eq!(places(&verify(folder.path())), [place]);
}

#[test]
fn an_older_line_and_anything_else_are_no_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let trail = trail(folder.path());
    let good = lock_line("durable", 77, 256, 999_999, 266);
    let without_sum = format!("{}\n", &good[..good.len() - 10]);
    let other_length = good.replace("999999 ", "999998 ");
    for other in
        ["", "process 123\n", "durable 77 256 999999\n", &without_sum, &other_length, good.trim_end()]
    {
        std::fs::write(trail.path("LOCK"), other).unwrap();
        assert_eq!(verify(folder.path()).verdict, Verdict::Unsealed, "{other:?}");
    }
    // Of the segment that was the live file before.
    say(&trail, "durable", 0, 1 << 40);
    assert_eq!(verify(folder.path()).verdict, Verdict::Unsealed);
    say(&trail, "writing", 256, 10);
    assert_eq!(verify(folder.path()).verdict, Verdict::Unsealed);
}

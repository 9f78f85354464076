//! What follows the last sealed entry, and what a crash explains.

use graven_core::verdict::Verdict;

use super::specimen::{Specimen, places, verify};
use crate::support::handmade::Handmade;

fn live() -> Option<String> {
    Some("audit.jsonl".to_owned())
}

#[test]
fn a_line_after_the_end_is_inserted_only_while_the_trail_is_known_to_be_closed() {
    let specimen = Specimen::new(300, 1 << 20);
    let mut bytes = specimen.bytes("audit.jsonl").to_vec();
    let end = bytes.len() as u64;
    let last = specimen.lines()[299].clone();
    let copy = bytes[last.start..=last.end].to_vec();
    bytes.extend(&copy);
    let report = specimen.with(&[("audit.jsonl", Some(bytes.clone()))]);
    assert_eq!(places(&report), [(Verdict::Inserted, Some(300), None, live(), Some(end))]);
    let report = specimen.with(&[("audit.jsonl", Some(bytes)), ("closed", None)]);
    assert_eq!(places(&report), [(Verdict::Unsealed, Some(300), None, live(), Some(end))]);
    assert_eq!((report.exit_code(), report.entries, report.sealed), (0, 301, 300));
    let report = specimen.changed("audit.jsonl", |bytes| bytes.extend(b"{\"torn"));
    assert_eq!(places(&report), [(Verdict::Inserted, Some(300), None, live(), Some(end))]);
}

#[test]
fn what_a_crash_leaves_is_told_and_accuses_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::new(folder.path());
    assert_eq!(verify(folder.path()).verdict, Verdict::Intact);
    trail.append(300);
    trail.seal();
    trail.append(5);
    trail.append_torn(b"{\"id\":");
    let report = verify(folder.path());
    let found: Vec<_> = places(&report).into_iter().map(|place| (place.0, place.1, place.2)).collect();
    assert_eq!(found, [(Verdict::Unsealed, Some(300), Some(304)), (Verdict::TornTail, Some(305), None)]);
    assert_eq!((report.verdict, report.exit_code()), (Verdict::TornTail, 0));
}

#[test]
fn no_crash_leaves_damage_far_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::new(folder.path());
    trail.append(300);
    trail.seal();
    trail.append(2);
    let garbage = "not an entry\n".repeat(100_000);
    trail.append_torn(garbage.as_bytes());
    let report = verify(folder.path());
    let found: Vec<_> = places(&report).into_iter().map(|place| (place.0, place.1)).collect();
    assert_eq!(found, [(Verdict::Altered, Some(302)), (Verdict::Unsealed, Some(300))]);
}

#[test]
fn more_unsealed_entries_than_there_can_be_are_a_rollback() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::new(folder.path());
    trail.append(10);
    trail.seal();
    trail.append(262_144);
    let report = verify(folder.path());
    assert_eq!((report.verdict, report.exit_code()), (Verdict::Unsealed, 0));
    trail.append(1);
    let report = verify(folder.path());
    assert_eq!((report.verdict, report.findings[0].index), (Verdict::RolledBack, Some(10)));
}

#[test]
fn the_steps_of_a_rotation_are_legal_and_what_looks_like_them_is_not() {
    let specimen = Specimen::new(1_280, 40_000);
    let newest = "segments/00000000000000001024.jsonl";
    assert!(specimen.files.contains_key("checkpoints/1024"));
    // The engine rotates when the next group comes, so the last 256 entries are in the live file.
    assert!(!specimen.files.contains_key(newest));
    let closed = || ("closed", None);
    let boundary = || ("checkpoints/1280", Some(specimen.bytes("checkpoint").to_vec()));
    // A boundary checkpoint whose segment still has the live file's name.
    let report = specimen.with(&[closed(), boundary()]);
    assert_eq!(places(&report), []);
    // The same, and the live file was changed.
    let mut altered = specimen.bytes("audit.jsonl").to_vec();
    altered[20] ^= 1;
    let report = specimen.with(&[closed(), boundary(), ("audit.jsonl", Some(altered))]);
    assert_eq!(places(&report), [(Verdict::Altered, Some(1_024), None, live(), Some(0))]);
    // Renamed, and the new live file not made yet.
    let renamed = || (newest, Some(specimen.bytes("audit.jsonl").to_vec()));
    let report = specimen.with(&[closed(), boundary(), renamed(), ("audit.jsonl", None)]);
    assert_eq!(places(&report), []);
    // After a close it must be there.
    let report = specimen.with(&[boundary(), renamed(), ("audit.jsonl", None)]);
    assert_eq!(places(&report), [(Verdict::Missing, Some(1_280), None, live(), None)]);
    // Neither name.
    let report = specimen.with(&[closed(), boundary(), ("audit.jsonl", None)]);
    let found: Vec<_> = places(&report).into_iter().map(|place| (place.0, place.1, place.2)).collect();
    assert_eq!(found, [(Verdict::Missing, Some(1_024), Some(1_279))]);
}

#[test]
fn a_folder_without_a_trail_is_an_error_and_no_verdict() {
    use graven::fsck::{VerifyOptions, verify};
    use graven::{ErrorKind, Machine, layout::Layout};
    let folder = tempfile::tempdir().unwrap();
    let result =
        verify(&Machine::os(), &Layout::in_dir(folder.path()), &VerifyOptions::default(), &|_, _| ());
    assert_eq!(result.unwrap_err().kind(), ErrorKind::NotFound);
}

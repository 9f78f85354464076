//! A verdict keeps its name and gets a hint when the files give an ordinary reason; plain tampering gets none.

use std::fs;
use std::path::Path;

use graven::fsck::Report;
use graven_core::verdict::{Hint, Verdict};

use super::specimen::{Specimen, verify};
use crate::support::handmade::Handmade;

/// A trail with a segment of 256 entries and 300 entries in the live file, all sealed.
fn trail(dir: &Path) -> Handmade {
    let mut trail = Handmade::new(dir);
    trail.append(256);
    trail.rotate();
    trail.append(300);
    trail.seal();
    trail
}

/// Where each line of the live file ends.
fn ends(live: &[u8]) -> Vec<usize> {
    (1..).zip(live).filter(|(_, byte)| **byte == b'\n').map(|(end, _)| end).collect()
}

/// The verdict and the hint, also as JSON.
fn told(dir: &Path) -> (Verdict, Option<Hint>) {
    let report: Report = verify(dir);
    let json = serde_json::to_value(&report).unwrap();
    match &report.hint {
        None => assert!(json.get("hint").is_none()),
        Some(Hint::CopyOfALiveTrail) => assert_eq!(json["hint"], "copy_of_a_live_trail"),
        Some(Hint::RenamedLiveFile { file }) => {
            assert_eq!((&json["hint"], &json["hint_file"]), (&"renamed_live_file".into(), &file[..].into()));
        }
        Some(Hint::OnlyLineEnds) => assert_eq!(json["hint"], "only_line_ends"),
        Some(other) => panic!("{other:?}"),
    }
    assert!(report.hint.is_none() || report.exit_code() == 1);
    (report.verdict, report.hint)
}

#[test]
fn an_older_live_file_under_a_newer_checkpoint_may_be_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let trail = trail(folder.path());
    let (live, tiles) = (trail.path("audit.jsonl"), trail.path("tiles/0"));
    let (bytes, hashes) = (fs::read(&live).unwrap(), fs::read(&tiles).unwrap());
    let ends = ends(&bytes);
    assert_eq!(told(folder.path()), (Verdict::Intact, None));
    for left in [ends[0], ends[254], ends[255], ends[298], ends[250] + 7] {
        fs::write(&live, &bytes[..left]).unwrap();
        assert_eq!(told(folder.path()), (Verdict::Truncated, Some(Hint::CopyOfALiveTrail)), "{left}");
    }
    // `tiles/` was copied before the live file.
    fs::write(&live, &bytes[..ends[250]]).unwrap();
    fs::write(&tiles, &hashes[..300 * 32]).unwrap();
    assert_eq!(told(folder.path()), (Verdict::Truncated, Some(Hint::CopyOfALiveTrail)));
}

#[test]
fn what_was_tampered_with_further_in_is_not_taken_for_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let trail = trail(folder.path());
    let live = trail.path("audit.jsonl");
    let bytes = fs::read(&live).unwrap();
    let ends = ends(&bytes);
    let cut = &bytes[..ends[250]];
    // An entry of the live file was changed as well.
    let mut changed = cut.to_vec();
    changed[ends[100] + 60] ^= 1;
    fs::write(&live, changed).unwrap();
    assert_eq!(told(folder.path()), (Verdict::Altered, None));
    // Or removed.
    fs::write(&live, [&cut[..ends[100]], &cut[ends[101]..]].concat()).unwrap();
    assert_eq!(told(folder.path()), (Verdict::Truncated, None));
    // More garbage at the end than a write can leave.
    fs::write(&live, [cut, &vec![b'x'; (1 << 20) + 1][..]].concat()).unwrap();
    assert_eq!(told(folder.path()).1, None);
    // An entry of the segment was changed, and nothing is left that shows which one.
    fs::write(&live, cut).unwrap();
    let segment = fs::read(trail.segment(0)).unwrap();
    let mut changed = segment.clone();
    changed[60] ^= 1;
    fs::write(trail.segment(0), changed).unwrap();
    assert_eq!(told(folder.path()).1, None);
    fs::remove_dir_all(trail.path("tiles")).unwrap();
    assert_eq!(told(folder.path()).1, None);
    fs::write(trail.segment(0), segment).unwrap();
    // Emptied: that is no copy, and nothing is beside it.
    fs::write(&live, "").unwrap();
    assert_eq!(told(folder.path()), (Verdict::Truncated, None));
}

#[test]
fn after_a_clean_close_a_short_live_file_is_no_copy() {
    let specimen = super::specimen::Specimen::new(300, 1 << 20);
    let report = specimen.changed("audit.jsonl", |bytes| {
        let end = ends(bytes)[250];
        bytes.truncate(end);
    });
    assert_eq!((report.verdict, report.hint), (Verdict::Truncated, None));
}

#[test]
fn the_file_that_holds_the_entries_of_the_live_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let trail = trail(folder.path());
    let live = trail.path("audit.jsonl");
    let bytes = fs::read(&live).unwrap();
    let renamed = |file: &str| Some(Hint::RenamedLiveFile { file: file.to_owned() });
    for name in ["audit.jsonl.1", "audit.jsonl-20260131", "audit.jsonl~"] {
        let there = trail.path(name);
        fs::rename(&live, &there).unwrap();
        assert_eq!(told(folder.path()), (Verdict::Truncated, renamed(name)));
        // logrotate with `create`, and what another program wrote there since.
        for new in ["", "not an entry\n"] {
            fs::write(&live, new).unwrap();
            let (verdict, hint) = told(folder.path());
            assert!(verdict.accuses(), "{verdict}");
            assert_eq!(hint, renamed(name), "{verdict}");
        }
        // What follows the sealed entries does not matter.
        fs::write(&there, [&bytes[..], b"{\"torn"].concat()).unwrap();
        assert_eq!(told(folder.path()).1, renamed(name));
        fs::write(&there, &bytes).unwrap();
        fs::rename(&there, &live).unwrap();
    }
    assert_eq!(told(folder.path()), (Verdict::Intact, None));
}

#[test]
fn a_file_with_other_entries_is_not_named() {
    let folder = tempfile::tempdir().unwrap();
    let trail = trail(folder.path());
    let live = trail.path("audit.jsonl");
    let bytes = fs::read(&live).unwrap();
    fs::remove_file(&live).unwrap();
    let mut changed = bytes.clone();
    changed[60] ^= 1;
    fs::write(trail.path("audit.jsonl.1"), changed).unwrap();
    fs::write(trail.path("audit.jsonl.2"), &bytes[..ends(&bytes)[298]]).unwrap();
    fs::write(trail.path("old-audit.jsonl"), &bytes).unwrap();
    fs::create_dir(trail.path("audit.jsonl.d")).unwrap();
    assert_eq!(told(folder.path()), (Verdict::Truncated, None));
    fs::write(trail.path("audit.jsonl.3"), &bytes).unwrap();
    let hint = Hint::RenamedLiveFile { file: "audit.jsonl.3".to_owned() };
    assert_eq!(told(folder.path()), (Verdict::Truncated, Some(hint)));
    // An entry of the segment was changed: then nothing can be put back.
    let mut segment = fs::read(trail.segment(0)).unwrap();
    segment[60] ^= 1;
    fs::write(trail.segment(0), segment).unwrap();
    assert_eq!(told(folder.path()).1, None);
}

/// What git with `autocrlf` makes of a text: it takes files with a zero byte for binary.
fn with_crlf(name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    if name.starts_with("tiles/") {
        return None;
    }
    Some(String::from_utf8(bytes.to_vec()).unwrap().replace('\n', "\r\n").into_bytes())
}

/// A change of the bytes of a file.
type Change = fn(&mut Vec<u8>);

#[test]
fn a_checkout_with_other_line_ends_is_altered_and_says_why() {
    let specimen = Specimen::new(1_500, 40_000);
    let all: Vec<(&str, Option<Vec<u8>>)> = specimen
        .files
        .iter()
        .filter_map(|(name, bytes)| Some((name.as_str(), Some(with_crlf(name, bytes)?))))
        .collect();
    let hint_with = |change: Option<(&str, Change)>, which: &dyn Fn(&str) -> bool| {
        let mut changes: Vec<_> = all.iter().filter(|(name, _)| which(name)).cloned().collect();
        if let Some((changed, change)) = change {
            let bytes = changes.iter_mut().find(|(name, _)| *name == changed).unwrap().1.as_mut().unwrap();
            change(bytes);
        }
        let report = specimen.with(&changes);
        assert_eq!(report.exit_code(), 1, "{report:?}");
        report.hint
    };
    let only = Some(Hint::OnlyLineEnds);
    assert_eq!(hint_with(None, &|_| true), only);
    assert_eq!(hint_with(None, &|name| name.ends_with(".jsonl")), only);
    assert_eq!(hint_with(None, &|name| name == "checkpoint"), only);
    // Anything more than that is not explained.
    let changed: Change = |bytes| bytes[60] ^= 1;
    for name in ["audit.jsonl", "segments/00000000000000000256.jsonl", "checkpoint", "graven.json"] {
        assert_eq!(hint_with(Some((name, changed)), &|_| true), None, "{name}");
    }
    let cut: Change = |bytes| bytes.truncate(200);
    assert_eq!(hint_with(Some(("audit.jsonl", cut)), &|_| true), None);
}

//! A verifier comes to an end, and says what is wrong, where entries past the checkpoint lie in a closed segment.
//!
//! No crash leaves that on an honest disk: a segment is closed under a durable checkpoint. It was found on the image of
//! a power cut on a disk that does not sync directories.

use std::fs;

use graven::Machine;
use graven::fsck::{VerifyOptions, verify};
use graven::layout::Layout;
use graven_core::verdict::Verdict;

use crate::support::handmade::Handmade;

#[test]
fn an_older_checkpoint_without_its_boundary_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Handmade::new(&folder.path().join("trail"));
    trail.append(256);
    trail.rotate();
    trail.append(10);
    trail.seal();
    fs::write(trail.path("checkpoint"), trail.checkpoint(250)).unwrap();
    fs::remove_file(trail.path("checkpoints/256")).unwrap();
    for live in [true, false] {
        if !live {
            fs::write(trail.path("audit.jsonl"), "").unwrap();
        }
        let layout = Layout::in_dir(trail.dir());
        let report = verify(&Machine::os(), &layout, &VerifyOptions::default(), &|_, _| {}).unwrap();
        assert!(report.verdict.accuses(), "{report:?}");
        let missing = report.findings.iter().find(|finding| finding.verdict == Verdict::Missing).unwrap();
        assert_eq!(missing.file.as_deref(), Some("checkpoints/256"), "{report:?}");
        let beyond =
            |finding: &&graven_core::verdict::Finding| finding.file.as_deref() == Some("audit.jsonl");
        let said: Vec<_> = report
            .findings
            .iter()
            .filter(beyond)
            .map(|found| (found.verdict, found.index, found.last))
            .collect();
        // Where they are gone, their hashes are still there.
        let verdict = if live { Verdict::Unsealed } else { Verdict::Truncated };
        let expected = vec![(verdict, Some(256), Some(265))];
        assert_eq!(said, expected, "{report:?}");
    }
}

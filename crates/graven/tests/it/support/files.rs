//! Reading a trail's files as an outsider does.

use std::path::Path;

use graven::Machine;
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;
use graven_core::verdict::Verdict;

/// The complete lines of a file, without their newlines.
pub(crate) fn lines(path: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).unwrap();
    assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "{} ends in a torn line", path.display());
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// Nothing was changed in a trail, and nothing was left undone.
#[track_caller]
pub(crate) fn assert_intact(layout: &Layout) {
    let report = fsck::verify(&Machine::os(), layout, &VerifyOptions::default(), &|_, _| ()).unwrap();
    assert_eq!((report.verdict, &report.findings[..]), (Verdict::Intact, &[][..]));
}

//! Reading a trail's files as an outsider does.

use std::path::Path;

use graven::Machine;
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;
use graven_core::hash::sha256;
use graven_core::verdict::Verdict;

/// The complete lines of a file, without their newlines.
pub(crate) fn lines(path: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).unwrap();
    assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "{} ends in a torn line", path.display());
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// What a process writes into `LOCK`, after the description of the format.
pub(crate) fn lock_line(state: &str, pid: u32, first: u64, bytes: u64, size: u64) -> String {
    let line = format!("{state} {pid:010} {first:020} {bytes:020} {size:020}");
    format!("{line} {}\n", &sha256(line.as_bytes()).to_hex()[..8])
}

/// Nothing was changed in a trail, and nothing was left undone.
#[track_caller]
pub(crate) fn assert_intact(layout: &Layout) {
    let report = fsck::verify(&Machine::os(), layout, &VerifyOptions::default(), &|_, _| ()).unwrap();
    assert_eq!((report.verdict, &report.findings[..]), (Verdict::Intact, &[][..]));
}

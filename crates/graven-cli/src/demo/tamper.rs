//! Acts of tampering on a copy of a trail, and the verdict that each must get.

use std::path::Path;

use graven::fsck::Report;
use graven_core::verdict::Verdict;
use serde::Serialize;

use crate::shared::failure::Failure;
use crate::shared::files;

/// An act of tampering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tampering {
    ByteChanged,
    LineDeleted,
    TailCut,
    RolledBack,
}

/// The verdict that verify must give.
#[derive(Debug)]
pub(super) struct Expected {
    verdict: Verdict,
    /// The first entry that was tampered with, where it is known.
    index: Option<u64>,
}

/// The verdict that verify gave.
#[derive(Debug, Serialize)]
pub(super) struct Verified {
    pub(super) what: String,
    pub(super) verdict: Verdict,
    pub(super) index: Option<u64>,
    pub(super) file: Option<String>,
    pub(super) offset: Option<u64>,
    pub(super) message: String,
    /// Whether it is the right verdict and the right entry.
    pub(super) named: bool,
}

impl Tampering {
    pub(super) const ALL: [Tampering; 4] =
        [Tampering::ByteChanged, Tampering::LineDeleted, Tampering::TailCut, Tampering::RolledBack];

    fn what(self) -> &'static str {
        match self {
            Tampering::ByteChanged => "one byte of one entry is changed",
            Tampering::LineDeleted => "one line is deleted",
            Tampering::TailCut => "the last thousand entries are cut off",
            Tampering::RolledBack => "everything is put back to an older state, including the checkpoint",
        }
    }

    /// Tampers with the trail at `copy`. `old` is an earlier state of the same trail.
    pub(super) fn apply(self, copy: &Path, old: &Path) -> Result<Expected, Failure> {
        let live = copy.join("audit.jsonl");
        if self == Tampering::RolledBack {
            files::remove_dir(copy)?;
            files::copy_dir(old, copy)?;
            return Ok(Expected { verdict: Verdict::RolledBack, index: None });
        }
        let mut log = files::read_own(&live)?;
        let lines: Vec<usize> = memchr::memchr_iter(b'\n', &log).map(|newline| newline + 1).collect();
        // In a trail of one segment, line n (from 0) is entry n, and ends where line n + 1 begins.
        let target = lines.len() / 3;
        let (index, verdict) = match self {
            Tampering::ByteChanged => {
                let place = lines[target - 1] + 100;
                log[place] = if log[place] == b'x' { b'y' } else { b'x' };
                (target, Verdict::Altered)
            }
            Tampering::LineDeleted => {
                log.drain(lines[target - 1]..lines[target]);
                (target, Verdict::Missing)
            }
            Tampering::TailCut | Tampering::RolledBack => {
                let kept = lines.len().saturating_sub(1000);
                log.truncate(lines[kept - 1]);
                (kept, Verdict::Truncated)
            }
        };
        files::write(&live, &log)?;
        Ok(Expected { verdict, index: Some(index as u64) })
    }
}

impl Verified {
    /// `before` is the verdict on the copy before the tampering.
    pub(super) fn of(
        tampering: Tampering,
        before: Verdict,
        expected: &Expected,
        report: &Report,
    ) -> Verified {
        let worst = report.findings.iter().find(|finding| finding.verdict == report.verdict);
        let index = worst.and_then(|finding| finding.index);
        let right_place = expected.index.is_none() || index == expected.index;
        Verified {
            what: tampering.what().into(),
            verdict: report.verdict,
            index,
            file: worst.and_then(|finding| finding.file.clone()),
            offset: worst.and_then(|finding| finding.offset),
            message: worst.map(|finding| finding.message.clone()).unwrap_or_default(),
            named: before == Verdict::Intact && report.verdict == expected.verdict && right_place,
        }
    }
}

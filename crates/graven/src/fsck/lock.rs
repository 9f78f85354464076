//! What `LOCK` says of the live file: it is never shorter than that, unless somebody shortened or replaced it.
//!
//! A process writes the line without a sync, and only after the sync of the lines that it counts. So a crash can leave
//! an older line, which says less, but never one that says more than the disk holds.

use graven_core::verdict::{Finding, Verdict};

use super::scan::Scan;
use super::survey::Survey;
use crate::files::lock_line::LockLine;

/// Finds a live file that is shorter than `LOCK` says. Says nothing when another finding accuses that file.
pub(super) fn judge(
    line: Option<LockLine>,
    survey: &Survey,
    scan: &Scan,
    live_name: &str,
    findings: &mut Vec<Finding>,
) {
    let Some(line) = line.filter(|line| line.first == survey.live_first) else {
        return;
    };
    let live = survey.pieces.last().filter(|_| survey.has_live);
    let bytes = live.map_or(0, |live| live.bytes);
    let told = |finding: &Finding| finding.verdict.accuses() && finding.file.as_deref() == Some(live_name);
    if bytes >= line.bytes || findings.iter().any(told) {
        return;
    }
    let lines = live.and_then(|_| scan.pieces.last()).map_or(0, |scan| scan.lines);
    let message = format!(
        "the file ends {} bytes before the end of what was durable, as LOCK says: it was shortened, replaced or renamed",
        line.bytes - bytes
    );
    let finding = Finding::new(Verdict::Truncated, message).index(survey.live_first + lines);
    findings.push(finding.file(live_name).offset(bytes));
}

//! Finds a checkpoint that is older than one that was there, by what the older one left behind.
//!
//! Within the bound of unsealed entries one machine cannot tell an older checkpoint from a crash. Two things go further:
//! the leaf hashes past the checkpoint, and files that go on past the place where they were due to end.

use std::io;

use graven_core::verdict::{Finding, Verdict};

use super::piece::Piece;
use super::scan::PieceScan;
use super::tail::{Tail, count};
use crate::files::ahead::Ahead;
use crate::files::overrun::{Extent, Overrun};

/// Compares the leaf hashes past the checkpoint with the entries there. `live` is the name of the live file.
pub(super) fn judge_hashes(ahead: &Ahead, tail: &Tail, closed: bool, live: &str) -> Vec<Finding> {
    let unfit = ahead.compare(tail.first, &tail.leaves);
    if let (true, Some((first, last))) = (closed, unfit.gone) {
        let message = "tiles/0 has hashes of entries after the closing note: an older state was put back";
        return vec![Finding::new(Verdict::RolledBack, message).range(first, last).file("closed")];
    }
    let changed = unfit.changed.map(|(first, last)| {
        let message = "tiles/0 has another hash, which was written when the entry was durable: the entry was changed, \
                       or an older checkpoint was put back";
        Finding::new(Verdict::Altered, message).range(first, last).file(live)
    });
    let gone = unfit.gone.map(|(first, last)| {
        let message = format!(
            "{} cut from the end, or an older checkpoint was put back: tiles/0 has a hash, which was written when the \
             entry was durable",
            count(last - first + 1)
        );
        Finding::new(Verdict::Truncated, message).range(first, last).file(live).offset(tail.good_end)
    });
    changed.into_iter().chain(gone).collect()
}

/// Finds files that go on past the place where they were due to end. All entries before `sealed` are as they were sealed;
/// `tail` says where the entries of the live file end, because a torn write may hold whole lines too.
pub(super) fn judge_overruns(
    segment_bytes: u64,
    sealed: u64,
    pieces: &[Piece],
    scans: &[PieceScan],
    tail: Option<&Tail>,
) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    // Where the judging begins: known once it is needed.
    let mut from = None;
    for (number, (piece, scan)) in pieces.iter().zip(scans).enumerate() {
        let file = piece.open()?;
        let (entries, end) = match tail.filter(|_| number + 1 == pieces.len()) {
            Some(tail) => (tail.end_index() - piece.first, tail.good_end),
            None => (scan.lines, scan.torn.unwrap_or(piece.bytes)),
        };
        let extent = Extent { file: &*file, first: piece.first, entries, end };
        if extent.overrun(segment_bytes, sealed, 0)?.is_none() {
            continue;
        }
        let from = match from {
            Some(from) => from,
            None => *from.insert(judged_from(&pieces[number..], &scans[number..], sealed)?),
        };
        if let Some(overrun) = extent.overrun(segment_bytes, sealed, from)? {
            findings.push(finding(overrun, sealed, &piece.name));
        }
    }
    Ok(findings)
}

/// The index from which on these pieces are judged.
fn judged_from(pieces: &[Piece], scans: &[PieceScan], sealed: u64) -> io::Result<u64> {
    let mut from = 0;
    for (piece, scan) in pieces.iter().zip(scans) {
        let file = piece.open()?;
        let extent = Extent { file: &*file, first: piece.first, entries: scan.lines, end: piece.bytes };
        from = extent.not_judged_before(sealed)?.unwrap_or(from);
    }
    Ok(from)
}

fn finding(overrun: Overrun, sealed: u64, file: &str) -> Finding {
    let Overrun { index, offset } = overrun;
    if index < sealed {
        let message =
            format!("{file} was due to end here as a segment, and the checkpoint of its end is missing");
        return Finding::new(Verdict::Missing, message).index(index).file(format!("checkpoints/{index}"));
    }
    let message = "this file was due to end here as a segment, under a signed checkpoint: the checkpoint is older than that";
    Finding::new(Verdict::RolledBack, message).index(index).file(file).offset(offset)
}

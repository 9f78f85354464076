//! Finds out which file holds which entries.
//!
//! Segments begin at 0 and at every size in `checkpoints/`; the live file begins at the newest one. Two states in the
//! middle of a rotation are normal: a boundary checkpoint whose segment still has the live file's name, and no live
//! file at the newest boundary.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use graven_core::tile::TILE_WIDTH;
use graven_core::verdict::{Finding, Verdict};

use super::file_names::{live_name, segment_name};
use super::heads::Heads;
use super::piece::{HashedLines, Piece, Source, count_lines};
use super::snapshot::Snapshot;
use super::tiles::Tiles;
use crate::files::layout::Layout;
use crate::seam::disk::Disk;

/// The files, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) pieces: Vec<Piece>,
    /// Whether the last piece is the live file, still growing.
    pub(super) has_live: bool,
    /// The first index of the live file, also when there is none.
    pub(super) live_first: u64,
}

/// No trail has so great an index. With this bound, no sum of an index and a number of lines can overflow.
const INDEX_MAX: u64 = 1 << 62;

/// Puts the files in order; reports gaps and files that do not belong there.
pub(super) fn survey(
    disk: &Arc<dyn Disk>,
    layout: &Layout,
    snapshot: &Snapshot,
    heads: &Heads,
    tiles: &Tiles,
    findings: &mut Vec<Finding>,
) -> io::Result<Survey> {
    let mut surveyor = Surveyor {
        disk,
        layout,
        tiles,
        segments: snapshot.names.segments.iter().copied().collect(),
        live: snapshot.live.as_ref().map(|(file, bytes)| (Source::Open(Arc::clone(file)), *bytes)),
        counted: BTreeMap::new(),
        findings,
    };
    for name in &snapshot.names.boundaries.strays {
        let message = "this is not the checkpoint of a segment's end, or not a regular file; the name of one is a multiple of 256 in plain digits";
        surveyor.findings.push(Finding::new(Verdict::Inserted, message).file(format!("checkpoints/{name}")));
    }
    // A boundary with a damaged checkpoint still counts, but only where a rotation can have put it.
    let sealed = heads.sealed().map_or(u64::MAX, |head| head.size);
    let is_boundary = |size: &u64| *size <= INDEX_MAX && (heads.boundary(*size) || *size <= sealed);
    let mut starts = vec![0];
    starts.extend(snapshot.names.boundaries.sizes.iter().copied().filter(is_boundary));
    surveyor.place_strangers(&mut starts)?;
    surveyor.close_last(&mut starts)?;
    surveyor.run(&starts)
}

struct Surveyor<'a> {
    disk: &'a Arc<dyn Disk>,
    layout: &'a Layout,
    tiles: &'a Tiles,
    /// The closed segments: first index and length in bytes.
    segments: BTreeMap<u64, u64>,
    live: Option<(Source, u64)>,
    /// The lines of the segments that were counted. Each is counted once, however many others ask for it.
    counted: BTreeMap<u64, u64>,
    findings: &'a mut Vec<Finding>,
}

impl Surveyor<'_> {
    fn run(mut self, starts: &[u64]) -> io::Result<Survey> {
        let mut survey = Survey::default();
        for (number, start) in starts.iter().copied().enumerate() {
            match starts.get(number + 1).copied() {
                Some(end) if self.segments.contains_key(&start) => {
                    survey.pieces.push(self.segment(start, end));
                }
                Some(end) => {
                    let newest = number + 2 == starts.len();
                    if newest && self.live_is_unfinished_segment(start, end)? {
                        survey.pieces.extend(self.take_live(start, Some(end)));
                    } else {
                        let message = "the segment that holds these entries is missing";
                        let finding = Finding::new(Verdict::Missing, message).range(start, end - 1);
                        self.findings.push(finding.file(segment_name(start)));
                    }
                }
                None => {
                    survey.live_first = start;
                    survey.pieces.extend(self.take_live(start, None));
                    survey.has_live = survey.pieces.last().is_some_and(|piece| piece.end.is_none());
                }
            }
        }
        Ok(survey)
    }

    /// Judges segments that begin where there is no checkpoint: the checkpoint is missing, or they do not belong here.
    fn place_strangers(&mut self, starts: &mut Vec<u64>) -> io::Result<()> {
        let known: BTreeSet<u64> = starts.iter().copied().collect();
        let strangers: Vec<u64> =
            self.segments.keys().copied().filter(|first| !known.contains(first)).collect();
        let mut all = known;
        for first in strangers {
            let before = all.range(..first).next_back().copied().unwrap_or(0);
            if self.belongs(first, before)? {
                all.insert(first);
                self.miss_boundary(first);
            } else {
                self.segments.remove(&first);
                let message = "no checkpoint belongs to this segment";
                self.findings
                    .push(Finding::new(Verdict::Inserted, message).index(first).file(segment_name(first)));
            }
        }
        *starts = all.into_iter().collect();
        Ok(())
    }

    /// Whether a segment without a checkpoint continues the log; `before` is the start before it.
    fn belongs(&mut self, first: u64, before: u64) -> io::Result<bool> {
        if !first.is_multiple_of(TILE_WIDTH) || first > INDEX_MAX {
            return Ok(false);
        }
        if self.begins_with(&self.segment(first, first), first)? == Some(true) {
            return Ok(true);
        }
        Ok(self.segments.contains_key(&before) && before + self.count_lines(before)? == first)
    }

    /// The number of lines of a closed segment.
    fn count_lines(&mut self, first: u64) -> io::Result<u64> {
        if let Some(lines) = self.counted.get(&first) {
            return Ok(*lines);
        }
        let lines = count_lines(&self.segment(first, first))?;
        self.counted.insert(first, lines);
        Ok(lines)
    }

    /// Handles a closed segment at the newest boundary: the checkpoint at its end is missing, and the live file
    /// follows.
    fn close_last(&mut self, starts: &mut Vec<u64>) -> io::Result<()> {
        let last = starts.last().copied().expect("0 is always there");
        if self.segments.contains_key(&last) {
            let end = last + self.count_lines(last)?;
            self.miss_boundary(end);
            if end > last {
                starts.push(end);
            }
        }
        Ok(())
    }

    fn miss_boundary(&mut self, size: u64) {
        let finding = Finding::new(Verdict::Missing, "the checkpoint at the segment's end is missing");
        self.findings.push(finding.index(size).file(format!("checkpoints/{size}")));
    }

    /// Whether the live file is the last segment: a crash came before the rename.
    fn live_is_unfinished_segment(&self, start: u64, end: u64) -> io::Result<bool> {
        let Some(live) = self.live_piece(start, Some(end)) else {
            return Ok(false);
        };
        if let Some(known) = self.begins_with(&live, start)? {
            if known {
                return Ok(true);
            }
            if self.begins_with(&live, end)? == Some(true) {
                return Ok(false);
            }
        }
        Ok(count_lines(&live)? == end - start)
    }

    /// Whether the first line of a piece is the entry with this index, as far as `tiles/` knows.
    fn begins_with(&self, piece: &Piece, index: u64) -> io::Result<Option<bool>> {
        let recorded = self.tiles.read(0, index, 1)?;
        let stored = HashedLines::new(piece).next()?;
        Ok(match (recorded.first(), stored) {
            (Some(recorded), Some((_, stored))) => Some(*recorded == stored),
            _ => None,
        })
    }

    fn segment(&self, first: u64, end: u64) -> Piece {
        let bytes = self.segments.get(&first).copied().unwrap_or(0);
        let source = Source::Path(Arc::clone(self.disk), self.layout.segment(first));
        Piece { source, name: segment_name(first), first, end: Some(end), bytes }
    }

    fn live_piece(&self, first: u64, end: Option<u64>) -> Option<Piece> {
        let (source, bytes) = self.live.clone()?;
        Some(Piece { source, name: live_name(self.layout), first, end, bytes })
    }

    fn take_live(&mut self, first: u64, end: Option<u64>) -> Option<Piece> {
        let piece = self.live_piece(first, end);
        self.live = None;
        piece
    }
}

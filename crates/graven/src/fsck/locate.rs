//! Finds where the stored entries differ from the recorded ones. It runs only when they are known to differ.

use std::io;

use graven_core::hash::Hash;
use graven_core::tile::{HASH_BYTES, TILE_HEIGHT, TILE_WIDTH};
use graven_core::verdict::{Finding, Verdict};

use super::diff::{self, Edit, Kind, Listener, Stored};
use super::heads::Head;
use super::piece::{HashedLines, Piece, offset_of_line};
use super::recorded::{Candidates, Group, Recorded};
use super::scan::Scan;
use super::spine::subtree_hash;
use super::tail::count;
use super::tiles::Tiles;

/// What to compare.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) pieces: &'a [Piece],
    pub(super) has_live: bool,
    pub(super) scan: &'a Scan,
    pub(super) tiles: &'a Tiles,
    /// The signed heads, by size. Each has the root over the stored entries, if all of them are there.
    pub(super) heads: &'a [(Head, Option<Hash>)],
    /// The size of the largest head.
    pub(super) sealed: u64,
    /// Whether the trail was closed at that size, so that nothing may follow.
    pub(super) closed: bool,
}

/// The result of a comparison.
#[derive(Debug, Default)]
pub(super) struct Located {
    pub(super) findings: Vec<Finding>,
    /// The edits to the lines of each piece.
    pub(super) edits: Vec<Vec<Edit>>,
    /// Where the unsealed lines of the live file begin: line number and offset. `None` when it was not compared.
    pub(super) sealed_end: Option<diff::End>,
}

/// The most separate edits that are kept for one piece; after that the last one grows to cover the others.
const EDITS_MAX: usize = 2_000;

/// Compares line by line what a signed root still vouches for, and judges the rest by the heads.
pub(super) fn locate(scene: &Scene) -> io::Result<Located> {
    let candidates = Candidates::read(scene.tiles, scene.scan)?;
    let mut located = Located { edits: vec![Vec::new(); scene.pieces.len()], ..Located::default() };
    let mut vouched_for = 0;
    for (head, _) in scene.heads.iter().rev() {
        if let Some(recorded) = candidates.vouched_for(head.size, &head.root)? {
            scene.compare(&recorded, &candidates, &mut located)?;
            vouched_for = recorded.size;
            break;
        }
    }
    if vouched_for < scene.sealed {
        scene.judge_by_heads(vouched_for, &mut located)?;
    }
    Ok(located)
}

impl Scene<'_> {
    /// Compares the first `recorded.size` entries with `recorded`.
    fn compare(&self, recorded: &Recorded, candidates: &Candidates, located: &mut Located) -> io::Result<()> {
        for (number, piece) in self.pieces.iter().enumerate() {
            let end = piece.end.unwrap_or(u64::MAX).min(recorded.size);
            if piece.first < recorded.size && !self.is_clean(number, end, recorded) {
                self.compare_piece(number, end, recorded, located)?;
            }
        }
        for (level, index, root) in &recorded.lost {
            let leaves = TILE_WIDTH.pow(u32::from(*level));
            let range = index * leaves..(index + 1) * leaves;
            add(
                &mut located.findings,
                tiles_damaged(level - 1, index * TILE_WIDTH, (index + 1) * TILE_WIDTH - 1),
            );
            if candidates.entries_root(*level, *index) != Some(*root) && located.findings.is_empty() {
                let message = "some of these entries are not as recorded; the hashes that would show which ones are lost";
                located
                    .findings
                    .push(Finding::new(Verdict::Altered, message).range(range.start, range.end - 1));
            }
        }
        Ok(())
    }

    /// Whether the scan has already shown that this piece is as recorded up to `end`.
    fn is_clean(&self, number: usize, end: u64, recorded: &Recorded) -> bool {
        let piece = &self.pieces[number];
        let lines = self.scan.pieces[number].lines;
        let all_there =
            if piece.end == Some(end) { lines == end - piece.first } else { lines >= end - piece.first };
        let groups = piece.first / TILE_WIDTH..end / TILE_WIDTH;
        all_there
            && !self.scan.damage.touches(piece.first, end)
            && groups.into_iter().all(|group| recorded.group(group) == Group::Leaves)
    }

    fn compare_piece(
        &self,
        number: usize,
        end: u64,
        recorded: &Recorded,
        located: &mut Located,
    ) -> io::Result<()> {
        let piece = &self.pieces[number];
        let scan = &self.scan.pieces[number];
        let is_live = self.has_live && number + 1 == self.pieces.len();
        let mut lines = HashedLines::new(piece);
        let mut leaves = RecordedLeaves::new(recorded, self.tiles, piece.first, end);
        let mut edits =
            Edits { recorded, first: piece.first, edits: Vec::new(), lost: None, wrong_groups: Vec::new() };
        let file_end = scan.torn.unwrap_or(piece.bytes);
        let open_end = piece.end != Some(end) && !(is_live && self.closed && end == self.sealed);
        let total = end - piece.first;
        let done = diff::diff(|| lines.next(), || leaves.next(), total, file_end, open_end, &mut edits)?;
        if is_live && end == self.sealed {
            located.sealed_end = Some(done);
        }
        for edit in &edits.edits {
            located.findings.push(tell(piece, edit, is_live));
        }
        for (group, offset) in edits.wrong_groups {
            let first = group * TILE_WIDTH;
            let message = "at least one of these entries is not as recorded; the hashes that would show which one are lost";
            let finding = Finding::new(Verdict::Altered, message).range(first, first + TILE_WIDTH - 1);
            add(&mut located.findings, finding.file(&piece.name).offset(offset));
        }
        for group in leaves.damaged_groups {
            add(&mut located.findings, tiles_damaged(0, group * TILE_WIDTH, (group + 1) * TILE_WIDTH - 1));
        }
        located.edits[number] = edits.edits;
        Ok(())
    }

    /// Judges entries whose leaf hashes nothing vouches for any more: reports the range between the last head that the
    /// entries agree with and the first that they do not agree with.
    fn judge_by_heads(&self, vouched_for: u64, located: &mut Located) -> io::Result<()> {
        let agreeing =
            self.heads.iter().filter(|(head, root)| *root == Some(head.root)).map(|(head, _)| head.size);
        let good = agreeing.max().unwrap_or(0).max(vouched_for);
        let miscounted = self.miscounted(good);
        if !miscounted.is_empty() {
            located.findings.extend(miscounted);
            return Ok(());
        }
        let wrong = self
            .heads
            .iter()
            .find(|(head, root)| head.size > good && root.is_some_and(|root| root != head.root));
        let Some((head, _)) = wrong else {
            return Ok(());
        };
        let backed = self.tiles.hashes(0) >= head.size && !self.scan.damage.touches(good, head.size);
        located.findings.push(if backed {
            let message =
                format!("these entries and their hashes agree with each other, but not with {}", head.name());
            let finding = Finding::new(Verdict::Forked, message).range(good, head.size - 1);
            Finding { file: head.file(), ..finding }
        } else {
            let message = format!(
                "these entries do not lead to {}, and no hashes are left that show which ones differ",
                head.name()
            );
            let finding = Finding::new(Verdict::Altered, message).range(good, head.size - 1);
            match self.pieces.iter().rev().find(|piece| piece.first <= good) {
                Some(piece) => {
                    let offset = offset_of_line(piece, good - piece.first)?;
                    finding.file(&piece.name).offset(offset)
                }
                None => finding,
            }
        });
        Ok(())
    }

    /// Finds segments past `good` that have more or fewer lines than recorded.
    fn miscounted(&self, good: u64) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (number, (piece, scan)) in self.pieces.iter().zip(&self.scan.pieces).enumerate() {
            let is_live = self.has_live && number + 1 == self.pieces.len();
            let end = piece.end.unwrap_or(self.sealed);
            let expected = end.saturating_sub(piece.first);
            let from = good.max(piece.first);
            if from >= end || scan.lines == expected || is_live && scan.lines > expected {
                continue;
            }
            let found = format!("{} where {expected} were recorded", count(scan.lines));
            let finding = match scan.lines < expected {
                true if is_live => {
                    let offset = scan.torn.unwrap_or(piece.bytes);
                    Finding::new(Verdict::Truncated, found)
                        .range(piece.first + scan.lines, end - 1)
                        .offset(offset)
                }
                true => Finding::new(Verdict::Missing, found).range(from, end - 1),
                false => Finding::new(Verdict::Inserted, found).range(from, end - 1),
            };
            findings.push(finding.file(&piece.name));
        }
        findings
    }
}

/// The finding for a run of stored hashes that are not as recorded.
pub(super) fn tiles_damaged(level: u8, first: u64, last: u64) -> Finding {
    let leaves = 1 << (level * TILE_HEIGHT);
    // Without the last hash: a finding that continues this one makes it longer.
    let message = format!(
        "hashes of level {level}, from hash {first} on, do not match the entries, which are as recorded: they can be \
         made again"
    );
    Finding::new(Verdict::TilesDamaged, message)
        .range(first * leaves, (last + 1) * leaves - 1)
        .file(format!("tiles/{level}"))
        .offset(first * HASH_BYTES as u64)
}

/// Adds a finding. If it continues the last finding of the same kind, that one grows instead.
fn add(findings: &mut Vec<Finding>, finding: Finding) {
    match findings.last_mut() {
        Some(before)
            if before.verdict == finding.verdict
                && before.file == finding.file
                && before.last.is_some_and(|last| Some(last + 1) == finding.index) =>
        {
            before.last = finding.last.or(finding.index);
        }
        _ => findings.push(finding),
    }
}

/// Makes a finding of an edit.
fn tell(piece: &Piece, edit: &Edit, is_live: bool) -> Finding {
    let first = piece.first + edit.at;
    let last = first + edit.count - 1;
    let entries = count(edit.count);
    let finding = match edit.kind {
        Kind::Altered => {
            Finding::new(Verdict::Altered, format!("{entries} not as recorded")).range(first, last)
        }
        Kind::Inserted => {
            Finding::new(Verdict::Inserted, format!("{entries} never recorded here")).index(first)
        }
        Kind::CutOff if is_live => {
            Finding::new(Verdict::Truncated, format!("the file ends before {entries} that were recorded"))
                .range(first, last)
        }
        Kind::Missing | Kind::CutOff => {
            Finding::new(Verdict::Missing, format!("{entries} recorded here, but no longer stored"))
                .range(first, last)
        }
    };
    finding.file(&piece.name).offset(edit.offset)
}

/// The index under which a line of a piece was recorded; `None` when that line was altered or inserted.
pub(super) fn recorded_index(piece: &Piece, edits: &[Edit], line: u64) -> Option<u64> {
    // The edits are in order, so the last one before the line says how far stored and recorded lines are apart.
    let before = edits.partition_point(|edit| edit.line <= line);
    let Some(edit) = before.checked_sub(1).map(|last| &edits[last]) else {
        return Some(piece.first + line);
    };
    let (stored, recorded) = match edit.kind {
        Kind::Altered => (edit.line + edit.count, edit.at + edit.count),
        Kind::Inserted => (edit.line + edit.count, edit.at),
        Kind::Missing | Kind::CutOff => (edit.line, edit.at + edit.count),
    };
    // Before the end of an edit the line is one of those that were altered or inserted.
    Some(piece.first + recorded + line.checked_sub(stored)?)
}

/// Collects the edits of one piece.
struct Edits<'a> {
    recorded: &'a Recorded,
    first: u64,
    edits: Vec<Edit>,
    /// A group whose leaf hashes are lost: its number, the offset of its first line, and the hashes of the stored
    /// lines.
    lost: Option<(u64, u64, Vec<Hash>)>,
    /// Groups whose root differs from the recorded one, each with the offset of its first line.
    wrong_groups: Vec<(u64, u64)>,
}

impl Listener for Edits<'_> {
    fn edit(&mut self, edit: Edit) {
        let full = self.edits.len() >= EDITS_MAX;
        match self.edits.last_mut() {
            Some(last)
                if last.kind == edit.kind
                    && last.at + last.count == edit.at
                    && edit.kind != Kind::Inserted =>
            {
                last.count += edit.count;
            }
            // Past the limit only the last edit grows, so its end is still right.
            Some(last) if full => last.count = (edit.at + edit.count - last.at).max(last.count),
            _ => self.edits.push(edit),
        }
    }

    fn stands_for_lost(&mut self, recorded: u64, (offset, leaf): Stored) {
        let index = self.first + recorded;
        let group = index / TILE_WIDTH;
        if index.is_multiple_of(TILE_WIDTH) {
            self.lost = Some((group, offset, Vec::new()));
        }
        let Some((lost_group, offset, leaves)) = &mut self.lost else {
            return;
        };
        if *lost_group != group || leaves.len() as u64 != index % TILE_WIDTH {
            self.lost = None;
            return;
        }
        leaves.push(leaf);
        if leaves.len() as u64 == TILE_WIDTH {
            if let Group::Root(root) = self.recorded.group(group)
                && subtree_hash(leaves) != root
            {
                self.wrong_groups.push((group, *offset));
            }
            self.lost = None;
        }
    }
}

/// The recorded leaf hashes of a range of entries, read when they are needed.
struct RecordedLeaves<'a> {
    recorded: &'a Recorded,
    tiles: &'a Tiles,
    next: u64,
    end: u64,
    group: Vec<Hash>,
    damaged_groups: Vec<u64>,
}

impl<'a> RecordedLeaves<'a> {
    fn new(recorded: &'a Recorded, tiles: &'a Tiles, first: u64, end: u64) -> RecordedLeaves<'a> {
        RecordedLeaves { recorded, tiles, next: first, end, group: Vec::new(), damaged_groups: Vec::new() }
    }

    fn next(&mut self) -> io::Result<Option<diff::Recorded>> {
        if self.next >= self.end {
            return Ok(None);
        }
        let index = self.next;
        self.next += 1;
        let (group, place) = (index / TILE_WIDTH, (index % TILE_WIDTH) as usize);
        if index >= self.recorded.size - self.recorded.size % TILE_WIDTH {
            return Ok(Some(diff::Recorded::Leaf(self.recorded.tail[place])));
        }
        if place == 0 || self.group.is_empty() {
            self.group = match self.recorded.group(group) {
                Group::Leaves => self.tiles.read(0, group * TILE_WIDTH, TILE_WIDTH)?,
                _ => Vec::new(),
            };
            if self.group.is_empty() && place == 0 && matches!(self.recorded.group(group), Group::Root(_)) {
                self.damaged_groups.push(group);
            }
        }
        Ok(Some(self.group.get(place).map_or(diff::Recorded::Lost, |leaf| diff::Recorded::Leaf(*leaf))))
    }
}

//! Looks for an ordinary reason why the live file is not what it should be. A hint changes no verdict.

use std::io;
use std::sync::Arc;

use graven_core::hash::Hash;
use graven_core::tile::{TILE_HEIGHT, TILE_WIDTH};
use graven_core::tree::Node;
use graven_core::verdict::{Finding, Hint, Verdict};

use super::file_names::live_name;
use super::heads::{Head, Heads};
use super::piece::{HashedLines, Piece, Source};
use super::scan::Scan;
use super::snapshot::if_there;
use super::spine::{Spine, subtrees};
use super::survey::Survey;
use super::tiles::Tiles;
use crate::files::bounds::{GROUP_BYTES_MAX, UNSEALED_ENTRIES_MAX};
use crate::files::layout::Layout;
use crate::seam::disk::{Disk, Kind, Open};

/// The results of a look at a trail.
pub(super) struct Clues<'a> {
    pub(super) disk: &'a Arc<dyn Disk>,
    pub(super) layout: &'a Layout,
    pub(super) survey: &'a Survey,
    pub(super) scan: &'a Scan,
    pub(super) tiles: &'a Tiles,
    pub(super) heads: &'a Heads,
    /// The newest signed head.
    pub(super) sealed: Option<&'a Head>,
    pub(super) root_at: &'a dyn Fn(u64) -> Option<Hash>,
    pub(super) findings: &'a [Finding],
}

/// The most files that are looked at for the entries of the live file.
const CANDIDATES_MAX: usize = 64;

/// The leaf hashes that are collected before they are hashed further.
const LEAVES: usize = 4_096;

impl Clues<'_> {
    /// The hint, if the findings accuse the live file and the files give a reason.
    pub(super) fn hint(&self) -> io::Result<Option<Hint>> {
        let live = live_name(self.layout);
        let mut accusing = self.findings.iter().filter(|finding| finding.verdict.accuses());
        if !accusing.clone().any(|finding| finding.file.as_ref() == Some(&live)) {
            return Ok(None);
        }
        if let Some(file) = self.renamed_live_file()? {
            return Ok(Some(Hint::RenamedLiveFile { file }));
        }
        let only_cut = accusing
            .all(|finding| finding.verdict == Verdict::Truncated && finding.file.as_ref() == Some(&live));
        Ok((only_cut && self.is_like_a_copy()?).then_some(Hint::CopyOfALiveTrail))
    }

    /// Whether the files may have been copied one after the other while a process wrote: the live file is an earlier
    /// state of what `checkpoint` or `LOCK` know, and nothing contradicts that.
    fn is_like_a_copy(&self) -> io::Result<bool> {
        let (Some(live), Some(scan)) = (self.survey.pieces.last(), self.scan.pieces.last()) else {
            return Ok(false);
        };
        let torn = scan.torn.map_or(0, |torn| live.bytes.saturating_sub(torn));
        if !self.survey.has_live
            || self.heads.closed.is_some()
            || scan.lines == 0
            || torn > GROUP_BYTES_MAX as u64
        {
            return Ok(false);
        }
        let end = live.first + scan.lines;
        let agreeing = self.heads.all().filter(|head| (self.root_at)(head.size) == Some(head.root));
        let agreed = agreeing.map(|head| head.size).max().unwrap_or(0);
        let stored = self.tiles.stored(0)?.min(end);
        if self.scan.damage.touches(agreed, stored) {
            return Ok(false);
        }
        // `tiles/` may have been copied before the live file. Then its last entries have nothing to be compared with.
        let compared = agreed.max(stored);
        Ok(compared >= live.first && end.saturating_sub(compared) <= UNSEALED_ENTRIES_MAX)
    }

    /// The file beside the live file that holds its sealed entries, under a name that begins with that of the live file.
    fn renamed_live_file(&self) -> io::Result<Option<String>> {
        let first = self.survey.live_first;
        let Some(head) = self.sealed.filter(|head| head.size > first) else {
            return Ok(None);
        };
        let (Some(before), Some(live)) = (self.tree_before(first), self.layout.live().file_name()) else {
            return Ok(None);
        };
        let live = live.to_string_lossy();
        let names = if_there(self.disk.read_dir(self.layout.live_parent()))?.unwrap_or_default();
        let candidates = names.into_iter().filter(|entry| {
            let is_file = entry.metadata.kind == Kind::File && entry.metadata.bytes > 0;
            is_file && entry.name != live && entry.name.starts_with(&*live)
        });
        for entry in candidates.take(CANDIDATES_MAX) {
            let path = self.layout.live_parent().join(&entry.name);
            let Some(file) = if_there(self.disk.open(&path, Open::Read))? else {
                continue;
            };
            let bytes = file.bytes()?;
            let piece = Piece { source: Source::Open(file), name: entry.name, first, end: None, bytes };
            if leads_to(before.clone(), &piece, head)? {
                return Ok(Some(piece.name));
            }
        }
        Ok(None)
    }

    /// The tree over the stored entries before index `first`; `None` when some of them are missing.
    fn tree_before(&self, first: u64) -> Option<Spine> {
        let mut spine = Spine::new(0);
        for index in 0..first / TILE_WIDTH {
            spine.push(Node { level: TILE_HEIGHT, index }, *self.scan.groups.get(&index)?, |_, _| ());
        }
        (spine.size() == first).then_some(spine)
    }
}

/// Whether the lines of a file, after the entries in `spine`, give the root of a head.
fn leads_to(mut spine: Spine, piece: &Piece, head: &Head) -> io::Result<bool> {
    let mut lines = HashedLines::new(piece);
    let mut leaves = Vec::with_capacity(LEAVES);
    while spine.size() < head.size {
        leaves.clear();
        let wanted = head.size - spine.size();
        while (leaves.len() as u64) < wanted && leaves.len() < LEAVES {
            let Some((_, leaf)) = lines.next()? else {
                return Ok(false);
            };
            leaves.push(leaf);
        }
        subtrees(spine.size(), &leaves, |node, hash| spine.push(node, hash, |_, _| ()));
    }
    Ok(spine.root() == Some(head.root))
}

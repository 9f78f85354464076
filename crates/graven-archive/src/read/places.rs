//! What stands in an archive for what a finding about the directory names.

use graven_core::tile::{HASH_BYTES, TILE_WIDTH};
use graven_core::verdict::{Finding, Verdict};

use super::log::Log;
use crate::names::{Names, Span};
use crate::store::Store;

/// The bytes of a full tile.
const TILE_BYTES: u64 = TILE_WIDTH * HASH_BYTES as u64;

/// The most objects of the tail that are named for one finding.
const OBJECTS_MAX: usize = 64;

/// Finds the objects.
pub(super) struct Places<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) names: &'a Names,
    pub(super) log: &'a Log,
    /// The epoch and the number of the newest head.
    pub(super) head: (u64, u64),
    /// The newest epoch.
    pub(super) epoch: u64,
}

impl Places<'_> {
    /// The same finding, with the object and the place in it. Entries of the tail that contradict a signed head may be in
    /// several objects: then it is one for each of them.
    pub(super) fn named(&self, finding: Finding) -> Vec<Finding> {
        let of_tail = finding.index.filter(|index| *index >= self.log.tail.first);
        let Some(first) = of_tail.filter(|_| finding.verdict == Verdict::Forked && self.is_of_head(&finding))
        else {
            return vec![self.named_one(finding)];
        };
        let span = Span { first, end: finding.last.unwrap_or(first) + 1 };
        let objects = self.log.tail.objects(span);
        let parts = objects.into_iter().take(OBJECTS_MAX).map(|(span, object)| {
            let Finding { verdict, message, .. } = &finding;
            let part = Finding::new(*verdict, message.clone()).range(span.first, span.end - 1);
            part.file(self.store.address(object))
        });
        parts.collect()
    }

    /// Whether a finding is about a head that was read from an object.
    fn is_of_head(&self, finding: &Finding) -> bool {
        let is_head = |file: &str| file == "checkpoint" || file.contains("/heads/");
        finding.file.as_deref().is_some_and(is_head)
    }

    fn named_one(&self, finding: Finding) -> Finding {
        let Some((object, offset)) = finding.file.as_deref().and_then(|file| self.object(file, &finding))
        else {
            return finding;
        };
        Finding { file: Some(self.store.address(&object)), offset, ..finding }
    }

    fn object(&self, file: &str, finding: &Finding) -> Option<(String, Option<u64>)> {
        let names = self.names;
        if let Some((folder, name)) = file.split_once('/') {
            return match folder {
                "segments" => self.in_segment(name, finding),
                "checkpoints" => Some((names.boundary(name.parse().ok()?), finding.offset)),
                "tiles" => {
                    let (tile, offset) = finding
                        .offset
                        .map_or((0, None), |offset| (offset / TILE_BYTES, Some(offset % TILE_BYTES)));
                    Some((names.tile(name.parse().ok()?, tile), offset))
                }
                "blobs" => Some((names.blob(name), finding.offset)),
                _ => None,
            };
        }
        match file {
            "graven.json" => Some((names.meta(), finding.offset)),
            "checkpoint" => Some((names.head(self.head.0, self.head.1), finding.offset)),
            "closed" => Some((names.closed(self.epoch), finding.offset)),
            "audit.jsonl" => {
                let line = finding.index.unwrap_or(self.log.tail.first).saturating_sub(self.log.tail.first);
                self.log.tail.part_of(line).map(|(_, _, object)| (object.to_owned(), None))
            }
            _ => None,
        }
    }

    /// The object of a closed segment, and the frame that has the place.
    fn in_segment(&self, name: &str, finding: &Finding) -> Option<(String, Option<u64>)> {
        let first = graven::layout::segment_first(name)?;
        let segments = &self.log.segments;
        let segment = &segments[segments.binary_search_by_key(&first, |segment| segment.span.first).ok()?];
        let frame = finding.offset.and_then(|offset| segment.frame_at(offset));
        Some((segment.object.clone(), frame.map(|frame| segment.frames[frame].packed_at)))
    }
}

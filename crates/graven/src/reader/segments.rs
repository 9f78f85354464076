//! Takes a look at the segments: which files hold which entries, also during a rotation.
//!
//! The order is: list the closed segments, open the live file, list the closed segments again. When both lists agree,
//! no segment was closed in between, so the open live file is the one that follows the last closed segment. When they
//! differ, look again. The open file stays the same file, also after it is renamed. An absent live file is about to be
//! made, and counts as empty.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::cannot;
use crate::error::{Error, ErrorKind};
use crate::files::boundaries::Boundaries;
use crate::files::bounds::GROUP_BYTES_MAX;
use crate::files::layout::{Layout, segment_first};
use crate::seam::disk::{Disk, File, Open};

/// The most looks before the error that segments are closed too fast.
const LOOKS_MAX: u32 = 1_000;

/// The last bytes of a live file that may still change: twice the size of a group.
const UNSETTLED_BYTES: u64 = 2 * GROUP_BYTES_MAX as u64;

/// The segments of a trail at one moment, in order. The last one is the live one. A copy costs nothing, however many there
/// are.
#[derive(Debug, Clone)]
pub(super) struct Segments {
    pub(super) parts: Arc<[Part]>,
}

/// One segment, closed or live.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// The index of its first entry.
    pub(super) first: u64,
    /// The index after its last entry; `None` for the live segment, which still grows.
    pub(super) end: Option<u64>,
    pub(super) path: Arc<Path>,
    /// The bytes of a closed segment; 0 for the live one.
    pub(super) bytes: u64,
    /// The live file, if there is one. `None` for closed segments: they are opened when they are read.
    pub(super) file: Option<Arc<dyn File>>,
}

impl Segments {
    /// Takes a look. `lines` counts the lines of the last closed segment; it is called when no boundary checkpoint says
    /// where that segment ends.
    pub(super) fn list(
        disk: &dyn Disk,
        layout: &Layout,
        lines: impl FnOnce(&Part) -> Result<u64, Error>,
    ) -> Result<Segments, Error> {
        let Still { closed: mut parts, live: file } = stand_still(disk, layout)?;
        for next in (1..parts.len()).rev() {
            parts[next - 1].end = Some(parts[next].first);
        }
        let mut first = 0;
        if let Some(last) = parts.last_mut() {
            first = match boundary_after(disk, layout, last.first)? {
                Some(size) => size,
                None => last.first.saturating_add(lines(last)?),
            };
            last.end = Some(first);
        }
        parts.push(Part { first, end: None, path: layout.live().into(), bytes: 0, file });
        Ok(Segments { parts: parts.into() })
    }

    /// The live segment.
    pub(super) fn live(&self) -> &Part {
        self.parts.last().expect("there is always a live segment")
    }

    /// The position of the part that holds an index, or will hold it.
    pub(super) fn position_of(&self, index: u64) -> Result<usize, Error> {
        match self.parts.partition_point(|part| part.first <= index) {
            0 => {
                let first = &self.parts[0];
                let message = format!(
                    "entries before {} are missing: the first segment is {}",
                    first.first,
                    first.path.display()
                );
                Err(Error::new(ErrorKind::Data, message))
            }
            after => Ok(after - 1),
        }
    }

    /// The part that holds an index, or will hold it.
    pub(super) fn part_of(&self, index: u64) -> Result<&Part, Error> {
        self.position_of(index).map(|position| &self.parts[position])
    }
}

impl Part {
    /// How many of the file's first bytes will never change.
    pub(super) fn settled_bytes(&self, file: &Arc<dyn File>) -> io::Result<u64> {
        match self.end {
            Some(_) => Ok(u64::MAX),
            None => Ok(file.bytes()?.saturating_sub(UNSETTLED_BYTES)),
        }
    }
}

/// The closed segments, without their ends, and the live file that follows them.
struct Still {
    closed: Vec<Part>,
    live: Option<Arc<dyn File>>,
}

/// Looks until no segment is closed during a look.
fn stand_still(disk: &dyn Disk, layout: &Layout) -> Result<Still, Error> {
    let mut before = closed_firsts(disk, layout)?;
    for _ in 0..LOOKS_MAX {
        let live = match disk.open(layout.live(), Open::Read) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(cannot("open", layout.live(), error)),
        };
        let after = closed(disk, layout)?;
        let firsts: Vec<u64> = after.iter().map(|part| part.first).collect();
        if before == firsts {
            return Ok(Still { closed: after, live });
        }
        before = firsts;
    }
    let message = format!(
        "{}: segments are closed faster than they can be listed; try again later",
        layout.segments().display()
    );
    Err(Error::new(ErrorKind::Unavailable, message))
}

/// The first indexes of the closed segments, in order.
fn closed_firsts(disk: &dyn Disk, layout: &Layout) -> Result<Vec<u64>, Error> {
    let names = match disk.read_names(&layout.segments()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(|error| cannot("list", &layout.segments(), error))?,
    };
    Ok(names.iter().filter_map(|(name, _)| segment_first(name)).collect())
}

/// The closed segments, in order, with no ends set.
fn closed(disk: &dyn Disk, layout: &Layout) -> Result<Vec<Part>, Error> {
    let names = match disk.read_dir(&layout.segments()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(|error| cannot("list", &layout.segments(), error))?,
    };
    let part = |first: u64, bytes: u64| {
        let path = layout.segment(first).into();
        Part { first, end: None, path, bytes, file: None }
    };
    let parts = names.iter().filter_map(|name| Some(part(segment_first(&name.name)?, name.metadata.bytes)));
    // Names come in order and have the same number of digits, so the segments are in order.
    Ok(parts.collect())
}

/// The first boundary after the first entry of a segment: the end of that segment.
///
/// The newest boundary can be wrong: it is written before the live file is closed.
fn boundary_after(disk: &dyn Disk, layout: &Layout, first: u64) -> Result<Option<u64>, Error> {
    let found =
        Boundaries::list(disk, layout).map_err(|error| cannot("list", &layout.boundaries(), error))?;
    Ok(found.sizes.into_iter().find(|size| *size > first))
}

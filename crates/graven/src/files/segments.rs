//! Which files hold which entries, and a rotation that a crash cut short.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use graven_core::checkpoint::Checkpoint;
use graven_core::tile::TILE_WIDTH;

use super::boundaries::boundaries;
use super::durable;
use super::layout::{Layout, segment_first};
use super::live::{close_live, create_live};
use super::meta::Meta;
use super::signed::{list, read_signed};
use crate::error::{Error, ErrorKind};
use crate::seam::disk::{Disk, File, Kind, Open};

/// Which files hold which entries.
#[derive(Debug)]
pub(crate) struct Segments {
    /// The first index of each closed segment, in order.
    pub(crate) firsts: Vec<u64>,
    /// The first index of the live file as found.
    pub(crate) live_first: u64,
    /// The first index of the live file once an unfinished rotation is finished.
    pub(crate) live_first_after: u64,
    /// Whether the live file is there.
    pub(crate) live_exists: bool,
}

impl Segments {
    pub(crate) fn read(
        disk: &dyn Disk,
        layout: &Layout,
        meta: &Meta,
        checkpoint: &Checkpoint,
    ) -> Result<Segments, Error> {
        let dir = layout.dir().display();
        let damaged = |what: String| {
            Error::new(ErrorKind::Data, format!("{dir}: {what}; look with `graven verify {dir}`"))
        };
        let boundaries = boundaries(disk, layout)?;
        let newest = *boundaries.last().expect("0 is always there");
        if newest > 0 {
            let (boundary, _) = read_signed(disk, &layout.boundary(newest), meta)?;
            if boundary.size != newest || newest % TILE_WIDTH != 0 || checkpoint.size < newest {
                let size = checkpoint.size;
                let message = format!(
                    "{dir}: the checkpoint of {size} entries is older than the segment that was closed at {newest}; \
                     look with `graven verify {dir}`, then perhaps `graven repair {dir}`"
                );
                return Err(Error::new(ErrorKind::Data, message));
            }
        }
        let mut firsts: Vec<u64> = Vec::new();
        for name in list(disk, &layout.segments())? {
            if let Some(first) = segment_first(&name.name) {
                if name.metadata.kind != Kind::File {
                    return Err(damaged(format!("the segment {} is not a regular file", name.name)));
                }
                if name.metadata.bytes == 0 {
                    return Err(damaged(format!("the segment {} is empty", name.name)));
                }
                firsts.push(first);
            }
        }
        firsts.sort_unstable();
        let live_exists = durable::exists(disk, layout.live())
            .map_err(|source| Error::cannot("look for", layout.live(), source))?;
        // Every boundary but the newest begins a segment. The last of these segments may still have the name of the
        // live file, if nothing was recorded after it.
        let expected = &boundaries[..boundaries.len() - 1];
        let unfinished = !expected.is_empty()
            && firsts == expected[..expected.len() - 1]
            && live_exists
            && checkpoint.size == newest;
        if firsts != expected && !unfinished {
            let gap = expected.iter().find(|first| firsts.binary_search(first).is_err());
            return Err(damaged(match gap {
                Some(first) => format!("the segment that begins at entry {first} is missing"),
                None => "there is a segment that no checkpoint closed".to_owned(),
            }));
        }
        if !live_exists && checkpoint.size > newest {
            return Err(damaged("the live file is missing".to_owned()));
        }
        let live_first = if unfinished { expected[expected.len() - 1] } else { newest };
        Ok(Segments { firsts, live_first, live_first_after: newest, live_exists })
    }

    /// Whether a crash fell between a boundary checkpoint and the rename of its segment.
    pub(crate) fn unfinished(&self) -> bool {
        self.live_first != self.live_first_after
    }

    /// Finishes a rotation that a crash cut short, and opens the live file. Cuts first what is in the segment past
    /// `segment_end`.
    pub(crate) fn finish_rotation(
        &self,
        disk: &dyn Disk,
        layout: &Layout,
        segment_end: Option<u64>,
    ) -> io::Result<Arc<dyn File>> {
        if self.unfinished() {
            if let Some(end) = segment_end {
                let segment = durable::retried(|| disk.open(layout.live(), Open::Write))?;
                durable::retried(|| segment.set_bytes(end))?;
                durable::retried(|| segment.sync_all())?;
            }
            close_live(disk, layout, self.live_first)?;
        }
        if self.unfinished() || !self.live_exists {
            // The rename may have been seen but not synced.
            durable::sync_dir(disk, &layout.segments())?;
            return create_live(disk, layout);
        }
        durable::sync_dir(disk, layout.live_parent())?;
        durable::retried(|| disk.open(layout.live(), Open::Write))
    }

    /// All files in the order of the log, as they are now. After a rotation that was cut short there may be no live
    /// file.
    pub(crate) fn files_found(&self, layout: &Layout) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.firsts.iter().map(|first| layout.segment(*first)).collect();
        files.extend(self.live_exists.then(|| layout.live().to_owned()));
        files
    }

    /// All files in the order of the log, once the rotation is finished.
    pub(crate) fn files(&self, layout: &Layout) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.firsts.iter().map(|first| layout.segment(*first)).collect();
        if self.unfinished() {
            files.push(layout.segment(self.live_first));
        }
        files.push(layout.live().to_owned());
        files
    }
}

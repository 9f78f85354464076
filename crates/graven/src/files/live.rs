//! The live file: how it is made, and how it becomes a closed segment.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::durable;
use super::layout::Layout;
use super::presence::Known;
use crate::seam::disk::{Disk, File, FileId, Open};

/// The live file, as the writer knows it.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) file: Arc<dyn File>,
    /// Which file it is, whatever its name leads to.
    pub(crate) id: FileId,
    /// The index of its first entry.
    pub(crate) first: u64,
    /// How much of it is known here, all of it durable: where the next line goes.
    pub(crate) bytes: u64,
    /// When its first entry was written, or the file opened.
    pub(crate) since: Duration,
}

impl Live {
    /// What `LOCK` says of it when this process writes. `size` is how many entries are known.
    pub(crate) fn says(&self, writing: bool, size: u64) -> Known {
        Known { writing, first: self.first, bytes: self.bytes, size }
    }
}

/// Renames the live file, which begins at `first`, to its place among the segments.
pub(crate) fn close_live(disk: &dyn Disk, layout: &Layout, first: u64) -> io::Result<()> {
    durable::retried(|| disk.rename(layout.live(), &layout.segment(first)))?;
    durable::sync_dir(disk, &layout.segments())?;
    durable::sync_dir(disk, layout.live_parent())
}

/// Makes an empty live file.
pub(crate) fn create_live(disk: &dyn Disk, layout: &Layout) -> io::Result<Arc<dyn File>> {
    let file = durable::retried(|| disk.open(layout.live(), Open::CreateNew))?;
    durable::retried(|| file.sync_all())?;
    durable::sync_dir(disk, layout.live_parent())?;
    Ok(file)
}

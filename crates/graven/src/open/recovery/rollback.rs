//! Refuses a checkpoint that is older than one that was there, as far as what the older one left behind shows it.
//!
//! Without that, the opening would sign whatever follows, and no verification could tell any more.

use graven_core::checkpoint::Checkpoint;

use crate::error::{Error, ErrorKind};
use crate::files::ahead::Ahead;
use crate::files::layout::Layout;
use crate::files::meta::Meta;
use crate::files::overrun::Extent;
use crate::files::segments::Segments;
use crate::files::tail::Tail;
use crate::seam::disk::{Disk, Open};

/// Refuses entries past the checkpoint that are not those whose hashes are in `tiles/`, and a live file that goes on past
/// the place where it was due to become a segment.
pub(super) fn refuse(
    disk: &dyn Disk,
    layout: &Layout,
    meta: &Meta,
    segments: &Segments,
    checkpoint: &Checkpoint,
    tail: &Tail,
) -> Result<(), Error> {
    let ahead = Ahead::read(disk, layout, checkpoint.size)
        .map_err(|source| Error::cannot("read the hashes in", &layout.tiles(), source))?;
    let unfit = ahead.compare(checkpoint.size, &tail.unsealed);
    if let Some((index, _)) = unfit.changed.or(unfit.gone) {
        let what = if unfit.changed.is_some() {
            "differs from its hash in tiles/0"
        } else {
            "is gone, and was durable: its hash is in tiles/0"
        };
        return Err(refused(layout, &format!("entry {index} past the checkpoint {what}")));
    }
    if !meta.is_signed() || segments.unfinished() || !segments.live_exists {
        return Ok(());
    }
    let unreadable = |source| Error::cannot("read", layout.live(), source);
    let file = disk.open(layout.live(), Open::Read).map_err(unreadable)?;
    let first = segments.live_first;
    let entries = checkpoint.size + tail.unsealed.len() as u64 - first;
    let extent = Extent { file: &*file, first, entries, end: tail.good_end };
    // Earlier ones the verification names: they are under the checkpoint.
    match extent.overrun(meta.segment_bytes, checkpoint.size, checkpoint.size).map_err(unreadable)? {
        Some(overrun) => {
            let what =
                format!("the live file was due to end at entry {} under a signed checkpoint", overrun.index);
            Err(refused(layout, &what))
        }
        None => Ok(()),
    }
}

fn refused(layout: &Layout, what: &str) -> Error {
    let dir = layout.dir().display();
    let message = format!(
        "{dir}: {what}: entries were changed, or the checkpoint was rolled back; look with `graven verify {dir}`, then \
         perhaps `graven repair {dir}`"
    );
    Error::new(ErrorKind::Data, message)
}

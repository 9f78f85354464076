//! `restored`: the mark of a trail that was restored from an archive to be read. It is not opened for writing.
//!
//! Another machine may go on with the trail: two writers with one key would sign two histories. So a copy is written only
//! after its taking over is settled in the archive, and what settles it removes the mark. While the file is there, nothing
//! is written, whatever it holds.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::durable;
use super::layout::Layout;
use crate::error::{Error, ErrorKind};
use crate::seam::disk::Disk;

/// From where a trail was restored, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The address of the archive.
    pub from: String,
    /// When it was restored.
    pub restored: DateTime<Utc>,
}

/// Marks a trail as restored, durably. Mark it before its `graven.json` is written: there is no moment then at which
/// the copy can be opened for writing.
///
/// # Errors
/// `Unavailable` when the file cannot be written.
pub fn mark(disk: &dyn Disk, layout: &Layout, restored: &Restored) -> Result<(), Error> {
    let path = layout.restored();
    let mut bytes = serde_json::to_vec(restored).expect("a text and a time can be written");
    bytes.push(b'\n');
    durable::replace(disk, &path, &bytes).map_err(|source| Error::cannot("write", &path, source))
}

/// Removes the mark, durably, if there is one: the trail may be written from now on.
///
/// # Errors
/// `Unavailable` when the file cannot be removed.
pub fn unmark(disk: &dyn Disk, layout: &Layout) -> Result<(), Error> {
    let path = layout.restored();
    // The directory is synced also if the file is gone: an earlier call may have been cut short before that.
    durable::if_there(durable::retried(|| disk.remove_file(&path)))
        .and_then(|_| durable::sync_dir(disk, layout.dir()))
        .map_err(|source| Error::cannot("remove", &path, source))
}

/// Reads the mark; `None` when the trail has none.
///
/// # Errors
/// `Data` when the file is damaged; `Unavailable` when it cannot be read.
pub fn read(disk: &dyn Disk, layout: &Layout) -> Result<Option<Restored>, Error> {
    let path = layout.restored();
    let bytes = durable::if_there(durable::read_file(disk, &path))
        .map_err(|source| Error::cannot("read", &path, source))?;
    let parsed = bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose();
    parsed.map_err(|source| {
        let message = format!("{} does not say from where this copy was restored", path.display());
        Error::with_source(ErrorKind::Data, message, source)
    })
}

/// Refuses to write a trail that was restored to be read. The file counts, and not what it holds.
pub(crate) fn refuse(disk: &dyn Disk, layout: &Layout) -> Result<(), Error> {
    let path = layout.restored();
    if !durable::exists(disk, &path).map_err(|source| Error::cannot("look at", &path, source))? {
        return Ok(());
    }
    let from = read(disk, layout).ok().flatten().map(|restored| restored.from);
    let (dir, from) = (layout.dir().display(), from.unwrap_or_else(|| "URL".to_owned()));
    let message = format!(
        "{dir} is a restored copy, to be read only: `graven restore {from} {dir} --take-over` makes it go on"
    );
    Err(Error::new(ErrorKind::Invalid, message))
}

//! Details too large for a line: files named by the SHA-256 of their bytes.

use graven_core::entry::Blob;
use graven_core::hash::sha256;

use super::durable;
use super::layout::Layout;
use crate::error::{Error, ErrorKind};
use crate::seam::disk::{Disk, Open};

/// Makes blobs durable, before any line that names them is written.
pub(crate) fn write_all(disk: &dyn Disk, layout: &Layout, blobs: &[Blob]) -> Result<(), Error> {
    for blob in blobs {
        let path = layout.blob(&blob.sha256.to_hex());
        // A blob that is there and whole need not be written again. But another process may have died before it was
        // durable.
        let written = if holds(disk, layout, blob) {
            durable::retried(|| disk.open(&path, Open::Read))
                .and_then(|file| durable::retried(|| file.sync_all()))
                .and_then(|()| durable::sync_dir(disk, &layout.blobs()))
        } else {
            durable::create_dir(disk, &layout.blobs())
                .and_then(|()| durable::replace(disk, &path, blob.text.as_bytes()))
        };
        written.map_err(|source| {
            let message = format!("cannot write {}; the trail must be reopened", path.display());
            Error::with_source(ErrorKind::Unavailable, message, source)
        })?;
    }
    Ok(())
}

/// Checks, under the commit lock, that the blobs still have their names, and makes the names durable.
pub(crate) fn check_all(disk: &dyn Disk, layout: &Layout, blobs: &[Blob]) -> Result<(), Error> {
    if blobs.is_empty() {
        return Ok(());
    }
    for blob in blobs {
        let path = layout.blob(&blob.sha256.to_hex());
        disk.metadata(&path).map_err(|source| Error::cannot("look at", &path, source))?;
    }
    durable::sync_dir(disk, &layout.blobs()).map_err(|source| Error::cannot("sync", &layout.blobs(), source))
}

/// Whether the blob is there with the right bytes.
fn holds(disk: &dyn Disk, layout: &Layout, blob: &Blob) -> bool {
    let path = layout.blob(&blob.sha256.to_hex());
    let stored = durable::read_at_most(disk, &path, blob.text.len() as u64);
    stored.is_ok_and(|bytes| sha256(&bytes) == blob.sha256)
}

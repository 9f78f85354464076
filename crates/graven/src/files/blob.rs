//! Details too large for a line: files named by the SHA-256 of their bytes.

use graven_core::entry::Blob;
use graven_core::hash::{Hash, sha256};

use super::durable;
use super::layout::Layout;
use crate::error::{Error, ErrorKind};
use crate::seam::disk::Disk;

/// Makes blobs durable, before any line that names them is written.
pub(crate) fn write_all(disk: &dyn Disk, layout: &Layout, blobs: &[Blob]) -> Result<(), Error> {
    for blob in blobs {
        let path = layout.blob(&blob.sha256.to_hex());
        // A blob that is there and whole need not be written again, but its name must be durable.
        let written = if holds(disk, layout, &blob.sha256) {
            durable::sync_dir(disk, &layout.blobs())
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

/// Whether the blob is there with the right bytes.
fn holds(disk: &dyn Disk, layout: &Layout, hash: &Hash) -> bool {
    durable::read_file(disk, &layout.blob(&hash.to_hex())).is_ok_and(|bytes| sha256(&bytes) == *hash)
}

//! Signed checkpoints, read and checked against the trail's key.

use std::io;
use std::path::Path;

use graven_core::checkpoint::Checkpoint;

use super::durable;
use super::meta::Meta;
use crate::error::{Error, ErrorKind};
use crate::seam::disk::{DirEntry, Disk};

/// Reads a checkpoint and checks our own signature on it. The second value is the note as it is in the file.
pub(crate) fn read_signed(disk: &dyn Disk, path: &Path, meta: &Meta) -> Result<(Checkpoint, String), Error> {
    let bytes = durable::read_note(disk, path).map_err(|source| {
        let kind =
            if source.kind() == io::ErrorKind::NotFound { ErrorKind::Data } else { ErrorKind::Unavailable };
        Error::with_source(kind, format!("cannot read the checkpoint {}", path.display()), source)
    })?;
    let (checkpoint, note) = Checkpoint::open(&bytes, &meta.key).map_err(|source| {
        Error::with_source(
            ErrorKind::Data,
            format!("{} is not a checkpoint of this trail", path.display()),
            source,
        )
    })?;
    Ok((checkpoint, note.to_string()))
}

/// The names in a directory of the trail. One that is absent is empty: backups and version control leave out empty
/// directories.
pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<DirEntry>, Error> {
    match disk.read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(|source| Error::cannot("list", dir, source)),
    }
}

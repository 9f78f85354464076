//! Reserves disk space while a command runs, so that its entry can be recorded afterwards.
//!
//! The space is a file without a name, so nothing is left behind when this process dies. The file is closed just
//! before the entry is written, and the entry then fits into the freed space.

use std::io;
use std::sync::Arc;

use graven::disk::{Disk, File, Open, OsDisk};
use graven::layout::Layout;

/// More than one entry can need beside a blob: the longest line, its hashes, two checkpoints and the trail's own entries.
const BYTES: usize = 256 << 10;

/// Space for one entry. A drop frees it.
#[derive(Debug)]
pub(super) struct Ballast {
    _file: Arc<dyn File>,
}

impl Ballast {
    /// Reserves space beside the trail's files, for an entry whose blob has `blob_bytes`. Fails when the disk is full, or
    /// when nothing can be synced there.
    pub(super) fn take(layout: &Layout, blob_bytes: usize) -> io::Result<Ballast> {
        let path = layout.dir().join(format!(".room-{}", std::process::id()));
        let file = OsDisk.open(&path, Open::Create)?;
        OsDisk.remove_file(&path)?;
        // Not zeros, because a file system may store zeros without using space.
        let bytes: Vec<u8> = (0..BYTES).map(|n| (n * 31 % 251) as u8 | 1).collect();
        let mut written = 0;
        while written < BYTES + blob_bytes {
            match file.write_at(&bytes[written % BYTES..], written as u64)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => written += count,
            }
        }
        file.sync_data()?;
        Ok(Ballast { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let ballast = Ballast::take(&Layout::in_dir(folder.path()), BYTES + 1).unwrap();
        assert_eq!(OsDisk.read_dir(folder.path()).unwrap(), []);
        assert!(ballast._file.bytes().unwrap() > 2 * BYTES as u64);
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Ballast::take(&Layout::in_dir(folder.path().join("nowhere")), 0).is_err());
    }
}

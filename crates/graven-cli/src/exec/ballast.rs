//! Room on the disk, held while a command runs: whoever may run it must be able to record that it ran.
//!
//! The room is a file without a name, so that nothing is left behind whatever happens to this process. It is given
//! back just before the entry is written, which then fits where the file was.

use std::io;
use std::sync::Arc;

use graven::disk::{Disk, File, Open, OsDisk};
use graven::layout::Layout;

/// More than one entry can need: the longest line, its hashes, two checkpoints and the engine's own entries.
const BYTES: usize = 256 << 10;

/// Room for one entry. Dropping it gives the room back.
#[derive(Debug)]
pub(super) struct Ballast {
    _file: Arc<dyn File>,
}

impl Ballast {
    /// Takes room beside the trail's files; fails when there is none, or when nothing can be made durable there.
    pub(super) fn take(layout: &Layout) -> io::Result<Ballast> {
        let path = layout.dir().join(format!(".room-{}", std::process::id()));
        let file = OsDisk.open(&path, Open::Create)?;
        OsDisk.remove_file(&path)?;
        // Not zeros: a file system may store those for nothing.
        let bytes: Vec<u8> = (0..BYTES).map(|n| (n * 31 % 251) as u8 | 1).collect();
        let mut written = 0;
        while written < bytes.len() {
            match file.write_at(&bytes[written..], written as u64)? {
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
    fn it_leaves_no_name_behind() {
        let folder = tempfile::tempdir().unwrap();
        let ballast = Ballast::take(&Layout::in_dir(folder.path())).unwrap();
        assert_eq!(OsDisk.read_dir(folder.path()).unwrap(), []);
        assert_eq!(ballast._file.bytes().unwrap(), BYTES as u64);
    }

    #[test]
    fn without_a_place_there_is_no_room() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Ballast::take(&Layout::in_dir(folder.path().join("nowhere"))).is_err());
    }
}
